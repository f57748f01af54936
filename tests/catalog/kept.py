"""Tables that many tests start with: real syncs fill them once in each process, later tests restore them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.apps import apps
from django.core.management.color import no_style
from django.db import connection, transaction

_MODELS = list(apps.get_app_config("catalog").get_models())
_TABLES = [model._meta.db_table for model in _MODELS]


def once(fill: Callable[[], None]) -> Callable[[], None]:
    """Restore the rows of the first call. `fill` starts with empty tables; its result may depend on nothing else."""
    kept: dict[str, Any] = {}

    @wraps(fill)
    def fill_or_put_back() -> None:
        if kept:
            _put_back(kept)
        else:
            fill()
            kept.update((table, _rows(table)) for table in _TABLES)

    return fill_or_put_back


def count_rows() -> None:
    """Let PostgreSQL plan with the rows of this transaction. To it the tables are empty, because every test is undone:
    it then takes seconds for a page that joins thousands of rows."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {', '.join(_TABLES)}")


def _rows(table: str) -> Any:
    """Return the rows in the form that the database's own driver reads and writes fastest."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} TO STDOUT") as copy:
                return b"".join(copy)
        return cursor.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608  one of our table names


def _put_back(kept: dict[str, Any]) -> None:
    deletions = [f"DELETE FROM {table}" for table in kept]  # noqa: S608  our table names
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Revision 0 always exists, so the tables are never empty.
            cursor.execute("; ".join(deletions))
            for table, rows in kept.items():
                if rows:
                    with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                        copy.write(rows)
            cursor.execute("; ".join(connection.ops.sequence_reset_sql(no_style(), _MODELS)))
            return
        for deletion, (table, rows) in zip(deletions, kept.items(), strict=True):
            cursor.execute(deletion)
            if rows:
                marks = ", ".join(["%s"] * len(rows[0]))
                cursor.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608  our table names
