"""uvicorn's protocol with the front in it: what can be answered at once is, before an ASGI task exists.

It also protects the process from clients that are slow or hostile: uvicorn itself waits for ever for the rest of a
head, or for a client that does not read its answer. uvicorn is pinned exactly, and a test fails when what is used of
its internals changes.
"""

from __future__ import annotations

import asyncio
import fcntl
import sys
import termios
import weakref
from contextlib import suppress
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from front import refusals
from front.asgi import DECIDED, ENDED, LARGE_BODY_SECONDS, STREAMS, AsgiShell
from front.awaited import Cycle
from front.counts import Cut
from front.refusals import Refusal
from front.replies import Awaited, Decision, Push, Reply, head_of
from front.requests import Malformed, Request, of_parts

IDLE_SECONDS = 15.0
"""How long a connection without a request is kept."""
HEAD_SECONDS = 10.0
"""How long a client may take to send the head of a request."""
MESSAGE_SECONDS = 20.0
"""How long it may take to send a whole request. `asgi.py` gives up on a body earlier, if something waits for it."""
STALLED_SECONDS = 30.0
"""How long a client may read nothing of what is sent to it."""
LEAST_READ_BYTES = 1_024
"""Reading less than this in the meantime is nothing."""
SWEEP_SECONDS = 1.0
DRAIN_SECONDS = 1.0
"""How long idle connections are kept when the process ends: a request may be on its way."""
MOST_HEAD_BYTES = 65_536
_CHUNKED = b"transfer-encoding: chunked\r\n"
_LARGE_BYTES = 65_536
"""Bodies from this size on are not copied."""


class FrontProtocol(HttpToolsProtocol):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        shell: object = self.app
        if not isinstance(shell, AsgiShell):
            raise TypeError(f"this protocol serves an AsgiShell only, not {shell!r}")
        self._shell = shell
        self.front, self.counts, self.turns = shell.front, shell.front.counts, shell.turns
        self._is_draining = False
        self._is_ended = False
        """Whether nothing more is read: the connection closes once the requests before are answered."""
        self._is_answered = False
        """Whether the request that is being read was answered already."""
        self._running: RequestResponseCycle | Cycle | None = None
        """The newest request that is being answered; `cycle` may be a later one that waits in the pipeline."""
        self._is_reading_head = False
        self._is_reading_body = False
        self._head_bytes = 0
        """Of the names and values of headers."""
        self._since = self.loop.time()
        """When the present state began: idle, reading a head, or reading a body."""
        self._parts = 0
        """Counts the heads and the pieces of bodies."""
        self._part_bytes = 0
        """What has arrived of a head, or of trailers, after the packet in which it began."""
        self._unread_bytes = 0
        """What the client had not read yet when it was last seen to read."""
        self._read_at = self._since

    # --- the connection ----------------------------------------------------------------------------------------------
    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        _sweep_regularly(self.server_state, self.loop)
        if self._shell.revisions.is_draining:
            self.shutdown()  # it was accepted a moment before the process stopped accepting

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if isinstance(self._running, Cycle):
            self._running.lost()

    def pause_writing(self) -> None:
        super().pause_writing()
        if isinstance(self._running, Cycle):
            self._running.pause()

    def resume_writing(self) -> None:
        super().resume_writing()
        if isinstance(self._running, Cycle):
            self._running.resume()

    def data_received(self, data: bytes) -> None:
        parts = self._parts
        self._parse(data)
        if self._parts != parts or not (self._is_reading_head or self._is_reading_body):
            self._part_bytes = 0
            return
        self._part_bytes += len(data)
        if self._part_bytes > MOST_HEAD_BYTES:
            self._refuse(refusals.LARGE_HEAD)

    def _parse(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest and not self._is_ended:
            try:
                self.parser.feed_data(rest)
                return
            except httptools.HttpParserUpgrade as upgrade:
                # curl asks for HTTP/2 in this way. It is answered in HTTP/1.1, and so is what follows.
                rest = rest[upgrade.args[0] :]
            except httptools.HttpParserError:
                self._refuse(refusals.malformed("The request is not valid HTTP."))

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio reads the result
        """Whether the connection stays open for an answer: some clients end their side once they have asked.

        A client that ends its side of a stream has left: nothing else would show that before the next event.
        """
        if self._running is not None and STREAMS in self._running.scope:
            return False
        for cycle in (self._running, *(cycle for cycle, _ in self.pipeline)):
            if cycle is not None:
                cycle.scope[ENDED] = True  # type: ignore[literal-required]  # a key of our own
        return self._end()

    def _end(self) -> bool:
        """Read nothing more. Return whether the connection stays open for answers to what was read whole."""
        self._is_ended = True
        running = self._running
        if running is None or running.response_complete or self.transport.is_closing():
            return False
        last: RequestResponseCycle | Cycle = self.cycle
        if last.more_body and not last.response_started:
            if last is running:
                last.disconnected = True
                last.message_event.set()
                return False
            self.pipeline.popleft()
            last = self.pipeline[0][0] if self.pipeline else running
        last.keep_alive = False
        return True

    def shutdown(self) -> None:
        """Answer what is on its way, and close. Idle connections are closed a moment later."""
        self._is_draining = True
        self._shell.drain()
        if self._is_busy:
            self.cycle.keep_alive = False
        self.loop.call_later(DRAIN_SECONDS, self._close_idle)

    def _close_idle(self) -> None:
        if not self._is_busy and not self._is_reading_head:
            self.transport.close()

    @property
    def _is_busy(self) -> bool:
        """Whether a request is being answered."""
        return self._running is not None and not self._running.response_complete

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    # --- requests ----------------------------------------------------------------------------------------------------
    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._head_bytes = 0
        self._is_reading_head = True
        self._since = self.loop.time()
        self._parts += 1

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_reading_head:  # trailers are no headers: a proxy may have checked only those
            return
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self._head_bytes += len(name) + len(value)
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._is_reading_head = False
        self._is_reading_body = True
        if self._is_ended or self.transport.is_closing():
            self._is_answered = True
            return
        if len(self.url) + self._head_bytes > MOST_HEAD_BYTES:
            self._refuse(refusals.LARGE_HEAD)
            return
        try:
            url = self._read_target()
            if not self._is_busy and not self.flow.write_paused:
                self._decide(url)
                return
        except Malformed as error:
            self._refuse(refusals.malformed(str(error)))
            return
        self._pass_on()  # it waits for its turn, and the shell decides then

    def _read_target(self) -> Any:
        """Return the parsed target. Of its absolute form the host counts, whatever the header is. Raise Malformed."""
        if not self.url.isascii():
            raise Malformed("The target of the request has bytes above 0x7F.")
        try:
            url = httptools.parse_url(self.url)
        except httptools.HttpParserInvalidURLError:
            raise Malformed("The target of the request is neither a path nor an address.") from None
        if not url.host:
            return url
        host = b"[%b]" % url.host if b":" in url.host else url.host
        if url.port:
            host += b":%d" % url.port
        self.headers[:] = [header for header in self.headers if header[0] != b"host"] + [(b"host", host)]
        self.url = (url.path or b"/") + (b"?" + url.query if url.query else b"")
        return httptools.parse_url(self.url)

    def _decide(self, url: Any) -> None:
        request = of_parts(
            self.headers,
            method=self.parser.get_method().decode("latin-1"),
            raw_path=url.path,
            query=url.query or b"",
            scheme=self.scheme or "http",
            peer=self.client[0] if self.client else "",
            http_version=self.parser.get_http_version(),
        )
        decision = self.front.decide(request)
        if isinstance(decision, Reply) and isinstance(decision.body, bytes) and not request.has_body:
            self._is_answered = True
            is_closed = self._is_draining or request.http_version == "1.0" or not self.parser.should_keep_alive()
            self._answer(request, decision, decision.body, is_closed=is_closed)
            return
        if isinstance(decision, Awaited):
            self._await(request, decision)
            return
        self._pass_on((request, decision))

    def _await(self, request: Request, decision: Awaited) -> None:
        """Let other services answer, once the body is here."""
        keep_alive = not self._is_draining and request.http_version != "1.0" and self.parser.should_keep_alive()
        self._running = Cycle(self, request, decision, keep_alive=keep_alive)
        self.cycle = self._running  # type: ignore[assignment]  # it has all that uvicorn reads of one
        if self.expect_100_continue:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    @property
    def _awaited(self) -> Cycle | None:
        """The request that is being read, if its answer is awaited."""
        found: object = self.cycle
        return found if isinstance(found, Cycle) else None

    def _pass_on(self, decided: tuple[Request, Decision] | None = None) -> None:
        """Let an ASGI task answer, after those of the requests before."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()  # only now: it makes the scope, which most requests do not need
        self.url, self.headers, self.expect_100_continue = url, headers, expects
        self.scope["headers"] = headers
        if decided is not None:
            self.scope[DECIDED] = decided  # type: ignore[literal-required]  # a key of our own
        super().on_headers_complete()
        if self._is_draining:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._parts += 1
        if self._is_answered or self._is_ended:
            return
        if (awaited := self._awaited) is not None:
            awaited.received(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_reading_body = False
        self._since = self.loop.time()
        if self._is_answered:
            self._is_answered = False
        elif self._is_ended:
            return
        elif (awaited := self._awaited) is not None:
            awaited.received_whole()
        else:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request. uvicorn would also set a timer, for what `check` does for all connections."""
        self._since = self.loop.time()
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            if self.pipeline:  # else each answer would admit a whole packet of further requests
                self.flow.pause_reading()

    # --- answers -----------------------------------------------------------------------------------------------------
    def _answer(self, request: Request, reply: Reply, body: bytes, *, is_closed: bool) -> None:
        """Send an answer for which there is no cycle."""
        self.server_state.total_requests += 1
        self.front.sent(request, reply, length=self.write(request, reply, body, is_closed=is_closed))

    def write(self, request: Request, reply: Reply, body: bytes, *, is_closed: bool) -> int:
        """Send an answer, and return the number of bytes of its body that are sent."""
        sent = b"" if request.method == "HEAD" else body
        head = self._head(request, reply, is_closed=is_closed)
        if len(sent) < _LARGE_BYTES:
            self.transport.write(head + sent)
        else:
            self.transport.write(head)
            self.transport.write(sent)
        if is_closed:
            self.transport.close()
        return len(sent)

    def write_head(self, request: Request, push: Push, *, is_closed: bool, is_chunked: bool) -> None:
        """Send the head of an answer whose body follows."""
        self.transport.write(self._head(request, push, is_closed=is_closed, more=_CHUNKED if is_chunked else b""))

    def _head(self, request: Request, answer: Reply | Push, *, is_closed: bool, more: bytes = b"") -> bytes:
        if is_closed and not any(name.lower() == "connection" for name, _ in answer.headers):  # refusals state it
            more += b"connection: close\r\n"
        for header in self.server_state.default_headers:
            more += b"%b: %b\r\n" % header
        head = answer.head or head_of(answer.status, answer.headers)
        return b"%bx-request-id: %b\r\n%b\r\n" % (head, request.id.encode(), more)

    def _refuse(self, refusal: Refusal) -> None:
        """Refuse what cannot be read as a request, and close the connection: its next request could be anywhere."""
        self._is_answered = True
        self._is_reading_head = False
        if self.transport.is_closing() or self._end():
            return
        request = Request(method="GET", path="/", query="", headers={})
        reply = self.front.refuse(request, refusal)
        self._answer(request, reply, reply.body if isinstance(reply.body, bytes) else b"", is_closed=True)

    # --- slow clients ------------------------------------------------------------------------------------------------
    def check(self, now: float) -> None:
        """Close the connection if its client is too slow. Called every second."""
        self._check_reading(now)
        if self.transport.is_closing() or self._is_ended or self.flow.read_paused:
            return  # while nothing is read from it, nothing is the client's fault
        if self._is_reading_head:
            if now - self._since > HEAD_SECONDS:
                self._cut(Cut.SLOW_HEAD)
                self._refuse(refusals.SLOW_HEAD)
        elif self._is_reading_body:
            if now - self._since > LARGE_BODY_SECONDS - SWEEP_SECONDS and (awaited := self._awaited) is not None:
                awaited.give_up()
            if now - self._since > MESSAGE_SECONDS:
                self._cut(Cut.SLOW_BODY)
                self.transport.close()
        elif not self._is_busy and now - self._since > IDLE_SECONDS:
            self.transport.close()

    def _check_reading(self, now: float) -> None:
        unread = self._unread()
        if unread == 0 or unread <= self._unread_bytes - LEAST_READ_BYTES or self._unread_bytes == 0:
            self._unread_bytes, self._read_at = unread, now
        elif now - self._read_at > STALLED_SECONDS:
            self._cut(Cut.SLOW_READER)
            self.transport.abort()
        else:  # more was sent in the meantime
            self._unread_bytes = max(unread, self._unread_bytes)

    def _unread(self) -> int:
        """Return how many bytes wait for the client, or 0 if the kernel has taken all of them."""
        unread = self.transport.get_write_buffer_size()
        if unread:  # the kernel takes more only when a third of its own buffer is free, which may take minutes
            with suppress(OSError):
                descriptor = self.transport.get_extra_info("socket").fileno()
                unread += int.from_bytes(fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
        return unread

    def _cut(self, reason: Cut) -> None:
        self.counts.add_cut_connection(reason)


_swept: weakref.WeakSet[ServerState] = weakref.WeakSet()


def _sweep_regularly(server_state: ServerState, loop: asyncio.AbstractEventLoop) -> None:
    """Check all connections of a server every second: a timer for each request would cost as much as its answer."""
    if server_state not in _swept:
        _swept.add(server_state)
        loop.call_later(SWEEP_SECONDS, _sweep, server_state, loop)


def _sweep(server_state: ServerState, loop: asyncio.AbstractEventLoop) -> None:
    loop.call_later(SWEEP_SECONDS, _sweep, server_state, loop)  # first, so that no error ends it
    now = loop.time()
    for connection in list(server_state.connections):
        if isinstance(connection, FrontProtocol):
            connection.check(now)
