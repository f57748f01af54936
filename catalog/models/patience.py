"""Waiting for the database, or another server, that gives up in time instead of making a web server's thread wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Lock, Thread
from typing import Generic, TypeVar

from django.conf import settings
from django.db import OperationalError, connection

_LOCKED = {"55P03", "SQLITE_BUSY"}
"""The code of a lock timeout in PostgreSQL and SQLite."""

_STEPS_BETWEEN_LOOKS = 10_000
"""Steps of SQLite's virtual machine, a fraction of a millisecond."""

T = TypeVar("T")


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


class Gathered(Generic[T]):
    """What a server answers, gathered in a thread of its own. Safe with threads.

    No timeout of a client ends every wait: the kernel acknowledges what is sent to a frozen server. So the wait is
    given up here, and the thread is left behind. There is one at a time, and it ends when the server does or recovers.
    """

    def __init__(self, gather: Callable[[], T], *, fresh_seconds: float = 0.0) -> None:
        """Gather a value again when it is older than `fresh_seconds`, or when gathering failed."""
        self._gather = gather
        self._fresh_seconds = fresh_seconds
        self._lock = Lock()
        self._value: Future[T] | None = None
        self._began = 0.0

    def start(self) -> None:
        """Begin to gather, unless the value is fresh or being gathered."""
        with self._lock:
            if self._value is None or (self._value.done() and not self._is_fresh(self._value)):
                self._value, self._began = Future(), time.monotonic()
                Thread(target=self._run, args=(self._value,), name="gathering", daemon=True).start()

    def value(self, *, wait_seconds: float) -> T:
        """Return the value that `start` began to gather. Raises TimeoutError, and what gathering raised."""
        if self._value is None:
            raise RuntimeError("start was not called")
        return self._value.result(wait_seconds)

    def _is_fresh(self, value: Future[T]) -> bool:
        return value.exception() is None and time.monotonic() - self._began <= self._fresh_seconds

    def _run(self, value: Future[T]) -> None:
        try:
            try:
                gathered = self._gather()
            finally:
                connection.close()  # each thread has a connection of its own
        except Exception as error:
            value.set_exception(error)
        else:
            value.set_result(gathered)


def _wait_at_most(seconds: float | None) -> None:
    """Set how long statements wait for a lock; None restores the default."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            usual = settings.DATABASES["default"]["OPTIONS"]["timeout"]
            cursor.execute(f"PRAGMA busy_timeout = {int(1_000 * (usual if seconds is None else seconds))}")
        else:
            cursor.execute("RESET lock_timeout" if seconds is None else f"SET lock_timeout = {int(1_000 * seconds)}")
