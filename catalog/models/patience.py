"""Writes that give up instead of making a web server's thread wait."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import OperationalError, connection

_LOCKED = {"55P03", "SQLITE_BUSY"}
"""The code of a lock timeout in PostgreSQL and SQLite."""


_STEPS_BETWEEN_LOOKS = 10_000
"""Steps of SQLite's virtual machine, a fraction of a millisecond."""


class Busy(Exception):
    """Another process held the lock on the rows for the whole time."""


@contextmanager
def impatient(seconds: float) -> Iterator[None]:
    """Let no statement inside wait longer than `seconds` for another's lock.

    Enter it before the transaction. Raises Busy.
    """
    _wait_at_most(seconds)
    try:
        yield
    except OperationalError as error:
        cause = error.__cause__
        if {getattr(cause, "sqlstate", None), getattr(cause, "sqlite_errorname", None)}.isdisjoint(_LOCKED):
            raise
        raise Busy("something is being published just now, and this would have to wait for it") from error
    finally:
        _wait_at_most(None)


@contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Let no statement inside run, or wait for a lock, longer than `seconds`. A longer one raises OperationalError.

    On SQLite all statements inside share these seconds. Enter it outside a transaction.
    """
    if connection.vendor == "sqlite":
        end = time.monotonic() + seconds
        connection.ensure_connection()
        stored = connection.connection
        stored.set_progress_handler(lambda: time.monotonic() > end, _STEPS_BETWEEN_LOOKS)
        try:
            yield
        finally:
            stored.set_progress_handler(None, 0)
        return
    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = {int(1_000 * seconds)}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET statement_timeout")


def _wait_at_most(seconds: float | None) -> None:
    """Set how long statements wait for a lock; None restores the default."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            usual = settings.DATABASES["default"]["OPTIONS"]["timeout"]
            cursor.execute(f"PRAGMA busy_timeout = {int(1_000 * (usual if seconds is None else seconds))}")
        else:
            cursor.execute("RESET lock_timeout" if seconds is None else f"SET lock_timeout = {int(1_000 * seconds)}")
