"""Units that the processes of one machine share by files: who has locked the file of a unit uses it.

The kernel unlocks the files of a process that ends, however it ends. Locking waits for nothing.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

MOST_UNITS = 256
"""With more units their files cost too much time."""


class UnitFiles:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[tuple[str, int], int] = {}
        """Descriptors of open files, by name and number of the unit. They stay open: opening costs more."""
        self._held: set[tuple[str, int]] = set()

    def take(self, name: str, weight: int, *, limit: int) -> list[int] | None:
        """Return the numbers of as many units as the weight; None, and nothing is taken, if fewer are free.

        Raise OSError if the files cannot be used.
        """
        taken: list[int] = []
        for number in range(limit):
            if len(taken) == weight:
                break
            if (name, number) not in self._held and self._lock(name, number):
                taken.append(number)
        if len(taken) < weight:
            self.release(name, taken)
            return None
        return taken

    def release(self, name: str, units: list[int]) -> None:
        for number in units:
            self._held.discard((name, number))
            fcntl.flock(self._files[name, number], fcntl.LOCK_UN)

    def close(self) -> None:
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files, self._held = {}, set()

    def _lock(self, name: str, number: int) -> bool:
        descriptor = self._files.get((name, number))
        if descriptor is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._folder / f"{name}-{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._files[name, number] = descriptor
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self._held.add((name, number))
        return True
