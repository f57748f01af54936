"""The curators' statements about models: ties, splits and aliases, applied and published at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from catalog.models import CanonicalModel, IdentityStatement, Offer
from catalog.models.canonical import MAX_SLUG
from catalog.normalize import text
from catalog.publication import audit, locks
from catalog.publication.identity import identify, parts

Json = Any


class InvalidStatement(ValueError):
    """A curator's statement cannot be applied, or would do harm; the message gives the reason."""


def state_identity(
    *,
    kind: str,
    offer: Offer | None = None,
    spelling: str = "",
    model: CanonicalModel | None = None,
    reason: str,
    author: User | None,
    now: datetime,
) -> IdentityStatement:
    """State which model an offer (tie, split) or a spelling (alias) belongs to, and publish that.

    Raises InvalidStatement if the statement cannot be applied or would do harm. Nothing is changed then.
    """
    with transaction.atomic():
        locks.lock_revision()
        row = checked_statement(kind=kind, offer=offer, spelling=spelling, model=model, reason=reason)
        row.author, row.made_at = author, now
        row.save()
        after = identify.identify(author=author, must_be_possible=True)
        _audit(row, before=None, after=_stated(row), author=author, reason=row.reason, revision=after, now=now)
        return row


def checked_statement(
    *, kind: str, offer: Offer | None, spelling: str, model: CanonicalModel | None, reason: str
) -> IdentityStatement:
    """Return the cleaned statement, not saved, as `state_identity` would accept it now. Raises InvalidStatement."""
    needs = IdentityStatement.Kind
    if (kind == needs.ALIAS) != bool(spelling.strip()) or (kind == needs.ALIAS) == bool(offer):
        raise InvalidStatement("an alias needs a spelling and no offer, a tie or a split an offer and no spelling")
    if model is None and kind != needs.SPLIT:
        raise InvalidStatement("which model is it? Only a split goes without one")
    if not text.is_storable(reason) or not reason.strip():
        raise InvalidStatement("a reason is required, as text")
    try:
        spelling = text.line(spelling, longest=MAX_SLUG) if spelling else ""
        row = IdentityStatement(kind=kind, offer=offer, spelling=spelling, model=model, reason=reason.strip())
        identify.check_statement(parts.statement_of(row))
    except ValueError as error:
        raise InvalidStatement(str(error)) from error
    return row


def withdraw_statement(
    statement: IdentityStatement, *, author: User | None, now: datetime, reason: str = "Withdrawn."
) -> int:
    """Delete a statement, so that the rules decide again. Return the new revision.

    Models that the statement merged are separated again. If statements contradict each other, they can be withdrawn
    one by one; offers change only once the last contradiction is gone.
    """
    with transaction.atomic():
        locks.lock_revision()
        stated = IdentityStatement.objects.select_related("offer__gateway", "model").filter(pk=statement.pk).first()
        IdentityStatement.objects.filter(pk=statement.pk).delete()
        after = identify.identify(author=author, must_be_possible=False)
        if stated is not None:
            _audit(stated, before=_stated(stated), after=None, author=author, reason=reason, revision=after, now=now)
        return after


def _stated(row: IdentityStatement) -> Json:
    return {
        "kind": row.kind,
        "offer": f"{row.offer.gateway.slug} {row.offer.model_id}" if row.offer else None,
        "spelling": row.spelling or None,
        "model": row.model.slug if row.model else None,
        "reason": row.reason,
    }


def _audit(
    row: IdentityStatement,
    *,
    before: Json,
    after: Json,
    author: User | None,
    reason: str,
    revision: int,
    now: datetime,
) -> None:
    stated = after or before
    item = audit.Item(
        kind=audit.Subject.IDENTITY,
        number=row.offer_id or (row.model_id if row.model_id else None),
        subject=stated["offer"] or stated["spelling"],
        field=row.kind,
        before=before,
        after=after,
    )
    draft = audit.Draft(kind=audit.Kind.IDENTITY, actor=audit.Actor.of(author), reason=reason, items=[item])
    audit.write(draft, before=revision - 1, after=revision, now=now)
