"""Decisions of the parent of the serving processes; tests/faults/test_restart.py runs it with real processes."""

from __future__ import annotations

import hashlib
import inspect
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence

import pytest
import uvicorn
from uvicorn.lifespan.on import LifespanOn

from gatewayz.run import children, web_worker, workers
from gatewayz.run.sockets import CannotListen, take_passed
from gatewayz.run.web_worker import ACCEPTS, LOADED, PERMISSION, PULSE, WITHOUT
from gatewayz.run.workers import READY_SECONDS, SILENT_SECONDS, CannotStart, Workers


# --- with processes that are made up ---------------------------------------------------------------------------------
class Process:
    """What `subprocess.Popen` returns, and the other end of the link."""

    started: list[Process]

    def __init__(self, _: Sequence[str], *, pass_fds: Sequence[int], **__: object) -> None:
        self.link = socket.socket(fileno=os.dup(pass_fds[0]))
        self.link.setblocking(False)
        self.returncode: int | None = None
        self.pid = len(self.started) + 1
        self.is_asked_to_end = False
        self.started.append(self)

    def reports(self, *messages: bytes) -> None:
        self.link.send(b"".join(messages))

    @property
    def heard(self) -> bytes:
        try:
            return self.link.recv(64)
        except BlockingIOError:
            return b""

    def poll(self) -> int | None:
        return self.returncode

    def terminate(self) -> None:
        self.is_asked_to_end = True

    def kill(self) -> None:
        self.returncode = -signal.SIGKILL


class Run:
    """A parent of two processes, round by round."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.workers = Workers([], count=2, say=self.lines.append)
        self.now = 1_000.0
        self.wait(0)

    def wait(self, seconds: float, *, alive: Sequence[Process] = ()) -> None:
        """Let time pass in rounds of half a second. These processes show that they run."""
        for _ in range(int(2 * seconds) + 1):
            self.now += 0.5
            for process in alive:
                process.reports(PULSE)
            self.workers.look_after(now=self.now)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setattr("subprocess.Popen", Process)
    monkeypatch.setattr(Process, "started", [], raising=False)
    found = Run()
    yield found
    for worker in [*found.workers._running, *found.workers._ending]:
        worker.link.close()
    for process in Process.started:
        process.link.close()


def test_a_process_without_a_snapshot_accepts_only_while_no_other_one_serves(run: Run) -> None:
    first, second = Process.started
    first.reports(LOADED, ACCEPTS)
    second.reports(WITHOUT)
    run.wait(1)
    assert second.heard == b""
    first.returncode = -signal.SIGKILL
    run.wait(1)
    assert second.heard == PERMISSION
    assert run.lines == ["worker 1 ended with SIGKILL; another one starts now"]


def test_a_restart_keeps_as_many_processes_that_serve_as_before(run: Run) -> None:
    old = list(Process.started)
    for process in old:
        process.reports(LOADED, ACCEPTS)
    run.wait(1)
    run.workers.restart()
    for ended in range(2):
        run.wait(5)
        *_, new = Process.started
        assert len(Process.started) == 3 + ended  # one successor at a time
        new.reports(ACCEPTS)
        run.wait(1)
        assert not old[ended].is_asked_to_end  # the successor has no snapshot yet
        new.reports(LOADED)
        run.wait(1)
        assert [each.is_asked_to_end for each in Process.started] == [True, *[ended == 1], *[False] * (1 + ended)]
        old[ended].returncode = 0
    run.wait(5)
    assert len(Process.started) == 4
    assert run.lines == ["restarting 2 workers, one after the other", "restarted"]


def test_a_restart_is_given_up_if_the_successor_gets_no_snapshot(run: Run) -> None:
    old = list(Process.started)
    for process in old:
        process.reports(LOADED, ACCEPTS)
    run.wait(1)
    run.workers.restart()
    run.wait(1)
    *_, new = Process.started
    new.reports(WITHOUT)
    run.wait(READY_SECONDS + 1, alive=Process.started)
    assert [each.is_asked_to_end for each in Process.started] == [False, False, True]
    assert new.heard == b""
    assert (
        run.lines[-1]
        == "worker 3 has no snapshot after 150 s; the restart is given up, and the workers of before go on"
    )


def test_a_process_that_no_longer_runs_is_replaced_but_a_suspended_machine_is_no_reason(run: Run) -> None:
    first, second = Process.started
    for process in Process.started:
        process.reports(LOADED, ACCEPTS)
    run.wait(1)
    run.now += 10 * SILENT_SECONDS  # the machine was suspended, and its processes were too
    run.wait(SILENT_SECONDS / 2)
    assert [first.returncode, second.returncode] == [None, None]
    run.wait(SILENT_SECONDS, alive=[first])
    assert [first.returncode, second.returncode] == [None, -signal.SIGKILL]
    assert len(Process.started) == 3


def test_a_process_that_ends_before_any_has_accepted_ends_the_server(run: Run) -> None:
    Process.started[1].returncode = 3
    with pytest.raises(CannotStart, match="worker 2 ended with status 3 before it accepted connections"):
        run.wait(1)


# --- numbers and sockets ---------------------------------------------------------------------------------------------


def test_a_process_that_keeps_ending_is_started_less_and_less_often() -> None:
    assert [workers.pause_seconds(failures) for failures in range(1, 9)] == [0, 1, 2, 4, 8, 16, 30, 30]


def test_the_supervisor_waits_longer_than_its_web_server() -> None:
    assert web_worker.GRACE_SECONDS < workers.END_SECONDS < children.STOP_SECONDS


def test_sockets_that_were_passed_to_another_process_are_left_alone() -> None:
    environment = {"LISTEN_PID": str(os.getppid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "web", "PATH": "/bin"}
    assert take_passed(environment) == []
    assert environment == {"PATH": "/bin"}  # the workers of this process must not take them either


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports whether a socket listens")
def test_a_passed_connection_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        monkeypatch.setattr("gatewayz.run.sockets._FIRST_PASSED", os.dup(theirs.fileno()))
        with pytest.raises(CannotListen, match="must be a listening stream socket"):
            take_passed({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"})


def test_uvicorn_starts_and_ends_as_our_worker_expects() -> None:
    """If this fails, compare both classes with `gatewayz/run/web_worker.py`, and update the digest."""
    source = inspect.getsource(uvicorn.Server) + inspect.getsource(LifespanOn)
    assert hashlib.sha256(source.encode()).hexdigest() == (
        "2f6e9e18933c3446cd08573f9979c705662c1b739abf4b5b8e095fb19005a329"
    )
