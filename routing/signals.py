"""What answers say about the availability of offers, for whoever follows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from routing.models import LOST, OK, Attempt
from routing.wire.errors import Failure

SILENT = frozenset({Failure.CLIENT, Failure.CREDENTIAL, Failure.CANCELLED, LOST})
"""Outcomes that say nothing about an offer: they are the fault of the client, or our own."""


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
    output_tokens: int
    """Of good answers whose tokens the gateway stated."""


def signals_between(begin: datetime, end: datetime) -> list[Signal]:
    """Return what attempts that ended in [begin, end) say, by gateway and offer.

    Rows are stored some seconds after their end, later if the database was away: ask for recent times again, and
    replace what was read before. Raise DatabaseError.
    """
    found: dict[tuple[str, str], Signal] = {}
    rows = Attempt.objects.filter(ended_at__gte=begin, ended_at__lt=end).exclude(outcome__in=SILENT)
    columns = ("gateway", "offer", "outcome", "first_content_ms", "output_tokens", "is_estimate")
    for gateway, offer, outcome, first_content, output, is_estimate in rows.order_by("ended_at", "pk").values_list(
        *columns
    ):
        signal = found.setdefault((gateway, offer), Signal(gateway, offer, 0, 0, 0, [], 0))
        if outcome == Failure.LIMITED:
            signal.limited += 1
        elif outcome != OK:
            signal.error += 1
        else:
            signal.ok += 1
            signal.output_tokens += 0 if is_estimate else output or 0
            signal.first_content_ms += [] if first_content is None else [first_content]
    return [found[name] for name in sorted(found)]
