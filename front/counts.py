"""What this process has counted since it began, for `/metrics`."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from threading import Lock

BOUNDS_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Latencies:
    """A histogram; the last bucket counts everything slower."""

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS_SECONDS) + 1)
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        self.buckets[bisect_left(BOUNDS_SECONDS, seconds)] += 1
        self.seconds += seconds


class Counts:
    """Plain numbers under one lock: counters with labels would cost as much as an answer. Safe with threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.requests: defaultdict[tuple[str, str], int] = defaultdict(int)
        """By where the answer came from and its status."""
        self.latencies: defaultdict[str, Latencies] = defaultdict(Latencies)
        """By where the answer came from."""
        self.kept_answers = 0
        self.kept_bytes = 0

    def add(self, came_from: str, status: str, seconds: float) -> None:
        with self._lock:
            self.requests[came_from, status] += 1
            self.latencies[came_from].add(seconds)


counts = Counts()
