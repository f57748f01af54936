"""Clients and services that hold up a serving process: each of 50 reads is answered within a second meanwhile, or, on a
busy machine, within five times the seconds that a read took before.

`make prove` attacks with more clients, and reads 2,000 times.
"""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlencode, urlsplit

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection

from access.models import SYNC, ApiKey
from gatewayz.run.supervisor import Address, choose_commands
from tests.catalog.syncing import database_url
from tests.factories import offer_record, publish
from tests.faults.stage import PROVE
from tests.faults.test_reads import START_SECONDS, Client, wait_until_ready
from tests.services import find_free_port

pytestmark = pytest.mark.django_db(transaction=True)

MANY = 60 if PROVE else 20
READS = 2_000 if PROVE else 50
MOST_SECONDS = 1.0
MOST_TIMES = 5
"""On a machine that is busy with other work, a read may take so many times as long as one without an attack."""
OFFERS = 300
LONG = "A long description. " * 500
ADDRESSES = ["/healthz", "/catalog/models?limit=10", "/catalog/models?offset={}&limit=10", "/catalog/stats", "/readyz"]
"""Cached answers, one that was never requested before, and both probes."""


@contextmanager
def serving(folder: Path, database: str, **environment: str) -> Iterator[int]:
    """The port of one serving process, started as `make run` starts it."""
    port = find_free_port()
    web = choose_commands(Address("127.0.0.1", port), web_workers=1)[0]
    given = {
        "PATH": os.environ["PATH"],
        "ENV_FILE": os.devnull,
        "SECRET_KEY": settings.SECRET_KEY,
        "DATABASE_URL": database,
        "DATA_DIR": str(folder),
        "LOG_LEVEL": "error",
        "RATE_LIMIT_PER_MINUTE": "0",
    }
    command = [sys.executable, *web.arguments]
    server = subprocess.Popen(command, cwd=settings.BASE_DIR, env=given | environment, start_new_session=True)
    try:
        wait_until_ready(port)
        yield port
    finally:
        os.killpg(server.pid, signal.SIGKILL)  # with its worker, whose threads that wait would let it end later
        server.wait(START_SECONDS)


def publish_many() -> None:
    publish(*(offer_record(f"maker/model-{number:03}", description=LONG) for number in range(OFFERS)))


def slowest_read(port: int) -> float:
    """Return the seconds of the slowest of all reads."""
    slowest = 0.0
    for number in range(READS):
        address = ADDRESSES[number % len(ADDRESSES)].format(number % OFFERS)
        with closing(Client(port)) as client:
            began = time.monotonic()
            status = client.get(address).status
            slowest = max(slowest, time.monotonic() - began)
        assert status == 200 or address == "/readyz", address  # it reports a database that is silent
    return slowest


def check_reads(port: int, *, undisturbed: float) -> None:
    """Read while something holds up the process; `undisturbed` is the time of the slowest read before."""
    assert slowest_read(port) < max(MOST_SECONDS, MOST_TIMES * undisturbed)


# --- the attacks -----------------------------------------------------------------------------------------------------
Attack = Callable[[int], AbstractContextManager[object]]


def sent(port: int, request: str, *, receive_bytes: int = 0) -> socket.socket:
    """Return a connection on which this much of a request was sent, and nothing is read."""
    client = socket.socket()
    if receive_bytes:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    client.settimeout(30)
    client.connect(("127.0.0.1", port))
    client.sendall(request.replace("\n", "\r\n").encode())
    return client


@contextmanager
def with_connections(port: int, request: Callable[[int], str], **options: int) -> Iterator[None]:
    with ExitStack() as stack:
        for number in range(MANY):
            stack.enter_context(sent(port, request(number), **options))
        yield


def unfinished_bodies(port: int) -> AbstractContextManager[object]:
    head = "POST /catalog/estimate HTTP/1.1\nHost: localhost\nContent-Type: application/json\nContent-Length: 1000\n\n{"
    return with_connections(port, lambda _: head)


def unfinished_heads(port: int) -> AbstractContextManager[object]:
    return with_connections(port, lambda number: f"GET /catalog/models?limit={number} HTTP/1.1\nHost: local")


def slow_readers(port: int) -> AbstractContextManager[object]:
    request = "GET /catalog/export.json HTTP/1.1\nHost: localhost\nAccept-Encoding: identity\n\n"
    return with_connections(port, lambda _: request, receive_bytes=1_024)


def repeated_keys(port: int) -> AbstractContextManager[object]:
    """Bodies of 64 KB that name one key again and again."""
    pairs = ", ".join(['"ids": ["a"]'] * 5_000)[:64_000].rpartition(",")[0]
    body = f'{{"workload": {{"requests": 1}}, {pairs}}}'
    head = "POST /catalog/estimate HTTP/1.1\nHost: localhost\nContent-Type: application/json\n"
    return with_connections(port, lambda _: f"{head}Content-Length: {len(body)}\n\n{body}")


@contextmanager
def guessed_passwords(port: int) -> Iterator[None]:
    """Four clients that try one password after the other."""
    is_over = Event()
    clients = [Thread(target=guess, args=(port, is_over)) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        yield
    finally:
        is_over.set()
        for client in clients:
            client.join()


def guess(port: int, is_over: Event) -> None:
    with suppress(OSError, http.client.HTTPException):
        while not is_over.is_set():
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as client:
                client.request("GET", "/admin/login/")
                page = client.getresponse()
                form = page.read().decode()
                found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
                if found is None:
                    continue
                cookie = str(page.headers["Set-Cookie"]).partition(";")[0]
                body = urlencode({"csrfmiddlewaretoken": found[1], "username": "curator", "password": "wrong"})
                headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
                client.request("POST", "/admin/login/", body, headers)
                client.getresponse().read()


ATTACKS: list[Attack] = [unfinished_bodies, unfinished_heads, slow_readers, repeated_keys, guessed_passwords]


def test_reads_continue_next_to_slow_and_hostile_clients(tmp_path: Path) -> None:
    publish_many()
    get_user_model().objects.create_user("curator", password="the right one", is_staff=True)  # noqa: S106  of this test

    with serving(tmp_path, database_url()) as port:
        undisturbed = slowest_read(port)
        for attack in ATTACKS:
            with attack(port):
                check_reads(port, undisturbed=undisturbed)
        check_reads(port, undisturbed=undisturbed)


def test_reads_continue_next_to_a_frozen_redis(tmp_path: Path) -> None:
    publish_many()
    _, secret = ApiKey.objects.issue(name="a client", scopes=[SYNC])

    with silent_server() as redis, serving(tmp_path, database_url(), REDIS_URL=f"redis://127.0.0.1:{redis}/0") as port:
        undisturbed = slowest_read(port)
        head = f"POST /catalog/sync/chutes HTTP/1.1\nHost: localhost\nX-API-Key: {secret}\nContent-Length: 0\n\n"
        with with_connections(port, lambda _: head):
            check_reads(port, undisturbed=undisturbed)


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite is no server that could fall silent")
def test_reads_continue_next_to_queries_to_a_frozen_database(tmp_path: Path) -> None:
    publish_many()

    with between(database_url()) as (address, frozen), serving(tmp_path, address) as port:
        with closing(Client(port)) as client:
            assert client.get("/catalog/changes?limit=250").status == 200
        undisturbed = slowest_read(port)
        frozen.set()
        query = "GET /catalog/changes?limit={} HTTP/1.1\nHost: localhost\n\n"
        with with_connections(port, lambda number: query.format(1 + number)):
            check_reads(port, undisturbed=undisturbed)
        with closing(sent(port, query.format(200))) as late:
            assert late.recv(12) == b"HTTP/1.1 503"
        frozen.clear()
        until_tables_answer(port)


def until_tables_answer(port: int) -> None:
    """Return when the threads have new connections, because the old ones were cut."""
    give_up_at = time.monotonic() + START_SECONDS
    while True:
        with closing(Client(port)) as client:
            if client.get("/catalog/changes?limit=201").status == 200:
                return
        assert time.monotonic() < give_up_at
        time.sleep(0.1)


# --- services that fall silent ---------------------------------------------------------------------------------------
@contextmanager
def silent_server() -> Iterator[int]:
    """The port of a server whose kernel accepts everything, and that never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=1_000) as listener:
        yield listener.getsockname()[1]


@contextmanager
def between(database: str) -> Iterator[tuple[str, Event]]:
    """A database's address by way of this process, and what freezes it: then nothing comes back any more."""
    parts, frozen = urlsplit(database), Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=_forward_all, args=(listener, parts.hostname, parts.port, frozen), daemon=True).start()
        credentials, _, _ = parts.netloc.rpartition("@")
        own = f"127.0.0.1:{listener.getsockname()[1]}"
        yield parts._replace(netloc=f"{credentials}@{own}").geturl(), frozen


def _forward_all(listener: socket.socket, host: str, port: int, frozen: Event) -> None:
    with suppress(OSError):  # at the end of the test
        while True:
            client = listener.accept()[0]
            server = socket.create_connection((host, port))
            for source, target in ((client, server), (server, client)):
                Thread(target=_forward, args=(source, target, frozen), daemon=True).start()


def _forward(source: socket.socket, target: socket.socket, frozen: Event) -> None:
    with suppress(OSError), source:
        while data := source.recv(65_536):
            if not frozen.is_set():
                target.sendall(data)
        target.shutdown(socket.SHUT_RDWR)  # the other thread reads from it, and closes it
