"""The folder of the spool: which files are in it, and whether their processes still write to them.

    <folder>/lock                        held by the process that stores the files at this moment
    <folder>/id                          a name of this folder, by which leases know where their process wrote
    <folder>/<host>-<pid>-<n>.log        records; `n` is the time of its start in nanoseconds, so no name comes twice
    <folder>/<host>-<pid>-<n>.new        the same before it is locked
    <folder>/<host>-<pid>-<n>.damaged    a file with bytes that are no records, for people

A process holds a lock on the file that it writes to. The kernel releases it even if the process is killed.
"""

from __future__ import annotations

import fcntl
import os
import platform
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

END = ".log"
LOCK = "lock"
_NEW, _DAMAGED, _ID = ".new", ".damaged", "id"
_MOST_HOST = 60


def process_name() -> str:
    """Return the beginning of the names of this process's files: host, pid and the present time."""
    host = re.sub(r"[^A-Za-z0-9.]+", "_", platform.node())[:_MOST_HOST] or "host"
    return f"{host}-{os.getpid()}-{time.time_ns()}"


def folder_id(folder: Path) -> str:
    """Return the name of a spool folder, which is made on the first call. Raise OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _ID
    new = folder / f"{_ID}-{secrets.token_hex(8)}"
    if not path.exists():
        new.write_text(secrets.token_hex(16))
        with suppress(FileExistsError):
            os.link(new, path)  # unlike a rename, this never replaces the name that another process has made
        new.unlink()
    return path.read_text().strip()


class OwnFile:
    """A file that this process writes to."""

    def __init__(self, folder: Path, process: str, number: int) -> None:
        """Make it, locked. Raise OSError."""
        self.path = folder / f"{process}-{number}{END}"
        self.size = 0
        self.made_at = time.monotonic()
        new = self.path.with_suffix(_NEW)
        self.descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o640)
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)
        new.rename(self.path)  # nobody ever sees it without its lock
        with _opened_folder(folder) as descriptor:
            os.fsync(descriptor)

    def append(self, data: bytes) -> None:
        """Write to the page cache, whole or not at all. Raise OSError."""
        try:
            written = os.write(self.descriptor, data)
            if written != len(data):
                raise OSError(f"only {written} of {len(data)} bytes were written")
        except OSError:
            os.ftruncate(self.descriptor, self.size)
            raise
        self.size += len(data)

    def close(self) -> None:
        os.close(self.descriptor)


@contextmanager
def _opened_folder(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def alone(folder: Path) -> Iterator[bool]:
    """Yield whether no other process reads the folder now. Nothing depends on it: to read twice only costs time."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


# --- reading ---------------------------------------------------------------------------------------------------------
def found(folder: Path) -> list[Path]:
    """Return the files with records, in the order of their names."""
    return sorted(folder.glob(f"*{END}")) if folder.is_dir() else []


def process_of(path: Path) -> str:
    """Return the process that wrote a file."""
    return path.stem.rpartition("-")[0]


def piece(path: Path, *, offset: int, most_bytes: int) -> bytes:
    """Return bytes from an offset on; nothing if the file is gone."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(most_bytes)
    except FileNotFoundError:
        return b""


def is_written(path: Path) -> bool:
    """Return whether nobody can write to a file any more."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    return True


def backlog(folder: Path) -> int:
    """Return the bytes of all files: what is stored is deleted."""
    total = 0
    for path in found(folder):
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def set_aside(path: Path) -> None:
    """Keep a file that cannot be read to its end for people."""
    with suppress(FileNotFoundError):
        path.rename(path.with_suffix(_DAMAGED))
