"""The sizes of the tables of the database in use, and what keeps them small."""

from __future__ import annotations

from typing import Any

from benchmarks import sync

ALL = "all tables"


def _asked(statement: str) -> list[Any]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def megabytes() -> dict[str, float]:
    """Return the sizes of tables with their indexes, and of all tables; in SQLite the latter is that of the file."""
    if sync.vendor() == "postgresql":
        sizes = dict(_asked("SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables"))
        sizes[ALL] = sum(sizes.values())
    else:
        _asked("PRAGMA wal_checkpoint(TRUNCATE)")
        sizes = dict(_asked("SELECT tbl_name, SUM(pgsize) FROM dbstat JOIN sqlite_master USING (name) GROUP BY 1"))
        [(sizes[ALL],)] = _asked("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
    return {name: float(size) / 2**20 for name, size in sizes.items()}


def compact() -> None:
    """Leave no free space in the tables: all that the day needs is growth."""
    _asked("VACUUM FULL ANALYZE" if sync.vendor() == "postgresql" else "VACUUM")


def vacuum() -> None:
    """Vacuum the tables that autovacuum would by its usual settings: a simulated day has too few of its minutes."""
    if sync.vendor() != "postgresql":
        return
    _asked("SELECT pg_stat_force_next_flush()")
    for (name,) in _asked(
        "SELECT s.relname FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid "
        "WHERE s.n_dead_tup > 50 + 0.2 * GREATEST(c.reltuples, 0)"
    ):
        _asked(f'VACUUM ANALYZE "{name}"')
