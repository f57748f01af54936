"""Figures from periods. Numbers refer to the acceptance list of the research."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.records import Availability
from monitoring.uptime import DAY, LEAST_KNOWN, Period, days, percentile, success_percent, uptime, windows

NOW = 1_800_000_000.0 // DAY * DAY + 43_200


@st.composite
def histories(draw: st.DrawFn) -> list[Period]:
    """Periods without overlap, some with gaps, and the last one open or not."""
    moments = sorted(draw(st.sets(st.integers(0, 40 * DAY), min_size=2, max_size=14)), reverse=True)
    found = [
        Period(draw(st.sampled_from(Availability)), NOW - start, NOW - end)
        for start, end in pairwise(moments)
        if draw(st.integers(0, 4))
    ]
    return [*found, Period(Availability.ONLINE, NOW - moments[-1], None)] if draw(st.booleans()) else found


@given(histories())
def test_13_days_add_up_to_the_figures_of_raw_periods(periods: list[Period]) -> None:
    found = days(periods, now=NOW, count=30)
    start = found[0].number * DAY
    raw = uptime(periods, start=start, end=NOW)

    assert len(found) == 30
    assert sum(day.uptime.usable for day in found) == pytest.approx(raw.usable, abs=1e-6)
    assert sum(day.uptime.known for day in found) == pytest.approx(raw.known, abs=1e-6)


@given(histories(), st.integers(-2, 2))
def test_14_figures_are_percentages_or_unknown(periods: list[Period], hours: int) -> None:
    for found in windows(periods, now=NOW + hours * 3_600).values():
        assert 0 <= found.known_share <= 1
        assert found.percent is None or 0 <= found.percent <= 100
        assert (found.percent is None) == (found.known_share < LEAST_KNOWN or not found.known)


def test_nothing_known_is_no_uptime() -> None:
    assert {each.percent for each in windows([], now=NOW).values()} == {None}
    unknown = [Period(Availability.UNKNOWN, 0, None)]
    assert {each.percent for each in windows(unknown, now=NOW).values()} == {None}


@pytest.mark.parametrize(
    ("window", "ok", "failed", "percent"),
    [("5m", 19, 0, None), ("5m", 19, 1, 95), ("1d", 99, 0, None), ("30d", 50, 50, 50), ("1d", 0, 0, None)],
)
def test_a_share_needs_enough_requests(window: str, ok: int, failed: int, percent: float | None) -> None:
    assert success_percent(window, ok=ok, failed=failed) == percent


def test_a_percentile_is_a_bound_of_its_column() -> None:
    assert percentile([5, 4, 1, 0], [10, 20, 30], 0.5) == 10
    assert percentile([5, 4, 1, 0], [10, 20, 30], 0.9) == 20
    assert percentile([0, 0, 0, 3], [10, 20, 30], 0.5) is None
    assert percentile([0, 0, 0, 0], [10, 20, 30], 0.5) is None
