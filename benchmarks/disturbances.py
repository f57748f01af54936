"""What makes a server busy, or its database silent, while the requests of others are measured."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

from benchmarks.runner import ROOT, Server, body_and_tag

STREAM = "/catalog/changes/stream"


@contextmanager
def publishing(database: Path) -> Iterator[None]:
    """Publish changes of a hundredth of a gateway's offers each second."""
    command = [sys.executable, "-m", "benchmarks.catalogues", str(database), "--publish-every", "1"]
    publisher = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert publisher.stdout is not None
    publisher.stdout.readline()  # the publisher has begun
    try:
        yield
    finally:
        publisher.communicate()


@contextmanager
def exporting(server: Server) -> Iterator[None]:
    """Ask for one export after the other, each of nearly all offers, and none of them in the cache."""
    numbers = count(1)
    with _repeating(lambda: body_and_tag(server.address(f"/catalog/export.csv?context_length_min={next(numbers)}"))):
        yield


@contextmanager
def administrating(server: Server, database: Path) -> Iterator[None]:
    """Read the admin's list of offers over two connections, as people who are logged in."""
    command = [sys.executable, "-m", "benchmarks.catalogues", str(database), "--log-in"]
    cookie = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    pages = count(1)

    def read() -> None:
        body_and_tag(server.address(f"/admin/catalog/offer/?p={next(pages) % 50 + 1}"), Cookie=f"sessionid={cookie}")

    with _repeating(read), _repeating(read):
        yield


@contextmanager
def _repeating(work: Callable[[], object]) -> Iterator[None]:
    """Repeat the work in a thread. What it raises is raised at the end."""
    is_stopped = threading.Event()
    failures: list[Exception] = []

    def repeat() -> None:
        while not is_stopped.is_set():
            try:
                work()
            except OSError as error:
                failures.append(error)
                return

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        is_stopped.set()
        thread.join()
    if failures:
        raise failures[0]


@contextmanager
def frozen(database: str) -> Iterator[None]:
    """Stop all processes of a PostgreSQL server of this machine: it accepts what is sent, and answers nothing."""
    import psycopg

    with psycopg.connect(database) as connection:
        backend = Path(f"/proc/{connection.info.backend_pid}/stat").read_text()
        postmaster = int(backend.rpartition(")")[2].split()[1])
    found = subprocess.run(["pgrep", "-P", str(postmaster)], capture_output=True, text=True, check=True)
    processes = [postmaster, *map(int, found.stdout.split())]
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in reversed(processes):
            os.kill(process, signal.SIGCONT)


@contextmanager
def open_streams(server: Server, number: int) -> Iterator[None]:
    """Keep streams open; each has sent its beginning."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with ExitStack() as stack:
        for _ in range(number):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
            client.sendall(f"GET {STREAM} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            received = b""
            while b"retry:" not in received:
                received += client.recv(4_096) or _closed(received)
        yield


def _closed(received: bytes) -> bytes:
    raise SystemExit(f"no stream was opened: {received!r}")
