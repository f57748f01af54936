"""What a row of the ledger adds to the sums by day. Pure.

A row adds something once it has ended. If its end is recorded after it was taken for lost, its sums change by the
difference.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from operator import itemgetter
from typing import NamedTuple

from routing.ledger.records import TOKENS, Entry
from routing.models import OK, OPEN
from usage.models import LatencyDay

BOUNDS_MS = (
    50, 100, 150, 200, 300, 400, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 7_500, 10_000, 15_000, 20_000, 30_000,
    60_000, 120_000, 300_000, 600_000,
)  # fmt: skip
"""The upper bounds of the histograms. Longer times are in the last bucket."""
COUNTED = (
    "attempts",
    "requests",
    *TOKENS,
    "estimated",
    "cost_nano",
    "unpriced",
    "charged_nano",
)
"""The numbers of `InferenceDay`, in the order of its columns."""


class Charge(NamedTuple):
    """What is spent of the budgets of a key on a day, by one process."""

    process: str
    key: int
    day: int


class Sums:
    """What several rows add, in the order in which it is written."""

    def __init__(self) -> None:
        self.days: dict[tuple[int, int, str, str, str, str], list[int]] = {}
        """The numbers of COUNTED of each group."""
        self.latencies: Counter[tuple[int, int, str, str, str, str, int]] = Counter()
        self.charges: Counter[Charge] = Counter()

    def add(self, entry: Entry, *, sign: int = 1) -> None:
        """Add a row, or with `sign=-1` take it out. A row that goes on adds nothing."""
        outcome = entry["outcome"]
        if outcome == OPEN:
            return
        about = _about(entry)
        sums = self.days.get((*about, outcome))
        if sums is None:
            sums = self.days[*about, outcome] = [0] * len(COUNTED)
        for place, number in enumerate(_numbers(entry)):
            if number:
                sums[place] += sign * number
        if outcome == OK:
            for measure, milliseconds in zip(_MEASURES, _milliseconds(entry), strict=True):
                if milliseconds is not None:
                    self.latencies[*about, measure, bucket_of(milliseconds)] += sign
        if entry["charged_nano"]:
            self.charges[Charge(entry["process"], entry["key"], entry["day"])] += sign * entry["charged_nano"]


def bucket_of(milliseconds: int) -> int:
    return BOUNDS_MS[min(bisect_left(BOUNDS_MS, milliseconds), len(BOUNDS_MS) - 1)]


_about = itemgetter("day", "key", "gateway", "offer", "model")
_tokens = itemgetter(*TOKENS)
_milliseconds = itemgetter("first_content_ms", "duration_ms")
_MEASURES = (LatencyDay.Measure.FIRST_CONTENT.value, LatencyDay.Measure.DURATION.value)


def _numbers(entry: Entry) -> tuple[int | None, ...]:
    """Return what a row adds to each of COUNTED."""
    cost_nano = entry["cost_nano"]
    return (
        1,
        entry["is_final"],
        *_tokens(entry),
        entry["is_estimate"],
        cost_nano,
        cost_nano is None,
        entry["charged_nano"],
    )
