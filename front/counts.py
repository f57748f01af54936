"""The counts of this process since it began, for `/metrics`. `shared_counts.py` adds those of the other processes."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from enum import StrEnum
from threading import Lock

BOUNDS_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
BUCKETS = (*map(str, BOUNDS_SECONDS), "+Inf")
"""The names of the buckets of a histogram, as Prometheus writes them."""

Counters = dict[str, float]
"""Numbers that only grow, by their name and labels: `requests kept 200`."""
Gauges = dict[str, float]
"""Numbers of now, by their name."""


class Source(StrEnum):
    """Where an answer comes from. The values are the label `from` of the metrics, which dashboards use."""

    HIT = "kept"
    """The response cache."""
    MISS = "made"
    """The snapshot; it is cached from now on."""
    DJANGO = "django"
    """Django; it is not cached."""
    STREAM = "stream"
    INFERENCE = "inference"
    """A gateway that runs models, or the application that passes requests on to them."""
    PREFLIGHT = "preflight"
    REFUSED = "refused"


class Unavailable(StrEnum):
    """Why a request was answered with 503 although nothing is wrong with it."""

    FULL = "full"
    """No thread was free, and as many requests as may wait were waiting."""
    OVERDUE = "overdue"
    """The answer was not ready at the deadline."""


class Cut(StrEnum):
    """Why a connection was closed before its client was done."""

    SLOW_HEAD = "slow_head"
    SLOW_BODY = "slow_body"
    SLOW_READER = "slow_reader"


class Latencies:
    """A histogram; the last bucket counts everything slower."""

    def __init__(self) -> None:
        self.buckets = [0] * len(BUCKETS)
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
        # An alert misses the first event of a counter that begins with it, so each reason begins with 0.
        self.failed_logins = {"wrong": 0, "address": 0, "pair": 0, "account": 0, "busy": 0}
        """Logins to the admin with a wrong password, and those that a limit refused before it was checked."""
        self.unavailable = dict.fromkeys(Unavailable, 0)
        self.cut_connections = dict.fromkeys(Cut, 0)
        self.open_streams = 0
        self.usage_flush_failures = 0
        self.usage_unflushed = 0
        """The requests that are counted and not stored yet, as of the last flush."""
        self.cached_answers = 0
        self.cached_bytes = 0
        self.of_apps: Counters = {}
        """The counters of apps that the front does not know, by their name and labels."""

    def add(self, source: Source, status: str, seconds: float) -> None:
        with self._lock:
            self.requests[source, status] += 1
            self.latencies[source].add(seconds)

    def add_failed_login(self, reason: str) -> None:
        with self._lock:
            self.failed_logins[reason] += 1

    def add_unavailable(self, reason: Unavailable) -> None:
        with self._lock:
            self.unavailable[reason] += 1

    def add_cut_connection(self, reason: Cut) -> None:
        with self._lock:
            self.cut_connections[reason] += 1

    def flushed(self, *, unflushed: int, has_failed: bool) -> None:
        """Note how a flush of the counts of requests ended."""
        with self._lock:
            self.usage_flush_failures += has_failed
            self.usage_unflushed = unflushed

    def count(self, name: str, number: float = 1) -> None:
        """Add to a counter of an app, by its name and labels as `Counters` has them."""
        with self._lock:
            self.of_apps[name] = self.of_apps.get(name, 0) + number

    def stream_opened(self) -> None:
        with self._lock:
            self.open_streams += 1

    def stream_closed(self) -> None:
        with self._lock:
            self.open_streams -= 1

    def counters(self) -> Counters:
        with self._lock:
            return {
                **{f"requests {source} {status}": number for (source, status), number in self.requests.items()},
                **{
                    f"buckets {source} {bucket}": number
                    for source, latencies in self.latencies.items()
                    for bucket, number in zip(BUCKETS, latencies.buckets, strict=True)
                },
                **{f"seconds {source}": latencies.seconds for source, latencies in self.latencies.items()},
                **{f"failed_logins {reason}": number for reason, number in self.failed_logins.items()},
                **{f"unavailable {reason}": number for reason, number in self.unavailable.items()},
                **{f"cut_connections {reason}": number for reason, number in self.cut_connections.items()},
                "usage_flush_failures": self.usage_flush_failures,
                **self.of_apps,
            }

    def gauges(self) -> Gauges:
        with self._lock:
            return {
                "cached_answers": self.cached_answers,
                "cached_bytes": self.cached_bytes,
                "open_streams": self.open_streams,
                "usage_unflushed": self.usage_unflushed,
            }


counts = Counts()
