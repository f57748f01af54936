"""The curators' statements about models: ties, splits and aliases, applied and published at once."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from catalog.models import CanonicalModel, IdentityStatement, Offer
from catalog.models.canonical import MAX_SLUG
from catalog.normalize import text
from catalog.publication import locks
from catalog.publication.identity import identify, parts


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
        identify.identify(author=author, must_be_possible=True)
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


def withdraw_statement(statement: IdentityStatement, *, author: User | None) -> int:
    """Delete a statement, so that the rules decide again. Return the new revision.

    Models that the statement merged are separated again. If statements contradict each other, they can be withdrawn
    one by one; offers change only once the last contradiction is gone.
    """
    with transaction.atomic():
        locks.lock_revision()
        IdentityStatement.objects.filter(pk=statement.pk).delete()
        return identify.identify(author=author, must_be_possible=False)
