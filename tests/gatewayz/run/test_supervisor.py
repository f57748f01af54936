from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import CommandError
from django.utils import timezone

from catalog.adapter import settings as of_gateway
from catalog.models import Revision
from catalog.registry import GATEWAYS
from gatewayz.run import supervisor
from gatewayz.run.supervisor import Address, Refusal, choose_commands
from tests import clock
from tests.services import find_free_port

ALL_PROCESSES = 1 + 2 + 3 + 1  # supervisor; web and its worker; worker and its pool of two; beat
READY = "Ctrl-C stops everything"
DATABASE = "gatewayz.sqlite3"


def eventually(condition: Callable[[], object], *, seconds: float = 60.0) -> None:
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at, "it did not come true in time"
        time.sleep(0.05)


def processes_of(data_dir: Path) -> dict[int, str]:
    """Return the command lines of all processes with this data folder; processes that ended have no environment."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"DATA_DIR={data_dir}\0".encode() in (process / "environ").read_bytes():
                found[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def environment_of(data_dir: Path, **changes: str) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")},
        **clock.environment(),
        "PATH": os.environ["PATH"],
        "ENV_FILE": os.devnull,
        "SECRET_KEY": secrets.token_urlsafe(64),
        "DATA_DIR": str(data_dir),
        "PORT": str(find_free_port()),
        "WEB_WORKERS": "1",
        # Nothing answers there: the worker asks no machine but this one.
        **{base.name: "http://127.0.0.1:9" for each in GATEWAYS.values() for base in of_gateway.bases(each)},
        "FETCH_ATTEMPTS": "1",  # further attempts take seconds
        **changes,
    }


class Supervised:
    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self.data_dir = Path(environment["DATA_DIR"])
        self.port = int(environment["PORT"])
        self._log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gatewayz.run.supervisor"],
                cwd=settings.BASE_DIR,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )

    @property
    def output(self) -> str:
        return self._log.read_text()

    def wait_for(self, text: str) -> None:
        eventually(lambda: text in self.output or self.process.poll() is not None)
        assert text in self.output

    def child(self, words: str, *, other_than: int = 0) -> int:
        """Return the process id of a child of the supervisor itself."""
        eventually(lambda: self._pids(words, other_than=other_than))
        return self._pids(words, other_than=other_than)[0]

    def _pids(self, words: str, *, other_than: int) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        found = processes_of(self.data_dir)
        return [pid for pid in map(int, children) if words in found.get(pid, "") and pid != other_than]

    def json_of(self, path: str) -> Any:
        return json.loads(self.body_of(path))

    def body_of(self, path: str) -> bytes:
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            client.request("GET", path)
            return client.getresponse().read()
        finally:
            client.close()

    def status_of(self, path: str) -> int:
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            client.request("GET", path)
            return client.getresponse().status
        except OSError:
            return 0
        finally:
            client.close()


@contextmanager
def supervised(folder: Path, environment: Mapping[str, str]) -> Iterator[Supervised]:
    started = Supervised(environment, folder / "output")
    try:
        yield started
    finally:
        started.process.terminate()
        started.process.wait(60)


def refused(environment: Mapping[str, str], *arguments: str) -> list[str]:
    """Return the lines on stderr of a start that is refused with status 1."""
    run = subprocess.run(
        [sys.executable, *(arguments or ("-m", "gatewayz.run.supervisor"))],
        cwd=settings.BASE_DIR,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 1
    return run.stderr.splitlines()


@pytest.fixture(scope="module")
def database() -> Iterator[dict[str, str]]:
    """The supervisor's database: the default file, or its own database on the server."""
    server = os.environ.get("TEST_DATABASE_URL", "")
    if os.environ.get("TEST_DATABASE") != "postgresql":
        yield {}
        return
    name = f"supervisor_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield {"DATABASE_URL": f"{server.rpartition('/')[0]}/{name}"}
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, database: dict[str, str]) -> Iterator[Supervised]:
    folder = tmp_path_factory.mktemp("supervised")
    with supervised(folder, environment_of(folder / "data", **database)) as started:
        started.wait_for(READY)
        yield started


@pytest.fixture
def prepared(running: Supervised, tmp_path: Path) -> Path:
    """A data folder with the tables and what is published already, so that a start in it takes less time."""
    folder = tmp_path / "data"
    folder.mkdir()
    if (database := running.data_dir / DATABASE).exists():
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(folder / DATABASE)) as copy:
            source.backup(copy)
    return folder


# --- with real processes ---------------------------------------------------------------------------------------------
def test_it_prints_the_pages_to_open_and_they_exist(running: Supervised) -> None:
    for path in ("/", "/catalog/models?gateway=chutes&limit=10", "/catalog/docs", "/admin/"):
        assert f"http://localhost:{running.port}{path}\n" in running.output
        assert running.status_of(path) in {200, 302}
    assert running.status_of("/healthz") == 200


def test_it_serves_the_bundled_catalogues_without_a_network(running: Supervised) -> None:
    files = [settings.FIXTURES_DIR / f"{slug}_catalog.json" for slug in GATEWAYS]
    assert running.json_of("/catalog/models?limit=1")["total"] == sum(
        len(json.loads(file.read_bytes())) for file in files
    )
    counts = (("openrouter", 357, 0), ("portkey", 1039, 11), ("featherless", 250, 0), ("chutes", 104, 0))
    for gateway, models, held in counts:
        assert re.search(rf"^{gateway} +bundled +{models} +{held}  bundled ", running.output, flags=re.MULTILINE)


def test_the_links_of_its_feed_lead_to_where_it_serves(running: Supervised) -> None:
    assert f'href="http://localhost:{running.port}/catalog/' in running.body_of("/catalog/changes.atom").decode()


def test_a_second_one_on_the_same_data_folder_is_refused(running: Supervised) -> None:
    reason = f"process {running.process.pid} already runs Gatewayz on the data folder {running.data_dir}"

    assert refused(environment_of(running.data_dir)) == [f"gatewayz: {reason}; stop it, or set DATA_DIR"]


def test_a_worker_that_was_killed_starts_again(running: Supervised) -> None:
    worker = running.child("celery --quiet --app gatewayz worker")

    os.kill(worker, signal.SIGKILL)

    running.wait_for("worker ended with SIGKILL; it starts again in 1 s")
    assert running.child("celery --quiet --app gatewayz worker", other_than=worker) != worker


def test_a_web_that_was_killed_answers_again(running: Supervised) -> None:
    os.kill(running.child("gatewayz.run.web"), signal.SIGKILL)

    running.wait_for("web ended with SIGKILL; it starts again in 1 s")
    eventually(lambda: running.status_of("/healthz") == 200)


def end_without_warning(started: Supervised) -> None:
    """Kill the supervisor itself, and wait for the end of its children."""
    started.process.kill()
    started.process.wait()
    eventually(lambda: processes_of(started.data_dir) == {})


# From here on no test may need the processes of `running`.
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_no_process_stays_behind_when_the_supervisor_is_killed(running: Supervised) -> None:
    assert len(processes_of(running.data_dir)) > 1

    end_without_warning(running)


def test_ctrl_c_stops_everything_and_leaves_the_folder_to_the_next_start(
    running: Supervised, tmp_path: Path, database: dict[str, str]
) -> None:
    end_without_warning(running)
    environment = environment_of(running.data_dir, **database)
    with supervised(tmp_path, environment) as started:
        started.wait_for(READY)
        eventually(lambda: len(processes_of(started.data_dir)) == ALL_PROCESSES)

        started.process.send_signal(signal.SIGINT)

        assert started.process.wait(60) == 0
        eventually(lambda: processes_of(started.data_dir) == {})
        assert started.output.endswith("Stopped\n")
        assert "Traceback" not in started.output
    with supervisor.claimed_folder(started.data_dir):
        assert supervisor.find_port_problems(Address("127.0.0.1", started.port)) == []


def test_ctrl_c_during_the_preparation_is_no_error(tmp_path: Path) -> None:
    with supervised(tmp_path, environment_of(tmp_path / "data")) as started:
        started.wait_for("Checking the data folder")

        started.process.send_signal(signal.SIGINT)

        assert started.process.wait(60) == 0
        assert started.output.endswith("Stopped\n")
        assert "Traceback" not in started.output


INTERRUPTED_IN = """
import signal, sys, time
from gatewayz.run import supervisor
def ctrl_c(): signal.raise_signal(signal.SIGINT)
class Finalised:
    def __del__(self): ctrl_c()
def supervise(_):
    {what}
    time.sleep(60)
supervisor.supervise = supervise
sys.exit(supervisor.main())
"""


@pytest.mark.parametrize("what", ["exec('ctrl_c(); [*range(9)]', globals())", "Finalised()"])
def test_ctrl_c_where_python_treats_it_in_a_way_of_its_own_is_no_error(what: str, tmp_path: Path) -> None:
    # As a module: only then does Python check, at its end, what passed through `exec`, as when a dataclass is made.
    (tmp_path / "interrupted.py").write_text(INTERRUPTED_IN.format(what=what))
    environment = environment_of(tmp_path / "data", PYTHONPATH=f"{settings.BASE_DIR}{os.pathsep}{tmp_path}")

    run = subprocess.run(
        [sys.executable, "-m", "interrupted"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert (run.returncode, run.stdout, run.stderr) == (0, "Stopped\n", "")


# --- refusals: one line each, status 1 -------------------------------------------------------------------------------
def test_a_busy_port_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        lines = refused(environment_of(tmp_path, PORT=str(port)))

    assert lines == [f"gatewayz: port {port} on 127.0.0.1 cannot be used: Address already in use; set PORT (or BIND)"]


def test_a_name_to_bind_to_and_a_missing_secret_key_are_refused_at_once(tmp_path: Path) -> None:
    name, key = refused(environment_of(tmp_path, BIND="localhost", SECRET_KEY=""))

    assert name == "gatewayz: BIND='localhost': must be an IP address such as 127.0.0.1"
    assert key.startswith("gatewayz: SECRET_KEY is not set")


@pytest.mark.parametrize(("inside", "reason"), [("", "File exists"), ("data", "Not a directory")])
def test_a_data_folder_that_cannot_be_is_refused(inside: str, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()

    assert refused(environment_of(file / inside)) == [
        f"gatewayz: DATA_DIR={file / inside} cannot be used as a folder: {reason}"
    ]


def test_an_unreachable_database_is_refused_without_telling_its_password(tmp_path: Path) -> None:
    (line,) = refused(environment_of(tmp_path, DATABASE_URL="postgres://somebody:hunter2@127.0.0.1:1/x"))

    assert line.startswith("gatewayz: the database cannot be used: ")
    assert "port 1 failed: Connection refused" in line
    assert "hunter2" not in line


def test_all_wrong_settings_are_named_at_once(tmp_path: Path) -> None:
    lines = refused(environment_of(tmp_path, PORT="eighty", WEB_WORKERS="0", LOG_LEVEL="loud"))

    assert [line.split("=")[0] for line in lines] == ["gatewayz: LOG_LEVEL", "gatewayz: PORT", "gatewayz: WEB_WORKERS"]


WITH_ANOTHER_WEB = """
import sys
from gatewayz.run import children, supervisor
children.FIRST_PAUSE_SECONDS = 0.01
supervisor.ANSWER_SECONDS = float(sys.argv[2])
supervisor.choose_commands = lambda *_, **__: [children.Command("web", ("-c", sys.argv[1]))]
sys.exit(supervisor.main())
"""


def test_a_ctrl_c_that_was_swallowed_during_the_preparation_still_stops(prepared: Path) -> None:
    swallowing = """
import os, signal, sys
from gatewayz.run import supervisor
def sync_once():
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        pass
supervisor.sync_once = sync_once
sys.exit(supervisor.main())
"""
    run = subprocess.run(
        [sys.executable, "-c", swallowing],
        cwd=settings.BASE_DIR,
        env=environment_of(prepared),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    assert run.stdout.endswith("Stopping\nStopped\n")
    assert run.stderr == ""


def test_a_web_that_keeps_failing_ends_everything(prepared: Path) -> None:
    lines = refused(environment_of(prepared), "-c", WITH_ANOTHER_WEB, "import sys; sys.exit('no such module')", "60")

    assert lines == ["no such module"] * 5 + [
        "gatewayz: web ended 5 times in a row, now with status 1; its output above has the reason"
    ]


def test_a_web_that_never_answers_ends_everything(prepared: Path) -> None:
    environment = environment_of(prepared)

    assert refused(environment, "-c", WITH_ANOTHER_WEB, "import time; time.sleep(600)", "1") == [
        f"gatewayz: http://localhost:{environment['PORT']}/healthz gave no answer in 1 s"
    ]
    eventually(lambda: processes_of(prepared) == {})


# --- decisions and steps ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("bind", "host", "url"),
    [
        ("127.0.0.1", "127.0.0.1", "http://localhost:80/x"),
        ("0.0.0.0", "127.0.0.1", "http://localhost:80/x"),  # noqa: S104  the value that an operator writes
        ("::", "::1", "http://localhost:80/x"),
        ("192.0.2.7", "192.0.2.7", "http://192.0.2.7:80/x"),
        ("2001:db8::7", "2001:db8::7", "http://[2001:db8::7]:80/x"),
    ],
)
def test_every_address_can_be_opened_in_a_browser(bind: str, host: str, url: str) -> None:
    assert Address(bind, 80).host == host
    assert Address(bind, 80).url("/x") == url


def test_the_web_listens_on_the_configured_address() -> None:
    web = choose_commands(Address("192.0.2.7", 8123), web_workers=3)[0].arguments

    assert web[web.index("--host") + 1] == "192.0.2.7"
    assert web[web.index("--port") + 1] == "8123"
    assert web[web.index("--workers") + 1] == "3"


@pytest.fixture
def superuser(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def name(password: str) -> None:
        monkeypatch.setenv("DJANGO_SUPERUSER_USERNAME", "curator")
        monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", password)

    return name


@pytest.mark.django_db
def test_the_superuser_of_the_environment_is_created(
    superuser: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    superuser("correct-horse-battery")

    supervisor.prepare_superuser()

    user = get_user_model().objects.get(username="curator")
    assert user.is_superuser
    assert user.is_staff
    assert user.check_password("correct-horse-battery")
    assert "correct-horse-battery" not in capsys.readouterr().out


@pytest.mark.django_db
def test_a_superuser_that_exists_keeps_the_password(superuser: Callable[[str], None]) -> None:
    superuser("correct-horse-battery")
    supervisor.prepare_superuser()
    superuser("another-horse-battery")

    supervisor.prepare_superuser()

    assert get_user_model().objects.get(username="curator").check_password("correct-horse-battery")


@pytest.mark.django_db
def test_a_weak_password_is_refused_and_not_repeated(superuser: Callable[[str], None]) -> None:
    superuser("curator1")

    with pytest.raises(Refusal) as refusal:
        supervisor.prepare_superuser()

    assert all(line.startswith("DJANGO_SUPERUSER_") for line in refusal.value.args)
    assert "curator1" not in str(refusal.value)
    assert not get_user_model().objects.exists()


@pytest.mark.django_db
def test_a_terminal_shows_how_to_make_a_superuser(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "isatty", lambda _: True)

    supervisor.prepare_superuser()

    assert "`make admin` creates one" in capsys.readouterr().out


@pytest.fixture
def failing_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise CommandError("not synced: chutes")

    monkeypatch.setattr(supervisor, "call_command", fail)


@pytest.mark.django_db
def test_a_start_asks_no_gateway_and_publishes_what_is_bundled(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[str, dict[str, object]]] = []
    monkeypatch.setattr(supervisor, "call_command", lambda name, **options: called.append((name, options)))

    supervisor.sync_once()

    assert called == [("sync", {"only_unpublished": True}), ("status", {})]


@pytest.mark.django_db
def test_a_failed_first_sync_is_refused_while_nothing_is_published(failing_sync: None) -> None:
    with pytest.raises(Refusal, match="nothing is published yet, and the first sync failed: not synced: chutes"):
        supervisor.sync_once()


@pytest.mark.django_db
def test_a_failed_sync_is_a_warning_when_something_is_published(
    failing_sync: None, capsys: pytest.CaptureFixture[str]
) -> None:
    Revision.objects.create(number=1, published_at=timezone.now())

    supervisor.sync_once()

    assert "Warning: not synced: chutes; what was published before is served" in capsys.readouterr().out
