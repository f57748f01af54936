"""What people say: overrides of single fields of single offers, applied and published at once.

A publication takes its time from the database (`publication/clock.py`) and raises ClockMoved if that cannot be right;
`now` is when the curator decided.

An override stands in a table that no sync writes. It is laid over the gateway's record inside the same transaction
that publishes, so neither a later sync nor a race can lose it, and clearing it restores the gateway's value.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from catalog import records
from catalog.models import CanonicalModel, IdentityStatement, Offer, Override, PriceHold
from catalog.models.canonical import MAX_SLUG
from catalog.normalize import text
from catalog.normalize.meters import METERS
from catalog.publication import apply, identify, locks, parts, plausible, questions, repeats
from catalog.publication.overlay import CURATED_FIELDS, PRICED_FIELDS, TAGS, UNITS, checked_value, overlay, price_of

__all__ = ["CURATED_FIELDS", "PRICED_FIELDS", "TAGS", "UNITS"]

Json = Any


class InvalidOverride(ValueError):
    """What a curator entered cannot stand; the message says why."""


class InvalidStatement(ValueError):
    """What a curator said of a model cannot be followed, or would do harm; the message says why."""


class AlreadyDecided(Exception):
    """A price hold that says nothing any more."""


class NeedsConfirmation(Exception):
    """The change is so large that it must be said twice; the message says how large."""


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
    """Override a field of an offer; the revision that then holds.

    `value` is `{"add": [...], "remove": [...]}` for tags, `{"amount": "0.25", "unit": "usd_per_million_tokens"}` for
    prices. Raises InvalidOverride, or NeedsConfirmation unless `is_confirmed`; nothing is changed then.
    """
    with transaction.atomic():
        offer = _locked(offer)
        value = checked(offer, field=field, value=value, reason=reason, is_confirmed=is_confirmed)
        Override.objects.update_or_create(
            offer=offer,
            field=field,
            defaults={"value": value, "reason": reason.strip(), "author": author, "made_at": now},
        )
        return apply.republish_offer(offer, author=author)


def checked(offer: Offer, *, field: str, value: Json, reason: str, is_confirmed: bool) -> Json:
    """The value, cleaned, as `set_override` would accept it now. Raises what `set_override` raises."""
    try:
        value = checked_value(field, value)
    except ValueError as error:
        raise InvalidOverride(str(error)) from error
    if not text.is_storable(reason) or not reason.strip():
        raise InvalidOverride("a reason is needed, as text")
    if not is_confirmed and (doubt := _doubt(offer, field, value)):
        raise NeedsConfirmation(doubt)
    return value


def clear_override(offer: Offer, *, field: str, author: User | None) -> int:
    """Let the gateway's own value stand again; the revision that then holds. Clearing nothing changes nothing."""
    with transaction.atomic():
        offer = _locked(offer)
        Override.objects.filter(offer=offer, field=field).delete()
        return apply.republish_offer(offer, author=author)


def decide_price_hold(hold: PriceHold, *, state: str, author: User | None, now: datetime) -> int:
    """Release a held price (it is right) or discard it (the one before stays); the revision that then holds.

    `state` is PriceHold.State.RELEASED or DISCARDED. Raises AlreadyDecided where the gateway has moved on meanwhile.
    """
    with transaction.atomic():
        offer = _locked(hold.offer)
        waiting = PriceHold.objects.deciding().filter(pk=hold.pk)
        if not waiting.update(state=state, decided_at=now, decided_by=author):
            raise AlreadyDecided("the gateway has said something else since; there is nothing to decide")
        return apply.republish_offer(offer, author=author)


def open_questions() -> list[questions.Question]:
    """What curators are asked about prices."""
    return questions.current(factor=settings.GUARD_QUESTION_FACTOR, rules=repeats.rules())


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
    """Say which model an offer (tie, split) or a spelling (alias) is, and publish that.

    Raises InvalidStatement where that cannot be followed or would do harm; nothing is changed then.
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
    """The statement, cleaned and not saved, as `state_identity` would accept it now. Raises InvalidStatement."""
    needs = IdentityStatement.Kind
    if (kind == needs.ALIAS) != bool(spelling.strip()) or (kind == needs.ALIAS) == bool(offer):
        raise InvalidStatement("an alias needs a spelling and no offer, a tie or a split an offer and no spelling")
    if model is None and kind != needs.SPLIT:
        raise InvalidStatement("which model is it? Only a split goes without one")
    if not text.is_storable(reason) or not reason.strip():
        raise InvalidStatement("a reason is needed, as text")
    try:
        spelling = text.line(spelling, longest=MAX_SLUG) if spelling else ""
        row = IdentityStatement(kind=kind, offer=offer, spelling=spelling, model=model, reason=reason.strip())
        identify.check_statement(parts.statement_of(row))
    except ValueError as error:
        raise InvalidStatement(str(error)) from error
    return row


def withdraw_statement(statement: IdentityStatement, *, author: User | None) -> int:
    """Let the rules decide again; the revision that then holds. What it merged before goes its own way again.

    Where statements contradict each other, one after the other can be taken back: only the last changes anything.
    """
    with transaction.atomic():
        locks.lock_revision()
        IdentityStatement.objects.filter(pk=statement.pk).delete()
        return identify.identify(author=author, must_be_possible=False)


def _locked(offer: Offer) -> Offer:
    """The offer as it stands once no sync of its gateway can change it."""
    locks.lock_gateway(offer.gateway.slug)
    return Offer.objects.select_related("gateway").get(pk=offer.pk)


def _doubt(offer: Offer, field: str, value: Json) -> str | None:
    if field not in PRICED_FIELDS:
        return None
    others = dict(Override.objects.filter(offer=offer).values_list("field", "value"))
    stands = overlay(records.load(offer.upstream), others).amount(PRICED_FIELDS[field])
    price = price_of(field, value)
    if doubt := doubt_of_change(stands, price.amount):
        return f"{doubt} US dollars per {METERS[price.meter].unit}"
    return None if price.amount == stands else plausible.doubt(price, _bounds())


def _bounds() -> plausible.Bounds:
    return plausible.Bounds(
        least_usd_per_million_tokens=settings.GUARD_LEAST_USD_PER_MILLION_TOKENS,
        most_usd_per_million_tokens=settings.GUARD_MOST_USD_PER_MILLION_TOKENS,
        most_usd=settings.GUARD_MOST_USD,
    )


def doubt_of_change(before: Decimal | None, after: Decimal) -> str | None:
    """Why a new price should be confirmed, None where it is an ordinary change."""
    if before is None or before == after:
        return None
    if not before or not after:
        kind = "from free to paid" if after else "from paid to zero"
    elif max(before, after) >= 10 * min(before, after):
        kind = "tenfold or more"
    else:
        return None
    return f"this changes the price {kind}, from {before:f} to {after:f}"
