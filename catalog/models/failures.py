"""What a failure of the database means, in one line for an operator."""

from __future__ import annotations

from django.db import DataError, Error, InterfaceError, OperationalError

FAILURES = (OperationalError, DataError, InterfaceError)
"""The database could not do what it was asked. Other errors of it are defects of ours."""

_DISK_IS_FULL = {"53100", "SQLITE_FULL"}
_DISK_IS_BROKEN = ("58030", "SQLITE_IOERR")
"""How the codes of PostgreSQL and SQLite begin."""


def line_of(error: Error) -> str:
    cause = error.__cause__
    code = str(getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None) or "")
    said = " ".join(str(error).split())
    if code in _DISK_IS_FULL:
        return f"the disk of the database is full ({said})"
    if code.startswith(_DISK_IS_BROKEN):
        return f"the database cannot write to its disk ({said})"
    return f"the database failed ({said})"
