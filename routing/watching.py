"""Tells the app `monitoring` what answers show of offers: counts for its figures, and evidence for their states.

The ledger is read, so it does not matter which process sent a request. Nothing is told of clients, keys or content.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from catalog.models import Offer
from monitoring import evidence, traffic, verdicts
from monitoring.machine import Evidence, Origin, Verdict
from monitoring.models import TTFT_COLUMNS, Rolled
from routing.signals import Signal, signals_between

WINDOW = timedelta(minutes=5)
"""What a verdict is about: a single answer shows little."""
BEHIND = timedelta(seconds=3)
"""Rows of the ledger are stored about two seconds after the end of an attempt."""
LONGEST_GAP = timedelta(minutes=2)
"""Older attempts are no news of an offer's state."""
_TOLD = "attempts told"
"""Through which moment evidence was told, as a row of `Rolled`."""


def tell(*, now: datetime) -> None:
    """Count the slots that are not added up yet again, and tell what attempts have shown since the last call."""
    end = int(now.timestamp()) // traffic.SLOT_SECONDS
    for slot in range(end - traffic.LATE_SECONDS // traffic.SLOT_SECONDS, end + 1):
        begin = datetime.fromtimestamp(slot * traffic.SLOT_SECONDS, tz=UTC)
        signals = signals_between(begin, begin + timedelta(seconds=traffic.SLOT_SECONDS))
        if signals or slot == end:
            traffic.put(slot, _counts(signals))
    until = now - BEHIND
    if (since := _claimed(until)) is not None:
        _tell_evidence(since, until)


def _counts(signals: Sequence[Signal]) -> dict[int, traffic.Counts]:
    """Return the counts of each offer by its primary key. Offers that are gone have none."""
    keys = {
        (gateway, offer): pk
        for gateway, offer, pk in Offer.objects.filter(
            gateway__slug__in={each.gateway for each in signals}, model_id__in={each.offer for each in signals}
        ).values_list("gateway__slug", "model_id", "pk")
    }
    return {keys[name]: _count(each) for each in signals if (name := (each.gateway, each.offer)) in keys}


def _count(signal: Signal) -> traffic.Counts:
    times = Counter(map(traffic.ttft_column, signal.first_content_ms))
    return traffic.Counts(
        ok=signal.ok,
        error=signal.error,
        limited=signal.limited,
        tokens_in=signal.input_tokens,
        tokens_out=signal.output_tokens,
        stream_ms=signal.stream_ms,
        ttft=tuple(times[column] for column in range(len(TTFT_COLUMNS))),
    )


def _claimed(until: datetime) -> datetime | None:
    """Return since when evidence has not been told; None if another process tells it, or the clock was set back."""
    end = int(until.timestamp())
    row, _ = Rolled.objects.get_or_create(name=_TOLD, defaults={"through": end})
    if row.through > end + LONGEST_GAP.total_seconds():  # the clock was ahead when it was stored
        Rolled.objects.filter(name=_TOLD, through=row.through).update(through=end)
        return None
    if not Rolled.objects.filter(name=_TOLD, through=row.through, through__lt=end).update(through=end):
        return None
    return max(datetime.fromtimestamp(row.through, tz=UTC), until - LONGEST_GAP)


def _tell_evidence(since: datetime, until: datetime) -> None:
    """Give one verdict on each offer that was tried since then: old failures alone are not told again."""
    news = {(each.gateway, each.offer) for each in signals_between(since, until)}
    if not news:
        return
    found: dict[str, dict[str, list[Evidence]]] = defaultdict(dict)
    for signal in signals_between(until - WINDOW, until):
        if (signal.gateway, signal.offer) in news and (shown := _evidence(signal, at=until)):
            found[signal.gateway][signal.offer] = shown
    for gateway, offers in sorted(found.items()):
        evidence.take(evidence.News(gateway=gateway, evidence=offers), now=until + BEHIND)


def _evidence(signal: Signal, *, at: datetime) -> list[Evidence]:
    verdict = verdicts.of_traffic(ok=signal.ok, failed=signal.error)
    limited = [Verdict.LIMITED] if signal.limited else []
    kept = [each for each in (*limited, verdict) if each is not Verdict.NOTHING]
    return [Evidence(verdict=each, at=at, origin=Origin.TRAFFIC, reason="requests") for each in kept]
