"""Which models requests are sent to, by the ledger's sums. What is public hides small numbers, as in `ranking.py`.

A day with requests of fewer than LEAST_KEYS different keys is left out: the order could be that of one of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache

from django.db.models import Count, F, Sum

from usage.models import InferenceDay

LEAST_KEYS = 20
MEASURES = {
    "requests": Sum("requests"),
    "tokens": Sum(F("input_tokens") + F("output_tokens")),
    "cost": Sum("cost_nano"),
}
"""What models can be ordered by; costs are nano-dollars."""

Sums = Mapping[str, int]


def ranked_days(days: range) -> set[int]:
    """Return the days with requests of so many different keys that they may be shown."""
    within = InferenceDay.objects.filter(day__gte=days.start, day__lt=days.stop, requests__gt=0)
    seen = within.order_by().values_list("day").annotate(Count("key", distinct=True))
    return {day for day, keys in seen if keys >= LEAST_KEYS}


@lru_cache(maxsize=16)
def windows(by: str, end: int, length: int, compared: int, _moment: int) -> tuple[Sums, Sums, Sums]:
    """Return what each model had in a window, in the `compared` windows before it, and its requests in the window."""
    days = range(end - length * (1 + compared), end)
    shown = ranked_days(days)
    sums: dict[str, int] = defaultdict(int)
    before: dict[str, int] = defaultdict(int)
    requests: dict[str, int] = defaultdict(int)
    rows = InferenceDay.objects.filter(day__in=sorted(shown)).order_by().values_list("day", "model")
    for day, model, number, count in rows.annotate(number=MEASURES[by], sent=Sum("requests")):
        if day >= end - length:
            sums[model] += number
            requests[model] += count
        else:
            before[model] += number
    return sums, before, requests
