"""What an endless answer needs from the serving process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

_Result = TypeVar("_Result")


class Revisions(Protocol):
    @property
    def is_draining(self) -> bool:
        """Whether the process is about to end: a stream then ends after its current event."""

    def current(self) -> int | None:
        """Return the revision that is served now; None before the first."""

    async def wait_beyond(self, revision: int, seconds: float) -> int | None:
        """Return the served revision once it is newer than this one, or None after `seconds`, or when draining."""

    def run(self, function: Callable[[], _Result]) -> Awaitable[_Result]:
        """Call a function that waits, such as one with queries, in a thread."""
