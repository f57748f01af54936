"""How a reason describes two prices that contradict each other."""

from __future__ import annotations

from decimal import Decimal

import pytest

from catalog.pricing import relations
from catalog.pricing.meters import INPUT_TEXT, INPUT_TEXT_CACHE_READ
from catalog.publication.prices import plausible
from catalog.records import Condition, PriceRecord

LONG: Condition = ("prompt_tokens", ">=", 200_001)
PRIORITY: Condition = ("execution_mode", "=", "priority")


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (
            PriceRecord(meter=INPUT_TEXT, amount=Decimal("0.000005")),
            PriceRecord(meter=INPUT_TEXT, amount=Decimal("0.00000425"), conditions=(PRIORITY,)),
            "4.25 US dollars per million tokens (input.text) where execution_mode = priority is less than "
            "5 US dollars per million tokens (input.text)",
        ),
        (
            PriceRecord(meter=INPUT_TEXT, amount=Decimal("0.000004"), conditions=(LONG,)),
            PriceRecord(meter=INPUT_TEXT_CACHE_READ, amount=Decimal("0.0000045"), conditions=(LONG,)),
            "4.5 US dollars per million tokens (input.text.cache_read) where prompt_tokens >= 200001 is more than "
            "4 US dollars per million tokens (input.text) where prompt_tokens >= 200001",
        ),
    ],
    ids=["a mode", "a size"],
)
def test_a_contradiction_names_the_conditions_of_both_prices(
    first: PriceRecord, second: PriceRecord, reason: str
) -> None:
    [found] = relations.broken([first, second]).values()

    assert plausible.contradiction(found) == reason
