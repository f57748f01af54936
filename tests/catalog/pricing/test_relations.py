"""Which prices of one offer contradict each other."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.pricing import meters, relations
from catalog.records import Condition, PriceRecord

LONG: Condition = ("prompt_tokens", ">=", 200_001)
BATCH: Condition = ("execution_mode", "=", "batch")
PRIORITY: Condition = ("execution_mode", "=", "priority")
INPUT, READ = meters.INPUT_TEXT, meters.INPUT_TEXT_CACHE_READ
WRITE, WRITE_1H = meters.INPUT_TEXT_CACHE_WRITE, meters.INPUT_TEXT_CACHE_WRITE_1H


def price(meter: str, amount: str, *conditions: Condition) -> PriceRecord:
    return PriceRecord(meter=meter, amount=Decimal(amount), conditions=tuple(sorted(conditions, key=str)))


@pytest.mark.parametrize(
    ("prices", "broken"),
    [
        ([price(INPUT, "4"), price(READ, "4")], []),
        ([price(INPUT, "4"), price(READ, "4.01")], [READ]),
        ([price(meters.INPUT_AUDIO, "4"), price(meters.INPUT_AUDIO_CACHE_READ, "5")], [meters.INPUT_AUDIO_CACHE_READ]),
        ([price(INPUT, "4"), price(WRITE, "12"), price(WRITE_1H, "12")], []),
        ([price(INPUT, "4"), price(WRITE, "12.01"), price(WRITE_1H, "13")], [WRITE, WRITE_1H]),
        ([price(WRITE, "5"), price(WRITE_1H, "5")], []),
        ([price(WRITE, "5"), price(WRITE_1H, "4.99")], [WRITE_1H]),
        # Unknown and zero are nothing to compare with.
        ([price(READ, "4")], []),
        ([price(INPUT, "0"), price(READ, "4")], []),
        ([price(INPUT, "4"), price(READ, "0")], []),
    ],
)
def test_caches_have_prices_that_fit_that_of_the_input(prices: list[PriceRecord], broken: list[str]) -> None:
    assert sorted(meter for meter, _ in relations.broken(prices)) == sorted(broken)


@pytest.mark.parametrize(
    ("batch", "priority", "broken"),
    [("2", "8", []), ("4", "4", []), ("4.1", "8", [BATCH]), ("2", "3.9", [PRIORITY]), ("5", "3", [BATCH, PRIORITY])],
)
@pytest.mark.parametrize("size", [(), (LONG,)], ids=["of any size", "of long prompts"])
def test_batch_costs_at_most_and_priority_at_least_the_standard_price(
    size: tuple[Condition, ...], batch: str, priority: str, broken: list[Condition]
) -> None:
    prices = [price(INPUT, "4", *size), price(INPUT, batch, *size, BATCH), price(INPUT, priority, *size, PRIORITY)]

    found = relations.broken(prices)

    modes = [condition for one in found.values() for condition in one.price.conditions if condition not in size]
    assert sorted(modes) == sorted(broken)


def test_prices_are_compared_under_equal_conditions_alone() -> None:
    prices = [price(INPUT, "4"), price(READ, "6", LONG), price(INPUT, "3", BATCH), price(READ, "3.5")]

    assert relations.broken(prices) == {}


METERS = st.sampled_from([INPUT, READ, WRITE, WRITE_1H])
WHEN = st.sampled_from([(), (LONG,), (BATCH,), (BATCH, LONG), (PRIORITY,)])
AMOUNTS = st.integers(0, 20).map(str)


@given(amounts=st.dictionaries(st.tuples(METERS, WHEN), AMOUNTS, max_size=12))
def test_without_the_broken_prices_nothing_is_broken(
    amounts: dict[tuple[str, tuple[Condition, ...]], str],
) -> None:
    prices = [price(meter, amount, *when) for (meter, when), amount in amounts.items()]

    broken = relations.broken(prices)

    kept = [each for each in prices if each.key not in broken]
    assert relations.broken(kept) == {}
    assert all(one.other.amount for one in broken.values())
