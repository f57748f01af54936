"""Pauses Python's garbage collector where it only costs time."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """Disable garbage collection while a listing is read.

    A hundred thousand rows are trees without cycles, and reference counts free those. The collector would walk through
    all of them each time that some more rows are decoded. That takes longer than the decoding itself.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
