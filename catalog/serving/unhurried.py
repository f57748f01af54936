"""Background work that keeps no request waiting. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

_Item = TypeVar("_Item")

STEP_SECONDS = 0.0005
PAUSE_SECONDS = 0.0002


def unhurried(items: Iterable[_Item]) -> Iterator[_Item]:
    """The same items, with a pause after every half millisecond of work.

    A thread that computes gives the interpreter away only every 5 ms, and a request would wait that long at each of its
    steps. Not sleep(0): the thread would take the interpreter back before another one has woken up.
    """
    pause_at = time.perf_counter() + STEP_SECONDS
    for item in items:
        yield item
        if time.perf_counter() > pause_at:
            time.sleep(PAUSE_SECONDS)
            pause_at = time.perf_counter() + STEP_SECONDS
