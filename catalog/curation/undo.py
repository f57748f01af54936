"""Undoes an action: each value goes back to what it was, except where somebody changed it since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.db import transaction

from catalog.curation import holds, makers, overrides, tags
from catalog.curation.overrides import Order
from catalog.curation.wishes import CLEAR, Wish
from catalog.models import CurationAction, CurationItem, PriceHold
from catalog.publication import locks
from catalog.publication.audit import Actor, Kind, Subject
from catalog.publication.batches import batches

Key = tuple[int | None, str]


class NotUndoable(ValueError):
    """The action cannot be undone; the message gives the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    action: CurationAction | None
    """The action that undid the other; None if nothing was left to undo."""
    revision: int
    """The current revision."""
    kept: Sequence[CurationItem]
    """The values that were changed since, and stay; `newest` of each names the action that changed them."""
    newest: Sequence[CurationItem]
    """The later changes, in the order of `kept`."""


class Undoing(Protocol):
    """Undoes an action that was not undone before. Raises NotUndoable, InvalidOverride or ClockMoved."""

    def __call__(self, action: CurationAction, *, actor: Actor, reason: str, now: datetime) -> Undone: ...


def undo(action: CurationAction, *, actor: Actor, reason: str, now: datetime) -> Undone:
    """Undo an action in one revision. Raises NotUndoable, InvalidOverride and ClockMoved."""
    undoing = OF_KIND.get(action.kind)
    if undoing is None:
        raise NotUndoable(f"an action on {action.get_kind_display()} cannot be undone here")
    with transaction.atomic():
        # Its row never changes, so its lock holds off a second person who undoes the same action.
        locks.lock_action(action.number)
        if (earlier := action.undone_by.first()) is not None:
            raise NotUndoable(f"action {earlier.number} has undone it already")
        return undoing(action, actor=actor, reason=reason, now=now)


def later_changes(
    action: CurationAction, items: Sequence[CurationItem], *, before: int | None = None
) -> dict[Key, CurationItem]:
    """Return the newest item of each field that was changed after the action, and before the action `before`.

    The items must have one kind of subject.
    """
    wanted = {key_of(item) for item in items}
    found: dict[Key, CurationItem] = {}
    for batch in batches(sorted({item.subject_number or 0 for item in items})):
        later = CurationItem.objects.filter(
            subject_kind=items[0].subject_kind, subject_number__in=batch, action__number__gt=action.number
        )
        if before is not None:
            later = later.filter(action__number__lt=before)
        found |= {
            key_of(item): item for item in later.select_related("action").order_by("action") if key_of(item) in wanted
        }
    return found


def key_of(item: CurationItem) -> Key:
    return item.subject_number, item.field


# --- values of offers ------------------------------------------------------------------------------------------------
def _undo_values(action: CurationAction, *, actor: Actor, reason: str, now: datetime) -> Undone:
    items = list(action.items.filter(subject_kind=Subject.OFFER).order_by("position"))
    locks.lock_offers({item.subject_number or 0 for item in items})
    later = later_changes(action, items) if items else {}
    wishes = [_wish(item, now=now) for item in items if key_of(item) not in later]
    order = Order(wishes=wishes, actor=actor, reason=reason, kind=Kind.UNDO, is_confirmed=True, undoes=action)
    done = overrides.carry_out(order, now=now)
    return _undone(done.action, done.revision, items, later)


def _undone(
    action: CurationAction | None, revision: int, items: Sequence[CurationItem], later: Mapping[Key, CurationItem]
) -> Undone:
    kept = [item for item in items if key_of(item) in later]
    return Undone(action=action, revision=revision, kept=kept, newest=[later[key_of(item)] for item in kept])


def _wish(item: CurationItem, *, now: datetime) -> Wish:
    assert item.subject_number is not None  # noqa: S101  every offer has a primary key
    before = item.before
    if before is None:
        return Wish(offer=item.subject_number, field=item.field, value=CLEAR)
    expires_at = datetime.fromisoformat(before["expires_at"]) if before["expires_at"] else None
    if expires_at is not None and expires_at <= now:
        expires_at = None  # it would end at once, and who undoes its end wants it back
    return Wish(
        offer=item.subject_number, field=item.field, value=before["value"], expires_at=expires_at, restored=before
    )


# --- held prices -----------------------------------------------------------------------------------------------------
def _undo_prices(action: CurationAction, *, actor: Actor, reason: str, now: datetime) -> Undone:
    """Restore the state that each held price had, unless it was decided again since.

    Raises NotUndoable if a gateway has reported another price since: that hold has ended.
    """
    items = list(action.items.filter(subject_kind=Subject.HOLD).order_by("position"))
    later = later_changes(action, items) if items else {}
    states = {item.subject_number or 0: str(item.before) for item in items if key_of(item) not in later}
    if not states:
        return _undone(None, locks.lock_revision().number, items, later)
    seen = {item.subject_number or 0: str(item.after) for item in items if key_of(item) not in later}
    ended = PriceHold.objects.filter(pk__in=list(states), state=PriceHold.State.OVERTAKEN)
    names = list(ended.values_list("offer__model_id", flat=True)[:20])
    if names:
        raise NotUndoable(f"the gateway reports another price by now for {', '.join(names)}")
    try:
        done = holds.decide(states, actor=actor, reason=reason, now=now, seen=seen, kind=Kind.UNDO, undoes=action)
    except holds.AlreadyDecided as error:
        raise NotUndoable(str(error)) from error
    return _undone(done, done.revision_after, items, later)


OF_VALUES = frozenset({Kind.FORM, Kind.BULK, Kind.CSV, Kind.EXPIRY})
"""The kinds of actions whose items are values of offers."""


def _undo_undo(action: CurationAction, *, actor: Actor, reason: str, now: datetime) -> Undone:
    """Undo an undo as what it undid: its items are of the same kind."""
    first = action.undoes
    while first is not None and first.kind == Kind.UNDO:
        first = first.undoes
    undoing = OF_KIND.get(first.kind) if first is not None else None
    if undoing is None:
        raise NotUndoable("what it undid cannot be undone here")
    return undoing(action, actor=actor, reason=reason, now=now)


def _undo_names(action: CurationAction, *, actor: Actor, reason: str, now: datetime) -> Undone:
    """Restore what a tag or a maker was called, unless it was changed since. Raises NotUndoable."""
    undoing = tags.undo if action.kind == Kind.TAG else makers.undo
    try:
        done = undoing(action, actor=actor, reason=reason, now=now)
    except (tags.InvalidTag, makers.InvalidMaker) as error:
        raise NotUndoable(str(error)) from error
    return Undone(action=done.action, revision=done.action.revision_after, kept=[], newest=[])


OF_KIND: Mapping[str, Undoing] = {
    **dict.fromkeys(OF_VALUES, _undo_values),
    Kind.PRICES: _undo_prices,
    Kind.UNDO: _undo_undo,
    Kind.TAG: _undo_names,
    Kind.MAKER: _undo_names,
}
"""How each kind of action is undone. A module with decisions of its own adds its line here."""
