"""A deadline for a part of a task."""

from __future__ import annotations

import asyncio
from types import TracebackType


class Deadline:
    """Cancels what is within it at a time of the event loop's clock, and raises TimeoutError then.

    It does what `asyncio.timeout_at` does, for a third of its cost: every request has one.
    """

    __slots__ = ("_cancelling", "_handle", "_is_over", "_task", "_when")

    def __init__(self, when: float) -> None:
        self._when = when
        self._is_over = False

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        if task is None:
            raise RuntimeError("a deadline needs a task")
        self._task, self._cancelling = task, task.cancelling()
        self._handle = loop.call_at(self._when, self._expire)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._handle.cancel()
        if self._is_over and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _expire(self) -> None:
        self._is_over = True
        self._task.cancel()
