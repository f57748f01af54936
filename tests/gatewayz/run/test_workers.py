"""Decisions of the parent of the serving processes; tests/faults/test_restart.py runs it with real processes."""

from __future__ import annotations

import hashlib
import inspect
import os
import socket
import sys

import pytest
import uvicorn
from uvicorn.lifespan.on import LifespanOn

from gatewayz.run import children, web_worker, workers
from gatewayz.run.sockets import CannotListen, take_passed


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
