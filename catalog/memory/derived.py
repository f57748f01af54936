"""Caches what is computed from a snapshot: once for all requests, on first use, until the snapshot is freed. Pure.

If clients used a value of one snapshot, the value of the next snapshot is computed in advance, before any request needs
it. That computation reuses the parts that did not change.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

logger = logging.getLogger(__name__)

_Source = TypeVar("_Source")
_Made = TypeVar("_Made")


class Once(Generic[_Source, _Made]):
    """A function of a snapshot that is computed once per snapshot.

    Its result must not reference the snapshot, or neither would ever be freed. It may reference the snapshot's index.
    The function also receives its result for the previous snapshot, or None. It may reuse that result, but must not
    change it.
    """

    def __init__(self, make: Callable[[_Source, _Made | None], _Made]) -> None:
        self._make = make
        self._made: WeakKeyDictionary[_Source, _Made] = WeakKeyDictionary()
        self._making = Lock()
        _ALL.append(self)

    def __call__(self, held: _Source) -> _Made:
        return self._of(held, None)

    def carry_on(self, before: _Source, after: _Source) -> None:
        last = self._made.get(before)
        if last is not None:
            self._of(after, last)

    def _of(self, held: _Source, last: _Made | None) -> _Made:
        if held not in self._made:
            with self._making:  # concurrent callers wait instead of computing the same value
                if held not in self._made:
                    self._made[held] = self._make(held, last)
        return self._made[held]


_ALL: list[Once[Any, Any]] = []


def carry_on(before: object, after: object) -> None:
    """Compute for the new snapshot what clients used of the previous one. Never raises: the next caller gets the
    error."""
    for each in _ALL:
        try:
            each.carry_on(before, after)
        except Exception:
            logger.exception("What is derived from a snapshot could not be made ahead")
