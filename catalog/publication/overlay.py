"""Applies the curators' overrides to the gateway's records. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from catalog.normalize import text
from catalog.pricing import meters, money
from catalog.records import OfferRecord, PriceRecord

Json = Any

UNITS: dict[str, Callable[[object], money.Rate]] = {
    "usd_per_hour": money.usd_per_hour,
    "usd_per_million_tokens": money.usd_per_million_tokens,
    "usd_per_token": money.usd_per_token,
}
"""The units in which a curator may enter a price."""

PRICED_FIELDS = {
    meters.METERS[name].pricing_key: name for name in (meters.COMPUTE_HOUR, meters.INPUT_TEXT, meters.OUTPUT_TEXT)
}
"""The meters of the prices that curators can override, by the name of the price in the API."""

TAGS = "tags"
CURATED_FIELDS = (TAGS, *PRICED_FIELDS)


def price_of(field: str, value: Json) -> PriceRecord:
    """Return the price for an override's value. Raises ValueError if amount, unit and field do not fit together."""
    if value["unit"] not in list(UNITS):  # a list, because a value that is not text may be unhashable
        raise ValueError(f"the unit must be one of {', '.join(UNITS)}")
    return meters.price(PRICED_FIELDS[field], UNITS[value["unit"]](value["amount"]))


def overlay(record: OfferRecord, overrides: Mapping[str, Json]) -> OfferRecord:
    """Return the record with the overridden fields replaced; `overrides` maps fields to entered values."""
    for field in CURATED_FIELDS:
        if field in overrides:
            record = (
                _with_tags(record, overrides[field]) if field == TAGS else _with_price(record, field, overrides[field])
            )
    return record


def checked_value(field: str, value: Json) -> Json:
    """Return the cleaned value of an override. Raises ValueError with a reason that names the problem."""
    if field not in CURATED_FIELDS:
        raise ValueError(f"{field} is not a curated field; those are {', '.join(CURATED_FIELDS)}")
    parts = ("add", "remove") if field == TAGS else ("amount", "unit")
    if not isinstance(value, dict) or value.keys() != set(parts):
        raise ValueError(f"the value of {field} must be {' and '.join(parts)}")
    if field == TAGS:
        if not all(isinstance(tags, list | tuple) for tags in value.values()):
            raise ValueError("tags to add and to remove must be lists")
        return checked_tags(add=value["add"], remove=value["remove"])
    price_of(field, value)
    return {"amount": str(value["amount"]).strip(), "unit": value["unit"]}


def checked_tags(*, add: Iterable[object], remove: Iterable[object]) -> Json:
    added, removed = (
        list(dict.fromkeys(text.line(tag, longest=text.MAX_TAG).lower() for tag in tags)) for tags in (add, remove)
    )
    if both := sorted(set(added) & set(removed)):
        raise ValueError(f"{', '.join(both)} cannot be added and removed at once")
    if not added and not removed:
        raise ValueError("name at least one tag to add or to remove")
    return {"add": added, "remove": removed}


def _with_tags(record: OfferRecord, value: Json) -> OfferRecord:
    kept = [tag for tag in record.tags if tag.lower() not in value["remove"]]
    return replace(record, tags=tuple(dict.fromkeys([*kept, *value["add"]])))


def _with_price(record: OfferRecord, field: str, value: Json) -> OfferRecord:
    meter = PRICED_FIELDS[field]
    price = price_of(field, value)
    others = tuple(other for other in record.prices if other.meter != meter)
    return replace(
        record,
        prices=(*others, price),
        unclear=tuple(other for other in record.unclear if other.meter != meter),
        # A zero from a curator means free, and a price from a curator is a fixed one.
        zero_is_free=record.zero_is_free or not price.amount,
        is_dynamic=False,
    )
