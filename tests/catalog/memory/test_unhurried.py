"""Background work lets requests pass in between, unless there are none yet."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from catalog.memory import unhurried


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Each pause; and every step takes as long as one may."""
    taken: list[float] = []
    moments = iter(range(1_000))
    clock = SimpleNamespace(sleep=taken.append, perf_counter=lambda: next(moments) * 2 * unhurried.STEP_SECONDS)
    monkeypatch.setattr(unhurried, "time", clock)
    return taken


def test_work_pauses_after_each_step_and_loses_nothing(pauses: list[float]) -> None:
    assert list(unhurried.unhurried("abc")) == ["a", "b", "c"]
    assert pauses == [unhurried.PAUSE_SECONDS] * 3


def test_a_process_that_serves_no_client_yet_does_not_pause(pauses: list[float]) -> None:
    with unhurried.alone():
        assert list(unhurried.sorted_unhurriedly("cab", key=str)) == ["a", "b", "c"]
    assert pauses == []

    list(unhurried.unhurried("abc"))
    assert pauses


def test_equal_ones_stay_in_their_order_over_all_runs() -> None:
    given = [(number % 3, number) for number in range(2_500)]

    assert list(unhurried.sorted_unhurriedly(given, key=lambda pair: pair[0])) == sorted(given)
