"""Waits that are given up in time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import NoReturn

import pytest

from catalog.models import patience
from catalog.models.patience import Gathered
from tests.catalog.scraping import AtOnce


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "Thread", AtOnce)


@pytest.fixture
def numbers() -> Iterator[int]:
    return iter(range(10))


def gathered(value: Gathered[int]) -> int:
    value.start()
    return value.value(wait_seconds=30)


@pytest.mark.parametrize(("fresh_seconds", "found"), [(3_600.0, [0, 0, 0]), (-1.0, [0, 1, 2])])
def test_a_fresh_value_is_not_gathered_again(
    at_once: None, numbers: Iterator[int], fresh_seconds: float, found: list[int]
) -> None:
    value = Gathered(lambda: next(numbers), fresh_seconds=fresh_seconds)

    assert [gathered(value) for _ in range(3)] == found


def test_a_failure_is_raised_and_not_kept(at_once: None, numbers: Iterator[int]) -> None:
    def fail_first() -> int:
        if next(numbers) == 0:
            raise ConnectionError("refused")
        return 5

    value = Gathered(fail_first, fresh_seconds=3_600.0)

    with pytest.raises(ConnectionError, match="refused"):
        gathered(value)
    assert gathered(value) == 5


def test_a_server_that_is_silent_has_one_thread_however_often_it_is_asked() -> None:
    is_over, asked = threading.Event(), []

    def wait() -> int:
        asked.append(threading.current_thread())
        is_over.wait()
        return 5

    value = Gathered(wait, fresh_seconds=3_600.0)
    for _ in range(3):
        value.start()
        with pytest.raises(TimeoutError):
            value.value(wait_seconds=0.001)
    is_over.set()

    assert gathered(value) == 5
    assert len(asked) == 1


def test_a_value_that_was_never_begun_is_a_defect() -> None:
    def never() -> NoReturn:
        raise AssertionError

    with pytest.raises(RuntimeError, match="start was not called"):
        Gathered(never).value(wait_seconds=0)
