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


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRecord:
    """`amount` US dollars for one unit of `meter` (`catalog/normalize/meters.py` says which unit)."""

    meter: str
    amount: Decimal

    def __post_init__(self) -> None:
        if not self.amount.is_finite() or self.amount.is_signed():
            raise ValueError(f"{self.amount} is not a price")


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
    max_completion_tokens: int | None = None
    is_moderated: bool | None = None
    supported_parameters: tuple[str, ...] | None = None
    availability: Availability = Availability.UNKNOWN
    expires: date | None = None

    def __post_init__(self) -> None:
        if not self.id or not self.name:
            raise ValueError("an offer needs an id and a name")
        meters = [price.meter for price in self.prices]
        if len(meters) != len(set(meters)):
            raise ValueError("a meter is priced twice")

    def amount(self, meter: str) -> Decimal | None:
        """The price of one unit of `meter` in US dollars, None where it is unknown."""
        return next((price.amount for price in self.prices if price.meter == meter), None)


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
