"""Which offers became cheaper or dearer lately, and when. Only the prices that lists show count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from catalog.models import Price
from catalog.pricing import meters

WINDOW = timedelta(days=30)
SHOWN_METERS = (meters.INPUT_TEXT, meters.OUTPUT_TEXT, meters.COMPUTE_HOUR)

Offer = tuple[str, str]
"""Gateway and id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """The last change of an offer's shown prices."""

    at: datetime
    has_fallen: bool
    """Whether some price fell then."""
    has_risen: bool


def read_moves(*, until: datetime) -> Mapping[Offer, Move]:
    """Return the last move of each offer whose price changed within WINDOW."""
    ended = Price.objects.filter(
        valid_to__gt=until - WINDOW, valid_to__lte=until, meter__in=SHOWN_METERS, conditions_key="[]"
    )
    before: dict[tuple[int, str, datetime], str] = {}
    for offer, meter, amount, valid_to in ended.values_list("offer", "meter", "amount", "valid_to").order_by("pk"):
        if valid_to is not None:
            before[offer, meter, valid_to] = amount
    if not before:
        return {}
    begun = Price.objects.filter(
        valid_from__gt=until - WINDOW, valid_from__lte=until, meter__in=SHOWN_METERS, conditions_key="[]"
    ).order_by("pk")
    signs: dict[Offer, dict[datetime, set[bool]]] = defaultdict(lambda: defaultdict(set))
    for offer, gateway, model_id, meter, amount, at in begun.values_list(
        "offer", "offer__gateway__slug", "offer__model_id", "meter", "amount", "valid_from"
    ):
        was = before.get((offer, meter, at))
        if was is not None and Decimal(was) != Decimal(amount):
            signs[gateway, model_id][at].add(Decimal(amount) < Decimal(was))
    return {offer: _last(moves) for offer, moves in signs.items()}


def _last(moves: Mapping[datetime, set[bool]]) -> Move:
    at = max(moves)
    return Move(at=at, has_fallen=True in moves[at], has_risen=False in moves[at])
