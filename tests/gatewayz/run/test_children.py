from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings

from gatewayz.run import children
from gatewayz.run.children import Children, Command, KeepsFailing, count_failures, describe_end, pause_seconds

# Each child writes its process id to a file with its name when it is ready.
PATIENT = "import os, pathlib, time; pathlib.Path('patient').write_text(str(os.getpid())); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + PATIENT.replace("patient", "stubborn")
PARENT = f"""
import subprocess, sys
subprocess.Popen([sys.executable, "-c", {STUBBORN!r}])
{PATIENT.replace("patient", "parent")}
"""
FAILING = "import sys; sys.exit(3)"
SUPERVISING = f"""
import time
from pathlib import Path
from gatewayz.run.children import Children, Command
children = Children([Command("patient", ("-c", {PATIENT!r}))], folder=Path("."), say=print)
children.look_after(now=time.monotonic())
time.sleep(600)
"""


def eventually(condition: Callable[[], object], *, seconds: float = 30.0) -> None:
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at, "it did not come true in time"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # the process has ended, but its status has not been read


class Started:
    """The children of a test, which are looked after whenever the test waits."""

    def __init__(self, folder: Path, *scripts: str) -> None:
        self.lines: list[str] = []
        self._folder = folder
        commands = [Command(f"child-{number}", ("-c", script)) for number, script in enumerate(scripts)]
        self.children = Children(commands, folder=folder, say=self.lines.append)

    def pid(self, name: str, *, other_than: int = 0) -> int:
        file = self._folder / name

        def is_ready() -> bool:
            self.children.look_after(now=time.monotonic())
            return file.exists() and file.read_text() not in {"", str(other_than)}

        eventually(is_ready)
        return int(file.read_text())


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    started: list[Started] = []

    def start(*scripts: str) -> Started:
        started.append(Started(tmp_path, *scripts))
        return started[-1]

    yield start
    for each in started:
        each.children.stop()


@pytest.fixture
def quick_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "FIRST_PAUSE_SECONDS", 0.01)


def test_pauses_grow_until_another_start_would_not_help() -> None:
    assert [pause_seconds(failures) for failures in range(1, 6)] == [1.0, 2.0, 4.0, 8.0, None]


def test_only_failures_in_a_row_count() -> None:
    assert count_failures(3, lived_seconds=1.0) == 4
    assert count_failures(3, lived_seconds=600.0) == 1


def test_an_end_is_described_by_status_or_signal() -> None:
    assert describe_end(3) == "status 3"
    assert describe_end(-signal.SIGKILL) == "SIGKILL"


def test_a_child_that_was_killed_starts_again(start: Callable[..., Started], quick_pauses: None) -> None:
    started = start(PATIENT)
    first = started.pid("patient")

    os.kill(first, signal.SIGKILL)
    second = started.pid("patient", other_than=first)

    assert is_running(second)
    assert started.lines == ["child-0 ended with SIGKILL; it starts again in 0.01 s"]


def test_what_a_killed_child_left_behind_is_gone_before_it_starts_again(
    start: Callable[..., Started], quick_pauses: None
) -> None:
    started = start(PARENT)
    parent, grandchild = started.pid("parent"), started.pid("stubborn")

    os.kill(parent, signal.SIGKILL)
    started.pid("parent", other_than=parent)

    eventually(lambda: not is_running(grandchild))


def test_a_child_that_keeps_failing_is_given_up(start: Callable[..., Started], quick_pauses: None) -> None:
    started = start(FAILING)

    with pytest.raises(KeepsFailing, match="child-0 ended 5 times in a row, now with status 3"):
        started.pid("never")


def test_stopping_ends_all_children_with_theirs(start: Callable[..., Started]) -> None:
    started = start(PATIENT, PARENT)
    pids = [started.pid(name) for name in ("patient", "parent", "stubborn")]

    started.children.stop()

    eventually(lambda: not any(map(is_running, pids)))


def test_a_child_that_will_not_stop_is_killed_in_the_end(
    start: Callable[..., Started], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "STOP_SECONDS", 0.2)
    started = start(STUBBORN)
    pid = started.pid("stubborn")

    started.children.stop()

    assert not is_running(pid)


def test_each_child_leads_a_session_so_that_ctrl_c_does_not_reach_it(start: Callable[..., Started]) -> None:
    pid = start(PATIENT).pid("patient")

    assert os.getsid(pid) == pid


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_a_killed_supervisor_leaves_no_child(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(settings.BASE_DIR)}
    with subprocess.Popen([sys.executable, "-c", SUPERVISING], cwd=tmp_path, env=environment) as supervisor:
        file = tmp_path / "patient"
        eventually(lambda: file.exists() and file.read_text())

        supervisor.kill()

    eventually(lambda: not is_running(int(file.read_text())))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
@pytest.mark.parametrize(("parent", "status"), [(os.getpid(), 0), (-1, 1)], ids=["running", "gone"])
def test_a_child_whose_parent_is_already_gone_ends_at_once(parent: int, status: int) -> None:
    before_exec = children.end_with_parent(parent, signal.SIGTERM)

    child = subprocess.run([sys.executable, "-c", ""], preexec_fn=before_exec, check=False)

    assert child.returncode == status
