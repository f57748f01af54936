"""uvicorn's protocol with the front in it: what can be answered at once is, before an ASGI task exists.

It also protects the process from clients that are slow or hostile: uvicorn itself waits for ever for the rest of a
head, or for a client that does not read its answer. uvicorn is pinned exactly, and a test fails when what is used of
its internals changes.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from front import refusals
from front.asgi import DECIDED, STREAMS, AsgiShell
from front.counts import Cut
from front.refusals import Refusal
from front.replies import Reply, head_of
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
_LARGE_BYTES = 65_536
"""Bodies from this size on are not copied."""


class FrontProtocol(HttpToolsProtocol):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        shell: object = self.app
        if not isinstance(shell, AsgiShell):
            raise TypeError(f"this protocol serves an AsgiShell only, not {shell!r}")
        self._shell = shell
        self._is_draining = False
        self._is_answered = False
        """Whether the request that is being read was answered already."""
        self._head_bytes: int | None = None
        """The length of the head that is being read; None if none is."""
        self._is_reading_body = False
        self._since = self.loop.time()
        """When the present state began: idle, reading a head, or reading a body."""
        self._unread_bytes = 0
        """What the client had not read yet when it was last seen to read."""
        self._read_at = self._since

    # --- the connection ----------------------------------------------------------------------------------------------
    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        _sweep_regularly(self.server_state, self.loop)

    def data_received(self, data: bytes) -> None:
        if self._head_bytes is not None and self._head_bytes + len(data) > MOST_HEAD_BYTES:
            self._refuse(refusals.LARGE_HEAD)
            return
        super().data_received(data)
        if self._head_bytes is not None:
            self._head_bytes += len(data)

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio reads the result
        """Whether the connection stays open for an answer: some clients end their side once they have asked.

        A client that ends its side of a stream has left: nothing else would show that before the next event.
        """
        return self._is_busy and STREAMS not in self.scope

    def shutdown(self) -> None:
        """Answer what is on its way, and close. Idle connections are closed a moment later."""
        self._is_draining = True
        self._shell.revisions.drain()
        if self._is_busy:
            self.cycle.keep_alive = False
        self.loop.call_later(DRAIN_SECONDS, self._close_idle)

    def _close_idle(self) -> None:
        if not self._is_busy and self._head_bytes is None:
            self.transport.close()

    @property
    def _is_busy(self) -> bool:
        """Whether an ASGI task answers a request."""
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn types it as if there were always one
        return cycle is not None and not cycle.response_complete

    # --- requests ----------------------------------------------------------------------------------------------------
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0
        self._since = self.loop.time()

    def on_headers_complete(self) -> None:
        self._head_bytes = None
        self._is_reading_body = True
        if self.transport.is_closing():
            self._is_answered = True
        elif self._is_busy or self.flow.write_paused:
            super().on_headers_complete()  # it waits for its turn, and the shell decides then
        else:
            self._decide()

    def _decide(self) -> None:
        head_bytes = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if head_bytes > MOST_HEAD_BYTES:
            self._refuse(refusals.LARGE_HEAD)
            return
        try:
            request = self._request()
        except Malformed as error:
            self._refuse(refusals.malformed(str(error)))
            return
        decision = self._shell.front.decide(request)
        if isinstance(decision, Reply) and isinstance(decision.body, bytes) and not request.has_body:
            self._is_answered = True
            self._write(request, decision, decision.body)
            return
        self.scope[DECIDED] = request, decision  # type: ignore[literal-required]  # a key of our own
        super().on_headers_complete()
        if self._is_draining:
            self.cycle.keep_alive = False

    def _request(self) -> Request:
        url = httptools.parse_url(self.url)
        if not self.url.startswith(b"/"):  # the absolute form: its host counts, whatever the header is
            host = url.host if not url.port else b"%b:%d" % (url.host, url.port)
            self.headers[:] = [header for header in self.headers if header[0] != b"host"] + [(b"host", host)]
        return of_parts(
            self.headers,
            method=self.parser.get_method().decode("latin-1"),
            raw_path=url.path or b"/",
            query=url.query or b"",
            scheme=self.scheme or "http",
            peer=self.client[0] if self.client else "",
            http_version=self.parser.get_http_version(),
        )

    def on_body(self, body: bytes) -> None:
        if not self._is_answered:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_reading_body = False
        self._since = self.loop.time()
        if self._is_answered:
            self._is_answered = False
        else:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        self._since = self.loop.time()
        super().on_response_complete()

    def _unsupported_upgrade_warning(self) -> None:
        """Log nothing: curl asks for HTTP/2 in this way, and is answered in HTTP/1.1."""

    # --- answers -----------------------------------------------------------------------------------------------------
    def _write(self, request: Request, reply: Reply, body: bytes, *, is_last: bool = False) -> None:
        is_closed = is_last or self._is_draining or request.http_version == "1.0" or not self.parser.should_keep_alive()
        sent = b"" if request.method == "HEAD" else body
        head = (
            reply.head or head_of(reply.status, reply.headers),
            b"x-request-id: ",
            request.id.encode(),
            b"\r\n",
            *(b"%b: %b\r\n" % header for header in self.server_state.default_headers),
            b"connection: close\r\n\r\n" if is_closed else b"\r\n",
        )
        if len(sent) < _LARGE_BYTES:
            self.transport.write(b"".join((*head, sent)))
        else:
            self.transport.write(b"".join(head))
            self.transport.write(sent)
        self.server_state.total_requests += 1
        if is_closed:
            self.transport.close()
        self._shell.front.sent(request, reply, length=len(sent))

    def _refuse(self, refusal: Refusal) -> None:
        """Refuse what cannot be read as a request, and close the connection: its next request could be anywhere."""
        self._is_answered = True
        self._head_bytes = None
        if self._is_busy:
            self.cycle.keep_alive = False
            self.pipeline.clear()
            return
        request = Request(method="GET", path="/", query="", headers={})
        reply = self._shell.front.refuse(request, refusal)
        self._write(request, reply, reply.body if isinstance(reply.body, bytes) else b"", is_last=True)

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser refuses."""
        if not self.transport.is_closing():
            self._refuse(refusals.malformed("The request is not valid HTTP."))

    # --- slow clients ------------------------------------------------------------------------------------------------
    def check(self, now: float) -> None:
        """Close the connection if its client is too slow. Called every second."""
        if self.transport.is_closing():
            self._check_reading(now)
        elif self._head_bytes is not None:
            if now - self._since > HEAD_SECONDS:
                self._cut(Cut.SLOW_HEAD)
                self._refuse(refusals.SLOW_HEAD)
        elif self._is_reading_body:
            if now - self._since > MESSAGE_SECONDS:
                self._cut(Cut.SLOW_BODY)
                self.transport.close()
        elif not self._is_busy and now - self._since > IDLE_SECONDS:
            self.transport.close()
        self._check_reading(now)

    def _check_reading(self, now: float) -> None:
        unread = self.transport.get_write_buffer_size()
        if unread == 0 or unread <= self._unread_bytes - LEAST_READ_BYTES or self._unread_bytes == 0:
            self._unread_bytes, self._read_at = unread, now
        elif now - self._read_at > STALLED_SECONDS:
            self._cut(Cut.SLOW_READER)
            self.transport.abort()

    def _cut(self, reason: Cut) -> None:
        self._shell.front.counts.add_cut_connection(reason)


_swept: weakref.WeakSet[ServerState] = weakref.WeakSet()


def _sweep_regularly(server_state: ServerState, loop: asyncio.AbstractEventLoop) -> None:
    """Check all connections of a server every second: a timer for each request would cost as much as its answer."""
    if server_state not in _swept:
        _swept.add(server_state)
        loop.call_later(SWEEP_SECONDS, _sweep, server_state, loop)


def _sweep(server_state: ServerState, loop: asyncio.AbstractEventLoop) -> None:
    now = loop.time()
    for connection in list(server_state.connections):
        if isinstance(connection, FrontProtocol):
            connection.check(now)
    loop.call_later(SWEEP_SECONDS, _sweep, server_state, loop)
