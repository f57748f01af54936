"""The clock of a test run: TEST_CLOCK="2027-03-01T00:30" is the time, in UTC, at which the run starts.

The clock is shifted, not stopped. The test processes, the Python processes that tests start with `environment()`, and
the test database of PostgreSQL all have the same shift. Redis keeps the real time.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from django.db.backends.base.base import BaseDatabaseWrapper

from tests.clock import sitecustomize


def shift() -> None:
    """Shift the clock of this process if TEST_CLOCK is set; xdist's workers use the shift of their parent process.

    Call it once in a process.
    """
    starts_at = os.environ.get("TEST_CLOCK")
    if not starts_at:
        return
    if sitecustomize.SHIFT not in os.environ:
        start = datetime.fromisoformat(starts_at).replace(tzinfo=UTC).timestamp()
        os.environ[sitecustomize.SHIFT] = str(start - sitecustomize.real_seconds())
    sitecustomize.shift()


def environment() -> dict[str, str]:
    """Return the variables that give a child process the clock of this process."""
    if sitecustomize.SHIFT not in os.environ:
        return {}
    return {sitecustomize.SHIFT: os.environ[sitecustomize.SHIFT], "PYTHONPATH": str(Path(__file__).parent)}


def shift_database(connection: BaseDatabaseWrapper) -> None:
    """Give the database the clock of this process. SQLite has it already: it asks Python."""
    if sitecustomize.SHIFT not in os.environ or connection.vendor != "postgresql":
        return
    database = connection.ops.quote_name(connection.settings_dict["NAME"])
    with connection.cursor() as cursor:
        for function in ("now", "transaction_timestamp", "statement_timestamp", "clock_timestamp"):
            cursor.execute(
                f"CREATE FUNCTION public.{function}() RETURNS timestamptz LANGUAGE sql VOLATILE AS "
                f"$$SELECT pg_catalog.{function}() + interval '{float(os.environ[sitecustomize.SHIFT])} seconds'$$"
            )
        # PostgreSQL's own functions have priority, unless the path names their schema: then its order applies.
        cursor.execute(f"ALTER DATABASE {database} SET search_path = public, pg_catalog")
        cursor.execute("SET search_path = public, pg_catalog")
