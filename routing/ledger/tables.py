"""Writes rows of the ledger to its table, with as few statements as each database needs.

PostgreSQL gets all rows as one JSON text: its driver needs ten times as long for as many parameters. SQLite gets one
row after the other, in one call. All of this is in the transaction of the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import Any

import orjson
from django.db import connections
from django.db.models import Model

from routing.ledger.records import Entry
from routing.models import Attempt
from usage import flushing
from usage.models import names_of
from usage.router import alias

Id = tuple[str, int]

COLUMNS = tuple(names_of(Attempt))
TIMES = ("begun_at", "ended_at")
KEYS = ("request_id", "attempt")
_TABLE = Attempt._meta.db_table
_ENDED = tuple(name for name in COLUMNS if name not in KEYS)
MOST_NAMED = 500
"""How many requests one statement names: SQLite limits the values of a statement."""
_EPOCH = "'epoch'::timestamptz"
_BEGIN = datetime(1970, 1, 1)  # noqa: DTZ001  texts of SQLite have no zone


def id_of(entry: Entry) -> Id:
    return entry["request_id"], entry["attempt"]


def insert(cursor: Any, entries: Sequence[Entry]) -> set[Id]:
    """Insert the rows that do not exist, and return their ids. `entries` are in the order of their ids."""
    if not entries:
        return set()
    return _insert_json(cursor, entries) if _is_postgresql() else _insert_each(cursor, entries)


def end(cursor: Any, entries: Sequence[Entry]) -> None:
    """Replace rows that exist, and are locked, by these."""
    if not entries:
        return
    if _is_postgresql():
        cursor.execute(_end_sql(), [_json(entries)])
        return
    places = ", ".join(f'"{name}" = %s' for name in _ENDED)
    cursor.executemany(
        f"UPDATE {_TABLE} SET {places} WHERE request_id = %s AND attempt = %s",  # noqa: S608  only our own names
        _values(entries, (*_ENDED, *KEYS)),
    )


def add(cursor: Any, table: type[Model], rows: Sequence[Sequence[Any]], *, counted: Sequence[str]) -> None:
    """Insert rows with all columns of a table of sums; where a row exists, add the numbers."""
    if not _is_postgresql():
        flushing.add(cursor, table, rows, counted=counted)
    elif rows:
        columns = names_of(table)
        cursor.execute(_add_sql(table, tuple(counted)), [_json([dict(zip(columns, row, strict=True)) for row in rows])])


def requests_of(ids: Iterable[Id]) -> Iterator[list[str]]:
    """Yield the requests of these ids, in lists that one statement can name."""
    names = sorted({name for name, _ in ids})
    for start in range(0, len(names), MOST_NAMED):
        yield names[start : start + MOST_NAMED]


def _is_postgresql() -> bool:
    return connections[alias()].vendor == "postgresql"


# --- PostgreSQL ------------------------------------------------------------------------------------------------------
def _insert_json(cursor: Any, entries: Sequence[Entry]) -> set[Id]:
    cursor.execute(_insert_sql(), [_json(entries)])
    return set(cursor.fetchall())


def _json(entries: Sequence[Entry]) -> str:
    return orjson.dumps(entries).decode()


@lru_cache(maxsize=1)
def _insert_sql() -> str:
    values = ", ".join(map(_read, COLUMNS))
    return (
        f"INSERT INTO {_TABLE} ({_quoted(COLUMNS)}) SELECT {values} FROM {_given(Attempt)} "  # noqa: S608  only our own names
        "ON CONFLICT (request_id, attempt) DO NOTHING RETURNING request_id, attempt"
    )


@lru_cache(maxsize=8)
def _add_sql(table: type[Model], counted: tuple[str, ...]) -> str:
    name, columns = table._meta.db_table, names_of(table)
    keys = [column for column in columns if column not in counted]
    updates = ", ".join(f"{column} = {name}.{column} + excluded.{column}" for column in counted)
    return (
        f"INSERT INTO {name} ({_quoted(columns)}) SELECT {_quoted(columns)} FROM {_given(table)} "  # noqa: S608  likewise
        f"ON CONFLICT ({_quoted(keys)}) DO UPDATE SET {updates}"
    )


def _quoted(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


@lru_cache(maxsize=1)
def _end_sql() -> str:
    places = ", ".join(f'"{name}" = {_read(name)}' for name in _ENDED)
    where = " AND ".join(f"{_TABLE}.{name} = given.{name}" for name in KEYS)
    return f"UPDATE {_TABLE} SET {places} FROM {_given(Attempt)} WHERE {where}"  # noqa: S608  only our own names


def _given(table: type[Model]) -> str:
    """Return the rows of the JSON text as a table. Times are microseconds there."""
    fields: Any = table._meta.concrete_fields
    types = {field.column: field.db_type(connections[alias()]) for field in fields if field.column != "id"}
    stated = ", ".join(f'"{name}" {"bigint" if name in TIMES else kind}' for name, kind in types.items())
    return f"json_to_recordset(%s::json) AS given({stated})"


def _read(name: str) -> str:
    return f"{_EPOCH} + given.{name} * interval '1 microsecond'" if name in TIMES else f'given."{name}"'


# --- SQLite ----------------------------------------------------------------------------------------------------------
def _insert_each(cursor: Any, entries: Sequence[Entry]) -> set[Id]:
    """What exists is known before: SQLite has one writer, and refuses one that has read what another one changed."""
    known: set[Id] = set()
    for names in requests_of(map(id_of, entries)):
        places = ", ".join(["%s"] * len(names))
        cursor.execute(f"SELECT request_id, attempt FROM {_TABLE} WHERE request_id IN ({places})", names)  # noqa: S608  only our own names
        known.update(cursor.fetchall())
    new = [entry for entry in entries if id_of(entry) not in known]
    places = ", ".join(["%s"] * len(COLUMNS))
    cursor.executemany(
        f"INSERT INTO {_TABLE} ({_quoted(COLUMNS)}) VALUES ({places})",  # noqa: S608  only our own names
        _values(new, COLUMNS),
    )
    return set(map(id_of, new))


def _values(entries: Sequence[Entry], columns: Sequence[str]) -> list[list[Any]]:
    chosen = itemgetter(*columns)
    rows = [[*chosen(entry)] for entry in entries]
    for place in map(columns.index, TIMES):
        for row in rows:
            if row[place] is not None:
                row[place] = str(
                    _BEGIN + timedelta(microseconds=row[place])
                )  # as Django stores it: in UTC, without zone
    return rows
