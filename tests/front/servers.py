"""Web servers with a front in front of stubs, and a client that sends exact bytes. No database is needed."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from wsgiref.util import setup_testing_defaults

import orjson
import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from access.keys import Keys
from front.answers import Answer
from front.asgi import AsgiShell
from front.counts import Counts
from front.front import Front
from front.pool import Pool
from front.protocol import FrontProtocol
from front.replies import Headers
from front.requests import Request
from front.revisions import ServedRevisions
from front.routes import Address, Inference, Limit, Resource
from front.streams import Revisions
from front.wsgi import WsgiShell

PATIENCE_SECONDS = 10.0
"""How long a test waits for what must happen soon."""
PROTOCOLS: dict[str, type[HttpToolsProtocol]] = {"protocol": FrontProtocol, "asgi": HttpToolsProtocol}


# --- what is behind the front ----------------------------------------------------------------------------------------
@dataclass
class Question:
    canonical: str
    make: Callable[[], Answer]
    is_quick: bool = True
    ignored: str = ""

    def answer(self) -> Answer:
        return self.make()


@dataclass
class Source:
    """What a stream sends: pieces until it is closed. Its events are set in the thread of the server."""

    piece: bytes = b"data: x\n\n"
    most: int | None = None
    """After so many pieces it waits for the end of the process, and then ends."""
    fails: bool = False
    """After the last piece it fails instead."""
    made: int = 0
    closed: threading.Event = field(default_factory=threading.Event)

    async def events(self, revisions: Revisions) -> AsyncIterator[bytes]:
        try:
            while self.most is None or self.made < self.most:
                self.made += 1
                yield self.piece
            if self.fails:
                raise RuntimeError("the source of this stream fails")
            await revisions.wait_beyond(1_000_000, 60)
        finally:
            self.closed.set()


@dataclass
class StubResource:
    behind: Behind
    media_type: str = "application/json"
    is_cacheable: bool = True
    needs_django: bool = False
    headers: tuple[tuple[str, str], ...] = (("X-Stub", "yes"),)
    is_stream: bool = False
    is_quick: bool = False

    def question(self, query: str) -> Question:
        def make() -> Answer:
            if not self.is_quick:
                self.behind.wait()
            described = (("Content-Type", self.media_type), ("Cache-Control", "public, max-age=60"))
            return Answer(200, described, orjson.dumps({"query": query, "long": "long " * 200}))

        return Question(query, make, is_quick=self.is_quick)

    def stream(self, query: str, last_event_id: str, revisions: Revisions) -> AsyncIterator[bytes]:
        return self.behind.source.events(revisions)


class Behind:
    """Stubs of the routes and of Django."""

    def __init__(self) -> None:
        self.source = Source()
        self.served: int | None = 5
        self.entered = threading.Semaphore(0)
        """Released for each piece of work that begins to wait."""
        self.released = threading.Event()
        self.calls: list[tuple[str, str, bytes]] = []
        """The method, the path and the body of each request that Django received."""
        self._identity = object()
        self._resources: dict[str, Resource] = {
            "/quick": StubResource(self, is_quick=True),
            "/held": StubResource(self),
            "/stream": StubResource(self, media_type="text/event-stream", is_cacheable=False, is_stream=True),
        }

    def wait(self) -> None:
        self.entered.release()
        self.released.wait(PATIENCE_SECONDS)

    def wait_until_entered(self) -> None:
        assert self.entered.acquire(timeout=PATIENCE_SECONDS)

    # --- routes ------------------------------------------------------------------------------------------------------
    def identity(self) -> object:
        return self._identity

    def revision(self) -> int | None:
        return self.served

    def address(self, path: str) -> Address:
        return Address(path, Limit.NONE if path.startswith("/livez") else Limit.API, self._resources.get(path))

    def error_page(self, problem: Any, *, path: str, query: str) -> None:
        return None

    # --- Django ------------------------------------------------------------------------------------------------------
    def __call__(
        self, request: Request, path: str, body: bytes, *, method: str, hidden: Collection[str]
    ) -> tuple[int, Headers, bytes]:
        self.calls.append((method, path, body))
        if path.startswith("/wait"):
            self.wait()
        names = sorted(set(request.headers) - {*hidden})
        echo = {
            "method": method,
            "path": path,
            "query": request.query,
            "body": body.decode("latin-1"),
            "host": request.headers.get("host"),
            "length": request.headers.get("content-length"),
            "names": [name for name in names if name.startswith("x-")],
            "value": request.headers.get("x-value"),
        }
        return (
            200,
            [("Content-Type", "application/json"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")],
            orjson.dumps(echo),
        )


# --- servers ---------------------------------------------------------------------------------------------------------
class _Server(uvicorn.Server):
    """uvicorn's server, which says when it has started and ends when it is asked to."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_ready = threading.Event()
        self.is_ending = asyncio.Event()
        self.is_graceful = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        await self.on_tick(0)
        self.is_ready.set()

    async def main_loop(self) -> None:
        await self.is_ending.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.is_graceful:
            await super().shutdown(sockets)
            return
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        for server in self.servers:
            server.close()
        tasks = [*self.server_state.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.lifespan.shutdown()


class Served:
    """A server on a port of 127.0.0.1, in a thread with a loop of its own."""

    def __init__(self, shell: str, *, inference: Inference | None = None, keys: Keys | None = None) -> None:
        self.behind, self.counts = Behind(), Counts()
        self.pool = Pool()
        self.revisions = ServedRevisions(self.behind.revision, pool=self.pool)
        self.front = front_of(self.behind, counts=self.counts, revisions=self.revisions, inference=inference, keys=keys)
        self.application = AsgiShell(self.front, pool=self.pool, revisions=self.revisions)
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=2_048)
        self.port: int = self._listening.getsockname()[1]
        self._shell = shell
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._made = threading.Event()
        self._clients: list[Client] = []
        self._thread.start()
        assert self._made.wait(PATIENCE_SECONDS)
        assert self.server.is_ready.wait(PATIENCE_SECONDS)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        config = uvicorn.Config(
            self.application,
            http=PROTOCOLS[self._shell],
            ws="none",
            lifespan="on",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
        self.loop = asyncio.get_running_loop()
        self.server = _Server(config)
        self._made.set()
        await self.server.serve(sockets=[self._listening])

    # --- for tests ---------------------------------------------------------------------------------------------------
    def connect(self, *, receive_buffer: int | None = None) -> Client:
        client = Client(self.port, receive_buffer=receive_buffer)
        self._clients.append(client)
        return client

    def ask_until(self, condition: Callable[[], bool]) -> None:
        """Give the loop turns, by requests, until the condition holds."""
        client = self.connect()
        for _ in range(10_000):
            if condition():
                return
            client.ask("/quick")
        raise AssertionError("it has not happened in 10,000 requests")

    def publish(self, revision: int) -> None:
        self.behind.served = revision
        self.revisions.changed(revision)

    def drain(self) -> None:
        """Begin to end, as on SIGTERM. Returns when all connections were asked to end."""

        def begin() -> None:
            self.server.is_graceful = True
            self.server.is_ending.set()
            self.loop.call_soon(self.loop.call_soon, begun.set)

        begun = threading.Event()
        self.loop.call_soon_threadsafe(begin)
        assert begun.wait(PATIENCE_SECONDS)

    def join(self) -> None:
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()

    def close(self) -> None:
        self.behind.released.set()
        for client in self._clients:
            client.close()
        if self._thread.is_alive():
            with suppress(RuntimeError):  # it may end at this moment
                self.loop.call_soon_threadsafe(self.server.is_ending.set)
            self.join()
        self._listening.close()


def front_of(
    behind: Behind,
    *,
    counts: Counts,
    revisions: Revisions | None = None,
    inference: Inference | None = None,
    keys: Keys | None = None,
) -> Front:
    return Front(behind, counts=counts, routes=behind, keys=keys or Keys(), revisions=revisions, inference=inference)


@contextmanager
def serving(shell: str, *, inference: Inference | None = None, keys: Keys | None = None) -> Iterator[Served]:
    served = Served(shell, inference=inference, keys=keys)
    try:
        yield served
    finally:
        served.close()


# --- a client --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Got:
    """An answer as it was received."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    is_whole: bool = True
    """Whether the body has the length, or the last chunk, that its headers announce."""

    def __getitem__(self, name: str) -> str | None:
        found = [value for each, value in self.headers if each == name]
        assert len(found) <= 1, found
        return found[0] if found else None

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def lasting(self) -> tuple[int, list[tuple[str, str]], bytes]:
        """What does not depend on the server, on the time or on the number of the request."""
        left_out = {"date", "x-request-id", "connection"}
        body = self.body
        if (request_id := self["x-request-id"]) is not None:
            body = body.replace(request_id.encode(), b"")
        return self.status, sorted(header for header in self.headers if header[0] not in left_out), body


class Client:
    def __init__(self, port: int, *, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE_SECONDS)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        with suppress(ConnectionError):  # the server may have answered and closed in the meantime
            self.socket.sendall(data)

    def end(self) -> None:
        """End this side of the connection."""
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def ask(self, target: str | bytes, *, method: str = "GET", body: bytes = b"", **headers: str) -> Got:
        self.send(request_bytes(target, method=method, body=body, **headers))
        return self.answer(method=method)

    def head(self) -> tuple[int, list[tuple[str, str]]]:
        status_line = self._file.readline()
        assert status_line.startswith(b"HTTP/1.1 "), status_line
        headers: list[tuple[str, str]] = []
        while (line := self._file.readline()) not in {b"\r\n", b""}:
            name, _, value = line.decode("latin-1").partition(":")
            headers.append((name.lower(), value.strip()))
        return int(status_line[9:12]), headers

    def answer(self, *, method: str = "GET") -> Got:
        status, headers = self.head()
        named = dict(headers)
        if method == "HEAD" or status in {204, 304} or status < 200:
            return Got(status, headers, b"")
        if named.get("transfer-encoding") == "chunked":
            return Got(status, headers, *self._chunks())
        length = int(named["content-length"])
        body = self._file.read(length)
        return Got(status, headers, body, is_whole=len(body) == length)

    def chunk(self) -> bytes:
        """Return the next chunk of a body; empty at the end of the body."""
        size = int(self._file.readline(), 16)
        body = self._file.read(size)
        assert self._file.readline() == b"\r\n"
        return body

    def _chunks(self) -> tuple[bytes, bool]:
        pieces: list[bytes] = []
        while line := self._file.readline():
            size = int(line, 16)
            pieces.append(self._file.read(size))
            self._file.readline()
            if size == 0:
                return b"".join(pieces), True
        return b"".join(pieces), False

    def rest(self) -> bytes:
        """Return everything until the server closes the connection."""
        pieces: list[bytes] = []
        with suppress(ConnectionError):
            while piece := self._file.read1(65_536):
                pieces.append(piece)
        return b"".join(pieces)

    @property
    def is_closed(self) -> bool:
        """Whether the server closes the connection without sending more."""
        return self.rest() == b""


def request_bytes(target: str | bytes, *, method: str = "GET", body: bytes = b"", **headers: str) -> bytes:
    """Return a request; `user_agent` is the header `User-Agent`."""
    named = {"Host": "localhost"}
    named |= {name.replace("_", "-").title(): value for name, value in headers.items()}
    if body:
        named["Content-Length"] = str(len(body))
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    raw = target if isinstance(target, bytes) else target.encode("latin-1")
    return b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method.encode(), raw, lines.encode("latin-1"), body)


# --- WSGI ------------------------------------------------------------------------------------------------------------
def ask_wsgi(shell: WsgiShell, path: str, *, method: str = "GET", body: bytes = b"", **headers: str) -> Got:
    """Ask a front in a WSGI server; the headers are named as for `request_bytes`."""
    path, _, query = path.partition("?")
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query}
    environ |= {"HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1", "wsgi.input": BytesIO(body)}
    environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    environ["SERVER_PROTOCOL"] = "HTTP/1.1"
    if "HTTP_CONTENT_LENGTH" in environ:
        environ["CONTENT_LENGTH"] = environ.pop("HTTP_CONTENT_LENGTH")
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
    setup_testing_defaults(environ)
    started: list[Any] = []
    content = b"".join(shell(environ, lambda *given: started.extend(given)))
    return Got(int(started[0][:3]), [(name.lower(), value) for name, value in started[1]], content)
