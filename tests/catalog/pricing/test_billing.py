"""Which prices of an offer mean something."""

from __future__ import annotations

from decimal import Decimal

import pytest

from catalog.pricing import billing, meters
from catalog.records import Condition, PriceRecord

NIGHT: Condition = ("utc_window", "during", "16:30-00:30")


def price(meter: str, amount: str, *conditions: Condition) -> PriceRecord:
    return PriceRecord(meter=meter, amount=Decimal(amount), conditions=conditions)


NO_TEXT = (price(meters.INPUT_TEXT, "0"), price(meters.OUTPUT_TEXT, "0"))


@pytest.mark.parametrize(
    ("prices", "unsold"),
    [
        ((), set()),
        (NO_TEXT, set()),
        ((*NO_TEXT, price(meters.OUTPUT_IMAGE_TOKEN, "0.000008")), {meters.INPUT_TEXT, meters.OUTPUT_TEXT}),
        ((*NO_TEXT, price(meters.REQUEST, "0.01")), {meters.INPUT_TEXT, meters.OUTPUT_TEXT}),
        ((price(meters.INPUT_TEXT, "0.00000001"), price(meters.OUTPUT_TEXT, "0")), {meters.OUTPUT_TEXT}),
        # A tool or a cache is no other work, and an hour is what an instance costs.
        ((*NO_TEXT, price(meters.SEARCH_WEB, "0.01")), set()),
        ((*NO_TEXT, price(meters.INPUT_TEXT_CACHE_READ, "0.0000001")), set()),
        ((*NO_TEXT, price(meters.COMPUTE_HOUR, "22")), set()),
        # A cache of 0 next to a price of input is not a free one.
        (
            (price(meters.INPUT_TEXT, "0.000001"), price(meters.INPUT_TEXT_CACHE_READ, "0")),
            {meters.INPUT_TEXT_CACHE_READ},
        ),
        # It costs something at night, so the zero of the day is a price.
        (
            (
                price(meters.INPUT_TEXT, "0"),
                price(meters.INPUT_TEXT, "0.000001", NIGHT),
                price(meters.OUTPUT_TEXT, "0.000002"),
            ),
            set(),
        ),
    ],
)
def test_a_zero_next_to_a_price_of_another_meter_means_not_sold_by_this(
    prices: tuple[PriceRecord, ...], unsold: set[str]
) -> None:
    assert billing.not_sold_by(prices) == unsold
