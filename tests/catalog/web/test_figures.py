"""Figures on pages: exact, with their points under each other."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.pricing import meters, money
from catalog.web import figures, words

AMOUNTS = st.decimals(0, 10**9, places=18).map(lambda amount: amount.normalize())


@given(amount=AMOUNTS)
def test_an_amount_is_printed_with_all_its_digits_and_at_least_two_decimals(amount: Decimal) -> None:
    shown = figures.Shown.of(amount)

    assert Decimal(shown.text.replace(",", "")) == amount
    assert shown.text.count(".") == 1
    assert shown.places == len(shown.text.partition(".")[2]) >= 2
    assert "e" not in shown.text.lower()


@given(amount=st.decimals(0, 10**6, places=15))
def test_a_price_of_a_million_tokens_carries_the_price_of_one(amount: Decimal) -> None:
    view = figures.per_million_view(money.per_million(amount))

    assert Decimal(view["value"]) == amount


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("0.50", "0.43", "14% less"),
        ("2.50", "3.00", "20% more"),
        ("0.50", "4.00", "8 × as much"),
        ("1", "1.0001", "under 0.1% more"),
        ("0", "1", "was free"),
        ("1", "0", "now free"),
    ],
)
def test_a_move_is_told_in_words(before: str, after: str, words: str) -> None:
    assert figures.percent_moved(Decimal(before), Decimal(after)) == words


@pytest.mark.parametrize(("views", "class_"), [([], "places-2"), ([None, {"word": "free"}], "places-2")])
def test_a_column_without_long_figures_has_cents(views: list[figures.View | None], class_: str) -> None:
    assert figures.places(views) == class_


def test_every_meter_and_unit_has_words() -> None:
    assert words.METERS.keys() == meters.METERS.keys()
    assert words.UNITS.keys() == {unit.value for unit in money.Unit}
