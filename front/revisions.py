"""The served revision, for what waits for the next one on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from front.pool import Pool
from front.replies import READ_SECONDS, Lane

_Result = TypeVar("_Result")


class ServedRevisions:
    """Implements `front.streams.Revisions`."""

    def __init__(self, current: Callable[[], int | None], *, pool: Pool) -> None:
        """`current` returns the revision that is served now."""
        self.current = current
        self.is_draining = False
        self._pool = pool
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Name the loop on which the streams run."""
        self._loop = loop

    def changed(self, _revision: int) -> None:
        """Wake what waits. May be called in any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def drain(self) -> None:
        """Let streams end. Called on the loop."""
        self.is_draining = True
        self._wake()

    async def wait_beyond(self, revision: int, seconds: float) -> int | None:
        """Return the served revision once it is newer than this one, or None after `seconds`, or when draining."""
        try:
            async with asyncio.timeout(seconds):
                while not self.is_draining:
                    served = self.current()
                    if served is not None and served > revision:
                        return served
                    await self._changed.wait()
        except TimeoutError:
            pass
        return None

    def run(self, function: Callable[[], _Result]) -> Awaitable[_Result]:
        """Call a function that waits, such as one with queries, in a thread. Raise Full or Overdue."""
        return self._pool.run(Lane.READS, function, seconds=READ_SECONDS)

    def _wake(self) -> None:
        # Those that wait keep the old event; those that come later wait for the new one.
        self._changed.set()
        self._changed = asyncio.Event()
