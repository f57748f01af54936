"""Sets budgets, with an action in the audit trail for each change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from access.models import ApiKey
from catalog.publication import audit, locks
from catalog.publication.audit import Actor, Draft, Item, Kind, Subject
from routing.models import ALL_KEYS, Budget, Period
from routing.nano import MOST, nano_of, text_of
from usage.router import alias

ALL_NAME = "all keys together"
MOST_DOLLARS = Decimal(1_000_000_000)


class InvalidBudget(ValueError):
    """A budget cannot be set; nothing was changed. The message continues a sentence about the amount."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    key: int
    """The id of a key, or ALL_KEYS."""
    period: str
    amount: Decimal | None
    """US dollars; None: there is no budget."""
    is_hard: bool = True


def set_budget(wanted: Wanted, *, reason: str = "", actor: Actor, now: datetime) -> None:
    """Set, change or remove a budget. Serving processes follow within two seconds. Raise InvalidBudget."""
    subject = _subject(wanted.key)
    nano = _checked(wanted)
    with transaction.atomic():
        stored = Budget.objects.filter(key=wanted.key, period=wanted.period)
        before = stored.first()
        shown = None if nano is None else _shown(nano, is_hard=wanted.is_hard)
        shown_before = None if before is None else _shown(before.nano, is_hard=before.is_hard)
        if shown == shown_before:
            return
        newest = locks.lock_revision().number
        item = Item(
            kind=Subject.KEY,
            number=wanted.key or None,
            subject=subject,
            field=f"budget_{wanted.period}",
            before=shown_before,
            after=shown,
        )
        text = audit.checked_reason(reason or "Changed.")
        audit.write(Draft(kind=Kind.KEY, actor=actor, reason=text, items=[item]), before=newest, after=newest, now=now)
        with transaction.atomic(using=alias()):
            if nano is None:
                stored.delete()
            else:
                values = {"nano": nano, "is_hard": wanted.is_hard}
                Budget.objects.update_or_create(key=wanted.key, period=wanted.period, defaults=values)


def _checked(wanted: Wanted) -> int | None:
    if wanted.period not in Period.values:
        raise InvalidBudget(f"must have a period of {' or '.join(Period.values)}")
    if wanted.amount is None:
        return None
    if not wanted.amount.is_finite() or not 0 <= wanted.amount <= MOST_DOLLARS:
        raise InvalidBudget(f"must be an amount from 0 to {MOST_DOLLARS:,} US dollars")
    return min(nano_of(wanted.amount), MOST)


def _subject(key: int) -> str:
    if key == ALL_KEYS:
        return ALL_NAME
    found = ApiKey.objects.filter(pk=key).first()
    if found is None:
        raise InvalidBudget(f"must be for a key that exists; there is no key {key}")
    return str(found)


def _shown(nano: int, *, is_hard: bool) -> dict[str, object]:
    return {"usd": text_of(nano), "is_hard": is_hard}
