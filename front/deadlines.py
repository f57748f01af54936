"""Deadlines of threads that wait for the database.

A server ends its own long statements, but not while it is frozen: then its kernel continues to acknowledge what is sent
to it, so no timeout of the connection ends the wait either. Only shutting the socket brings the thread back.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.signals import connection_created
from django.db.backends.sqlite3.base import DatabaseWrapper as SqliteWrapper

_limits = threading.local()


def limit_this_thread(seconds: float) -> None:
    """Limit the statements of connections that this thread opens from now on; on SQLite, the waits for its lock."""
    _limits.seconds = seconds


@contextmanager
def watched(seconds: float) -> Iterator[None]:
    """Cut this thread's connection if the work inside takes longer, so that it raises DatabaseError."""
    # `django.db.connection` would be the one of the timer's own thread there.
    timer = threading.Timer(seconds, cut, [connections[DEFAULT_DB_ALIAS]])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def cut(connection: Any) -> None:
    """Shut the socket of a Django connection, so that the thread that waits for it gets an error. Called elsewhere.

    SQLite has no socket: what it computes is interrupted, and waiting for its lock has a limit.
    """
    opened = connection.connection
    if opened is None:
        return  # not connected yet, which has a limit of its own
    if isinstance(connection, SqliteWrapper):
        opened.interrupt()
        return
    # Suppressed: its own thread may close it at this moment. The copy of the descriptor shares the socket.
    with suppress(Exception), socket.socket(fileno=os.dup(opened.fileno())) as copy:
        copy.shutdown(socket.SHUT_RDWR)


def _limit_statements(connection: Any, **_: object) -> None:
    seconds = getattr(_limits, "seconds", None)
    if seconds is None:
        return
    milliseconds = int(seconds * 1_000)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"SET statement_timeout = {milliseconds}")
        else:
            cursor.execute(f"PRAGMA busy_timeout = {milliseconds}")


connection_created.connect(_limit_statements, dispatch_uid="front.deadlines")
