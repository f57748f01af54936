"""What is served from a record while some of its prices are held."""

from __future__ import annotations

from decimal import Decimal

import pytest

from catalog.pricing.meters import COMPUTE_HOUR, INPUT_TEXT, OUTPUT_TEXT
from catalog.publication.prices.holds import Hold, with_holds
from tests.factories import hourly, offer_record, per_token

RECORD = offer_record(prices=(*per_token(prompt="0.000001", completion="0.000002"), hourly("2.5")))
PROMPT = ((INPUT_TEXT, "[]"), Hold(amount=Decimal("0.000001"), kept=None))
COMPLETION = ((OUTPUT_TEXT, "[]"), Hold(amount=Decimal("0.000002"), kept=Decimal("0.000003")))
UNKNOWN_COMPLETION = ((OUTPUT_TEXT, "[]"), Hold(amount=Decimal("0.000002"), kept=None))


@pytest.mark.parametrize(
    ("holds", "served"),
    [
        ([], {INPUT_TEXT: "0.000001", OUTPUT_TEXT: "0.000002", COMPUTE_HOUR: "2.5"}),
        ([PROMPT, COMPLETION], {OUTPUT_TEXT: "0.000003", COMPUTE_HOUR: "2.5"}),
        # The hourly price of an instance is not what a caller pays, and must not become it.
        ([PROMPT, UNKNOWN_COMPLETION], {}),
    ],
)
def test_a_held_price_is_replaced_or_unknown(holds: list[tuple[tuple[str, str], Hold]], served: dict[str, str]) -> None:
    found = with_holds(RECORD, dict(holds))

    assert {price.meter: price.amount for price in found.prices} == {
        meter: Decimal(amount) for meter, amount in served.items()
    }


def test_an_hourly_offer_stays_hourly() -> None:
    record = offer_record(prices=(hourly("99"),))
    hold = Hold(amount=Decimal("99"), kept=Decimal("2.5"))

    assert with_holds(record, {(COMPUTE_HOUR, "[]"): hold}).prices == (hourly("2.5"),)
