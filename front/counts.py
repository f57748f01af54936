"""The counts of this process since it began, for `/metrics`."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from enum import StrEnum
from threading import Lock

BOUNDS_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Source(StrEnum):
    """Where an answer comes from. The values are the label `from` of the metrics, which dashboards use."""

    HIT = "kept"
    """The response cache."""
    MISS = "made"
    """Django; it is cached from now on."""
    DJANGO = "django"
    """Django; it is not cached."""
    PREFLIGHT = "preflight"
    REFUSED = "refused"


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
        """The number of requests by the source of the answer and its status."""
        self.latencies: defaultdict[str, Latencies] = defaultdict(Latencies)
        """The latencies by the source of the answer."""
        self.cached_answers = 0
        self.cached_bytes = 0
        self.failed_logins = {"wrong": 0, "address": 0, "pair": 0, "account": 0, "busy": 0}
        """Logins to the admin with a wrong password, and those that a limit refused before it was checked."""

    def add(self, source: Source, status: str, seconds: float) -> None:
        with self._lock:
            self.requests[source, status] += 1
            self.latencies[source].add(seconds)

    def add_failed_login(self, reason: str) -> None:
        with self._lock:
            self.failed_logins[reason] += 1


counts = Counts()
