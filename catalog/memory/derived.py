"""Caches what is computed from a snapshot: once for all requests, on first use, until the snapshot is freed. Pure.

If clients used a value of one snapshot, the value of the next snapshot is computed in advance, before any request needs
it. That computation reuses the parts that did not change.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from catalog.memory.snapshot import Snapshot

logger = logging.getLogger(__name__)

_Made = TypeVar("_Made")


class Once(Generic[_Made]):
    """A function of a snapshot that is computed once per snapshot. The snapshot has the result in `derived`.

    The result must not reference the snapshot, or only the garbage collector would free them. It may reference the
    snapshot's index. The function also receives its result for the previous snapshot, or None. It may reuse that
    result, but must not change it.
    """

    def __init__(self, make: Callable[[Snapshot, _Made | None], _Made]) -> None:
        self._make = make
        self._making = Lock()

    def __call__(self, snapshot: Snapshot) -> _Made:
        return self._of(snapshot, None)

    def is_made(self, snapshot: Snapshot) -> bool:
        """Whether a call returns at once, because the result was computed before."""
        return self in snapshot.derived

    def carry_on(self, before: Snapshot, after: Snapshot) -> None:
        """Compute the result for `after` if it was computed for `before`."""
        if self in before.derived:
            self._of(after, before.derived[self])

    def _of(self, snapshot: Snapshot, last: _Made | None) -> _Made:
        if self not in snapshot.derived:
            with self._making:  # concurrent callers wait instead of computing the same value
                if self not in snapshot.derived:
                    snapshot.derived[self] = self._make(snapshot, last)
        made: _Made = snapshot.derived[self]
        return made


def carry_on(before: Snapshot, after: Snapshot) -> None:
    """Compute for the new snapshot what clients used of the previous one. Never raises: the next caller gets the
    error."""
    for each in list(before.derived):  # a copy: requests may add to it meanwhile
        try:
            each.carry_on(before, after)
        except Exception:
            logger.exception("What is derived from a snapshot could not be made ahead")
