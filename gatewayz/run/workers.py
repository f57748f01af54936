"""Keeps the serving processes of the web server running: on signals, and when one of them ends by itself.

All of them accept connections from the same sockets, which this process holds open: while one ends and another starts,
the kernel keeps new connections for those that accept. This process answers nothing and loads no catalogue.

SIGTERM and SIGINT end: the sockets are closed, and requests and streams get up to `web_worker.GRACE_SECONDS`. A second
one ends at once. SIGHUP replaces all processes, one at a time: the next one starts, and only when it has a snapshot and
accepts connections does one of the old ones end. If it does not get so far, the old ones stay. New processes read the
program and the settings again.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from gatewayz.run.children import count_failures, describe_end, end_with_parent
from gatewayz.run.web_worker import ACCEPTS, GRACE_SECONDS, LOADED, PERMISSION, WITHOUT

READY_SECONDS = 150.0
"""How long the successor of a process may take until it accepts connections with a snapshot."""
SILENT_SECONDS = 60.0
"""A process whose event loop has not run for this long is replaced."""
END_SECONDS = GRACE_SECONDS + 3.0
"""When a process is killed that should have ended. `children.py` waits a little longer for this process."""
LONGEST_PAUSE_SECONDS = 30.0
LOOK_SECONDS = 0.5


class CannotStart(Exception):
    """A process has ended before any of them accepted a connection: others would do the same."""


def pause_seconds(failures: int) -> float:
    """Return how long to wait before a process is replaced, after this many have ended in a row soon after their start.

    The first is replaced at once.
    """
    return 0.0 if failures <= 1 else float(min(LONGEST_PAUSE_SECONDS, 2.0 ** (failures - 2)))


class Worker:
    """One serving process, and what it has reported."""

    def __init__(self, sockets: Sequence[socket.socket], *, now: float) -> None:
        """Start it. Raises OSError."""
        self.link, theirs = socket.socketpair()
        self.link.setblocking(False)
        self.started_at = now
        self.silent_seconds = 0.0
        self.asks_permission = False
        self.is_loaded = False
        self.accepts = False
        self.end_at = float("inf")
        """When it is killed, once it has been asked to end."""
        with theirs:
            descriptors = [found.fileno() for found in sockets]
            command = [sys.executable, "-m", "gatewayz.run.web_worker", "--link", str(theirs.fileno())]
            self.process = subprocess.Popen(  # noqa: S603  our own command
                [*command, "--sockets", *map(str, descriptors)],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno(), *descriptors],
                # In the session of this process: children.py kills what is left of it with its group.
                preexec_fn=end_with_parent(os.getpid(), signal.SIGTERM),
            )

    @property
    def serves(self) -> bool:
        """Whether it answers from a snapshot."""
        return self.is_loaded and self.accepts

    def listen(self, *, elapsed: float) -> None:
        """Take what it has reported in these seconds."""
        self.silent_seconds += elapsed
        with suppress(OSError):
            while messages := self.link.recv(64):
                self.silent_seconds = 0.0
                self.asks_permission |= WITHOUT in messages
                self.is_loaded |= LOADED in messages
                self.accepts |= ACCEPTS in messages

    def permit(self) -> None:
        self.asks_permission = False
        with suppress(OSError):
            self.link.send(PERMISSION)

    def ask_to_end(self, *, now: float) -> None:
        self.end_at = min(self.end_at, now + END_SECONDS)
        self.process.terminate()

    def kill(self) -> None:
        self.process.kill()


class Signals:
    """Which signals have come. `look_here` becomes readable with each one, and when a child ends."""

    def __init__(self, look_here: socket.socket) -> None:
        self.look_here = look_here
        self.ends = 0
        self.restarts = False

    def take(self, number: int, _: object) -> None:
        if number == signal.SIGHUP:
            self.restarts = True
        elif number != signal.SIGCHLD:
            self.ends += 1


@contextmanager
def taken_signals() -> Iterator[Signals]:
    """Take signals for as long as this context lasts."""
    look_here, wake = socket.socketpair()
    with look_here, wake:
        look_here.setblocking(False)
        wake.setblocking(False)
        signals = Signals(look_here)
        before = signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
        handlers = {number: signal.signal(number, signals.take) for number in numbers}
        try:
            yield signals
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before)


class Workers:
    def __init__(self, sockets: Sequence[socket.socket], *, count: int, say: Callable[[str], None]) -> None:
        """Run `count` processes on these sockets. `say` gets one line for each event that an operator should know."""
        self._sockets = sockets
        self._count = count
        self._say = say
        self._running: list[Worker] = []
        """Those that should go on."""
        self._ending: list[Worker] = []
        """Those that were asked to end."""
        self._old: list[Worker] = []
        """Those of `_running` that a restart still has to replace."""
        self._failures = 0
        self._start_at = 0.0
        self._looked_at = time.monotonic()
        self._has_served = False

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT. Raises CannotStart."""
        with taken_signals() as signals:
            try:
                while not signals.ends:
                    if signals.restarts:
                        signals.restarts = False
                        self.restart()
                    self.look_after(now=time.monotonic())
                    self._wait(signals)
            finally:
                self._end(signals)

    # --- decisions, in the order of a round --------------------------------------------------------------------------
    def restart(self) -> None:
        """Replace all processes from the next round on."""
        self._old = list(self._running)
        self._say(f"restarting {len(self._old)} workers, one after the other")

    def look_after(self, *, now: float) -> None:
        """Start, replace and end processes as the reports and the time require. Raises CannotStart."""
        self._listen(now=now)
        self._bury(now=now)
        self._kill_silent(now=now)
        self._permit()
        self._replace(now=now)
        self._start(now=now)

    def _listen(self, *, now: float) -> None:
        # At most a round or two: a machine that was suspended counts as no silence.
        elapsed = min(now - self._looked_at, 2 * LOOK_SECONDS)
        self._looked_at = now
        for worker in self._running:
            worker.listen(elapsed=elapsed)
            self._has_served |= worker.accepts

    def _bury(self, *, now: float) -> None:
        """Forget the processes that have ended; those that were not asked to are failures. Raises CannotStart."""
        for worker in [each for each in self._ending if each.process.poll() is not None]:
            self._ending.remove(worker)
            worker.link.close()
        for worker in [each for each in self._running if each.process.poll() is not None]:
            self._running.remove(worker)
            worker.link.close()
            self._count_failure(worker, now=now)

    def _count_failure(self, worker: Worker, *, now: float) -> None:
        how = f"worker {worker.process.pid} ended with {describe_end(worker.process.returncode)}"
        if not self._has_served:
            raise CannotStart(f"{how} before it accepted connections; its output above has the reason")
        if self._old and worker not in self._old and not worker.serves:
            self._give_up_restart(how)
        elif len(self._running) >= self._count:
            self._say(f"{how}; its successor runs already")
        self._old = [each for each in self._old if each is not worker]
        if len(self._running) < self._count:
            self._postpone_start(how, lived_seconds=now - worker.started_at, now=now)

    def _postpone_start(self, reason: str, *, lived_seconds: float, now: float) -> None:
        self._failures = count_failures(self._failures, lived_seconds=lived_seconds)
        pause = pause_seconds(self._failures)
        self._start_at = now + pause
        self._say(f"{reason}; another one starts " + (f"in {pause:g} s" if pause else "now"))

    def _give_up_restart(self, reason: str) -> None:
        self._old.clear()
        self._say(f"{reason}; the restart is given up, and the workers of before go on")

    def _kill_silent(self, *, now: float) -> None:
        for worker in self._running:
            if worker.silent_seconds > SILENT_SECONDS:
                self._say(f"worker {worker.process.pid} has not run for {SILENT_SECONDS:g} s and is killed")
                worker.silent_seconds = 0.0
                worker.kill()
        for worker in self._ending:
            if now > worker.end_at:
                worker.kill()

    def _permit(self) -> None:
        """Let processes without a snapshot accept connections if no other one can answer."""
        if not any(worker.serves for worker in self._running):
            for worker in self._running:
                if worker.asks_permission:
                    worker.permit()

    def _replace(self, *, now: float) -> None:
        """Let an old process end if its successor serves."""
        if not self._old or len(self._running) <= self._count:
            return
        new = [worker for worker in self._running if worker not in self._old]
        if all(worker.serves for worker in new):
            self._let_end(self._old.pop(0), now=now)
            if not self._old:
                self._say("restarted")
        elif late := [each for each in new if not each.serves and now - each.started_at > READY_SECONDS]:
            self._give_up_restart(f"worker {late[0].process.pid} has no snapshot after {READY_SECONDS:g} s")
            self._let_end(late[0], now=now)

    def _let_end(self, worker: Worker, *, now: float) -> None:
        self._running.remove(worker)
        self._ending.append(worker)
        worker.ask_to_end(now=now)

    def _start(self, *, now: float) -> None:
        # The next successor starts when the last old one has ended: each one takes the memory of a whole catalogue.
        wanted = self._count + (1 if self._old and not self._ending else 0)
        while len(self._running) < wanted and now >= self._start_at:
            try:
                self._running.append(Worker(self._sockets, now=now))
            except OSError as error:
                self._postpone_start(f"no worker can be started: {error.strerror}", lived_seconds=0.0, now=now)

    # --- waiting and ending ------------------------------------------------------------------------------------------
    def _wait(self, signals: Signals) -> None:
        """Wait for a signal, a report or the end of a process, or for a moment."""
        with selectors.DefaultSelector() as selector:
            selector.register(signals.look_here, selectors.EVENT_READ)
            for worker in self._running:
                if worker.process.poll() is None:
                    selector.register(worker.link, selectors.EVENT_READ)
            selector.select(LOOK_SECONDS)
        with suppress(BlockingIOError):
            signals.look_here.recv(4_096)

    def _end(self, signals: Signals) -> None:
        """Accept nothing more, and return when all processes have ended."""
        for listening in self._sockets:
            listening.close()
        asked = signals.ends
        for worker in [*self._running]:
            self._let_end(worker, now=time.monotonic())
        while self._ending:
            if signals.ends > asked:
                for worker in self._ending:
                    worker.kill()
            self._kill_silent(now=time.monotonic())
            self._bury(now=time.monotonic())
            if self._ending:
                self._wait(signals)
