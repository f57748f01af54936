"""What answers say about the availability of offers, for whoever follows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from routing.models import LOST, OK, Attempt
from routing.wire.errors import Failure

SILENT = frozenset({Failure.CLIENT, Failure.CREDENTIAL, Failure.CANCELLED, LOST})
"""Outcomes that say nothing about an offer: they are the fault of the client, or our own."""

_COLUMNS = (
    "gateway",
    "offer",
    "outcome",
    "is_stream",
    "first_content_ms",
    "duration_ms",
    "input_tokens",
    "output_tokens",
    "is_estimate",
)


@dataclass(slots=True)
class Signal:
    """What the attempts of one offer showed."""

    gateway: str
    offer: str
    ok: int
    error: int
    limited: int
    """Refused by a limit of the gateway, which is no failure of the offer."""
    first_content_ms: list[int]
    """Of good streams and answers, in the order of their ends."""
    input_tokens: int
    output_tokens: int
    """Of good answers whose tokens the gateway stated."""
    stream_ms: int
    """From the first content to the end, of good streams."""


def signals_between(begin: datetime, end: datetime) -> list[Signal]:
    """Return what attempts that ended in [begin, end) say, by gateway and offer.

    Rows are stored some seconds after their end, later if the database was away: ask for recent times again, and
    replace what was read before. Raise DatabaseError.
    """
    found: dict[tuple[str, str], Signal] = {}
    rows = Attempt.objects.filter(ended_at__gte=begin, ended_at__lt=end).exclude(outcome__in=SILENT)
    for row in rows.order_by("ended_at", "pk").only(*_COLUMNS):
        name = row.gateway, row.offer
        _add(found.setdefault(name, Signal(*name, 0, 0, 0, [], 0, 0, 0)), row)
    return [found[name] for name in sorted(found)]


def _add(signal: Signal, row: Attempt) -> None:
    if row.outcome == Failure.LIMITED:
        signal.limited += 1
        return
    if row.outcome != OK:
        signal.error += 1
        return
    signal.ok += 1
    if not row.is_estimate:
        signal.input_tokens += row.input_tokens or 0
        signal.output_tokens += row.output_tokens or 0
    if row.first_content_ms is not None:
        signal.first_content_ms.append(row.first_content_ms)
        if row.is_stream:
            signal.stream_ms += max(0, (row.duration_ms or 0) - row.first_content_ms)
