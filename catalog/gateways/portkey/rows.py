"""What rows of Portkey may contain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator

from catalog.adapter import fields
from catalog.adapter.contract import Json
from catalog.normalize import text
from catalog.pricing import billing, money

HALVES = {"lte": "up_to", "gt": "above"}


def _offer_id(value: Any) -> str:
    found = text.line(value, longest=text.MAX_ID)
    host, _, model = found.removeprefix("@").partition("/")
    if not found.startswith("@") or not host or not model or any(character.isspace() for character in found):
        raise ValueError("must be @host/model")
    return found


_TokenBound = Annotated[int, Field(ge=0, le=10**9)]


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True)


class PricingConfig(_Facts):
    pay_as_you_go: Any = None
    batch_config: Any = None
    currency: fields.Word = None


class Priced(_Facts):
    pricing_config: Annotated[PricingConfig | fields.Unclear | None, fields.UnclearIfWrong] = None

    @property
    def lists(self) -> dict[str, Json | money.Unclear]:
        """The price lists in US dollars, by execution mode."""
        config = self.pricing_config
        if isinstance(config, money.Unclear):
            return {billing.STANDARD: config}
        if config is None or (config.currency or "USD").upper() != "USD":
            return {}
        return {billing.STANDARD: config.pay_as_you_go, "batch": config.batch_config}


class Mode(Priced):
    context_tiers: dict[str, Priced] | None = None


class Region(_Facts):
    execution_modes: dict[str, Mode] | None = None


class Regions(_Facts):
    default: Region | None = None


class CustomPricing(_Facts):
    regions: Regions | None = None
    context_tier_map: dict[_TokenBound, str] | None = None
    """The names of the tiers, by the prompt size above which they apply."""


class Entry(Priced):
    """What a price file contains about a model."""

    custom_pricing: Annotated[CustomPricing | fields.Unclear | None, fields.UnclearIfWrong] = None


class Type(_Facts):
    primary: fields.Word = None
    supported: fields.Words = None


class Row(Entry):
    id: Annotated[str, PlainValidator(_offer_id)]
    canonical_slug: fields.Word = None
    type: Type = Type()
    context_length: fields.Count = None
    """Only bundled rows have it; Portkey does not state it."""
    up_to: dict[_TokenBound, Entry] = {}
    """The half for prompts of up to this many tokens."""
    above: dict[_TokenBound, Entry] = {}

    @property
    def host(self) -> str:
        return self.id.removeprefix("@").partition("/")[0]

    @property
    def model(self) -> str:
        return self.id.partition("/")[2]

    @property
    def is_free(self) -> bool:
        return self.id.endswith(":free")


def leaves(priced: Json, *, path: str = "", levels: int = 4) -> Iterator[tuple[str, Json]]:
    """Yield all prices of the form `{"price": …}` by their path; they are nested no deeper than `levels`."""
    if not isinstance(priced, dict) or not levels:
        return
    if priced.get("price") is not None:
        yield path, priced["price"]
    for key, inner in priced.items():
        yield from leaves(inner, path=f"{path}.{key}" if path else key, levels=levels - 1)
