"""The curators' decisions about held prices, and the questions for curators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models, transaction

from catalog.models import CurationAction, PriceHold
from catalog.publication import apply, audit, locks
from catalog.publication.audit import Actor, Kind, Subject
from catalog.publication.prices import questions, repeats

_WORDS = {
    PriceHold.State.OPEN: "Waits again.",
    PriceHold.State.RELEASED: "The new price is right.",
    PriceHold.State.DISCARDED: "The price before stays.",
}


class AlreadyDecided(Exception):
    """Price holds no longer wait for a decision; `holds` are their primary keys."""

    def __init__(self, message: str, holds: Sequence[int]) -> None:
        super().__init__(message)
        self.holds = holds


def decide_price_hold(hold: PriceHold, *, state: str, author: User | None, now: datetime) -> int:
    """Release a held price (it is right) or discard it (the earlier price stays). Return the current revision.

    `state` is PriceHold.State.RELEASED or DISCARDED. Raises AlreadyDecided if the hold has ended in the meantime.
    """
    return decide_price_holds({hold.pk: state}, actor=Actor.of(author), reason="", now=now)


def decide_price_holds(
    decisions: dict[int, str], *, actor: Actor, reason: str, now: datetime, seen: Mapping[int, str] | None = None
) -> int:
    """Decide held prices in one revision. `decisions` are the states by primary key. Return the current revision.

    `seen` are the states that the person decided about: a hold that has another one by now counts as decided.

    Raises AlreadyDecided, which names the holds that have ended in the meantime, and ReasonMissing if the reason cannot
    be stored; then nothing is changed. Without a reason, the trail has one for what was decided.
    """
    return decide(decisions, actor=actor, reason=reason, now=now, seen=seen).revision_after


def decide(
    decisions: Mapping[int, str],
    *,
    actor: Actor,
    reason: str,
    now: datetime,
    seen: Mapping[int, str] | None = None,
    kind: str = Kind.PRICES,
    undoes: CurationAction | None = None,
) -> CurationAction:
    """Do the same, and return the action."""
    stated = audit.checked_reason(reason) if reason.strip() else ""
    with transaction.atomic():
        offers = locks.lock_offers(set(_waiting(decisions).values_list("offer", flat=True)))
        newest = locks.lock_revision()
        holds = list(_waiting(decisions).select_related("offer__gateway").order_by("pk"))
        _require_all(decisions, [hold for hold in holds if not seen or hold.state == seen[hold.pk]])
        items = [_item(hold, after=decisions[hold.pk]) for hold in holds]
        for hold in holds:
            hold.state = decisions[hold.pk]
            is_open = hold.state == PriceHold.State.OPEN
            hold.decided_at, hold.decided_by_id = (None, None) if is_open else (now, actor.number)
        PriceHold.objects.bulk_update(holds, ["state", "decided_at", "decided_by"])
        before, after = apply.republish_curated(
            [offers[pk] for pk in sorted({hold.offer_id for hold in holds})], author_number=actor.number, newest=newest
        )
        said = " ".join(dict.fromkeys(_WORDS[PriceHold.State(state)] for state in decisions.values()))
        draft = audit.Draft(kind=kind, actor=actor, reason=stated or said, items=items, undoes=undoes)
        return audit.write(draft, before=before, after=after, now=now)


def open_questions() -> list[questions.Question]:
    """Return the questions to curators about prices."""
    return questions.current(factor=settings.GUARD_QUESTION_FACTOR, rules=repeats.rules())


def _waiting(decisions: Mapping[int, str]) -> models.QuerySet[PriceHold]:
    return PriceHold.objects.deciding().filter(pk__in=list(decisions))


def _require_all(decisions: Mapping[int, str], found: Sequence[PriceHold]) -> None:
    ended = sorted(set(decisions) - {hold.pk for hold in found})
    if len(ended) == len(decisions) == 1:
        raise AlreadyDecided("the hold has ended in the meantime; there is nothing to decide", ended)
    if ended:
        names = [
            f"{hold.meter} of {hold.offer.gateway.slug} {hold.offer.model_id}"
            for hold in PriceHold.objects.filter(pk__in=ended).select_related("offer__gateway")
        ]
        raise AlreadyDecided(f"these holds have ended in the meantime: {', '.join(names)}", ended)


def _item(hold: PriceHold, *, after: str) -> audit.Item:
    return audit.Item(
        kind=Subject.HOLD,
        number=hold.pk,
        subject=f"{hold.offer.gateway.slug} {hold.offer.model_id}",
        field=hold.meter,
        before=hold.state,
        after=str(after),
        served_before=hold.kept or None,
        served_after=hold.amount if after == PriceHold.State.RELEASED else hold.kept or None,
    )
