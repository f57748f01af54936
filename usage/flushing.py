"""Stores the counts of a process: each batch once, whatever happens to the connection while it is written.

A batch has an id that is written in the same transaction. If the outcome of a COMMIT is unknown, the same batch is
written again, and adds nothing if its id is there. Only then does it leave memory. A killed process loses what it
counted since its last flush, at most 70 s, and nothing is ever added twice.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from threading import Event, Thread
from typing import Any

from django.db import connections, models, transaction

from front.counts import Counts
from usage import days
from usage.counting import Frozen, Tally
from usage.models import Batch, Clients, Hour, KeyDay, names_of
from usage.router import alias

logger = logging.getLogger(__name__)

FLUSH_SECONDS, JITTER_SECONDS = 60.0, 10.0
"""Processes that started together do not flush together."""
STOP_SECONDS = 6.0
"""How long a process waits at its end for the last flush."""
STATEMENT_SECONDS = 5
CHUNK_ROWS = 500
LONGEST_FROZEN_SECONDS = (days.KEEP_BATCHES_HOURS - 24) * 3_600
"""A batch that could not be stored for this long is dropped: its id may be pruned, and it must not be added twice."""


def flush(tally: Tally) -> None:
    """Store all that was counted. Raise DatabaseError if that fails; the next call then stores it."""
    tally.take()
    while (batch := tally.freeze()) is not None:
        write(batch, process=tally.process)
        tally.stored(batch)


def write(batch: Frozen, *, process: Any) -> None:
    """Add a batch to the tables, unless it is there already. Rows are written in one order: no two flushes can wait
    for each other."""
    using = alias()
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        if connections[using].vendor == "postgresql":
            cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_SECONDS * 1_000}")
        if not _begin(cursor, batch):
            return
        rows = [(*key[1:], counts.asks, counts.reads, key.hour) for key, counts in sorted(batch.pending.rows.items())]
        add(cursor, Hour, rows, counted=("asks", "reads"))
        add(cursor, KeyDay, [(*key, reads) for key, reads in sorted(batch.pending.keys.items())], counted=("reads",))
        seen = [(day, _uuid(process), number) for day, number in sorted(batch.pending.clients.items())]
        add(cursor, Clients, seen, highest=("number",))


def _begin(cursor: Any, batch: Frozen) -> bool:
    """Write the id of a batch, and return whether it was not there."""
    table = Batch._meta.db_table
    cursor.execute(
        f"INSERT INTO {table} (id, hour) VALUES (%s, %s) ON CONFLICT DO NOTHING",  # noqa: S608  only our own names
        [_uuid(batch.id), batch.hour],
    )
    return bool(cursor.rowcount)


def add(
    cursor: Any,
    table: type[models.Model],
    rows: Sequence[Sequence[Any]],
    *,
    counted: Sequence[str] = (),
    highest: Sequence[str] = (),
) -> None:
    """Insert rows with all columns of a table; where a row exists, add the numbers or keep the highest."""
    name, columns = table._meta.db_table, names_of(table)
    keys = [column for column in columns if column not in {*counted, *highest}]
    updates = [
        *(f"{column} = {name}.{column} + excluded.{column}" for column in counted),
        *(
            f"{column} = CASE WHEN excluded.{column} > {name}.{column} THEN excluded.{column} ELSE {name}.{column} END"
            for column in highest
        ),
    ]
    begin = f"INSERT INTO {name} ({_quoted(columns)}) VALUES "  # noqa: S608  only our own names
    end = f" ON CONFLICT ({_quoted(keys)}) DO UPDATE SET "
    for chunk in _chunks(rows):
        places = ", ".join(["(" + ", ".join(["%s"] * len(columns)) + ")"] * len(chunk))
        cursor.execute(begin + places + end + ", ".join(updates), [value for row in chunk for value in row])


def _quoted(columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


def _uuid(value: Any) -> Any:
    return value if connections[alias()].features.has_native_uuid_field else value.hex


def _chunks(rows: Sequence[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    left = iter(rows)
    while chunk := list(islice(left, CHUNK_ROWS)):
        yield chunk


class Flusher:
    """A thread that flushes the counts of this process once a minute, and adds up hours and days."""

    def __init__(self, tally: Tally, *, counts: Counts | None = None, pause: Callable[[], float] | None = None) -> None:
        """`counts` are those of this process, for operators."""
        self.tally = tally
        self._counts = counts if counts is not None else Counts()
        self._pause = pause or (lambda: FLUSH_SECONDS + random.uniform(-JITTER_SECONDS, JITTER_SECONDS))  # noqa: S311
        self._thread: Thread | None = None
        self._is_stopped = Event()
        self._is_failing = False

    def start(self) -> None:
        """Begin in this process: call it after the fork."""
        self._is_stopped.clear()
        self._thread = Thread(target=self._run, name="usage", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Flush a last time, and end. Called when the last request has been answered."""
        self._is_stopped.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)
            self._thread = None

    def try_flush(self) -> bool:
        """Flush, and return whether it worked; log a failure once, and its end. Never raises."""
        try:
            flush(self.tally)
            days.tidy()
        except Exception as error:
            self._counts.flushed(unflushed=self.tally.unflushed, has_failed=True)
            if not self._is_failing:
                logger.warning("The counts of requests cannot be stored; they are kept in memory: %s", error)
            self._is_failing = True
            connections[alias()].close()  # a broken connection would keep failing
            self._drop_old()
            return False
        self._counts.flushed(unflushed=self.tally.unflushed, has_failed=False)
        if self._is_failing:
            logger.warning("The counts of requests can be stored again")
        self._is_failing = False
        return True

    def _drop_old(self) -> None:
        batch = self.tally.freeze()
        if batch is not None and time.monotonic() - batch.frozen_at > LONGEST_FROZEN_SECONDS:
            logger.warning("The counts of %s requests are dropped: they could not be stored", batch.pending.reads)
            self.tally.stored(batch)

    def _run(self) -> None:
        while not self._is_stopped.wait(self._pause()):
            self.try_flush()
        self.try_flush()
        connections[alias()].close()
