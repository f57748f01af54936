"""What goes on without a client: streams that are being sent when the process ends, and rests that are read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Coroutine
from typing import Any

from routing.streams import Relayed
from routing.wire.errors import Failure

logger = logging.getLogger(__name__)

MOST_DRAINED = 100
DRAINED_SECONDS = 120.0
"""How long the rest of an answer is read after its client left."""
ENDING_SECONDS = 18.0
"""How long streams may go on once the process ends; the web server gives them a little more."""
CLOSE_SECONDS = 2.0


class Background:
    """Used on one event loop."""

    def __init__(self) -> None:
        self.open: set[Relayed] = set()
        """The streams that are being sent, or read to their end."""
        self.draining: set[asyncio.Task[Any]] = set()
        self._is_ending = False

    def do(self, work: Coroutine[Any, Any, Any]) -> bool:
        """Have work done without a client; False, and nothing is done, if too much of it is."""
        if len(self.draining) >= MOST_DRAINED or self._is_ending:
            work.close()
            return False
        task = asyncio.get_running_loop().create_task(_limited(work))
        self.draining.add(task)
        task.add_done_callback(self.draining.discard)
        return True

    def end_soon(self) -> None:
        """Let open streams end within ENDING_SECONDS. A second call does nothing."""
        if not self._is_ending:
            self._is_ending = True
            asyncio.get_running_loop().call_later(ENDING_SECONDS, self._interrupt)

    async def close(self) -> None:
        """End what is left, and begin nothing more."""
        self._is_ending = True
        self._interrupt()
        for task in self.draining:
            task.cancel()
        if self.draining:
            await asyncio.wait(self.draining, timeout=CLOSE_SECONDS)

    def _interrupt(self) -> None:
        for stream in list(self.open):
            stream.interrupt(Failure.CANCELLED)


async def _limited(work: Awaitable[object]) -> None:
    try:
        async with asyncio.timeout(DRAINED_SECONDS):
            await work
    except TimeoutError:
        pass
    except Exception:
        logger.exception("The rest of an answer could not be read")
