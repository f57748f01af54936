"""The wrong logins of the current minute, in one file for all serving processes of this machine.

The lock of the file is also the turn to check a password: one login has it at a time, whichever process serves it.
"""

from __future__ import annotations

import fcntl
import io
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import orjson

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 60
_NOT_COUNTED = "Wrong logins are not counted: %s"


class Busy(Exception):
    """Another login has the turn."""


class WrongLogins:
    """The wrong logins of one minute, counted by address."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        now = int(time.time())
        self._window = now // WINDOW_SECONDS
        self.seconds_left = WINDOW_SECONDS - now % WINDOW_SECONDS
        file.seek(0)
        self._counts = _counts(file.read(), window=self._window)

    def of(self, client: str) -> int:
        return self._counts.get(client, 0)

    def count(self, client: str) -> None:
        self._counts[client] = self.of(client) + 1
        try:
            self._file.truncate(0)
            self._file.seek(0)
            self._file.write(orjson.dumps({"window": self._window, "counts": self._counts}))
        except OSError as error:  # such as a full disk
            logger.error(_NOT_COUNTED, error)


@contextmanager
def turn(path: Path) -> Iterator[WrongLogins]:
    """Raise Busy while another login has the turn. Without a file nothing is limited, and the log has a line."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file: BinaryIO = path.open("a+b", buffering=0)
    except OSError as error:
        logger.error(_NOT_COUNTED, error)
        yield WrongLogins(io.BytesIO())
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy from None
        except OSError as error:  # a file system without locks
            logger.error("Logins are checked without a lock: %s", error)
        yield WrongLogins(file)


def _counts(text: bytes, *, window: int) -> dict[str, int]:
    """Empty if the file is of another minute, or if its writer was killed halfway."""
    try:
        found: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return dict(found["counts"]) if found["window"] == window else {}
