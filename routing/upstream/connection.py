"""One connection to a gateway: a request at a time, and the parser of its answer.

After an answer that has come to its end, the connection is kept for the next request, unless the gateway closes it, the
request was not sent whole, or more than the answer came.
"""

from __future__ import annotations

import asyncio
import re
from typing import Protocol

import httptools

from routing.upstream.answers import Answer
from routing.upstream.messages import Garbled, NoAnswer, Unsent

MOST_HEAD_BYTES = 65_536
PIECE_BYTES = 262_144
"""Larger bodies are written in such pieces, so that other requests get their turn."""
KEEP_ALIVE_SECONDS = 15.0
"""How long an idle connection is kept. It is shorter than the time of the gateways: a request on a connection that the
gateway is closing at this moment has an unknown outcome."""
_MARGIN_SECONDS = 1
_TIMEOUT = re.compile(r"\btimeout\s*=\s*(\d{1,6})\b", re.IGNORECASE)
_MOST_NAMES, _MOST_NAME_BYTES = 1_024, 64
_NAMES: dict[bytes, str] = {}
"""Names of headers in lower case. They are few, and reading each of them costs as much as the rest of a header."""


class Pool(Protocol):
    """Where a connection belongs. It is told of changes by the connection itself."""

    def kept(self, connection: Connection) -> None: ...
    def dropped(self, connection: Connection) -> None: ...
    def lost(self, connection: Connection) -> None: ...


class _Unwanted(Exception):
    """Ends the parser's work from within its callbacks."""


class Connection(asyncio.Protocol):
    __slots__ = (
        "_answer",
        "_drained",
        "_head_room",
        "_headers",
        "_is_complete",
        "_is_keepable",
        "_is_reading_paused",
        "_is_sent",
        "_is_writing_paused",
        "_loop",
        "_parser",
        "_pieces",
        "_pool",
        "_transport",
        "_until_end",
        "_waiter",
        "idle_until",
        "is_open",
        "keep_seconds",
        "origin",
    )

    def __init__(self, pool: Pool, origin: object, loop: asyncio.AbstractEventLoop) -> None:
        """`origin`: what the pool keeps it under."""
        self._pool, self.origin, self._loop = pool, origin, loop
        self.idle_until = 0.0
        self.keep_seconds = KEEP_ALIVE_SECONDS
        self.is_open = False
        self._transport: asyncio.Transport
        self._parser: httptools.HttpResponseParser | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._answer: Answer | None = None
        self._headers: list[tuple[str, str]] = []
        self._pieces: list[bytes] = []
        self._head_room = 0
        self._is_sent = True
        self._is_complete = self._is_keepable = self._until_end = False
        self._is_reading_paused = self._is_writing_paused = False

    def __repr__(self) -> str:
        return f"Connection({self.origin!r})"

    @property
    def is_closing(self) -> bool:
        return self._transport.is_closing()

    # --- sending -----------------------------------------------------------------------------------------------------
    def begin(self, data: bytes, *, is_whole: bool) -> asyncio.Future[Answer]:
        """Write a request, or its head if more follows, and return the future of its answer.

        If `is_closing` is true afterwards, the write itself has failed, and the future is not set.
        """
        self._parser = httptools.HttpResponseParser(self)
        self._headers, self._head_room = [], MOST_HEAD_BYTES
        self._is_complete = self._until_end = False
        self._is_sent = is_whole
        waiter: asyncio.Future[Answer] = self._loop.create_future()
        transport = self._transport
        transport.write(data)
        if transport.is_closing():
            self._parser = None
        else:
            self._waiter = waiter
        return waiter

    async def answer(self, waiter: asyncio.Future[Answer], rest: bytes = b"") -> Answer:
        """Write the rest of a request, and return its answer. Raise Unsent, NoAnswer or Garbled."""
        try:
            if rest:
                await self._write(waiter, memoryview(rest))
            return await waiter
        except asyncio.CancelledError:
            if waiter.cancelled() or not waiter.done():
                self.drop()
            elif waiter.exception() is None:  # by now the connection may have another request
                waiter.result().close()
            raise

    async def _write(self, waiter: asyncio.Future[Answer], body: memoryview) -> None:
        for start in range(0, len(body), PIECE_BYTES):
            if self._is_writing_paused:
                self._drained = self._loop.create_future()
                await self._drained
            else:
                await asyncio.sleep(0)
            if waiter.done() or self.is_closing:  # the answer does not wait for the rest of the body
                return
            self._transport.write(body[start : start + PIECE_BYTES])
        self._is_sent = not self.is_closing

    # --- for the answer and the pool ---------------------------------------------------------------------------------
    def pause_reading(self) -> None:
        if not self._is_reading_paused and not self._transport.is_closing():
            self._is_reading_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._is_reading_paused and not self._transport.is_closing():
            self._is_reading_paused = False
            self._transport.resume_reading()

    def drop(self) -> None:
        """Close the connection. Whoever waits for an answer is not told."""
        self._waiter = self._answer = self._parser = None
        self._pool.dropped(self)
        self._transport.abort()

    def abort(self) -> None:
        """Close the connection. Whoever waits for an answer gets an error."""
        self._transport.abort()

    # --- called by the event loop ------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # it is one for both directions
        if transport.get_extra_info("sslcontext") is None:
            # So it is known whether a request was sent whole. Under TLS the buffers are those of the TLS layer.
            self._transport.set_write_buffer_limits(high=0)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        parser = self._parser
        if parser is None:  # nothing was requested
            self.drop()
            return
        is_broken = False
        try:
            if self._answer is not None:
                parser.feed_data(data)
            else:
                self._feed_head(parser, data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            is_broken = True
        answer = self._answer
        if answer is None:
            if is_broken:
                self._fail(Garbled("not HTTP"))
            return
        if self._pieces:
            pieces, self._pieces = self._pieces, []
            answer.feed(pieces[0] if len(pieces) == 1 else b"".join(pieces))
            if self._answer is not answer:  # it was closed by what it brought
                return
        if self._is_complete:
            self._complete(answer, is_keepable=self._is_keepable and not is_broken)
        elif is_broken:
            self.drop()
            answer.feed_end(is_cut=True)

    def eof_received(self) -> None:
        self._end(is_clean=True)
        self._transport.abort()  # what was not written by now has no reader

    def connection_lost(self, error: Exception | None) -> None:
        if self.is_open:  # the event loop calls this after a failed handshake of TLS as well
            self.is_open = False
            self._end(is_clean=False)
            self._pool.lost(self)

    def pause_writing(self) -> None:
        self._is_writing_paused = True

    def resume_writing(self) -> None:
        self._is_writing_paused = False
        self._wake_writer()

    # --- called by the parser ----------------------------------------------------------------------------------------
    def on_message_begin(self) -> None:
        if self._is_complete:  # more than the answer
            raise _Unwanted

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._answer is None:  # after the head there are only trailers, which are not read
            self._headers.append((_NAMES.get(name) or _in_lower_case(name), value.decode("latin-1").strip()))

    def on_headers_complete(self) -> None:
        parser, waiter = self._parser, self._waiter
        if parser is None:
            raise _Unwanted
        status = parser.get_status_code()
        headers, self._headers = self._headers, []
        if 100 <= status < 200:
            return  # the answer follows; after 101 the parser itself gives up
        if waiter is None or waiter.done():
            raise _Unwanted
        answer = self._answer = Answer(status, headers, self)
        self._is_keepable = (
            parser.should_keep_alive()
            and parser.get_http_version() == "1.1"
            and self._is_sent
            and not self._is_writing_paused
        )
        if not self._is_keepable:
            codings = ",".join([value for name, value in headers if name == "transfer-encoding"])
            is_chunked = codings.rpartition(",")[2].strip().lower() == "chunked"
            self._until_end = not is_chunked and (codings != "" or not answer.header("content-length"))
        self._waiter = None
        waiter.set_result(answer)
        self._wake_writer()

    def on_body(self, data: bytes) -> None:
        self._pieces.append(data)

    def on_message_complete(self) -> None:
        self._is_complete = self._answer is not None

    # --- parts -------------------------------------------------------------------------------------------------------
    def _feed_head(self, parser: httptools.HttpResponseParser, data: bytes) -> None:
        """Feed data that has the head or a part of it. Heads of 1xx count as well, so they are not endless."""
        room = self._head_room
        if len(data) <= room:
            self._head_room = room - len(data)
            parser.feed_data(data)
            return
        parser.feed_data(memoryview(data)[:room])
        if self._answer is None:
            raise httptools.HttpParserError("the head is too long")
        parser.feed_data(memoryview(data)[room:])

    def _complete(self, answer: Answer, *, is_keepable: bool) -> None:
        self._answer = self._parser = None
        keep_seconds = KEEP_ALIVE_SECONDS
        if is_keepable and (hint := _TIMEOUT.search(answer.header("keep-alive"))) is not None:
            keep_seconds = min(keep_seconds, int(hint[1]) - _MARGIN_SECONDS)
        if is_keepable and keep_seconds > 0 and not self._transport.is_closing():
            if self._is_reading_paused:
                self.resume_reading()
            self.keep_seconds = keep_seconds
            self._pool.kept(self)
        else:
            self.drop()
        answer.feed_end(is_cut=False)

    def _end(self, *, is_clean: bool) -> None:
        """End what waits for the connection, which has ended. `is_clean`: by the gateway, and in good order."""
        answer, until_end = self._answer, self._until_end
        self._answer = None
        self._pool.dropped(self)
        if answer is not None:
            answer.feed_end(is_cut=not (until_end and is_clean))
        elif self._head_room == MOST_HEAD_BYTES and (not self._is_sent or self._is_writing_paused):
            self._fail(Unsent("the connection ended before the request was sent"))
        else:
            self._fail(NoAnswer("the connection ended before the answer"))
        self._parser = None
        self._wake_writer()

    def _fail(self, error: Exception) -> None:
        waiter = self._waiter
        self.drop()
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)
        self._wake_writer()

    def _wake_writer(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)


def _in_lower_case(name: bytes) -> str:
    found = name.lower().decode("latin-1")
    if len(_NAMES) < _MOST_NAMES and len(name) <= _MOST_NAME_BYTES:
        _NAMES[name] = found
    return found
