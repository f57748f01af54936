"""Python imports this module at startup if this folder is in PYTHONPATH: it shifts the clock of a test's children."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime

import time_machine

SHIFT = "TEST_CLOCK_SHIFT_SECONDS"


def real_seconds() -> float:
    return time_machine.escape_hatch.time.time() if time_machine.traveller_stack else time.time()


def shift() -> None:
    time_machine.travel(datetime.fromtimestamp(real_seconds() + float(os.environ[SHIFT]), UTC)).start()
    datetime.now(UTC)  # the clock of time-machine starts to tick when it is first read


if __name__ == "sitecustomize":
    shift()
