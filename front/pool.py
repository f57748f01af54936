"""Threads for what waits or computes, so that the event loop never does.

Each lane has threads of its own. Work that is over its deadline is given up: the client gets its 503 from `asgi.py`,
and the socket of the thread's database connection is shut, so that the thread comes back. A database that is frozen
cannot end its own statements, and its kernel continues to acknowledge what is sent to it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections

from front.deadlines import cut, limit_this_thread
from front.replies import READ_SECONDS, WRITE_SECONDS, Lane

logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")

THREADS = {Lane.READS: 4, Lane.COMPUTING: 1, Lane.WRITES: 4, Lane.ADMIN: 4}
MOST_WAITING = {Lane.READS: 32, Lane.COMPUTING: 32, Lane.WRITES: 4, Lane.ADMIN: 16}
"""How much work waits for a thread of the lane. More is refused at once."""
_SECONDS = {
    Lane.READS: READ_SECONDS,
    Lane.COMPUTING: READ_SECONDS,
    Lane.WRITES: WRITE_SECONDS,
    Lane.ADMIN: WRITE_SECONDS,
}
"""How long a statement may take."""


class Full(Exception):
    """All threads of the lane are busy, and enough work waits for them."""


class Overdue(Exception):
    """The work was not done in time."""


class Pool:
    def __init__(self) -> None:
        self._lanes = {lane: _Threads(lane) for lane in Lane}

    async def run(self, lane: Lane, work: Callable[[], _Result], *, seconds: float) -> _Result:
        """Return the result of the work. Raise Full, Overdue, or what the work raises."""
        return await self._lanes[lane].run(work, seconds=seconds)

    def stop(self) -> None:
        """Start no more work, and give up what is running."""
        for lane in self._lanes.values():
            lane.stop()


class _Threads:
    """The threads of one lane, and their work."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._executor = ThreadPoolExecutor(THREADS[lane], thread_name_prefix=lane.value, initializer=self._begin)
        self._jobs: set[_Job] = set()
        self._most = THREADS[lane] + MOST_WAITING[lane]

    async def run(self, work: Callable[[], _Result], *, seconds: float) -> _Result:
        if len(self._jobs) >= self._most:
            raise Full
        job = _Job(work)
        self._jobs.add(job)
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self._executor, job)
        running.add_done_callback(lambda _: self._jobs.discard(job))
        try:
            # Shielded: a thread cannot be cancelled, and its place is taken until it comes back.
            result: _Result = await asyncio.wait_for(asyncio.shield(running), seconds)
        except TimeoutError:
            job.give_up()
            running.add_done_callback(_retrieve)
            raise Overdue from None
        return result

    def stop(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)
        for job in list(self._jobs):
            job.give_up()

    def _begin(self) -> None:
        limit_this_thread(_SECONDS[self._lane])


class _Job:
    """Work in a thread. `give_up` is called by the event loop."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._is_given_up = False
        self._connection: Any = None

    def __call__(self) -> Any:
        with self._lock:
            if self._is_given_up:
                return None
            self._connection = connections[DEFAULT_DB_ALIAS]
        try:
            return self._work()
        finally:
            with self._lock:
                self._connection = None

    def give_up(self) -> None:
        """Do not begin; if it runs, end what it waits for in the database."""
        with self._lock:
            self._is_given_up = True
            if self._connection is not None:
                cut(self._connection)


def _retrieve(done: asyncio.Future[Any]) -> None:
    """Take the error of work that was given up: the client has its answer, and Django has logged it."""
    if not done.cancelled():
        done.exception()
