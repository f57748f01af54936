"""The environments of clients: made once for each lock file, and reported if they cannot be made."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.clients import environments
from tests.clients.clients import environment_of
from tests.clients.environments import Command, Unavailable


class Machine:
    """Takes the commands, and fails those that install."""

    def __init__(self) -> None:
        self.ran: list[Command] = []
        self.is_connected = True

    def run(self, command: Command, **_: object) -> None:
        self.ran.append(command)
        if "install" in command and not self.is_connected:
            raise subprocess.CalledProcessError(1, [], output="no route to\nthe index")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(subprocess, "run", machine.run)
    monkeypatch.setattr(environments, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(environments, "CLIENTS", tmp_path)
    (tmp_path / "client").mkdir()
    (tmp_path / "client" / "requirements.txt").write_text("openai==1")
    return machine


def test_an_environment_is_made_once_for_each_lock_file(machine: Machine, tmp_path: Path) -> None:
    first = environments.python("client")
    made = len(machine.ran)

    assert environments.python("client") == first
    assert len(machine.ran) == made

    (tmp_path / "client" / "requirements.txt").write_text("openai==2")
    assert environments.python("client") != first
    assert [path.name for path in (tmp_path / "kept").glob("client-*/")] == [environments.python("client").parts[-3]]


def test_an_environment_that_cannot_be_made_is_reported_and_tried_again(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_NOT_RUN", str(tmp_path / "not-run.txt"))
    machine.is_connected = False

    with pytest.raises(Unavailable, match=r"client \(requirements.txt\): no route to the index"):
        environments.python("client")
    with pytest.raises(pytest.skip.Exception, match="NOT RUN: the client client"):
        environment_of("client", environments.python)

    assert (tmp_path / "not-run.txt").read_text() == "the client client (requirements.txt): no route to the index\n"
    machine.is_connected = True
    assert environments.python("client").parts[-1] == "python"
