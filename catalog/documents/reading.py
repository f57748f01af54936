"""Read prices, modes and outputs from a rendered document, as the inverse of `rendering.build`. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from catalog.pricing import billing, meters
from catalog.records import Condition, PriceRecord, UnclearPrice


def execution_mode_of(document: Mapping[str, Any]) -> str | None:
    """Return the mode of the offer. Documents that were rendered before this field existed are of standard offers."""
    mode: str | None = document.get("execution_mode", billing.STANDARD)
    return mode


def shown_prices(document: Mapping[str, Any]) -> tuple[PriceRecord, ...]:
    """Return the prices that a document shows, as `costing` takes them: the inverse of `build`.

    The conversion of an hourly rate is left out because it is no price. An image's price is left out if it only repeats
    the price of its tokens.
    """
    return tuple(
        PriceRecord(meter=meter, amount=Decimal(text), conditions=conditions)
        for conditions, meter, text in _amounts(document)
        if text is not None
    )


def held_keys(document: Mapping[str, Any]) -> frozenset[tuple[str, tuple[Condition, ...]]]:
    """Return the meter and conditions of each held price; documents of an older renderer have none."""
    return frozenset((hold["meter"], tuple(map(tuple, hold["conditions"]))) for hold in document.get("holds", ()))


def puts_out_text(document: Mapping[str, Any]) -> bool:
    """Whether a response can be text; yes if the outputs are unknown."""
    outputs = document["architecture"]["output_modalities"]
    return outputs is None or "text" in outputs


def unclear_prices(document: Mapping[str, Any]) -> tuple[UnclearPrice, ...]:
    """Return the prices that a document shows as null, as `costing` takes them.

    `prompt` and `completion` are null in every document without such a price, which does not change the cost.
    """
    return tuple(
        UnclearPrice(meter=meter, conditions=conditions, reason="")
        for conditions, meter, text in _amounts(document)
        if text is None
    )


def _amounts(document: Mapping[str, Any]) -> Iterator[tuple[tuple[Condition, ...], str, str | None]]:
    pricing, is_hourly = document["pricing"], document["price_basis"] == "hourly"
    overrides = ((tuple(map(tuple, entry["conditions"])), entry) for entry in pricing.get("overrides", ()))
    for conditions, shown in (((), pricing), *overrides):
        for meter, text in _meters(shown, is_hourly=is_hourly):
            yield conditions, meter, text


def _meters(shown: Mapping[str, Any], *, is_hourly: bool) -> Iterator[tuple[str, str | None]]:
    repeats_tokens = "image_token" in shown and shown.get("image") == shown["image_token"]
    skipped = ({"prompt", "completion"} if is_hourly else set()) | ({"image"} if repeats_tokens else set())
    for meter in meters.METERS.values():
        if meter.pricing_key in shown and meter.pricing_key not in skipped:
            yield meter.name, shown[meter.pricing_key]
