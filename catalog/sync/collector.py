"""Python's garbage collector, and when it had better wait."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """While a listing is read, nothing is collected.

    A hundred thousand rows are trees without cycles, which reference counts free; the collector would walk through all
    of them every time that some more were decoded, and take longer over it than the decoding.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
