"""The triggers that make the audit trail append-only, on both databases.

They stop this program and its mistakes, and everything else that uses its account. They do not stop the owner of the
database, who can drop a trigger; `manage.py audit verify` then finds the changed row.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from catalog.models.curation import CurationAction, CurationItem

MESSAGE = "the audit trail is append-only"
_FUNCTION = "refuse_change_of_audit_trail"


def ensure(**_: Any) -> None:
    """Create the missing triggers. SQLite drops them when a migration makes a table again."""
    existing = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f"CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN RAISE EXCEPTION '{MESSAGE}'; END $$"
            )
        for name, table, statement in _wanted():
            if table in existing and name not in _present():
                cursor.execute(statement)


def missing() -> list[str]:
    """Return the names of the triggers that the database lacks."""
    present = _present()
    return [name for name, _, _ in _wanted() if name not in present]


@contextmanager
def lifted() -> Iterator[None]:
    """Drop the triggers for a moment, for the flush of a test database."""
    with connection.cursor() as cursor:
        present = _present()
        for name, table, _ in _wanted():
            if name in present:
                on = f" ON {table}" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER {name}{on}")
    try:
        yield
    finally:
        ensure()


def _wanted() -> Iterator[tuple[str, str, str]]:
    """Yield name, table and statement of each trigger."""
    for table in (CurationAction._meta.db_table, CurationItem._meta.db_table):
        if connection.vendor == "postgresql":
            for event, level in (("UPDATE", "ROW"), ("DELETE", "ROW"), ("TRUNCATE", "STATEMENT")):
                name = f"{table}_no_{event.lower()}"
                yield (
                    name,
                    table,
                    (
                        f"CREATE TRIGGER {name} BEFORE {event} ON {table} "
                        f"FOR EACH {level} EXECUTE FUNCTION {_FUNCTION}()"
                    ),
                )
        else:
            for event in ("UPDATE", "DELETE"):
                name = f"{table}_no_{event.lower()}"
                yield (
                    name,
                    table,
                    (f"CREATE TRIGGER {name} BEFORE {event} ON {table} BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"),
                )


def _present() -> set[str]:
    asked = (
        "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
        if connection.vendor == "postgresql"
        else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    )
    with connection.cursor() as cursor:
        cursor.execute(asked)
        return {name for (name,) in cursor.fetchall()}
