"""Processes that the supervisor keeps running: when each one restarts, and how all of them end.

Each child leads its own session. The terminal's Ctrl-C therefore reaches only the supervisor, which ends the children
in order. Processes that a child started itself (web workers, the worker's pool) can be killed with its group.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

STOP_SECONDS = 30.0  # the web server gives requests and streams 25
SETTLED_SECONDS = 60.0  # a child that lived this long had started well: its next failure is again the first in a row
FIRST_PAUSE_SECONDS = 1.0
MOST_FAILURES = 5

_PR_SET_PDEATHSIG = 1  # from linux/prctl.h
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


class KeepsFailing(Exception):
    """A child has ended by itself too many times in a row."""


@dataclass(frozen=True)
class Command:
    name: str
    arguments: tuple[str, ...]  # for this Python interpreter
    # The signal that the kernel sends when the supervisor itself is killed.
    orphan_signal: signal.Signals = signal.SIGTERM


# --- decisions -------------------------------------------------------------------------------------------------------
def count_failures(before: int, *, lived_seconds: float) -> int:
    return 1 if lived_seconds >= SETTLED_SECONDS else before + 1


def pause_seconds(failures: int) -> float | None:
    """Return how long to wait before the next start, or None if another start would not help."""
    return None if failures >= MOST_FAILURES else FIRST_PAUSE_SECONDS * 2.0 ** (failures - 1)


def describe_end(status: int) -> str:
    return f"status {status}" if status >= 0 else signal.Signals(-status).name


# --- effects ---------------------------------------------------------------------------------------------------------
class Child:
    def __init__(self, command: Command, *, folder: Path, say: Callable[[str], None]) -> None:
        self._command = command
        self._folder = folder
        self._say = say
        self._failures = 0
        self._start_at = 0.0
        self._started_at = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    def look_after(self, *, now: float) -> None:
        """Start the child when it is due; if it has ended by itself, schedule its next start."""
        if self._process is None:
            if now >= self._start_at:
                self._start(now=now)
        elif (status := self._process.poll()) is not None:
            self.kill_rest()
            self._schedule_start(status, now=now)

    def _start(self, *, now: float) -> None:
        self._started_at = now
        self._process = subprocess.Popen(  # noqa: S603  the supervisor's own commands
            [sys.executable, *self._command.arguments],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=end_with_parent(os.getpid(), self._command.orphan_signal),
        )

    def _schedule_start(self, status: int, *, now: float) -> None:
        self._process = None
        self._failures = count_failures(self._failures, lived_seconds=now - self._started_at)
        pause = pause_seconds(self._failures)
        if pause is None:
            reason = f"{self._command.name} ended {self._failures} times in a row, now with {describe_end(status)}"
            raise KeepsFailing(reason)
        self._say(f"{self._command.name} ended with {describe_end(status)}; it starts again in {pause:g} s")
        self._start_at = now + pause

    def terminate(self) -> None:
        # Only the leader gets the signal: the worker's pool would drop its tasks, while the leader waits for them.
        if self._process is not None:
            self._process.terminate()

    def wait(self, *, seconds: float) -> None:
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)

    def kill_rest(self) -> None:
        """Kill the leader if it still runs, and every process that it left behind."""
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):  # macOS raises PermissionError for a group of zombies
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def end_with_parent(parent: int, number: signal.Signals) -> Callable[[], None]:
    """Return a function to run between fork and exec: the kernel then ends this process when the supervisor is gone."""

    def ask_kernel() -> None:
        if _prctl is not None:
            _prctl(_PR_SET_PDEATHSIG, number)
            if os.getppid() != parent:
                os._exit(1)  # the supervisor was gone before the kernel was asked

    return ask_kernel


class Children:
    def __init__(self, commands: Sequence[Command], *, folder: Path, say: Callable[[str], None]) -> None:
        self._all = [Child(command, folder=folder, say=say) for command in commands]

    def look_after(self, *, now: float) -> None:
        """Start each child that should run but does not. Raises KeepsFailing."""
        for child in self._all:
            child.look_after(now=now)

    def stop(self) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        for child in self._all:
            child.terminate()
        for child in self._all:
            child.wait(seconds=max(0.0, deadline - time.monotonic()))
        for child in self._all:
            child.kill_rest()
