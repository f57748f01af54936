"""Web servers that are restarted, stopped and killed while clients use them: real processes on a real socket.

No request is lost. The clients do what HTTP asks of them: they send nothing more on a connection that was announced to
be closed, or that is closed already. They do not try again.
"""

from __future__ import annotations

import http.client
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Event, Lock

import pytest
from django.conf import settings

from catalog.memory import following
from front.counts import Counts
from front.shared_counts import SharedCounts
from gatewayz.run.web_worker import GRACE_SECONDS
from tests import clock
from tests.catalog.syncing import database_url
from tests.factories import offer_record, publish
from tests.faults.stage import PROVE
from tests.services import find_free_port

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(sys.platform != "linux", reason="the tests find processes in /proc"),
]

PATIENCE_SECONDS = 240.0
READERS = 4
REQUESTS = 5_000 if PROVE else 1_500
OFFERS = 30
ADDRESSES = ["/healthz", "/catalog/models?limit=10", "/catalog/models?offset={}&limit=10", "/catalog/stats", "/docs/"]
"""Cached answers, some that were never requested before, and one of Django."""
NO_DATABASE = "postgres://nobody@127.0.0.1:1/nothing"
BODY = b'{"workload": {"requests": 1}, "ids": ["chutes/maker/model-000"]}'
HALF = len(BODY) // 2
POST = (
    "POST /catalog/estimate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    f"Content-Length: {len(BODY)}\r\n\r\n"
).encode() + BODY


def eventually(condition: Callable[[], object], *, seconds: float = PATIENCE_SECONDS) -> None:
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at, "it did not come true in time"
        time.sleep(0.02)


# --- a web server ----------------------------------------------------------------------------------------------------
PASSED = """
import os, sys
os.dup2(int(sys.argv[1]), 3)  # as systemd does
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


class Settings:
    """A settings file, which each new process reads."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "settings"
        self._values = {
            "SECRET_KEY": settings.SECRET_KEY,
            "DATABASE_URL": database_url(),
            "DATA_DIR": str(folder),
            "LOG_LEVEL": "error",
            "RATE_LIMIT_PER_MINUTE": "0",
            "PAGE_RATE_LIMIT_PER_MINUTE": "0",
        }
        self.change()

    def change(self, **values: str) -> None:
        """Write these values; all others are the usual ones."""
        self.path.write_text("".join(f"{name}={value}\n" for name, value in (self._values | values).items()))


class Web:
    def __init__(self, folder: Path, *arguments: str, listening: socket.socket | None = None) -> None:
        self.settings = Settings(folder)
        self._folder = folder
        self._log = folder / "web.log"
        command = [sys.executable, "-m", "gatewayz.run.web", *arguments]
        if listening is not None:
            command = [sys.executable, "-c", PASSED, str(listening.fileno()), *command[1:]]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=settings.BASE_DIR,
                env={"PATH": os.environ["PATH"], "ENV_FILE": str(self.settings.path), **clock.environment()},
                stderr=log,
                pass_fds=[listening.fileno()] if listening is not None else [],
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._log.read_text()

    def workers(self) -> set[int]:
        """The process ids of its workers, including those that end or start."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return set(map(int, children.read_text().split()))

    def started(self) -> set[int]:
        """The process ids of the workers that have finished loading: they share their counts from then on."""
        return {int(path.name.partition("-")[0]) for path in self._folder.glob("counts/*-*.json")} & self.workers()

    def wait_for(self, text: str, *, times: int = 1) -> None:
        eventually(lambda: self.output.count(text) >= times or self.process.poll() is not None)
        assert self.output.count(text) >= times, self.output

    def counted(self) -> dict[str, float]:
        """How many requests were answered, by status, according to the files of all its workers."""
        shared = SharedCounts(Counts(), gauges=dict)
        shared.start(self._folder / "counts")
        try:
            found: dict[str, float] = {}
            for (_, status), number in shared.totals().counter("requests"):
                found[status] = found.get(status, 0) + number
            return found
        finally:
            shared.stop()


@contextmanager
def serving(folder: Path, *arguments: str, listening: socket.socket | None = None, workers: int = 2) -> Iterator[Web]:
    web = Web(folder, *arguments, "--workers", str(workers), listening=listening)
    try:
        yield web
    finally:
        with suppress(ProcessLookupError):
            os.killpg(web.process.pid, signal.SIGKILL)
        web.process.wait()


@pytest.fixture
def port() -> int:
    publish(*(offer_record(f"maker/model-{number:03}") for number in range(OFFERS)))
    return find_free_port()


@pytest.fixture
def web(port: int, tmp_path: Path) -> Iterator[Web]:
    with serving(tmp_path, "--port", str(port)) as web:
        eventually(lambda: len(web.started()) == 2 and status_of(port) == 200)
        yield web


# --- clients ---------------------------------------------------------------------------------------------------------
def status_of(port: int, address: str = "/catalog/models?limit=1") -> int:
    """Return the status on a new connection; 0 if none is accepted."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as client:
        try:
            client.request("GET", address)
        except ConnectionRefusedError:
            return 0
        return client.getresponse().status


@dataclass
class Readers:
    """Clients that read until they are stopped; any answer but a whole one with 200 is an error."""

    port: int
    pause_seconds: float = 0.0
    """Before each request: clients that read for long must not take the processor from those that start."""
    is_over: Event = field(default_factory=Event)
    answered: int = 0
    _lock: Lock = field(default_factory=Lock)

    def read(self, number: int) -> None:
        """Half of the clients keep their connections."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as client:
            for turn in count():
                if self.is_over.wait(self.pause_seconds):
                    return
                address = ADDRESSES[turn % len(ADDRESSES)].format(turn)
                if client.sock is not None and select.select([client.sock], [], [], 0)[0]:
                    client.close()  # the server has closed it, because this client was idle for too long
                client.request("GET", address)
                response = client.getresponse()
                body = response.read()
                assert (response.status, len(body)) == (200, int(response.headers["Content-Length"])), address
                with self._lock:
                    self.answered += 1
                if number % 2:
                    client.close()


@contextmanager
def reading(port: int, *, pause_seconds: float = 0.01) -> Iterator[Readers]:
    """Read until the end of this context, and raise what went wrong."""
    readers = Readers(port, pause_seconds)
    with ThreadPoolExecutor(READERS) as pool:
        running = [pool.submit(readers.read, number) for number in range(READERS)]
        try:
            yield readers
            # A client that has failed answers no more; the others must not wait for it.
            eventually(lambda: readers.answered >= 1 or any(each.done() for each in running))
        finally:
            readers.is_over.set()
        for each in running:
            each.result()


def connected(port: int, sent: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=GRACE_SECONDS + 10)
    client.sendall(sent)
    return client


def received(client: socket.socket) -> bytes:
    """Return everything up to the end of the connection."""
    with client:
        return b"".join(iter(lambda: client.recv(65_536), b""))


# --- restarts --------------------------------------------------------------------------------------------------------
def test_a_restart_of_all_workers_under_thousands_of_requests_loses_none(web: Web, port: int) -> None:
    before = web.workers()

    with reading(port, pause_seconds=0) as readers:
        eventually(lambda: readers.answered >= 100)
        web.process.send_signal(signal.SIGHUP)
        web.wait_for("gatewayz: restarted\n")
        eventually(lambda: len(web.workers()) == 2)
        eventually(lambda: readers.answered >= REQUESTS)

    assert not before & web.workers()
    eventually(lambda: web.counted().get("200", 0) >= readers.answered)  # also of those that have ended


def test_old_workers_go_on_if_new_ones_cannot_start(web: Web, port: int) -> None:
    before = web.workers()
    web.settings.change(SECRET_KEY="")

    with reading(port):
        web.process.send_signal(signal.SIGHUP)
        web.wait_for("the restart is given up, and the workers of before go on")
        eventually(lambda: web.workers() == before)

    kill(web, min(before))
    with reading(port):
        for pause in ("now", "in 1 s"):
            web.wait_for(f"another one starts {pause}")
        web.settings.change()
        eventually(lambda: len(web.started() - before) == 1)


# --- killed workers --------------------------------------------------------------------------------------------------
def test_the_sibling_of_a_killed_worker_answers_everything(web: Web, port: int) -> None:
    first, second = sorted(web.workers())
    web.settings.change(DATABASE_URL=NO_DATABASE)  # its successor has nothing to serve

    kill(web, first)
    with reading(port, pause_seconds=0.1) as readers:
        eventually(lambda: len(web.started()) == 2, seconds=following.START_SECONDS + PATIENCE_SECONDS)
        answered = readers.answered
        eventually(lambda: readers.answered >= answered + 100)

    web.settings.change()
    kill(web, second)  # now no process has a snapshot: the one without a database may accept connections
    assert (status_of(port), status_of(port, "/healthz")) == (503, 200)
    eventually(lambda: status_of(port) == 200)


def kill(web: Web, worker: int) -> None:
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: worker not in web.workers())


# --- the end ---------------------------------------------------------------------------------------------------------
def test_what_is_under_way_at_the_end_is_finished_and_counted(web: Web, port: int) -> None:
    slow = connected(port, POST[:-HALF])
    stream = connected(port, b"GET /catalog/changes/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert stream.recv(12) == b"HTTP/1.1 200"
    idle = connected(port, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert idle.recv(12) == b"HTTP/1.1 200"
    began = time.monotonic()

    web.process.terminate()

    eventually(lambda: status_of(port, "/healthz") == 0)  # the socket is closed
    assert web.process.poll() is None
    slow.sendall(POST[-HALF:])
    answer = received(slow)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close\r\n" in answer.lower()
    assert received(stream).endswith(b"0\r\n\r\n")  # whole: the client does not take it for broken
    received(idle)
    assert web.process.wait(GRACE_SECONDS) == 0
    assert time.monotonic() - began < GRACE_SECONDS
    assert web.counted()["200"] >= 4  # one of them made sure that the server is ready
    assert "Traceback" not in web.output


@pytest.mark.skipif(not PROVE, reason="takes 25 seconds; `make prove` runs it")
def test_a_client_that_reads_nothing_does_not_delay_the_end(port: int, tmp_path: Path) -> None:
    publish(*(offer_record(f"maker/long-{number:03}", description="A long text. " * 5_000) for number in range(200)))
    with serving(tmp_path, "--port", str(port)) as web, socket.socket() as client:
        eventually(lambda: len(web.started()) == 2)
        assert status_of(port) == 200
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_024)
        client.connect(("127.0.0.1", port))
        client.sendall(b"GET /catalog/export.json HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: identity\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
        began = time.monotonic()

        web.process.terminate()

        assert web.process.wait(GRACE_SECONDS + 5) == 0
        assert time.monotonic() - began > GRACE_SECONDS - 5
        assert web.counted() == {"200": 1}  # the one that was answered


def test_it_ends_at_once_while_its_workers_load(port: int, tmp_path: Path) -> None:
    with serving(tmp_path, "--port", str(port)) as web:
        eventually(lambda: len(web.workers()) == 2)
        web.process.terminate()
        assert web.process.wait(GRACE_SECONDS - 5) == 0


def test_a_worker_that_cannot_start_ends_the_server_with_one_reason(port: int, tmp_path: Path) -> None:
    with serving(tmp_path, "--port", str(port), workers=1) as web:
        web.settings.change(SECRET_KEY="")
        assert web.process.wait(PATIENCE_SECONDS) == 1
        assert web.output.endswith("before it accepted connections; its output above has the reason\n")


# --- sockets ---------------------------------------------------------------------------------------------------------
@contextmanager
def short_path(tmp_path: Path) -> Iterator[Path]:
    """A path for a unix socket, which may have 107 characters at most."""
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        yield Path(f"/proc/{os.getpid()}/fd/{descriptor}/web.sock")
    finally:
        os.close(descriptor)


def ask_at(path: Path) -> bytes:
    """Return the beginning of an answer at a unix socket; nothing if no process listens there."""
    with socket.socket(socket.AF_UNIX) as client, suppress(ConnectionRefusedError, FileNotFoundError):
        client.settimeout(30)
        client.connect(str(path))
        client.sendall(b"GET /catalog/models?limit=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return client.recv(12)
    return b""


def test_a_unix_socket_replaces_a_stale_one_and_no_other_file(port: int, tmp_path: Path) -> None:
    with short_path(tmp_path) as path:
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(path))  # and its process ends without removing it
        with serving(tmp_path, "--unix-socket", str(path), workers=1) as web:
            eventually(lambda: ask_at(path) == b"HTTP/1.1 200")
            assert path.stat().st_mode & 0o777 == 0o666
            assert refused("--unix-socket", str(path)) == f"gatewayz: {path}: another process listens there\n"
            web.process.terminate()
            assert web.process.wait(GRACE_SECONDS) == 0
        assert not path.exists()

        path.write_text("a file of somebody")
        assert refused("--unix-socket", str(path)) == f"gatewayz: {path}: exists, and is no socket\n"
        assert path.read_text() == "a file of somebody"


def refused(*arguments: str) -> str:
    command: Sequence[str] = [sys.executable, "-m", "gatewayz.run.web", *arguments]
    run = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 1
    return run.stderr


def test_a_socket_of_systemd_outlives_the_server_and_no_connection_is_refused(port: int, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", port), backlog=128) as listening:
        with serving(tmp_path, listening=listening, workers=1) as web:
            assert status_of(port) == 200
            web.process.terminate()
            assert web.process.wait(GRACE_SECONDS) == 0
        early = connected(port, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        with serving(tmp_path, listening=listening, workers=1):
            assert received(early).startswith(b"HTTP/1.1 200")
