"""Writes the audit trail: one action for each decision, in the transaction that publishes it.

The actions are numbered without gaps, and each has the digest of the one before, so a row that was changed, deleted or
inserted later is found (`first_break`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import orjson
from django.contrib.auth.models import AnonymousUser, User

from catalog.models import CurationAction, CurationItem
from catalog.models.curation import CurationAction as _Action
from catalog.normalize import text
from catalog.publication import locks
from catalog.publication.batches import BATCH

Json = Any
Kind = _Action.Kind
Subject = CurationItem.Subject


class ReasonMissing(ValueError):
    """A decision has no reason, or one that cannot be stored."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who decided: a person, or a task of the program."""

    name: str
    number: int | None = None
    """The account's primary key; None for a task."""

    @classmethod
    def of(cls, user: User | AnonymousUser | None) -> Self:
        """`None` is a person at the command line of the server."""
        return cls(user.get_username(), user.pk) if isinstance(user, User) else cls("command line")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One value that changes. The values are JSON; None means that there is none."""

    kind: str
    """One of `Subject`."""
    number: int | None
    subject: str
    field: str = ""
    before: Json = None
    after: Json = None
    served_before: Json = None
    served_after: Json = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An action before it is written."""

    kind: str
    """One of `Kind`."""
    actor: Actor
    reason: str
    items: Sequence[Item]
    selection: str = ""
    source_sha256: str = ""
    undoes: CurationAction | None = None


def checked_reason(reason: str) -> str:
    """Return the cleaned reason. Raises ReasonMissing."""
    if not text.is_storable(reason) or not reason.strip():
        raise ReasonMissing("a reason is required, as text")
    return reason.strip()


def next_number() -> int:
    """Return the number of the next action. The caller must hold the lock of the revision until it is written."""
    newest = CurationAction.objects.order_by("-number").values_list("number", flat=True).first()
    return (newest or 0) + 1


def write(draft: Draft, *, before: int, after: int, now: datetime) -> CurationAction:
    """Append an action, in the transaction of the change. `before` and `after` are the revisions around it.

    Takes the lock of the revision, after any locks of gateways.
    """
    locks.lock_revision()
    newest = CurationAction.objects.order_by("-number").only("number", "digest").first()
    action = CurationAction(
        number=newest.number + 1 if newest else 1,
        kind=draft.kind,
        actor=text.printable(draft.actor.name, longest=150),
        actor_number=draft.actor.number,
        reason=draft.reason,
        made_at=now,
        revision_before=before,
        revision_after=after,
        selection=draft.selection,
        source_sha256=draft.source_sha256,
        count=len(draft.items),
        undoes=draft.undoes,
        previous=newest.digest if newest else "",
    )
    items = [
        CurationItem(
            action=action,
            position=position,
            subject_kind=item.kind,
            subject_number=item.number,
            subject=item.subject,
            field=item.field,
            before=item.before,
            after=item.after,
            served_before=item.served_before,
            served_after=item.served_after,
        )
        for position, item in enumerate(draft.items, 1)
    ]
    action.digest = digest_of(action, items)
    action.save(force_insert=True)
    CurationItem.objects.bulk_create(items, batch_size=BATCH)
    return action


# --- verification ----------------------------------------------------------------------------------------------------
_OF_ACTION = (
    "number", "kind", "actor", "actor_number", "reason", "revision_before", "revision_after", "selection",
    "source_sha256", "count", "undoes_id", "previous",
)  # fmt: skip
_OF_ITEM = (
    "position", "subject_kind", "subject_number", "subject", "field", "before", "after", "served_before",
    "served_after",
)  # fmt: skip


def digest_of(action: CurationAction, items: Iterable[CurationItem]) -> str:
    """Return the SHA-256 of an action with its items and the digest of the action before."""
    digest = hashlib.sha256()
    facts = {name: getattr(action, name) for name in _OF_ACTION}
    digest.update(_canonical(facts | {"made_at": action.made_at.astimezone(UTC).isoformat(timespec="microseconds")}))
    for item in items:
        digest.update(_canonical({name: getattr(item, name) for name in _OF_ITEM}))
    return digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    actions: int
    """The number of actions that follow each other without a break."""
    head: str
    """The digest of the last of them. Kept elsewhere, it also proves that no later action was cut off."""
    broken: str | None
    """What is wrong with the next action; None: nothing."""


def verify() -> Verified:
    """Compute the chain of digests again, and name the first break."""
    count, head = 0, ""
    for action in CurationAction.objects.order_by("number").iterator():
        if problem := _problem(action, number=count + 1, previous=head):
            return Verified(actions=count, head=head, broken=problem)
        count, head = count + 1, action.digest
    return Verified(actions=count, head=head, broken=_stray_items(count))


def _problem(action: CurationAction, *, number: int, previous: str) -> str | None:
    if action.number != number:
        return f"action {number} is missing"
    if action.previous != previous:
        return f"action {number} does not follow action {number - 1}"
    if action.digest != digest_of(action, action.items.order_by("position").iterator()):
        return f"action {number}, or one of its items, was changed after it was written"
    return None


def _stray_items(count: int) -> str | None:
    stray = CurationItem.objects.filter(action__gt=count).values_list("action", flat=True).first()
    return None if stray is None else f"action {stray} is missing, and some of its items are there"


def _canonical(facts: Json) -> bytes:
    return orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)


def has_digest(digest: str) -> bool:
    """Whether an action has this digest. One that was printed earlier is missing if the end was cut off."""
    return CurationAction.objects.filter(digest=digest).exists()
