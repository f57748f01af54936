"""Takes parts of budgets from the database, and gives them back. Money is nano-dollars.

What is spent and what is leased together never exceed a budget: they grow by one conditional UPDATE.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connections, transaction
from django.db.models import F

from routing.models import Lease, Spending
from routing.money.accounts import Account
from usage.flushing import add
from usage.router import alias

STATEMENT_SECONDS = 2
SMALL_PART = 16
"""The part of what is left that one process may lease ahead of need, as a divisor."""
_WHERE = 'WHERE "key" = %s AND period = %s AND start = %s'
_About = tuple[int, str, int]


@dataclass(frozen=True, slots=True)
class Holder:
    """A process, as its leases name it."""

    process: str
    spool: str


@dataclass(frozen=True, slots=True)
class Taken:
    granted: int
    """0: the budget has not as much."""
    left: int
    """What the budget has besides."""


def open_lease(holder: Holder, account: Account, *, expires_at: datetime) -> None:
    """Make the rows of an account. From then on the ledger counts against its lease what this process spends."""
    with _writing() as cursor:
        add(cursor, Spending, [(*_about(account), 0, 0)], counted=("spent_nano", "leased_nano"))
        _grant(cursor, holder, account, 0, expires_at)


def take(holder: Holder, account: Account, *, need: int, more: int, limit: int, expires_at: datetime) -> Taken:
    """Take `need`, and `more` for later while that is a small part of what is left.

    Near the end of a budget processes hold nothing idle, so it is refused exactly.
    """
    with _writing() as cursor:
        left = limit - _committed(account)
        ahead = more if more <= (left - need) // SMALL_PART else 0
        for wanted in dict.fromkeys((need + ahead, need)):
            table = Spending._meta.db_table
            cursor.execute(
                f"UPDATE {table} SET leased_nano = leased_nano + %s {_WHERE} AND spent_nano + leased_nano + %s <= %s",  # noqa: S608  only our own names
                [wanted, *_about(account), wanted, limit],
            )
            if cursor.rowcount:
                _grant(cursor, holder, account, wanted, expires_at)
                return Taken(wanted, left - wanted)
    return Taken(0, left)


def change(holder: Holder, account: Account, nano: int, *, expires_at: datetime) -> None:
    """Give back what is not needed (below 0), or state what was spent above the lease."""
    with _writing() as cursor:
        table = Spending._meta.db_table
        cursor.execute(f"UPDATE {table} SET leased_nano = leased_nano + %s {_WHERE}", [nano, *_about(account)])  # noqa: S608  likewise
        _grant(cursor, holder, account, nano, expires_at)


def renew(holder: Holder, *, expires_at: datetime, oldest: int) -> Mapping[_About, int]:
    """Renew the leases of a process, and return what each was granted. Those of old days end once all that they
    spent is in the ledger."""
    with _writing():
        own = Lease.objects.filter(process=holder.process, spool=holder.spool)
        own.filter(start__lt=oldest, granted_nano=F("ingested_nano")).delete()
        own.update(expires_at=expires_at)
        found = own.values_list("key", "period", "start", "granted_nano")
        return {(key, period, start): granted for key, period, start, granted in found}


def _about(account: Account) -> _About:
    return account.key, account.period, account.start


def _committed(account: Account) -> int:
    found = Spending.objects.filter(key=account.key, period=account.period, start=account.start)
    spent, leased = found.values_list("spent_nano", "leased_nano").first() or (0, 0)
    return spent + leased


def _grant(cursor: Any, holder: Holder, account: Account, nano: int, expires_at: datetime) -> None:
    end = connections[alias()].ops.adapt_datetimefield_value(expires_at)
    row = (holder.process, holder.spool, *_about(account), nano, 0, end)
    add(cursor, Lease, [row], counted=("granted_nano", "ingested_nano"), highest=("expires_at",))


@contextmanager
def _writing() -> Iterator[Any]:
    with transaction.atomic(using=alias()), connections[alias()].cursor() as cursor:
        if connections[alias()].vendor == "postgresql":
            cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_SECONDS * 1_000}")
        yield cursor
