"""Writes that rather give up than keep a web server's thread waiting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import OperationalError, connection

_LOCKED = {"55P03", "SQLITE_BUSY"}
"""What PostgreSQL and SQLite call it."""


class Busy(Exception):
    """Somebody else held, all the while, what was to be written."""


@contextmanager
def impatient(seconds: float) -> Iterator[None]:
    """Within, no statement waits longer for another's lock. To be entered before the transaction. Raises Busy."""
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


def _wait_at_most(seconds: float | None) -> None:
    """None is as long as usual."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            usual = settings.DATABASES["default"]["OPTIONS"]["timeout"]
            cursor.execute(f"PRAGMA busy_timeout = {int(1_000 * (usual if seconds is None else seconds))}")
        else:
            cursor.execute("RESET lock_timeout" if seconds is None else f"SET lock_timeout = {int(1_000 * seconds)}")
