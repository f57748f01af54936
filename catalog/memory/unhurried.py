"""Background work that does not make requests wait. Pure."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from heapq import merge
from typing import Any, TypeVar

_Item = TypeVar("_Item")

STEP_SECONDS = 0.0005
PAUSE_SECONDS = 0.0002


_IS_ALONE = ContextVar("is_alone", default=False)


@contextmanager
def alone() -> Iterator[None]:
    """Work without pauses in this thread, for a process that serves no client yet."""
    token = _IS_ALONE.set(True)
    try:
        yield
    finally:
        _IS_ALONE.reset(token)


def unhurried(items: Iterable[_Item]) -> Iterator[_Item]:
    """Yield the same items, with a pause after every half millisecond of work.

    A thread that computes releases the interpreter only every 5 ms, and a request would wait that long at each of its
    steps. Not sleep(0): the thread would take the interpreter back before another one has woken up.
    """
    return iter(items) if _IS_ALONE.get() else _with_pauses(items)


def _with_pauses(items: Iterable[_Item]) -> Iterator[_Item]:
    pause_at = time.perf_counter() + STEP_SECONDS
    for item in items:
        yield item
        if time.perf_counter() > pause_at:
            time.sleep(PAUSE_SECONDS)
            pause_at = time.perf_counter() + STEP_SECONDS


def sorted_unhurriedly(items: Iterable[_Item], key: Callable[[_Item], Any]) -> Iterator[_Item]:
    """Sort the items; ties keep their order.

    The items are sorted in runs, because one long sort would hold the interpreter throughout.
    """
    given = list(items)
    starts = range(0, len(given), 1_000)
    runs = [sorted(given[start : start + 1_000], key=key) for start in unhurried(starts)]
    return unhurried(merge(*runs, key=key))
