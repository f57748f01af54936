"""Overrides of curators for single fields of single offers, applied and published at once.

An override is stored in a table that no sync writes. It is applied to the gateway's record inside the transaction that
publishes. So neither a later sync nor a race can lose it, and clearing it restores the gateway's value.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from catalog import records
from catalog.models import Offer, Override
from catalog.normalize import text
from catalog.pricing.meters import METERS
from catalog.publication import apply, locks
from catalog.publication.overlay import CURATED_FIELDS, PRICED_FIELDS, TAGS, UNITS, checked_value, overlay, price_of
from catalog.publication.prices import plausible

__all__ = ["CURATED_FIELDS", "PRICED_FIELDS", "TAGS", "UNITS"]
Json = Any


class InvalidOverride(ValueError):
    """The override is invalid; the message gives the reason."""


class NeedsConfirmation(Exception):
    """The change is so large that it must be confirmed; the message gives its size."""


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
    with transaction.atomic():
        offer = locks.lock_offer(offer)
        value = checked(offer, field=field, value=value, reason=reason, is_confirmed=is_confirmed)
        Override.objects.update_or_create(
            offer=offer,
            field=field,
            defaults={"value": value, "reason": reason.strip(), "author": author, "made_at": now},
        )
        return apply.republish_offer(offer, author=author)


def checked(offer: Offer, *, field: str, value: Json, reason: str, is_confirmed: bool) -> Json:
    """Return the cleaned value as `set_override` would accept it now. Raises the same errors as `set_override`."""
    try:
        value = checked_value(field, value)
    except ValueError as error:
        raise InvalidOverride(str(error)) from error
    if not text.is_storable(reason) or not reason.strip():
        raise InvalidOverride("a reason is required, as text")
    if not is_confirmed and (doubt := _doubt(offer, field, value)):
        raise NeedsConfirmation(doubt)
    return value


def clear_override(offer: Offer, *, field: str, author: User | None) -> int:
    """Delete an override, so that the gateway's value is served again. Return the current revision.

    If the field has no override, nothing changes.
    """
    with transaction.atomic():
        offer = locks.lock_offer(offer)
        Override.objects.filter(offer=offer, field=field).delete()
        return apply.republish_offer(offer, author=author)


def _doubt(offer: Offer, field: str, value: Json) -> str | None:
    if field not in PRICED_FIELDS:
        return None
    others = dict(Override.objects.filter(offer=offer).values_list("field", "value"))
    before = overlay(records.load(offer.upstream), others).amount(PRICED_FIELDS[field])
    price = price_of(field, value)
    if doubt := doubt_of_change(before, price.amount):
        return f"{doubt} US dollars per {METERS[price.meter].unit}"
    return None if price.amount == before else plausible.doubt(price, _bounds())


def _bounds() -> plausible.Bounds:
    return plausible.Bounds(
        least_usd_per_million_tokens=settings.GUARD_LEAST_USD_PER_MILLION_TOKENS,
        most_usd_per_million_tokens=settings.GUARD_MOST_USD_PER_MILLION_TOKENS,
        most_usd=settings.GUARD_MOST_USD,
    )


def doubt_of_change(before: Decimal | None, after: Decimal) -> str | None:
    """Return why a new price must be confirmed. Return None if the change is ordinary."""
    if before is None or before == after:
        return None
    if not before or not after:
        kind = "from free to paid" if after else "from paid to zero"
    elif max(before, after) >= 10 * min(before, after):
        kind = "tenfold or more"
    else:
        return None
    return f"this changes the price {kind}, from {before:f} to {after:f}"
