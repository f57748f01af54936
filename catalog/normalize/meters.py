"""The meters: what a price counts, and its unit. Only meters that a gateway publishes stand here."""

from __future__ import annotations

from dataclasses import dataclass

from catalog.normalize.money import Rate, Unit
from catalog.records import PriceRecord

INPUT_TEXT = "input.text"
OUTPUT_TEXT = "output.text"
COMPUTE_HOUR = "compute.hour"


@dataclass(frozen=True, slots=True)
class Meter:
    name: str
    unit: Unit
    pricing_key: str
    """The meter's name in the `pricing` object of the API."""


METERS = {
    meter.name: meter
    for meter in (
        Meter(INPUT_TEXT, Unit.TOKEN, "prompt"),
        Meter(OUTPUT_TEXT, Unit.TOKEN, "completion"),
        Meter(COMPUTE_HOUR, Unit.HOUR, "hourly_rate"),
    )
}


def price(meter: str, rate: Rate) -> PriceRecord:
    """A price of `meter`. Raises ValueError where the rate is of another unit than the meter counts."""
    unit = METERS[meter].unit
    if rate.per is not unit:
        raise ValueError(f"{meter} is priced per {unit}, not per {rate.per}")
    return PriceRecord(meter=meter, amount=rate.amount)
