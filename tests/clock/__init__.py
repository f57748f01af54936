"""The clock of a test run: TEST_CLOCK="2027-03-01T00:30" is the time, in UTC, at which the run starts.

The clock is shifted, not stopped: it ticks in the test processes, and by the same shift in the Python processes that
tests start with `environment()`. Servers in other languages (PostgreSQL, Redis) keep the real time.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from tests.clock import sitecustomize


def shift() -> None:
    """Shift the clock of this process if TEST_CLOCK is set; the workers of xdist take the shift of the process above.

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
    """Variables that give a child process the clock of this one."""
    if sitecustomize.SHIFT not in os.environ:
        return {}
    return {sitecustomize.SHIFT: os.environ[sitecustomize.SHIFT], "PYTHONPATH": str(Path(__file__).parent)}
