"""The values of curated fields in words and figures, for tables of the desk."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from catalog.pricing.meters import METERS
from catalog.pricing.money import per_million
from catalog.publication.fields import FEATURED, FIELDS, HIDDEN, PRICES, TAGS
from catalog.web import figures, words

Json = Any

LONGEST = 160
"""Longer texts are cut in tables."""
NAMES = {
    "name": "name",
    "description": "description",
    "model_type": "type",
    TAGS: "tags",
    "input_modalities": "input modalities",
    "output_modalities": "output modalities",
    "context_length": "context, tokens",
    HIDDEN: "hidden",
    FEATURED: "recommended",
}
UNIT_WORDS = {
    "usd_per_million_tokens": "US$ per 1M tokens",
    "usd_per_token": "US$ per token",
}


def unit_of(field: str) -> str:
    """Return the unit in which `shown` writes a price; empty for other fields."""
    return words.UNITS[METERS[PRICES[field].meter].unit][1] if field in PRICES else ""


def short_name_of(field: str) -> str:
    return words.METERS[PRICES[field].meter] if field in PRICES else NAMES.get(field, field).partition(",")[0]


def unit_words(unit: str) -> str:
    return UNIT_WORDS.get(unit, f"US$ per {unit.removeprefix('usd_per_')}")


def shown(field: str, value: Json) -> str:
    """Return what `Field.of` or `Field.served` returned as text; empty if there is no value."""
    if value is None or value == []:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if field in PRICES:
        amount = Decimal(str(value))
        return figures.dollars(per_million(amount) if METERS[PRICES[field].meter].unit in words.IN_MILLIONS else amount)
    if isinstance(value, int):
        return figures.grouped(value)
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def override_shown(field: str, value: Json) -> str:
    """Return the value of an override, as it is stored, as text: `+hot, -popular`, `0.25 US$ per 1M tokens`."""
    if isinstance(value, dict) and "amount" in value:
        return f"{value['amount']} {unit_words(str(value['unit']))}"
    if isinstance(value, dict) and "add" in value:
        return ", ".join([*(f"+{tag}" for tag in value["add"]), *(f"-{tag}" for tag in value["remove"])])
    return shown(field, value) if field not in PRICES else str(value)


def moved(field: str, before: Json, after: Json) -> str:
    """Return how far a price moves, in words; empty for other values."""
    if field not in PRICES or before is None or after is None or before == after:
        return ""
    return figures.percent_moved(Decimal(str(before)), Decimal(str(after)))


PRICE_FIELDS = tuple(name for name in FIELDS if name in PRICES)
