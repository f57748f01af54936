"""The counts of all serving processes of a host, so that any one of them answers a scrape for all.

    <folder>/<process>.json    the counts of one process, written each second if they changed, and at its end
    <folder>/<process>.new     the same, being written
    <folder>/ended.json        the sum of the processes that have ended
    <folder>/lock              held by the process that adds ended ones to that sum

A process holds a lock on its file as long as it lives, and the kernel releases it even if the process is killed. So
no process id that is used again, and no process that was only stopped, can be counted wrongly. A killed process loses
the counts of its last second. A scrape first writes the counts of its own process: a later scrape of another process
cannot be behind, so counters never go down. docs/adr/0012 explains why this is not prometheus_client's own mode.
"""

from __future__ import annotations

import fcntl
import logging
import os
import platform
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread
from typing import BinaryIO, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from front.counts import Counters, Counts, Gauges

logger = logging.getLogger(__name__)

WRITE_SECONDS = 1.0
STOP_SECONDS = 2.0
"""How long a process waits at its end for the thread, which may be writing to a slow disk."""
_ENDED = "ended.json"
_MOST_READS = 5
"""The folder is read again if the sum of the ended processes changed meanwhile, which only the start of one does."""

M = TypeVar("M", bound=BaseModel)


class Process(BaseModel):
    """The counts of one process, as its file has them."""

    model_config = ConfigDict(frozen=True)

    pid: int
    host: str
    """The name of the machine or container, in which the pid has a meaning."""
    counters: Counters
    gauges: Gauges


class _Ended(BaseModel):
    """The sum of the processes that have ended."""

    model_config = ConfigDict(frozen=True)

    counters: Counters = {}
    added: frozenset[str] = frozenset()
    """The names of files that are added already, but may still exist: their process was killed in between."""


@dataclass(frozen=True, slots=True)
class Totals:
    """The counts of all serving processes."""

    counters: Counters
    processes: Sequence[Process]
    """The processes that are alive, the one that answers first."""

    def counter(self, name: str) -> Iterator[tuple[list[str], float]]:
        """Yield the labels and the number of each counter of this name."""
        for key, number in sorted(self.counters.items()):
            found, *labels = key.split()
            if found == name:
                yield labels, number

    def gauge(self, name: str) -> list[float]:
        """Return the numbers of the processes that are alive and have this gauge."""
        return [process.gauges[name] for process in self.processes if name in process.gauges]


class SharedCounts:
    """Writes the counts of this process for the others, and adds theirs. Safe with threads.

    Before `start`, and while the folder cannot be used, the totals are those of this process.
    """

    def __init__(self, counts: Counts, *, gauges: Callable[[], Mapping[str, float]]) -> None:
        """Share also the numbers that `gauges` returns; it is called in another thread."""
        self._counts = counts
        self._gauges = gauges
        self._file: _OwnFile | None = None
        self._thread: Thread | None = None
        self._writing = Lock()
        self._is_stopped = Event()
        self._is_failing = False

    def start(self, folder: Path) -> None:
        """Write the counts to a file in this folder, now and each second, until `stop`.

        Call it in the serving process itself: its thread and its lock belong to the process that makes them.
        """
        self._file = _OwnFile(folder)
        self._is_stopped.clear()
        self._write()
        if not self._is_failing:
            try:
                _add_ended(folder)
            except OSError as error:
                logger.warning("The counts of ended processes stay in files of their own: %s", error)
        self._thread = Thread(target=self._run, name="counts", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write the counts a last time. Call it when the last request has been answered."""
        self._is_stopped.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)
            if self._thread.is_alive():
                return  # the disk does not answer: to wait for it would only delay the end
        self._write()
        if self._file is not None:
            self._file.release()
        self._file = self._thread = None

    def totals(self) -> Totals:
        own, file = self._write(), self._file
        try:
            return _add_others(own, file.path) if file is not None else Totals(own.counters, [own])
        except OSError:
            return Totals(own.counters, [own])

    def _run(self) -> None:
        while not self._is_stopped.wait(WRITE_SECONDS):
            self._write()

    def _write(self) -> Process:
        """Return the counts of this process, which its file has now; log a failure once, and its end."""
        with self._writing:  # with the counting: no older counts may replace newer ones
            own = self._own()
            if self._file is None:
                return own
            try:
                self._file.write(own)
            except OSError as error:
                if not self._is_failing:
                    logger.warning("The counts cannot be written, so metrics lack those of other processes: %s", error)
                self._is_failing = True
            else:
                if self._is_failing:
                    logger.warning("The counts can be written again")
                self._is_failing = False
            return own

    def _own(self) -> Process:
        gauges = {**self._counts.gauges(), **self._gauges()}
        return Process(pid=os.getpid(), host=platform.node(), counters=self._counts.counters(), gauges=gauges)


class _OwnFile:
    """The file of this process, which has a lock as long as the process lives."""

    def __init__(self, folder: Path) -> None:
        # Not the pid alone: containers that share the folder may have equal ones.
        self.path = folder / f"{os.getpid()}-{secrets.token_hex(8)}.json"
        self._locked: BinaryIO | None = None
        self._written: Process | None = None

    def write(self, own: Process) -> None:
        """Replace the content as a whole. Raises OSError."""
        if own == self._written and self.path.exists():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_suffix(".new")
        try:
            unfinished.write_bytes(own.model_dump_json().encode())
            locked = unfinished.open("rb+")
            try:
                fcntl.flock(locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
                unfinished.rename(self.path)
            except OSError:
                locked.close()
                raise
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        self.release()  # the lock of the content that was replaced
        self._locked, self._written = locked, own

    def release(self) -> None:
        if self._locked is not None:
            self._locked.close()
        self._locked = None


@dataclass(frozen=True, slots=True)
class _Found:
    """The file of another process."""

    path: Path
    process: Process | None
    """None if it cannot be read, such as one of another version of the program."""
    is_alive: bool


def _add_others(own: Process, path: Path) -> Totals:
    """Return the counts of this process with those of the others in the folder of its file. Raises OSError."""
    folder = path.parent
    ended = _read_ended(folder)
    others: list[_Found] = []
    for _ in range(_MOST_READS):
        others = [found for found in _find(folder) if found.path.name not in {path.name, *ended.added}]
        before, ended = ended, _read_ended(folder)
        if ended == before:
            break
    counted = [found.process for found in others if found.process is not None]
    alive = [found.process for found in others if found.process is not None and found.is_alive]
    counters = _sum([own.counters, ended.counters, *(process.counters for process in counted)])
    return Totals(counters, [own, *alive])


def _add_ended(folder: Path) -> None:
    """Add the counts of processes that have ended to one file, and delete theirs. Raises OSError."""
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # another process is at it
        ended = [found for found in _find(folder) if not found.is_alive]
        if not ended:
            return
        before = _read_ended(folder)
        new = [each.process for each in ended if each.process is not None and each.path.name not in before.added]
        after = _Ended(
            counters=_sum([before.counters, *(process.counters for process in new)]),
            added=frozenset(each.path.name for each in ended),
        )
        unfinished = folder / "ended.new"
        unfinished.write_bytes(after.model_dump_json().encode())
        unfinished.rename(folder / _ENDED)
        for each in ended:
            each.path.unlink()
            each.path.with_suffix(".new").unlink(missing_ok=True)


def _find(folder: Path) -> list[_Found]:
    found = []
    for path in sorted(folder.glob("*-*.json")):
        with suppress(FileNotFoundError), path.open("rb") as file:  # it may just have been added to the ended ones
            found.append(_Found(path, _parse(Process, file.read(), path=path), _is_alive(path, file)))
    return found


def _is_alive(path: Path, file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    # A process that is alive releases the lock of a file only after it has put another in its place.
    return not os.path.samestat(os.fstat(file.fileno()), path.stat())


def _read_ended(folder: Path) -> _Ended:
    path = folder / _ENDED
    try:
        return _parse(_Ended, path.read_bytes(), path=path) or _Ended()
    except FileNotFoundError:
        return _Ended()


def _parse(model: type[M], content: bytes, *, path: Path) -> M | None:
    try:
        return model.model_validate_json(content)
    except ValidationError:
        logger.warning("%s has no counts that can be read", path)
        return None


def _sum(parts: Iterable[Counters]) -> Counters:
    total: defaultdict[str, float] = defaultdict(float)
    for part in parts:
        for key, number in part.items():
            total[key] += number
    return dict(total)
