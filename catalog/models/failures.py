"""Describes a database failure in one line for an operator."""

from __future__ import annotations

from django.db import DataError, Error, InterfaceError, OperationalError

FAILURES = (OperationalError, DataError, InterfaceError)
"""Errors that mean that the database could not do its work. Its other errors are our own bugs."""

_DISK_IS_FULL = {"53100", "SQLITE_FULL"}
_DISK_IS_BROKEN = ("58030", "SQLITE_IOERR")
"""The prefixes of the error codes of PostgreSQL and SQLite."""


def line_of(error: Error) -> str:
    cause = error.__cause__
    code = str(getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None) or "")
    reason = " ".join(str(error).split())
    if code in _DISK_IS_FULL:
        return f"the disk of the database is full ({reason})"
    if code.startswith(_DISK_IS_BROKEN):
        return f"the database cannot write to its disk ({reason})"
    return f"the database failed ({reason})"
