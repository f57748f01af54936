"""Overrides of curators for single fields of offers, applied and published at once, many in one revision.

An override is stored in a table that no sync writes. It is applied to the gateway's record inside the transaction that
publishes. So neither a later sync nor a race can lose it, and clearing it restores the gateway's value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from catalog.curation import wishes
from catalog.curation.wishes import CLEAR, Decision, Expected, Json, Wish
from catalog.models import CurationAction, Offer, Override
from catalog.publication import apply, audit, locks
from catalog.publication.audit import Actor
from catalog.publication.batches import BATCH, batches

MOST_OFFERS = 5_000
"""The maximum number of offers in one action."""


class InvalidOverride(ValueError):
    """The override is invalid; the message gives the reason."""


class NeedsConfirmation(Exception):
    """The change is so large that it must be confirmed; the message gives its size."""


class Conflict(Exception):
    """Something changed since the curator looked; `decision` has what. Nothing was changed."""

    def __init__(self, decision: Decision) -> None:
        conflicts = [*decision.conflicts, *decision.refused]
        super().__init__("; ".join(f"{each.subject}: {each.reason}" for each in conflicts[:5]))
        self.decision = decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a curator wants changed, and on which terms."""

    wishes: Sequence[Wish]
    actor: Actor
    reason: str
    kind: str = CurationAction.Kind.FORM
    expected: Expected | None = None
    """What the curator saw. A wish whose override, or whose reported value, is another one now is a conflict."""
    is_confirmed: bool = False
    """Changes that would need a confirmation have it."""
    selection: str = ""
    source_sha256: str = ""
    undoes: CurationAction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    action: CurationAction | None
    """None if nothing was left to change."""
    decision: Decision
    revision: int
    """The current revision."""


def preview(order: Order, *, now: datetime) -> Decision:
    """Return what `carry_out` would do now. Nothing is written or locked."""
    _check_size(order.wishes)
    offers = Offer.objects.select_related("gateway").in_bulk({wish.offer for wish in order.wishes})
    return wishes.decide(order.wishes, offers, expected=order.expected, is_confirmed=order.is_confirmed, now=now)


def carry_out(order: Order, *, now: datetime) -> Done:
    """Change all values of an order in one transaction and one revision, with one action in the audit trail.

    All or nothing: raises InvalidOverride, NeedsConfirmation, Conflict or ClockMoved, and then nothing is changed.
    """
    _check_size(order.wishes)
    reason = _checked_reason(order.reason)
    with transaction.atomic():
        offers = locks.lock_offers({wish.offer for wish in order.wishes})
        newest = locks.lock_revision()
        decision = wishes.decide(
            order.wishes, offers, expected=order.expected, is_confirmed=order.is_confirmed, now=now
        )
        _require_possible(decision, order)
        if not decision.changes:
            return Done(action=None, decision=decision, revision=newest.number)
        _write(decision, number=audit.next_number(), reason=reason, actor=order.actor, now=now)
        before, after = apply.republish_curated(
            [offers[pk] for pk in sorted({change.offer.pk for change in decision.changes})],
            author_number=order.actor.number,
            newest=newest,
        )
        draft = audit.Draft(
            kind=order.kind,
            actor=order.actor,
            reason=reason,
            items=[change.item for change in decision.changes],
            selection=order.selection,
            source_sha256=order.source_sha256,
            undoes=order.undoes,
        )
        action = audit.write(draft, before=before, after=after, now=now)
    return Done(action=action, decision=decision, revision=after)


def end_expired(*, now: datetime) -> Done | None:
    """Clear the overrides whose time is over, in one action of the task `expiry`. Return None if there are none."""
    ended = list(Override.objects.ended(now=now).order_by("pk").values_list("offer", "field")[:MOST_OFFERS])
    if not ended:
        return None
    order = Order(
        wishes=[Wish(offer=offer, field=field, value=CLEAR) for offer, field in ended],
        actor=Actor("expiry"),
        reason="Its time is over.",
        kind=CurationAction.Kind.EXPIRY,
        is_confirmed=True,
    )
    return carry_out(order, now=now)


# --- one value -------------------------------------------------------------------------------------------------------
def set_override(
    offer: Offer,
    *,
    field: str,
    value: Json,
    reason: str,
    author: User | None,
    is_confirmed: bool,
    now: datetime,
) -> int:
    """Override a field of an offer, and return the current revision.

    `value` is `{"add": [...], "remove": [...]}` for tags, `{"amount": "0.25", "unit": "usd_per_million_tokens"}` for
    prices. Raises InvalidOverride, or NeedsConfirmation unless `is_confirmed`. Nothing is changed then.
    """
    wish = Wish(offer=offer.pk, field=field, value=value)
    order = Order(wishes=[wish], actor=Actor.of(author), reason=reason, is_confirmed=is_confirmed)
    return carry_out(order, now=now).revision


def clear_override(offer: Offer, *, field: str, author: User | None, now: datetime, reason: str = "Cleared.") -> int:
    """Delete an override, so that the gateway's value is served again. Return the current revision.

    If the field has no override, nothing changes.
    """
    wish = Wish(offer=offer.pk, field=field, value=CLEAR)
    order = Order(wishes=[wish], actor=Actor.of(author), reason=reason, is_confirmed=True)
    return carry_out(order, now=now).revision


# --- steps -----------------------------------------------------------------------------------------------------------
def _check_size(wanted: Sequence[Wish]) -> None:
    """Raises InvalidOverride."""
    if (count := len({wish.offer for wish in wanted})) > MOST_OFFERS:
        raise InvalidOverride(f"{count:,} offers are too many for one action; at most {MOST_OFFERS:,} are allowed")


def _checked_reason(reason: str) -> str:
    try:
        return audit.checked_reason(reason)
    except audit.ReasonMissing as error:
        raise InvalidOverride(str(error)) from error


def _require_possible(decision: Decision, order: Order) -> None:
    if order.expected is not None and (decision.conflicts or decision.refused):
        raise Conflict(decision)
    if decision.refused:
        raise InvalidOverride(_listed(decision.refused, of=order))
    if decision.doubtful:
        raise NeedsConfirmation(_listed(decision.doubtful, of=order))


def _listed(problems: Sequence[wishes.Problem], *, of: Order) -> str:
    """Return the reasons; with the names of the offers if the order concerns several."""
    is_one = len({wish.offer for wish in of.wishes}) == 1
    return "; ".join(each.reason if is_one else f"{each.subject}: {each.reason}" for each in problems[:20])


def _write(decision: Decision, *, number: int, reason: str, actor: Actor, now: datetime) -> None:
    """Write and delete the rows of the overrides."""
    cleared = [change.override.pk for change in decision.changes if change.is_cleared and change.override]
    for batch in batches(cleared):
        Override.objects.filter(pk__in=batch).delete()
    rows = [change.row(number=number, reason=reason, actor=actor, now=now) for change in decision.changes]
    Override.objects.bulk_create(
        [row for row in rows if row is not None],
        update_conflicts=True,
        unique_fields=["offer", "field"],
        update_fields=[
            "value", "reason", "author", "made_at", "expires_at", "version", "reported", "is_stale",
        ],
        batch_size=BATCH,
    )  # fmt: skip
