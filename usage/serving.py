"""The counting of this serving process: the front counts, a thread stores, and lists are ordered by the result."""

from __future__ import annotations

import atexit

from catalog.memory import following
from front.counts import counts
from usage.counting import Tally
from usage.flushing import Flusher
from usage.ranking import DailyScores

TALLY = Tally()
FLUSHER = Flusher(TALLY, counts=counts)
SCORES = DailyScores()


def start() -> None:
    """Flush once a minute from now on. Call it after the fork."""
    following.FOLLOWER.read_scores = SCORES  # before it loads the first snapshot
    FLUSHER.start()
    atexit.register(FLUSHER.stop)  # for servers that announce no end; a second call does nothing


def stop() -> None:
    FLUSHER.stop()
