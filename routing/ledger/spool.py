"""Appends the rows of a serving process to its spool.

A record is written to the page cache before `begin` or `end` return. That is one call of some microseconds, and it
survives the end of the process, however that ends. A thread has the disk store it: at once when it was idle, else
GATHER_SECONDS after the last time, with all that was written meanwhile. So a lost machine loses what came in that time,
and in the time that the disk needs. Who waits for the disk (`durable`) never waits for that pause.
"""

from __future__ import annotations

import asyncio
import logging
import operator
import os
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import compress
from math import inf
from pathlib import Path
from threading import Event, Lock, Thread

from routing.ledger import files, records
from routing.ledger.files import OwnFile
from routing.ledger.records import Entry
from routing.ledger.rows import Begun, CannotRecord, Ended

logger = logging.getLogger(__name__)

ROTATE_BYTES = 8 * 1024 * 1024
ROTATE_SECONDS = 60.0
GATHER_SECONDS = 0.025
"""The pause between two syncs that nobody waits for. Without it the thread wakes up for each record, and takes the
interpreter from the event loop: that costs more than to write the record."""
LOOK_SECONDS = 1.0
"""How often the thread looks whether the file is old, or whether a full disk has room again."""
STOP_SECONDS = 5.0


class Spool:
    """Implements `Ledger`. `begin`, `end` and `durable` are for the event loop; a thread does the rest."""

    def __init__(
        self,
        folder: Path,
        *,
        on_end: Callable[[Entry], None] = lambda entry: None,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_end` gets each row that has ended; `on_failure` is called when a write or a sync has failed."""
        self.folder = folder
        self._on_end, self._on_failure = on_end, on_failure
        self.process = files.process_name()
        self._open: dict[tuple[str, int], Entry] = {}
        """The attempts that go on."""
        self._lock = Lock()
        """Held for the moment of an append or of a change of files, never while the disk is waited for."""
        self._file: OwnFile | None = None
        self._unwritten: deque[bytes] = deque()
        """Ends that a full disk refused."""
        self._appended = 0
        self._stored = 0
        """How many of the appended records are on the disk."""
        self._waiting: list[tuple[int, asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self._files = 0
        self._wake, self._hurry = Event(), Event()
        """Set: there is something to do; it must be done at once."""
        self._synced_at = -inf
        """When the last sync ended, on the monotonic clock."""
        self._is_stopped = False
        self._thread: Thread | None = None
        self.failures = 0
        """Writes and syncs that failed."""

    # --- for the relay -----------------------------------------------------------------------------------------------
    def begin(self, row: Begun) -> None:
        entry = records.begun(row, process=self.process)
        if self._unwritten or not self._append(records.packed(entry)):
            raise CannotRecord("The ledger cannot be written, so no request is sent.")
        self._open[row.request_id, row.attempt] = entry

    def end(self, row: Ended) -> None:
        before = self._open.pop((row.request_id, row.attempt), None)
        if before is None:
            logger.error("Attempt %s of %s ended twice, or never began", row.attempt, row.request_id)
            return
        entry = records.ended(before, row)
        data = records.packed(entry)
        if self._unwritten or not self._append(data):
            self._unwritten.append(data)
            self._wake.set()
        self._on_end(entry)

    async def durable(self) -> None:
        loop = asyncio.get_running_loop()
        with self._lock:
            wanted = self._appended
            if self._stored >= wanted:
                return
            future = loop.create_future()
            self._waiting.append((wanted, loop, future))
        self._wake_now()
        await future

    @property
    def open_attempts(self) -> int:
        return len(self._open)

    def _append(self, data: bytes) -> bool:
        with self._lock:
            if self._file is None:
                return False
            try:
                self._file.append(data)
            except OSError as error:
                self._failed(error)
                return False
            self._appended += 1
        if not self._wake.is_set():  # the thread clears it before it looks at what was appended
            self._wake.set()
        return True

    def _wake_now(self) -> None:
        self._wake.set()
        self._hurry.set()

    def _failed(self, error: OSError) -> None:
        self.failures += 1
        self._on_failure()
        if not self._unwritten:
            logger.error("The spool in %s cannot be written: %s", self.folder, error)

    # --- the thread --------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Make the first file, and have it stored from now on. Call it after the fork. Raise OSError."""
        self.process = files.process_name()
        self._is_stopped = False
        files.folder_id(self.folder)
        self._file = self._new_file()
        self._thread = Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Store everything, and close the file. Call it after the last answer; a second call does nothing."""
        self._is_stopped = True
        self._wake_now()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)
            self._thread = None

    def _new_file(self) -> OwnFile:
        self._files += 1
        return OwnFile(self.folder, self.process, self._files)

    def _run(self) -> None:
        while not self._is_stopped:
            self._wake.wait(LOOK_SECONDS)
            self._hurry.wait(max(0.0, self._synced_at + GATHER_SECONDS - time.monotonic()))
            self._wake.clear()
            self._hurry.clear()
            self._round()
        self._round()
        with self._lock:
            file, self._file = self._file, None
        if file is not None:
            file.close()

    def _round(self) -> None:
        self._write_again()
        try:
            self._sync()
            self._rotate()
        except OSError as error:
            self._failed(error)
            self._release(CannotRecord("The disk refuses the ledger."))
            if not self._is_stopped:
                time.sleep(0.1)  # a disk that fails at once must not be asked without a pause

    def _write_again(self) -> None:
        """Write what a full disk refused, in its order."""
        while self._unwritten and self._append(self._unwritten[0]):
            self._unwritten.popleft()
            if not self._unwritten:
                logger.warning("The spool in %s can be written again", self.folder)

    def _sync(self) -> None:
        with self._lock:
            file, appended = self._file, self._appended
        if file is not None and appended > self._stored:
            os.fdatasync(file.descriptor)
            self._synced_at = time.monotonic()
            with self._lock:
                self._stored = appended
            self._release(None)

    def _rotate(self) -> None:
        file = self._file
        if file is None or not file.size:
            return
        if file.size < ROTATE_BYTES and time.monotonic() - file.made_at < ROTATE_SECONDS:
            return
        new = self._new_file()
        with self._lock:
            self._file, appended = new, self._appended
        os.fdatasync(file.descriptor)
        file.close()
        with self._lock:
            self._stored = max(self._stored, appended)
        self._release(None)

    def _release(self, error: CannotRecord | None) -> None:
        """Let those continue who wait for what is stored now; after an error, all."""
        with self._lock:
            is_ready = [error is not None or wanted <= self._stored for wanted, _, _ in self._waiting]
            ready = list(compress(self._waiting, is_ready))
            self._waiting = list(compress(self._waiting, map(operator.not_, is_ready)))
        for _, loop, future in ready:
            with suppress(RuntimeError):  # the loop may have ended
                loop.call_soon_threadsafe(_settle, future, error)


def _settle(future: asyncio.Future[None], error: CannotRecord | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
