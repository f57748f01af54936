"""Lets work begin a little at a time, so that a burst of new requests does not hold up the streams that are open."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

MOST_IN_A_TURN = 2
"""How much begins before the event loop looks at its connections again."""


class Turns:
    """Used on one event loop."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._begun = 0

    def begin(self, loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
        """Do the work now, or in one of the next turns of the loop. It must not raise."""
        if self._begun == 0:
            loop.call_soon(self._next, loop)
        if self._begun < MOST_IN_A_TURN and not self._waiting:
            self._begun += 1
            work()
        else:
            self._waiting.append(work)

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        self._begun = 0
        while self._waiting and self._begun < MOST_IN_A_TURN:
            self._begun += 1
            self._waiting.popleft()()
        if self._begun:
            loop.call_soon(self._next, loop)
