"""The record that an adapter makes from one upstream row: the one schema to which every gateway is normalised.

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
    """Where a listing was read: from the gateway's API, or from the catalogue bundled with this program."""

    API = "api"
    BUNDLED = "bundled"


Condition = tuple[str, str, int | str]
"""Dimension, operator, value: `("prompt_tokens", ">=", 200001)`, `("utc_window", "during", "16:30-00:30")`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRecord:
    """A price of `amount` US dollars for one unit of `meter`. `catalog/pricing/meters.py` defines the units."""

    meter: str
    amount: Decimal
    conditions: tuple[Condition, ...] = ()
    """All conditions must hold for this price to be billed; the base price has none."""

    def __post_init__(self) -> None:
        if not self.amount.is_finite() or self.amount.is_signed():
            raise ValueError(f"{self.amount} is not a price")
        if list(self.conditions) != sorted(self.conditions, key=str):
            raise ValueError("conditions are kept sorted, so that equal ones are equal")

    @property
    def conditions_key(self) -> str:
        """The conditions as canonical JSON text: `[]` for the base price."""
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
    """The conditions under which the price is unknown. They have the same precedence as those of a known price."""

    @property
    def key(self) -> tuple[str, str]:
        return self.meter, orjson.dumps(self.conditions).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferRecord:
    """One gateway's listing of one model, as the gateway itself describes it."""

    id: str
    """The offer's identifier within its gateway, case-sensitive."""
    slug: str
    canonical_slug: str
    """The gateway's own permanent name of the model; not the catalogue's canonical model."""
    name: str
    model_type: ModelType
    provider_slug: str | None = None
    """The provider that made or published the model, as the gateway spells it."""
    host: str | None = None
    """The host that runs the model, if the gateway only routes to others."""
    description: str | None = None
    tags: tuple[str, ...] = ()
    prices: tuple[PriceRecord, ...] = ()
    unclear: tuple[UnclearPrice, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences about other parts of the gateway's prices that could not be read."""
    is_partial: bool = False
    """The row shows less now than at other hours. If the offer is already published, the published version stays."""
    execution_mode: str | None = "standard"
    """The mode (`billing.EXECUTION_MODES`) in which the offer is sold; None for a variant whose word is unknown. Prices
    that an offer has in other modes as well are stored as conditions of its prices."""
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
    """Creation time in Unix seconds."""
    context_length: int | None = None
    """The length in tokens."""
    top_provider_context_length: int | None = None
    """The length in tokens at the host that the gateway prefers; it may be less than the model itself can read."""
    max_completion_tokens: int | None = None
    is_moderated: bool | None = None
    supported_parameters: tuple[str, ...] | None = None
    """Sorted, because their order upstream is noise."""
    default_parameters: dict[str, JsonScalar] | None = None
    quantization: str | None = None
    is_confidential: bool | None = None
    """Whether it runs in a trusted execution environment."""
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
        """Whether the id marks the offer as free: then a zero is its real price, and any other price is a mistake."""
        return self.id.endswith(":free")

    def amount(self, meter: str) -> Decimal | None:
        """Return the unconditional price of one unit of `meter` in US dollars, or None if it is unknown."""
        return next((price.amount for price in self.prices if price.meter == meter and not price.conditions), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRecord:
    """The facts that a gateway publishes about a provider."""

    slug: str
    name: str
    headquarters: str | None = None
    """The ISO code of the country."""
    status_page_url: str | None = None
    terms_url: str | None = None
    privacy_url: str | None = None


def dump(record: OfferRecord) -> str:
    """Return the record as canonical JSON text. Equal records give equal text, even if their amounts were written
    differently."""
    return orjson.dumps(record, default=_amount_text).decode()


def load(text: str) -> OfferRecord:
    """Parse the text that `dump` returns."""
    return _adapter().validate_json(text)


def _amount_text(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} has no place in a record")


@cache
def _adapter() -> TypeAdapter[OfferRecord]:
    return TypeAdapter(OfferRecord)
