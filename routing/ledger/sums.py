"""What a row of the ledger adds to the sums by day. Pure.

A row adds something once it has ended. If its end is recorded after it was taken for lost, its sums change by the
difference.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, NamedTuple

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


@dataclass(slots=True, eq=False)
class _Group:
    """What the rows of one group add."""

    numbers: list[int] = field(default_factory=lambda: [0] * len(COUNTED))
    """In the order of COUNTED."""
    first_content: dict[int, int] = field(default_factory=dict)
    """The number of answers in each bucket of a histogram."""
    duration: dict[int, int] = field(default_factory=dict)


class Sums:
    """What several rows add."""

    def __init__(self) -> None:
        self._groups: dict[_Key, _Group] = {}
        self._charges: dict[tuple[str, int, int], int] = {}

    def add(self, entry: Entry, *, sign: int = 1) -> None:
        """Add a row, or with `sign=-1` take it out. A row that goes on adds nothing."""
        if entry["outcome"] == OPEN:
            return
        key = _key(entry)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group()
        numbers = group.numbers
        for place, number in enumerate(_numbers(entry)):
            if number:
                numbers[place] += sign * number
        if entry["outcome"] == OK:
            _count(group.first_content, entry["first_content_ms"], sign)
            _count(group.duration, entry["duration_ms"], sign)
        if nano := entry["charged_nano"]:
            about = _charge(entry)
            self._charges[about] = self._charges.get(about, 0) + sign * nano

    def days(self) -> list[tuple[Any, ...]]:
        """Return the rows of `InferenceDay`, in their order."""
        return [(*key, *group.numbers) for key, group in sorted(self._groups.items(), key=_first)]

    def latencies(self) -> list[tuple[Any, ...]]:
        """Return the rows of `LatencyDay`, in their order."""
        found: dict[tuple[Any, ...], int] = {}
        for (*about, _), group in self._groups.items():
            for measure, buckets in ((_FIRST_CONTENT, group.first_content), (_DURATION, group.duration)):
                for bucket, number in buckets.items():
                    name = (*about, measure, bucket)
                    found[name] = found.get(name, 0) + number
        return [(*name, number) for name, number in sorted(found.items()) if number]

    def charges(self) -> dict[Charge, int]:
        return {Charge(*about): nano for about, nano in self._charges.items()}


def bucket_of(milliseconds: int) -> int:
    return BOUNDS_MS[min(bisect_left(BOUNDS_MS, milliseconds), len(BOUNDS_MS) - 1)]


def _count(buckets: dict[int, int], milliseconds: int | None, sign: int) -> None:
    if milliseconds is not None:
        bucket = bucket_of(milliseconds)
        buckets[bucket] = buckets.get(bucket, 0) + sign


_Key = tuple[int, int, str, str, str, str]
_FIRST_CONTENT, _DURATION = LatencyDay.Measure.FIRST_CONTENT.value, LatencyDay.Measure.DURATION.value
_first = itemgetter(0)
_key = itemgetter("day", "key", "gateway", "offer", "model", "outcome")
_charge = itemgetter(*Charge._fields)
_tokens = itemgetter(*TOKENS)


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
