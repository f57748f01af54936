"""Sums of inference over days, as the API and the desk show them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Sum

from routing.ledger.records import TOKENS
from routing.models import OK
from routing.wire.errors import Failure
from usage.models import InferenceDay, LatencyDay

SUMMED = ("attempts", "requests", *TOKENS, "estimated", "cost_nano", "unpriced", "charged_nano")
GROUPS: Mapping[str, tuple[str, ...]] = {
    "day": ("day",),
    "model": ("model",),
    "offer": ("gateway", "offer"),
    "key": ("key",),
}
"""What sums can be grouped by, with the columns."""
NO_ERRORS = frozenset({OK, Failure.CLIENT, Failure.CANCELLED})
"""Outcomes that are no error of ours or of a gateway."""

Group = tuple[Any, ...]


@dataclass(slots=True)
class Total:
    numbers: Counter[str] = field(default_factory=Counter)
    """The sums of SUMMED."""
    failures: Counter[str] = field(default_factory=Counter)
    """Requests that had no good answer, by outcome. Attempts that were absorbed are none."""
    first_content_ms: Counter[int] = field(default_factory=Counter)
    """Good answers by the upper bound of a bucket."""
    duration_ms: Counter[int] = field(default_factory=Counter)

    @property
    def errors(self) -> int:
        return sum(number for outcome, number in self.failures.items() if outcome not in NO_ERRORS)

    @property
    def absorbed(self) -> int:
        return self.numbers["attempts"] - self.numbers["requests"]


def totals(days: range, by: Sequence[str], *, key: int | None = None) -> dict[Group, Total]:
    """Return the sums of these days by columns of `InferenceDay`, of one key or of all. Raise DatabaseError."""
    found: dict[Group, Total] = defaultdict(Total)
    about: dict[str, Any] = {"day__gte": days.start, "day__lt": days.stop, **({} if key is None else {"key": key})}
    rows = InferenceDay.objects.filter(**about).values_list(*by, "outcome").annotate(*map(Sum, SUMMED))
    for row in rows.order_by():
        group, outcome, numbers = row[: len(by)], row[len(by)], dict(zip(SUMMED, row[len(by) + 1 :], strict=True))
        total = found[group]
        total.numbers.update(numbers)
        if outcome != OK and numbers["requests"]:
            total.failures[outcome] += numbers["requests"]
    latencies = LatencyDay.objects.filter(**about).values_list(*by, "measure", "bucket_ms").annotate(Sum("number"))
    for *group, measure, bucket, number in latencies.order_by():
        total = found[tuple(group)]
        is_first = measure == LatencyDay.Measure.FIRST_CONTENT
        (total.first_content_ms if is_first else total.duration_ms)[bucket] += number
    return {group: total for group, total in found.items() if total.numbers["attempts"]}


def added_up(several: Iterable[Total]) -> Total:
    sum_ = Total()
    for each in several:
        for name in ("numbers", "failures", "first_content_ms", "duration_ms"):
            getattr(sum_, name).update(getattr(each, name))
    return sum_


def percentile(buckets: Mapping[int, int], share: float) -> int | None:
    """Return the upper bound of the bucket that has this share of all; None without any."""
    wanted, seen = share * sum(buckets.values()), 0
    for bound, number in sorted(buckets.items()):
        seen += number
        if number and seen >= wanted:
            return bound
    return None
