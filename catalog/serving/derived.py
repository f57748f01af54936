"""What is made of a snapshot when it is first asked for, once for all requests, and goes with it. Pure.

What somebody asked of one snapshot is made of the next one ahead, before anybody asks, out of what did not change.
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
    """A function of a snapshot that is computed once. What it makes must not hold the snapshot, or neither would ever
    be freed; its index it may hold.

    The function is given what it made of the snapshot before, or None: to take over, never to change.
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
            with self._making:  # who comes meanwhile waits, rather than making it too
                if held not in self._made:
                    self._made[held] = self._make(held, last)
        return self._made[held]


_ALL: list[Once[Any, Any]] = []


def carry_on(before: object, after: object) -> None:
    """Make of this snapshot what was asked of the one before. Never raises: who asks will be told what is wrong."""
    for each in _ALL:
        try:
            each.carry_on(before, after)
        except Exception:
            logger.exception("What is derived from a snapshot could not be made ahead")
