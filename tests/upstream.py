"""An upstream on this machine that gives the answers and the failures that a test asks for.

    with Upstream() as upstream:
        upstream.serve("/v1/models", {"data": rows})
        upstream.serve("/chutes/", second_page, page="1")          # only if the query has this parameter
        upstream.breaks("/v1/models", server_error(), times=2)     # the next two answers; then it works again
        upstream.breaks("/chutes/", half_the_list(), gzipped())    # until `heals`; faults are applied in order
        ...  # send requests to upstream.base
        assert [seen.headers["user-agent"] for seen in upstream.seen] == [...]

A fault is a function of the answer that would have been given. The rows are the list in `data` or `items`, or the
payload itself if it is a list.
"""

from __future__ import annotations

import contextlib
import copy
import gzip
import json
import socket
import struct
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from functools import wraps
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, ParamSpec, Self
from urllib.parse import parse_qsl, urlsplit

Json = Any
_PRICES = {"pricing", "price", "current_estimated_price"}
_NO_PRICES = {"min_prompt_tokens", "utc_start", "utc_end", "discount"}
_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request as it was received."""

    target: str
    """The target of the request line: path and query, or a whole URL if the client uses this server as a proxy."""
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """The headers by lower-case name."""
    connection: int
    """The client's port: requests over one connection have the same port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    payload: Json = None
    text: bytes | None = None
    """The bytes to send instead of the payload."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    send: Callable[[Wire, Answer], None]

    @property
    def body(self) -> bytes:
        return json.dumps(self.payload).encode() if self.text is None else self.text


Fault = Callable[[Answer], Answer]
Kinds = ParamSpec("Kinds")


def _named(make: Callable[Kinds, Fault]) -> Callable[Kinds, Fault]:
    """Give each fault the name of the function that makes it: parametrized tests show this name."""

    @wraps(make)
    def named(*args: Kinds.args, **kwargs: Kinds.kwargs) -> Fault:
        fault = make(*args, **kwargs)
        fault.__name__ = make.__name__
        return fault

    return named


@dataclass(slots=True)
class _Plan:
    path: str
    query: Mapping[str, str]
    faults: tuple[Fault, ...]
    left: int | None
    """How many answers the faults still apply to; None means no limit."""


class Upstream:
    """A server that listens while its context is entered."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.mistakes: list[BaseException] = []
        """Errors of faults that do not fit the answer to which they are applied."""
        self._served: list[tuple[str, Mapping[str, str], Json]] = []
        self._plans: list[_Plan] = []
        self._lock = Lock()
        self._server = _Server(self)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.base = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        if self.mistakes:
            raise self.mistakes[0]

    def serve(self, path: str, payload: Json, **query: str) -> None:
        """Answer with the payload if the query has these parameters. The most recent match is used."""
        with self._lock:
            self._served.insert(0, (path, query, payload))

    def breaks(self, path: str, *faults: Fault, times: int | None = None, **query: str) -> None:
        """Apply the faults to the next answers, after the faults of earlier calls that have `times` left."""
        with self._lock:
            self._plans.append(_Plan(path, query, faults, times))

    def heals(self, path: str) -> None:
        with self._lock:
            self._plans = [plan for plan in self._plans if plan.path != path]

    def stop(self) -> None:
        """Refuse connections from now on, and close the open ones. A second call does nothing."""
        if not self._server.is_closing.is_set():
            self._server.is_closing.set()
            self._server.shutdown()
            self._server.cut_connections()
            self._server.server_close()
            self._thread.join()

    def cut_connections(self) -> None:
        """Close the open connections, as a server does with idle ones."""
        self._server.cut_connections()

    def answer(self, request: Seen) -> Answer:
        with self._lock:
            self.seen.append(request)
            answer = self._ordinary(request)
            for fault in self._faults(request):
                answer = fault(answer)
        return answer

    def _ordinary(self, request: Seen) -> Answer:
        for path, query, payload in self._served:
            if path == request.path and query.items() <= request.query.items():
                if isinstance(payload, bytes):
                    return Answer(text=payload, send=_send_whole)
                return Answer(payload=copy.deepcopy(payload), send=_send_whole)
        return Answer(payload={"detail": "Not Found"}, status=404, send=_send_whole)

    def _faults(self, request: Seen) -> tuple[Fault, ...]:
        for plan in self._plans:
            if plan.path == request.path and plan.query.items() <= request.query.items() and plan.left != 0:
                plan.left = None if plan.left is None else plan.left - 1
                return plan.faults
        return ()


# --- faults: other answers -------------------------------------------------------------------------------------------


@_named
def status(code: int, text: str = "", **headers: str) -> Fault:
    """Headers are named with underscores: `retry_after="7"`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda answer: replace(answer, status=code, text=text.encode(), headers={**answer.headers, **named})


@_named
def with_headers(**headers: str) -> Fault:
    """Answer as usual, with these headers added or replaced. They are named as in `status`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda answer: replace(answer, headers={**answer.headers, **named})


@_named
def rate_limited(retry_after: int | str | None = None) -> Fault:
    asks = {} if retry_after is None else {"retry_after": str(retry_after)}
    return status(429, '{"error": {"message": "Rate limit exceeded"}}', **asks)


@_named
def server_error() -> Fault:
    return status(500, "Internal Server Error")


@_named
def unauthorized() -> Fault:
    return status(401, '{"detail": "Authentication required"}')


@_named
def gone() -> Fault:
    """Answer as Featherless does when it rejects the User-Agent."""
    return status(404, "Gone.")


@_named
def redirect(to: str) -> Fault:
    return status(302, location=to)


@_named
def redirect_loop() -> Fault:
    """Redirect each request to its own address."""
    return status(302, location="?")


@_named
def html() -> Fault:
    """Answer 200 with an HTML page, as the proxy of a hotel does."""
    page = b"<!doctype html><title>Welcome</title><h1>Please log in</h1>"
    return lambda answer: replace(answer, text=page, headers={"content-type": "text/html"})


@_named
def empty_body() -> Fault:
    return lambda answer: replace(answer, text=b"")


# --- faults: on the way ----------------------------------------------------------------------------------------------


@_named
def truncated_json() -> Fault:
    """Send half the text, with the correct Content-Length of the half."""
    return lambda answer: replace(answer, text=answer.body[: len(answer.body) // 2])


@_named
def broken_off() -> Fault:
    """Send half the text with the Content-Length of the whole, then close the connection."""
    return lambda answer: replace(answer, send=_send_half)


@_named
def connection_reset() -> Fault:
    """Send half the text as `broken_off` does, then reset the connection."""
    return lambda answer: replace(answer, send=_send_half_and_reset)


@_named
def hung_up() -> Fault:
    """Close the connection without an answer."""
    return lambda answer: replace(answer, send=lambda wire, _: wire.hang_up())


@_named
def silence() -> Fault:
    """Accept the request and send nothing."""
    return lambda answer: replace(answer, send=lambda wire, _: wire.drip(b"", every_seconds=3_600))


@_named
def drip_headers(every_seconds: float = 1) -> Fault:
    return lambda answer: replace(answer, send=lambda wire, _: wire.drip(_head(answer), every_seconds=every_seconds))


@_named
def drip_body(every_seconds: float = 1) -> Fault:
    def send(wire: Wire, answer: Answer) -> None:
        wire.head(answer, length=len(answer.body))
        wire.drip(answer.body, every_seconds=every_seconds)

    return lambda answer: replace(answer, send=send)


@_named
def no_http() -> Fault:
    return lambda answer: replace(answer, send=lambda wire, _: wire.write_and_close(b"220 mail.example.org ESMTP\r\n"))


# --- faults: sizes and encodings -------------------------------------------------------------------------------------


@_named
def gzipped() -> Fault:
    return lambda answer: replace(
        answer, text=gzip.compress(answer.body), headers={**answer.headers, "content-encoding": "gzip"}
    )


@_named
def chunked() -> Fault:
    """Answer as usual, without a Content-Length."""
    return lambda answer: replace(answer, send=_streaming([answer.body]))


@_named
def broken_gzip() -> Fault:
    return lambda answer: replace(answer, headers={**answer.headers, "content-encoding": "gzip"})


@_named
def truncated_gzip() -> Fault:
    """Send half a gzip, with the correct Content-Length of the half."""
    return lambda answer: truncated_json()(gzipped()(answer))


@_named
def gzip_bomb(megabytes: int = 256) -> Fault:
    """Send spaces that compress to a thousandth of their size."""
    return lambda answer: replace(answer, headers={"content-encoding": "gzip"}, send=_streaming(_bomb(megabytes)))


@_named
def oversized(megabytes: int, *, is_announced: bool = False) -> Fault:
    """Send spaces; by default in chunks, so that no Content-Length announces their size."""
    if is_announced:
        return lambda answer: replace(answer, text=b" " * (megabytes << 20))
    return lambda answer: replace(answer, send=_streaming(b" " * _PIECE for _ in range((megabytes << 20) // _PIECE)))


@_named
def bom() -> Fault:
    return lambda answer: replace(answer, text=b"\xef\xbb\xbf" + answer.body)


@_named
def nul_bytes() -> Fault:
    """Send three NUL bytes before the text."""
    return lambda answer: replace(answer, text=b"\x00\x00\x00" + answer.body)


# --- faults: in the rows ---------------------------------------------------------------------------------------------


@_named
def half_the_list() -> Fault:
    """Send the first half of the rows; a total next to them stays as it is."""
    return _on_rows(lambda rows: rows[: len(rows) // 2])


@_named
def empty_page() -> Fault:
    """Send no rows; a total next to them stays as it is."""
    return _on_rows(lambda rows: [])


@_named
def repeated_rows() -> Fault:
    return _on_rows(lambda rows: rows + rows)


@_named
def prices_times(factor: int = 10) -> Fault:
    """Multiply every amount of every row; -1, which means that there is no price, stays."""
    return _on_rows(lambda rows: [_scaled(row, Decimal(factor)) for row in rows])


@_named
def planted(literal: str, *at: str | int, row: int = 0) -> Fault:
    """Put this JSON text, which may be invalid, into that place of a row."""

    def plant(answer: Answer) -> Answer:
        node = _rows(answer.payload)[row]
        for step in at[:-1]:
            node = node[step]
        node[at[-1]] = "<planted>"
        return replace(answer, text=answer.body.replace(b'"<planted>"', literal.encode()))

    return plant


@_named
def nan(*at: str | int) -> Fault:
    return planted("NaN", *at)


@_named
def beyond_numbers(*at: str | int) -> Fault:
    return planted("1e999", *at)


@_named
def lone_surrogate(*at: str | int) -> Fault:
    return planted(r'"half a character: \ud83d"', *at)


@_named
def nul_character(*at: str | int) -> Fault:
    return planted(r'"before\u0000after"', *at)


@_named
def deeply_nested(*at: str | int, levels: int = 2_000) -> Fault:
    return planted("[" * levels + "]" * levels, *at)


# --- implementation --------------------------------------------------------------------------------------------------


class Wire(BaseHTTPRequestHandler):
    """One connection, with the ways to answer on it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # otherwise each body would wait 40 ms for the acknowledgement of its headers
    server: _Server

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        request = Seen(
            target=self.path,
            path=url.path,
            query=dict(parse_qsl(url.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            connection=self.client_address[1],
        )
        answer = self.server.upstream.answer(request)
        answer.send(self, answer)

    def head(self, answer: Answer, *, length: int | None) -> None:
        self.wfile.write(_head(answer, length=length))

    def write(self, data: bytes) -> None:
        self.wfile.write(data)

    def write_and_close(self, data: bytes) -> None:
        self.wfile.write(data)
        self.hang_up()

    def drip(self, data: bytes, *, every_seconds: float) -> None:
        """Send one byte at a time, and then nothing until the server stops."""
        for byte in data:
            self.wfile.write(bytes([byte]))
            if self.server.is_closing.wait(every_seconds):
                break
        self.server.is_closing.wait()
        self.hang_up()

    def hang_up(self) -> None:
        self.close_connection = True

    def reset(self) -> None:
        # Closing a socket with a linger time of zero sends a reset.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.hang_up()

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)
        if self.server.is_closing.is_set():
            self.server.cut_connections()

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # threads are joined at the end, so that none outlives its test

    def __init__(self, upstream: Upstream) -> None:
        super().__init__(("127.0.0.1", 0), Wire)
        self.upstream = upstream
        self.is_closing = Event()
        self.connections: set[socket.socket] = set()

    def cut_connections(self) -> None:
        for connection in list(self.connections):
            with contextlib.suppress(OSError):  # the client may have closed it already
                connection.shutdown(socket.SHUT_RDWR)

    def shutdown_request(self, request: Any) -> None:
        # The inherited method shuts the connection down in order first, which turns a reset into an ordinary end.
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep errors of the test itself; most faults make clients close the connection, which is no error."""
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            self.upstream.mistakes.append(error)


def _head(answer: Answer, *, length: int | None = None) -> bytes:
    framing = {"transfer-encoding": "chunked"} if length is None else {"content-length": str(length)}
    headers = {"content-type": "application/json", **framing, **answer.headers}
    lines = [f"HTTP/1.1 {answer.status} Whatever", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _send_whole(wire: Wire, answer: Answer) -> None:
    wire.head(answer, length=len(answer.body))
    wire.write(answer.body)


def _send_half(wire: Wire, answer: Answer) -> None:
    wire.head(answer, length=len(answer.body))
    wire.write_and_close(answer.body[: len(answer.body) // 2])


def _send_half_and_reset(wire: Wire, answer: Answer) -> None:
    _send_half(wire, answer)
    wire.reset()


def _streaming(pieces: Iterable[bytes]) -> Callable[[Wire, Answer], None]:
    def send(wire: Wire, answer: Answer) -> None:
        wire.head(answer, length=None)
        for piece in pieces:
            wire.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        wire.write(b"0\r\n\r\n")

    return send


def _bomb(megabytes: int) -> Iterator[bytes]:
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    for _ in range(megabytes):
        if packed := packer.compress(b" " * (1 << 20)):
            yield packed
    yield packer.flush()


def _rows(payload: Json) -> list[Json]:
    rows: list[Json] = payload if isinstance(payload, list) else payload.get("data", payload.get("items"))
    return rows


def _on_rows(change: Callable[[list[Json]], list[Json]]) -> Fault:
    def changed(answer: Answer) -> Answer:
        rows = _rows(answer.payload)
        rows[:] = change(rows)
        return answer

    return changed


def _scaled(node: Json, factor: Decimal, *, is_price: bool = False) -> Json:
    if isinstance(node, dict):
        return {
            name: value if name in _NO_PRICES else _scaled(value, factor, is_price=is_price or name in _PRICES)
            for name, value in node.items()
        }
    if isinstance(node, list):
        return [_scaled(value, factor, is_price=is_price) for value in node]
    return _scaled_amount(node, factor) if is_price else node


def _scaled_amount(amount: Json, factor: Decimal) -> Json:
    if isinstance(amount, bool) or not isinstance(amount, (str, int, float)):
        return amount
    try:
        number = Decimal(str(amount))
    except InvalidOperation:
        return amount
    if number == -1:
        return amount
    return format(number * factor, "f") if isinstance(amount, str) else float(number * factor)
