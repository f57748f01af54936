"""The counting of this serving process: the front counts, and a thread stores."""

from __future__ import annotations

import atexit

from usage.counting import Tally
from usage.flushing import Flusher

TALLY = Tally()
FLUSHER = Flusher(TALLY)


def start() -> None:
    """Flush once a minute from now on. Call it after the fork."""
    FLUSHER.start()
    atexit.register(FLUSHER.stop)  # for servers that announce no end; a second call does nothing


def stop() -> None:
    FLUSHER.stop()
