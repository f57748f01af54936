"""Stores rows of the ledger with their sums: all of a piece in one transaction, and each row once.

Whatever is stored again changes nothing: a row that exists is not inserted, and one that has ended is not ended again.
Everything is locked in one order, so two processes that store at once wait, and never for each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connections, transaction

from routing.ledger import records
from routing.ledger.records import Entry
from routing.ledger.sums import COUNTED, Charge, Sums
from routing.models import ALL_KEYS, LOST, OPEN, Attempt, Lease, Spending, SpoolFile
from routing.periods import PERIODS, start_of
from usage.flushing import add
from usage.models import InferenceDay, LatencyDay, names_of
from usage.router import alias

ROWS = 100
"""How many rows one statement inserts: SQLite limits the values of a statement."""
STATEMENT_SECONDS = 10
_TIMES = ("begun_at", "ended_at")
_COLUMNS = tuple(names_of(Attempt))
_KEYS = ("request_id", "attempt")
_ENDED = tuple(name for name in _COLUMNS if name not in _KEYS)
_Id = tuple[str, int]


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
    rows = {_id(entry): entry for entry in sorted(entries, key=_begun_first)}
    inserted = _insert(cursor, [rows[name] for name in sorted(rows)])
    old = _locked(sorted(rows.keys() - inserted))
    ending = [rows[name] for name in sorted(old) if rows[name]["outcome"] != OPEN]
    _end(cursor, ending)
    changes = Sums()
    for name in inserted:
        changes.add(rows[name])
    for entry in ending:
        changes.add(old[_id(entry)], sign=-1)
        changes.add(entry)
    _write_sums(cursor, changes)
    return len(inserted) + len(ending)


def lose(*, before: datetime, now: datetime) -> int:
    """Take attempts that began before a time and have no end for lost, and return their number."""
    with transaction.atomic(using=alias()), connections[alias()].cursor() as cursor:
        _limit(cursor)
        waiting = Attempt.objects.using(alias()).filter(outcome=OPEN, begun_at__lt=before)
        old = _locked(sorted(waiting.order_by(*_KEYS).values_list(*_KEYS)[:ROWS]), outcomes=(OPEN,))
        entries = [records.lost(old[name], at=now) for name in sorted(old)]
        _end(cursor, entries)
        changes = Sums()
        for entry in entries:
            changes.add(entry)
        _write_sums(cursor, changes)
    return len(entries)


def _begun_first(entry: Entry) -> bool:
    return bool(entry["outcome"] != OPEN)


def _id(entry: Entry) -> _Id:
    return entry["request_id"], entry["attempt"]


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
def _insert(cursor: Any, entries: Sequence[Entry]) -> set[_Id]:
    """Insert the rows that do not exist, and return their ids."""
    columns = ", ".join(f'"{name}"' for name in _COLUMNS)
    row = "(" + ", ".join(["%s"] * len(_COLUMNS)) + ")"
    found: set[_Id] = set()
    for start in range(0, len(entries), ROWS):
        chunk = entries[start : start + ROWS]
        cursor.execute(
            f"INSERT INTO {Attempt._meta.db_table} ({columns}) VALUES {', '.join([row] * len(chunk))} "  # noqa: S608  only our own names
            "ON CONFLICT (request_id, attempt) DO NOTHING RETURNING request_id, attempt",
            [value for entry in chunk for value in _values(entry, _COLUMNS)],
        )
        found.update((request_id, attempt) for request_id, attempt in cursor.fetchall())
    return found


def _locked(names: Sequence[_Id], *, outcomes: Sequence[str] = (OPEN, LOST)) -> dict[_Id, Entry]:
    """Return the stored rows of these ids that have no end yet, locked."""
    found: dict[_Id, Entry] = {}
    for start in range(0, len(names), ROWS):
        chunk = set(names[start : start + ROWS])
        stored = Attempt.objects.using(alias()).select_for_update()
        stored = stored.filter(request_id__in=sorted({name for name, _ in chunk}), outcome__in=outcomes)
        for row in stored.order_by(*_KEYS).values(*_COLUMNS):
            entry = {**row, **{name: _stored_time(row[name]) for name in _TIMES}}
            if _id(entry) in chunk:
                found[_id(entry)] = entry
    return found


def _end(cursor: Any, entries: Sequence[Entry]) -> None:
    if entries:
        places = ", ".join(f'"{name}" = %s' for name in _ENDED)
        cursor.executemany(
            f"UPDATE {Attempt._meta.db_table} SET {places} WHERE request_id = %s AND attempt = %s",  # noqa: S608  only our own names
            [[*_values(entry, _ENDED), *_id(entry)] for entry in entries],
        )


def _values(entry: Entry, columns: Sequence[str]) -> list[Any]:
    adapt = connections[alias()].ops.adapt_datetimefield_value
    return [
        adapt(records.moment(entry[name])) if name in _TIMES and entry[name] is not None else entry[name]
        for name in columns
    ]


def _stored_time(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - records.moment(0)) // timedelta(microseconds=1)


# --- sums ------------------------------------------------------------------------------------------------------------
def _write_sums(cursor: Any, changes: Sums) -> None:
    days = [(*about, *(numbers[name] for name in COUNTED)) for about, numbers in sorted(changes.days.items())]
    add(cursor, InferenceDay, days, counted=COUNTED)
    latencies = [(*about, number) for about, number in sorted(changes.latencies.items()) if number]
    add(cursor, LatencyDay, latencies, counted=("number",))
    charge(cursor, changes.charges)


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
    add(cursor, Spending, rows, counted=("spent_nano", "leased_nano"))
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
