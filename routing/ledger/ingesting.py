"""Moves the spool into the database: at least once, and without effect when repeated.

A file is deleted when its last record is stored and nobody can write to it any more. Several processes may do this at
once, with the same folder.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

from django.conf import settings
from django.db import DataError, IntegrityError, connections, transaction

from routing.ledger import files, records, storing
from routing.ledger.records import Damaged, Entry
from routing.models import OPEN, Attempt, Lease, Spending, SpoolFile
from usage.router import alias

logger = logging.getLogger(__name__)

PIECE_BYTES = 1024 * 1024
"""The most that one transaction stores: about a thousand rows with their ends."""
LOOK_SECONDS = 1.0
LOST_AFTER_SECONDS = 60
"""An attempt without an end is lost this long after its longest possible duration."""
KEEP_ATTEMPTS = timedelta(days=400)
KEEP_OFFSETS = timedelta(days=7)
TIDY_SECONDS = 900.0
STOP_SECONDS = 6.0


@dataclass(slots=True)
class Report:
    rows: int = 0
    """The rows that were new or have ended."""
    files: int = 0
    """The files that were stored to their end, and deleted."""
    damaged: int = 0
    lost: int = 0


def ingest(folder: Path, *, now: datetime | None = None) -> Report:
    """Store what is in the spool, take attempts without an end for lost, and close the leases of processes that are
    gone. Raise DatabaseError."""
    _make_commits_durable()
    report = Report()
    for path in files.found(folder):
        try:
            _ingest_file(path, report)
        except (DataError, IntegrityError, LookupError, TypeError, ValueError) as error:
            _refuse(path, report, f"a row cannot be stored ({type(error).__name__})")
    now = now or datetime.now(UTC)
    before = now - timedelta(seconds=settings.INFERENCE_TOTAL_SECONDS + LOST_AFTER_SECONDS)
    while found := storing.lose(before=before, now=now):
        report.lost += found
    close_leases(folder, now=now)
    return report


def _make_commits_durable() -> None:
    """Have SQLite store each commit on the disk: a file of the spool is deleted after the commit."""
    connection = connections[alias()]
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=FULL")


def _ingest_file(path: Path, report: Report) -> None:
    is_written = files.is_written(path)  # before the last bytes are read: nothing can follow them
    offset = SpoolFile.objects.filter(name=path.name).values_list("offset", flat=True).first() or 0
    while data := files.piece(path, offset=offset, most_bytes=PIECE_BYTES):
        entries, length, problem = _read(data)
        if length:
            try:
                report.rows += storing.store(entries, file=path.name, begin=offset, end=offset + length)
            except storing.Moved:
                return  # another process is at it
            offset += length
        if problem:
            _refuse(path, report, problem)
            return
        if not length:
            break  # what is left is the beginning of a record
    if is_written:
        path.unlink(missing_ok=True)
        SpoolFile.objects.filter(name=path.name).delete()
        report.files += 1


def _refuse(path: Path, report: Report, problem: str) -> None:
    """Keep a file aside that would otherwise be tried for ever, and let the others be stored."""
    if files.is_written(path):
        logger.error("%s is kept aside as damaged: %s", path.name, problem)
        files.set_aside(path)
        report.damaged += 1


def _read(data: bytes) -> tuple[list[Entry], int, str]:
    """Return the records of a piece, the length of them, and what is wrong with the next one."""
    entries, length = [], 0
    try:
        for entry, end in records.unpacked(data):
            entries.append(entry)
            length = end
    except Damaged as error:
        return entries, length, str(error)
    return entries, length, ""


# --- leases of processes that are gone -------------------------------------------------------------------------------
def close_leases(folder: Path, *, now: datetime) -> int:
    """Give back what processes held that are gone, once all that they spent is stored. Return the number of leases.

    Until then it counts as spent, because the spool may have rows that spent it.
    """
    if not folder.is_dir():
        return 0
    ended = Lease.objects.filter(spool=files.folder_id(folder), expires_at__lt=now)
    processes = set(ended.values_list("process", flat=True))
    processes -= {files.process_of(path) for path in files.found(folder)}
    if not processes:
        return 0
    processes -= set(Attempt.objects.filter(process__in=processes, outcome=OPEN).values_list("process", flat=True))
    leases = ended.filter(process__in=processes).order_by("key", "period", "start", "process")
    return sum(_close(lease, now=now) for lease in leases)


def _close(lease: Lease, *, now: datetime) -> bool:
    using = alias()
    with transaction.atomic(using=using):
        spending = Spending.objects.using(using).select_for_update()
        row = spending.filter(key=lease.key, period=lease.period, start=lease.start).first()
        found = Lease.objects.using(using).select_for_update().filter(pk=lease.pk, expires_at__lt=now).first()
        if found is None:
            return False
        if row is not None:
            row.leased_nano -= found.granted_nano - found.ingested_nano
            row.save(using=using, update_fields=["leased_nano"])
        found.delete(using=using)
    return True


# --- the thread ------------------------------------------------------------------------------------------------------
class Ingester:
    """A thread that stores the spool each second. A failure is logged once, and what failed is tried again."""

    def __init__(
        self,
        folder: Path,
        *,
        pause: Callable[[], float] = lambda: LOOK_SECONDS,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        self.folder = folder
        self._on_failure = on_failure
        self.failures = 0
        self._pause = pause
        self._is_failing = False
        self._tidy_at = 0.0
        self._stopped = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Begin in this process: call it after the fork."""
        self._stopped.clear()
        self._thread = Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Store a last time, and end. What remains is stored by another process, or at the next start."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)
            self._thread = None

    def try_ingest(self, *, is_last: bool = False) -> bool:
        """Store what is there, and return whether that worked. Never raises.

        While another process is at it, that is left to it, except for the last time.
        """
        try:
            with files.alone(self.folder) as is_alone:
                if is_alone or is_last:
                    ingest(self.folder)
            if time.monotonic() >= self._tidy_at:
                self._tidy_at = time.monotonic() + TIDY_SECONDS
                tidy(now=datetime.now(UTC))
        except Exception as error:
            self.failures += 1
            self._on_failure()
            if not self._is_failing:
                logger.warning("The ledger cannot be stored; it is kept in the spool: %s", type(error).__name__)
            self._is_failing = True
            connections[alias()].close()  # a broken connection would keep failing
            return False
        if self._is_failing:
            logger.warning("The ledger can be stored again")
        self._is_failing = False
        return True

    def _run(self) -> None:
        while not self._stopped.wait(self._pause()):
            self.try_ingest()
        self.try_ingest(is_last=True)
        with suppress(Exception):
            connections[alias()].close()


def tidy(*, now: datetime) -> None:
    """Delete what is old: rows of the ledger, offsets of files that are gone, periods that nobody asks for."""
    attempts = Attempt.objects.filter(begun_at__lt=now - KEEP_ATTEMPTS).order_by("pk")
    while ids := list(attempts.values_list("pk", flat=True)[:500]):
        Attempt.objects.filter(pk__in=ids).delete()
    SpoolFile.objects.filter(read_at__lt=now - KEEP_OFFSETS).delete()
    oldest = int((now - KEEP_ATTEMPTS).timestamp()) // 86_400
    Spending.objects.filter(start__lt=oldest).delete()
    Lease.objects.filter(start__lt=oldest).delete()
