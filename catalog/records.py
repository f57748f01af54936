"""What an adapter makes of one upstream row: the one schema that every gateway is normalised to.

Records are frozen and compare by value. `None` means unknown, never 0 or "". Text has been cleaned and money parsed
before a record is built (`catalog/normalize`), so a record refuses only what would be nonsense from any gateway.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache

import orjson
from pydantic import TypeAdapter

JsonScalar = str | int | float | bool | None


class ModelType(StrEnum):
    LLM = "LLM"
    IMAGE_GENERATION = "Image Generation"
    TEXT_TO_SPEECH = "Text to Speech"
    SPEECH_TO_TEXT = "Speech to Text"
    EMBEDDINGS = "Embeddings"
    CONTENT_MODERATION = "Content Moderation"
    VIDEO = "Video"
    MUSIC_GENERATION = "Music Generation"
    OTHER = "Other"


class Availability(StrEnum):
    ONLINE = "online"
    COLD = "cold"
    OFFLINE = "offline"
    UNKNOWN = "unknown"


class Source(StrEnum):
    """Where a listing was read: the gateway's API, or the catalogue bundled with this program."""

    API = "api"
    BUNDLED = "bundled"


Condition = tuple[str, str, int | str]
"""Dimension, operator, value: `("prompt_tokens", ">=", 200001)`, `("utc_window", "during", "16:30-00:30")`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRecord:
    """`amount` US dollars for one unit of `meter` (`catalog/pricing/meters.py` says which unit)."""

    meter: str
    amount: Decimal
    conditions: tuple[Condition, ...] = ()
    """All must hold for this price to be the one that is billed; none: the base price."""

    def __post_init__(self) -> None:
        if not self.amount.is_finite() or self.amount.is_signed():
            raise ValueError(f"{self.amount} is not a price")
        if list(self.conditions) != sorted(self.conditions, key=str):
            raise ValueError("conditions are kept sorted, so that equal ones are equal")

    @property
    def conditions_key(self) -> str:
        """Canonical JSON text of the conditions: `[]` for the base price."""
        return orjson.dumps(self.conditions).decode()

    @property
    def key(self) -> tuple[str, str]:
        return self.meter, self.conditions_key


@dataclass(frozen=True, slots=True, kw_only=True)
class UnclearPrice:
    """A price that the gateway charges and that is unknown, because it is unreadable or contradicts itself."""

    meter: str
    reason: str
    """Completes the sentence "The price of … is unknown: …"."""
    conditions: tuple[Condition, ...] = ()
    """When the price is unknown: like those of a price, and of all that hold the same one wins."""

    @property
    def key(self) -> tuple[str, str]:
        return self.meter, orjson.dumps(self.conditions).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferRecord:
    """One gateway's listing of one model, as the gateway itself describes it."""

    id: str
    """What identifies the offer within its gateway, case-sensitive."""
    slug: str
    canonical_slug: str
    """The gateway's own permanent name of the model; not the catalogue's canonical model."""
    name: str
    model_type: ModelType
    provider_slug: str | None = None
    """Who made or published the model, as the gateway spells it."""
    host: str | None = None
    """Who runs the model, where the gateway only routes to others."""
    description: str | None = None
    tags: tuple[str, ...] = ()
    prices: tuple[PriceRecord, ...] = ()
    unclear: tuple[UnclearPrice, ...] = ()
    notes: tuple[str, ...] = ()
    """What else of the gateway's prices could not be read, in sentences."""
    is_partial: bool = False
    """The row shows less now than at other hours: as long as something is published of the offer, that stays."""
    execution_mode: str | None = "standard"
    """The mode (`billing.EXECUTION_MODES`) that the offer is sold in; None for a variant that is not understood. Prices
    that an offer has in other modes as well are conditions of its prices."""
    is_dynamic: bool = False
    """The price is decided when a request runs."""
    zero_is_free: bool = False
    """Published zeros are evidence of a free offer, not of a field that was never filled in."""
    input_modalities: tuple[str, ...] | None = None
    output_modalities: tuple[str, ...] | None = None
    tokenizer: str | None = None
    instruct_type: str | None = None
    hugging_face_id: str | None = None
    created: int | None = None
    """Unix seconds."""
    context_length: int | None = None
    """Tokens."""
    top_provider_context_length: int | None = None
    """Tokens, at the host that the gateway prefers; it may be less than the model itself can read."""
    max_completion_tokens: int | None = None
    is_moderated: bool | None = None
    supported_parameters: tuple[str, ...] | None = None
    """Sorted: their order upstream is noise."""
    default_parameters: dict[str, JsonScalar] | None = None
    quantization: str | None = None
    is_confidential: bool | None = None
    """It runs in a trusted execution environment."""
    knowledge_cutoff: date | None = None
    availability: Availability = Availability.UNKNOWN
    expires: date | None = None

    def __post_init__(self) -> None:
        if not self.id or not self.name:
            raise ValueError("an offer needs an id and a name")
        keys = [*(price.key for price in self.prices), *(price.key for price in self.unclear)]
        if len(keys) != len(set(keys)):
            raise ValueError("a meter is priced twice, or priced and unclear, under the same conditions")

    @property
    def is_free_by_name(self) -> bool:
        """Whether the id says that the offer costs nothing: then a zero is its price, and a price is a mistake."""
        return self.id.endswith(":free")

    def amount(self, meter: str) -> Decimal | None:
        """The unconditional price of one unit of `meter` in US dollars, None where it is unknown."""
        return next((price.amount for price in self.prices if price.meter == meter and not price.conditions), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRecord:
    """What a gateway publishes of a provider."""

    slug: str
    name: str
    headquarters: str | None = None
    """ISO code of the country."""
    status_page_url: str | None = None
    terms_url: str | None = None
    privacy_url: str | None = None


def dump(record: OfferRecord) -> str:
    """Canonical JSON text: equal records give equal text, whatever notation their amounts were written in."""
    return orjson.dumps(record, default=_amount_text).decode()


def load(text: str) -> OfferRecord:
    """The inverse of `dump`."""
    return _adapter().validate_json(text)


def _amount_text(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} has no place in a record")


@cache
def _adapter() -> TypeAdapter[OfferRecord]:
    return TypeAdapter(OfferRecord)
