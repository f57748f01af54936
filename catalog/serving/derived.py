"""What is made of a snapshot when it is first asked for, once for all requests, and goes with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import TypeVar
from weakref import WeakKeyDictionary

from catalog.serving.snapshot import Snapshot

_Made = TypeVar("_Made")


def once(make: Callable[[Snapshot], _Made]) -> Callable[[Snapshot], _Made]:
    """What is made must not hold the snapshot itself, or neither would ever be freed; its index it may hold."""
    made: WeakKeyDictionary[Snapshot, _Made] = WeakKeyDictionary()
    making = Lock()

    @wraps(make)
    def made_of(held: Snapshot) -> _Made:
        if held not in made:
            with making:  # who comes meanwhile waits, rather than making it too
                if held not in made:
                    made[held] = make(held)
        return made[held]

    return made_of
