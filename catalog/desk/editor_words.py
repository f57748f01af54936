"""The words of the fields that curators set: names, units and values as people read them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from catalog.publication.fields import FEATURED, FIELDS, HIDDEN, PRICES, TAGS, UNITS, Price
from catalog.web import figures, words

Json = Any

NOTHING = "not published"
LABELS: Mapping[str, str] = {
    "name": "Name",
    "description": "Description",
    "model_type": "Kind",
    TAGS: "Tags",
    "input_modalities": "Takes",
    "output_modalities": "Gives",
    "context_length": "Context, tokens",
    HIDDEN: "Hidden",
    FEATURED: "Featured",
}
SHORT_UNITS: Mapping[str, str] = {
    unit: "US$ per 1M tokens" if unit == "usd_per_million_tokens" else f"US$ per {unit.removeprefix('usd_per_')}"
    for unit in UNITS
}
_MILLION = 6


@dataclass(frozen=True, slots=True)
class Group:
    """Fields that the editor shows under one heading."""

    title: str
    about: str
    fields: Sequence[str]


GROUPS = (
    Group("Words", "What people read first.", ("name", "description")),
    Group(
        "Facts",
        "What the model is and takes.",
        ("model_type", TAGS, "input_modalities", "output_modalities", "context_length"),
    ),
    Group("Prices", "Each with the unit that you type. 0 means free.", tuple(PRICES)),
    Group("Listing", "A hidden offer is in no list, as if it were withdrawn.", (HIDDEN, FEATURED)),
)
ALWAYS_SHOWN = frozenset({"prompt", "completion"})
"""The prices that are in the form before one asks for others."""


def label(name: str) -> str:
    """Return what people call a field, with the unit of its amount: `Input, US$ per 1M tokens`."""
    return f"{price_label(name)}, {SHORT_UNITS[PRICES[name].units[0]]}" if name in PRICES else LABELS[name]


def price_label(name: str) -> str:
    return figures.first_upper(words.METERS[PRICES[name].meter])


def label_of(name: str) -> str:
    """Return the name of a field for the audit trail, which may have fields that are not curated any more."""
    if name in PRICES:
        return price_label(name).lower()
    return LABELS[name].partition(",")[0].lower() if name in LABELS else name.replace("_", " ")


def value(name: str, found: Json) -> str:
    """Return a value of a field as its `of` or `served` gives it, in words; empty if there is none."""
    if found is None or found == []:
        return ""
    if isinstance(found, bool):
        return "yes" if found else ""
    if name in PRICES:
        return amount(PRICES[name], Decimal(found))
    if name == "model_type":
        return words.kind(found)
    if isinstance(found, list):
        return ", ".join(map(str, found))
    return f"{found:,}" if isinstance(found, int) else str(found)


def amount(field: Price, of_one: Decimal) -> str:
    """Return the amount of a price in its usual unit, exactly."""
    if not of_one:
        return "free"
    is_million = field.units[0] == "usd_per_million_tokens"
    return figures.dollars(of_one.scaleb(_MILLION) if is_million else of_one)


def override(name: str, stored: Json) -> str:
    """Return the value of an override in words: `+hot -test`, `0.40 US$ per 1M tokens`."""
    if name not in FIELDS:
        return str(stored)
    if name in PRICES:
        return f"{stored['amount']} {SHORT_UNITS[stored['unit']]}"
    if name == TAGS:
        return " ".join([*(f"+{tag}" for tag in stored["add"]), *(f"-{tag}" for tag in stored["remove"])])
    return value(name, stored)
