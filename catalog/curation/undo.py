"""Undoes an action: each value goes back to what it was, except where somebody changed it since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from catalog.curation import overrides
from catalog.curation.overrides import Done, Order
from catalog.curation.wishes import CLEAR, Wish
from catalog.models import CurationAction, CurationItem
from catalog.publication import locks
from catalog.publication.audit import Actor, Kind, Subject
from catalog.publication.batches import batches

OF_VALUES = frozenset({Kind.FORM, Kind.BULK, Kind.CSV, Kind.EXPIRY, Kind.UNDO})
"""The kinds of actions whose items are values of offers."""


class NotUndoable(ValueError):
    """The action cannot be undone; the message gives the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    done: Done
    kept: Sequence[CurationItem]
    """The values that were changed since, and stay; `newest` of each names the action that changed them."""
    newest: Sequence[CurationItem]
    """The later changes, in the order of `kept`."""


def undo(action: CurationAction, *, actor: Actor, reason: str, now: datetime) -> Undone:
    """Undo an action on values of offers, in one revision. Raises NotUndoable, InvalidOverride and ClockMoved."""
    if action.kind not in OF_VALUES:
        raise NotUndoable(f"an action on {action.get_kind_display()} cannot be undone here")
    if (earlier := action.undone_by.first()) is not None:
        raise NotUndoable(f"action {earlier.number} has undone it already")
    items = list(action.items.filter(subject_kind=Subject.OFFER).order_by("position"))
    with transaction.atomic():
        locks.lock_offers({item.subject_number or 0 for item in items})
        later = _later(action, items)
        wishes = [_wish(item, now=now) for item in items if _key(item) not in later]
        order = Order(wishes=wishes, actor=actor, reason=reason, kind=Kind.UNDO, is_confirmed=True, undoes=action)
        done = overrides.carry_out(order, now=now)
    kept = [item for item in items if _key(item) in later]
    return Undone(done=done, kept=kept, newest=[later[_key(item)] for item in kept])


def _wish(item: CurationItem, *, now: datetime) -> Wish:
    assert item.subject_number is not None  # noqa: S101  every offer has a primary key
    before = item.before
    if before is None:
        return Wish(offer=item.subject_number, field=item.field, value=CLEAR)
    expires_at = datetime.fromisoformat(before["expires_at"]) if before["expires_at"] else None
    if expires_at is not None and expires_at <= now:
        expires_at = None  # it would end at once; whoever undoes its end wants it back
    return Wish(
        offer=item.subject_number, field=item.field, value=before["value"], expires_at=expires_at, restored=before
    )


def _later(action: CurationAction, items: Sequence[CurationItem]) -> dict[tuple[int | None, str], CurationItem]:
    """Return the newest item of each field that was changed after the action."""
    wanted = {_key(item) for item in items}
    found: dict[tuple[int | None, str], CurationItem] = {}
    for batch in batches(sorted({item.subject_number or 0 for item in items})):
        later = CurationItem.objects.filter(
            subject_kind=Subject.OFFER, subject_number__in=batch, action__number__gt=action.number
        )
        found |= {
            _key(item): item for item in later.select_related("action").order_by("action") if _key(item) in wanted
        }
    return found


def _key(item: CurationItem) -> tuple[int | None, str]:
    return item.subject_number, item.field
