"""Stores rows of the ledger with their sums: all of a piece in one transaction, and each row once.

Whatever is stored again changes nothing: a row that exists is not inserted, and one that has ended is not ended again.
Everything is locked in one order, so two processes that store at once wait, and never for each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connections, transaction

from routing.ledger import records, tables
from routing.ledger.records import Entry
from routing.ledger.sums import COUNTED, Charge, Sums
from routing.ledger.tables import COLUMNS, KEYS, TIMES, Id, id_of
from routing.models import ALL_KEYS, LOST, OPEN, Attempt, Lease, Spending, SpoolFile
from routing.periods import PERIODS, start_of
from usage.models import InferenceDay, LatencyDay
from usage.router import alias

MOST_LOST = 500
"""How many rows one transaction takes for lost."""
STATEMENT_SECONDS = 10


class Moved(Exception):
    """Another process stored the same piece of a file meanwhile."""


def store(entries: Iterable[Entry], *, file: str, begin: int, end: int) -> int:
    """Store the rows of a piece of a file, and how far the file is read. Return how many rows were new or ended.

    Raise Moved if the file was not read to `begin` exactly; nothing is stored then.
    """
    with transaction.atomic(using=alias()), connections[alias()].cursor() as cursor:
        _limit(cursor)
        _advance(file, begin=begin, end=end)
        return write(cursor, entries)


def write(cursor: Any, entries: Iterable[Entry]) -> int:
    """Store rows in the transaction of the caller, and return how many were new or ended."""
    rows = {id_of(entry): entry for entry in sorted(entries, key=_begun_first)}
    inserted = tables.insert(cursor, [rows[name] for name in sorted(rows)])
    old = _locked(rows.keys() - inserted)
    ending = [rows[name] for name in sorted(old) if rows[name]["outcome"] != OPEN]
    tables.end(cursor, ending)
    changes = Sums()
    for name in inserted:
        changes.add(rows[name])
    for entry in ending:
        changes.add(old[id_of(entry)], sign=-1)
        changes.add(entry)
    _write_sums(cursor, changes)
    return len(inserted) + len(ending)


def lose(*, before: datetime, now: datetime) -> int:
    """Take attempts that began before a time and have no end for lost, and return their number."""
    with transaction.atomic(using=alias()), connections[alias()].cursor() as cursor:
        _limit(cursor)
        waiting = Attempt.objects.using(alias()).filter(outcome=OPEN, begun_at__lt=before)
        old = _locked(waiting.order_by(*KEYS).values_list(*KEYS)[:MOST_LOST], outcomes=(OPEN,))
        entries = [records.lost(old[name], at=now) for name in sorted(old)]
        tables.end(cursor, entries)
        changes = Sums()
        for entry in entries:
            changes.add(entry)
        _write_sums(cursor, changes)
    return len(entries)


def _begun_first(entry: Entry) -> bool:
    return bool(entry["outcome"] != OPEN)


def _limit(cursor: Any) -> None:
    if connections[alias()].vendor == "postgresql":
        cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_SECONDS * 1_000}")


def _advance(file: str, *, begin: int, end: int) -> None:
    files = SpoolFile.objects.using(alias())
    now = datetime.now(UTC)
    if begin == 0:
        files.bulk_create([SpoolFile(name=file, offset=0, read_at=now)], ignore_conflicts=True)
    if not files.filter(name=file, offset=begin).update(offset=end, read_at=now):
        raise Moved(file)


# --- rows ------------------------------------------------------------------------------------------------------------
def _locked(ids: Iterable[Id], *, outcomes: Sequence[str] = (OPEN, LOST)) -> dict[Id, Entry]:
    """Return the stored rows of these ids that have no end yet, locked."""
    wanted = set(ids)
    found: dict[Id, Entry] = {}
    for names in tables.requests_of(wanted):
        stored = Attempt.objects.using(alias()).select_for_update()
        stored = stored.filter(request_id__in=names, outcome__in=outcomes)
        for row in stored.order_by(*KEYS).values(*COLUMNS):
            entry = {**row, **{name: _stored_time(row[name]) for name in TIMES}}
            if id_of(entry) in wanted:
                found[id_of(entry)] = entry
    return found


def _stored_time(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - records.moment(0)) // timedelta(microseconds=1)


# --- sums ------------------------------------------------------------------------------------------------------------
def _write_sums(cursor: Any, changes: Sums) -> None:
    tables.add(cursor, InferenceDay, changes.days(), counted=COUNTED)
    tables.add(cursor, LatencyDay, changes.latencies(), counted=("number",))
    charge(cursor, changes.charges())


def charge(cursor: Any, charges: Mapping[Charge, int]) -> None:
    """Add what is spent to the periods of keys, and take it out of what processes hold of them.

    What a process holds and what is spent together do not change, unless it spends without a lease.
    """
    spent: dict[tuple[int, str, int], dict[str, int]] = {}
    for each, nano in charges.items():
        for key in (each.key, ALL_KEYS):
            for period in PERIODS:
                by_process = spent.setdefault((key, period, start_of(period, each.day)), {})
                by_process[each.process] = by_process.get(each.process, 0) + nano
    rows = [(*about, sum(by_process.values()), 0) for about, by_process in sorted(spent.items())]
    tables.add(cursor, Spending, rows, counted=("spent_nano", "leased_nano"))
    where = 'WHERE "key" = %s AND period = %s AND start = %s'
    for about, by_process in sorted(spent.items()):
        for process, nano in sorted(by_process.items()):
            table = Lease._meta.db_table
            cursor.execute(
                f"UPDATE {table} SET ingested_nano = ingested_nano + %s {where} AND process = %s",  # noqa: S608  only our own names
                [nano, *about, process],
            )
            if cursor.rowcount:
                table = Spending._meta.db_table
                cursor.execute(f"UPDATE {table} SET leased_nano = leased_nano - %s {where}", [nano, *about])  # noqa: S608  likewise
