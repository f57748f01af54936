from __future__ import annotations

from contextlib import suppress
from datetime import time
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.pricing import billing, money
from catalog.pricing.meters import INPUT_TEXT, OUTPUT_TEXT, REQUEST
from catalog.pricing.schedules import Clause, Rates, Schedule, Span
from catalog.records import PriceRecord

HOUR = 60
NIGHT = (22 * HOUR, 6 * HOUR)
DAY = (6 * HOUR, 22 * HOUR)


def rates(prompt: str | None = None, completion: str | None = None) -> Rates:
    amounts = {INPUT_TEXT: prompt, OUTPUT_TEXT: completion}
    return {meter: money.usd_per_token(amount) for meter, amount in amounts.items() if amount is not None}


def prices_of(schedule: Schedule) -> set[str]:
    return {" ".join([price.meter, str(price.amount), price.conditions_key]) for price in schedule.prices()}


def test_without_clauses_there_are_only_base_prices() -> None:
    assert prices_of(Schedule(top=rates("1", "2"), clauses=())) == {"input.text 1 []", "output.text 2 []"}


def test_the_later_of_two_clauses_with_equal_conditions_wins_meter_by_meter() -> None:
    clauses = (
        Clause(from_tokens=9, rates=rates("3", "4")),
        Clause(from_tokens=9, rates=rates("5")),
    )

    assert prices_of(Schedule(top=rates("1", "2"), clauses=clauses)) == {
        "input.text 1 []",
        'input.text 5 [["prompt_tokens",">=",9]]',
        "output.text 2 []",
        'output.text 4 [["prompt_tokens",">=",9]]',
    }


def test_a_clause_without_conditions_is_the_base() -> None:
    assert prices_of(Schedule(top=rates("1"), clauses=(Clause(rates=rates("3")),))) == {"input.text 3 []"}


def test_a_price_that_only_a_condition_gives_has_no_base() -> None:
    assert prices_of(Schedule(top={}, clauses=(Clause(from_tokens=9, rates=rates("3")),))) == {
        'input.text 3 [["prompt_tokens",">=",9]]'
    }


def test_a_window_around_midnight_stays_whole() -> None:
    clauses = (
        Clause(window=(22 * HOUR, 0), rates=rates("1")),
        Clause(window=(0, 6 * HOUR), rates=rates("1")),
        Clause(window=DAY, rates=rates("2")),
    )

    assert prices_of(Schedule(top=rates("2"), clauses=clauses)) == {
        "input.text 2 []",
        'input.text 1 [["utc_window","during","22:00-06:00"]]',
    }


def test_several_windows_with_one_price_count_together() -> None:
    clauses = (
        Clause(window=(0, 7 * HOUR), rates=rates("1")),
        Clause(window=(7 * HOUR, 16 * HOUR), rates=rates("2")),
        Clause(window=(16 * HOUR, 0), rates=rates("1")),
    )

    assert prices_of(Schedule(top=rates("2"), clauses=clauses)) == {
        "input.text 1 []",
        'input.text 2 [["utc_window","during","07:00-16:00"]]',
    }


def test_of_two_halves_of_the_day_the_dearer_is_the_base() -> None:
    clauses = (Clause(window=(0, 12 * HOUR), rates=rates("1")), Clause(window=(12 * HOUR, 0), rates=rates("2")))

    assert "input.text 2 []" in prices_of(Schedule(top=rates("1"), clauses=clauses))


def test_a_window_that_ends_as_it_starts_is_the_whole_day() -> None:
    assert prices_of(Schedule(top=rates("1"), clauses=(Clause(window=(90, 90), rates=rates("2")),))) == {
        "input.text 2 []"
    }


def test_a_window_in_force_hides_the_price_of_the_other_hours() -> None:
    schedule = Schedule(top=rates("1", "3"), clauses=(Clause(window=NIGHT, rates=rates("1")),))

    with pytest.raises(ValueError, match="is in force"):
        schedule.prices()


def test_a_window_in_force_hides_what_another_window_leaves_to_the_top_level() -> None:
    clauses = (Clause(window=NIGHT, rates=rates("1", "3")), Clause(window=DAY, rates=rates("2")))

    with pytest.raises(ValueError, match="is in force"):
        Schedule(top=rates("1", "3"), clauses=clauses).prices()


def test_a_window_for_long_prompts_alone_hides_nothing() -> None:
    clause = Clause(window=NIGHT, from_tokens=9, rates=rates("1"))

    assert prices_of(Schedule(top=rates("1"), clauses=(clause,))) == {"input.text 1 []"}


# Any schedule: what is written out must be billed as the clauses say.

_AMOUNTS = st.sampled_from([Decimal(1), Decimal(2), Decimal(3)])
_RATES = st.dictionaries(
    st.sampled_from([INPUT_TEXT, OUTPUT_TEXT]), st.builds(money.usd_per_token, _AMOUNTS), min_size=1
)
_MINUTES = st.sampled_from([0, 30, 6 * HOUR, 12 * HOUR, 16 * HOUR + 30, 22 * HOUR])
_SIZES = st.sampled_from([0, 0, 100, 200])
_WINDOWS = st.none() | st.tuples(_MINUTES, _MINUTES)
_CLAUSE = st.builds(Clause, rates=_RATES, from_tokens=_SIZES, window=_WINDOWS)
_CLAUSES = st.lists(_CLAUSE, max_size=5).map(tuple)
_TOP = st.just(
    {INPUT_TEXT: money.usd_per_token(1), OUTPUT_TEXT: money.usd_per_token(9), REQUEST: money.usd_per_request(1)}
)


# Schedules that cover every hour: either no window has the amounts of _TOP, or windows with all rates fill the day.
_OTHER_RATES = st.dictionaries(
    st.sampled_from([INPUT_TEXT, OUTPUT_TEXT]), st.builds(money.usd_per_token, st.sampled_from([2, 3])), min_size=1
)
_NEVER_IN_FORCE = st.lists(
    st.builds(Clause, rates=_OTHER_RATES, from_tokens=st.just(0), window=_WINDOWS)
    | st.builds(Clause, rates=_RATES, from_tokens=st.sampled_from([100, 200]), window=_WINDOWS),
    max_size=5,
)
_ALL_RATES = st.fixed_dictionaries(
    {
        INPUT_TEXT: st.builds(money.usd_per_token, _AMOUNTS),
        OUTPUT_TEXT: st.builds(money.usd_per_token, st.sampled_from([1, 9])),
    }
)
_EDGES = st.lists(st.integers(0, 1439), min_size=2, max_size=5, unique=True).map(sorted)


def _around_the_clock(edges: list[int]) -> list[Span]:
    return list(zip(edges, [*edges[1:], edges[0]], strict=True))


@st.composite
def _days(draw: st.DrawFn) -> list[Clause]:
    return [Clause(window=span, rates=draw(_ALL_RATES)) for span in _around_the_clock(draw(_EDGES))]


_TELLING_CLAUSES = (_NEVER_IN_FORCE | st.builds(list.__add__, _days(), st.lists(_CLAUSE, max_size=2))).map(tuple)


def billed(prices: list[PriceRecord], *, tokens: int, minute: int) -> dict[str, Decimal]:
    """Return the price of each meter by the rule with which `costing` bills."""
    circumstances = billing.Circumstances(prompt_tokens=Fraction(tokens), at=time(*divmod(minute, HOUR)))
    holding = [price for price in prices if billing.holds(price.conditions, circumstances)]
    holding.sort(key=lambda price: billing.precedence(price.conditions))
    return {price.meter: price.amount for price in holding}


@given(
    top=_TOP,
    clauses=_TELLING_CLAUSES,
    tokens=st.sampled_from([0, 99, 100, 150, 200, 10**6]),
    minute=st.integers(0, 1439),
)
def test_what_is_written_out_is_billed_as_the_clauses_say(
    top: Rates, clauses: tuple[Clause, ...], tokens: int, minute: int
) -> None:
    prices = Schedule(top=top, clauses=clauses).prices()

    expected = dict(top)
    for clause in clauses:
        if clause.applies(tokens=tokens, minute=minute):
            expected |= clause.rates
    assert billed(prices, tokens=tokens, minute=minute) == {meter: rate.amount for meter, rate in expected.items()}
    assert len({price.key for price in prices}) == len(prices)


@given(edges=_EDGES, data=st.data())
def test_windows_that_cover_the_day_give_the_same_prices_at_every_hour(edges: list[int], data: st.DataObject) -> None:
    both = st.fixed_dictionaries(
        {meter: st.builds(money.usd_per_token, _AMOUNTS) for meter in (INPUT_TEXT, OUTPUT_TEXT)}
    )
    clauses = tuple(Clause(window=span, rates=data.draw(both)) for span in _around_the_clock(edges))

    told_by_the_hour = {tuple(Schedule(top=clause.rates, clauses=clauses).prices()) for clause in clauses}

    assert len(told_by_the_hour) == 1


@given(top=_TOP, clauses=_CLAUSES)
def test_a_schedule_gives_the_same_prices_in_every_window_or_none(top: Rates, clauses: tuple[Clause, ...]) -> None:
    windows = [clause.window for clause in clauses if clause.window and not clause.from_tokens]
    found = set()
    for in_force in (top, *(_in_force(top, clauses, minute=window[0]) for window in windows)):
        with suppress(ValueError):
            found.add(tuple(Schedule(top=in_force, clauses=clauses).prices()))

    assert len(found) <= 1


def _in_force(top: Rates, clauses: tuple[Clause, ...], *, minute: int) -> Rates:
    found = dict(top)
    for clause in clauses:
        if clause.applies(tokens=0, minute=minute):
            found |= clause.rates
    return found
