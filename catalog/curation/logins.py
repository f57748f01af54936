"""Operators unlock logins that the door refuses."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from access import logins
from catalog.publication import audit, locks
from catalog.publication.audit import Actor, Draft, Item, Kind, Subject


def unlock(
    *, account: str | None = None, address: str | None = None, reason: str = "", actor: Actor, now: datetime
) -> int:
    """Forget the failed logins of an account (its hash, by `access.logins.account_of`), of an address, or of both.

    With neither, forget all of them. Return their number. The audit trail keeps no address: it is never deleted, and
    failed logins are kept for an hour.
    """
    with transaction.atomic():
        newest = locks.lock_revision().number
        forgotten = logins.unlock(account=account, address=address)
        if forgotten:
            item = Item(kind=Subject.LOGIN, number=None, subject=_subject(account, address), before=forgotten, after=0)
            reason = audit.checked_reason(reason or "Unlocked.")
            draft = Draft(kind=Kind.LOGIN, actor=actor, reason=reason, items=[item])
            audit.write(draft, before=newest, after=newest, now=now)
    return forgotten


def _subject(account: str | None, address: str | None) -> str:
    if account is None:
        return "all logins" if address is None else "all accounts from one address"
    whose = f"account {logins.short(account)}"
    return whose if address is None else f"{whose} from one address"
