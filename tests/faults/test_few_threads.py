"""Requests that wait, for a slow body or for a silent database, leave threads for those that need neither.

A serving process has four threads (`supervisor.choose_commands`), so it goes on answering while three requests wait.
While four wait it does not answer, until one of them ends.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection

from gatewayz.run.supervisor import Address, choose_commands
from tests.catalog.syncing import database_url
from tests.factories import offer_record, publish
from tests.faults.test_reads import START_SECONDS, Client, wait_until_ready
from tests.services import find_free_port

pytestmark = pytest.mark.django_db(transaction=True)

WAITING = 3
READS = ["/healthz", "/catalog/models", "/catalog/models?limit=1", "/catalog/providers"]


@contextmanager
def serving(folder: Path, database: str) -> Iterator[int]:
    """The port of one serving process, started as `make run` starts it."""
    port = find_free_port()
    web = choose_commands(Address("127.0.0.1", port), web_workers=1)[0]
    environment = {
        "PATH": os.environ["PATH"],
        "ENV_FILE": os.devnull,
        "SECRET_KEY": settings.SECRET_KEY,
        "DATABASE_URL": database,
        "DATA_DIR": str(folder),
        "LOG_LEVEL": "error",
    }
    command = [sys.executable, *web.arguments]
    server = subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, start_new_session=True)
    try:
        wait_until_ready(port)
        yield port
    finally:
        os.killpg(server.pid, signal.SIGKILL)  # with its worker, whose threads that wait would let it end much later
        server.wait(START_SECONDS)


@contextmanager
def waiting(port: int, request: str) -> Iterator[None]:
    """A client that has sent this much of a request, and waits."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(request.replace("\n", "\r\n").encode())
        yield


def unfinished_body(number: int) -> str:
    return (
        "POST /catalog/estimate HTTP/1.1\nHost: localhost\nContent-Type: application/json\n"
        f'Content-Length: {100 + number}\n\n{{"workload"'
    )


def question_to_the_tables(number: int) -> str:
    return f"GET /catalog/changes?limit={1 + number} HTTP/1.1\nHost: localhost\n\n"


def check_reads(port: int) -> None:
    """Several times: the requests that wait may have arrived a moment later than these."""
    for _ in range(10):
        for address in READS:
            with closing(Client(port)) as client:
                assert client.get(address).status == 200, address


def wait_with(port: int, request: Callable[[int], str], *, clients: int) -> ExitStack:
    stack = ExitStack()
    for number in range(clients):
        stack.enter_context(waiting(port, request(number)))
    return stack


def test_reads_continue_next_to_bodies_that_never_end(tmp_path: Path) -> None:
    publish(offer_record("a/1"))

    with serving(tmp_path, database_url()) as port:
        with wait_with(port, unfinished_body, clients=WAITING):
            check_reads(port)
        with wait_with(port, unfinished_body, clients=WAITING + 1):
            pass
        check_reads(port)  # once the clients have hung up, all threads are free again


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite is no server that could fall silent")
def test_reads_continue_next_to_queries_to_a_frozen_database(tmp_path: Path) -> None:
    publish(offer_record("a/1"), offer_record("a/2"), offer_record("a/3"))

    with between(database_url()) as (address, freeze), serving(tmp_path, address) as port:
        with closing(Client(port)) as client:
            assert client.get("/catalog/changes?limit=250").status == 200
        freeze.set()
        with wait_with(port, question_to_the_tables, clients=WAITING):
            check_reads(port)


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
