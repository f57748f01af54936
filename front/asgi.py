"""The front as an ASGI application, for any ASGI server; with `protocol.py` uvicorn answers most requests without it.

It does what `Front.decide` leaves to be done: it reads bodies before any thread waits for them, has work done in the
threads of the pool, waits for revisions, sends streams, and gives up on what takes too long.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from front import refusals
from front.counts import Cut, Unavailable
from front.front import Front
from front.minimum import WAIT_SECONDS
from front.pool import Full, Overdue, Pool
from front.pulled import Pulled
from front.replies import Awaited, Decision, Headers, Later, Push, Reply, Stream, Wait
from front.requests import Malformed, Request, of_scope
from front.revisions import ServedRevisions
from front.turns import Turns

logger = logging.getLogger(__name__)

Scope = Mapping[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BODY_SECONDS = 10.0
"""How long a client may take to send the body of its request."""
LARGE_BODY_SECONDS = 19.0
"""The same for requests to models, whose bodies may have pictures."""
DECIDED = "gatewayz.decided"
"""The key of the scope under which a server passes a request that was decided already."""
STREAMS = "gatewayz.streams"
"""The key of the scope that is set while a stream, or an answer of another service, is awaited: the end of what the
client sends is then its leaving."""

ENDED = "gatewayz.ended"
"""The key of the scope that is set once the client has ended its side of the connection."""


class _Gone(Exception):
    """The client has left."""


class AsgiShell:
    def __init__(
        self,
        front: Front,
        *,
        pool: Pool,
        revisions: ServedRevisions,
        start: Callable[[], object] = lambda: None,
        stop: Callable[[], object] = lambda: None,
    ) -> None:
        """`start` and `stop` are called in a thread, before the server accepts connections and after the last one."""
        self.front = front
        self.revisions = revisions
        self.turns = Turns()
        self._pool = pool
        self._start, self._stop = start, stop

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    # --- the life of the process -------------------------------------------------------------------------------------
    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self.revisions.bind(asyncio.get_running_loop())
        try:
            await asyncio.to_thread(self._start)
        except Exception as error:
            logger.exception("The service cannot start")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if self.front.inference is not None:
            await self.front.inference.close()
        await asyncio.to_thread(self._stop)
        self._pool.stop()
        await send({"type": "lifespan.shutdown.complete"})

    def drain(self) -> None:
        """Let streams end, because the process ends. Called on the loop, once for each connection."""
        self.revisions.drain()
        if self.front.inference is not None:
            self.front.inference.drain()

    # --- requests ----------------------------------------------------------------------------------------------------
    async def _answer(self, scope: Any, receive: Receive, send: Send) -> None:
        request, decision = scope.get(DECIDED) or self._decide(scope)
        try:
            if isinstance(decision, Awaited):
                found: Reply | Stream | Push = await self._awaited(scope, request, decision, receive)
            else:
                found = await self._done(request, decision, receive)
            if isinstance(found, Push):
                found = Stream(found.headers, Pulled(found.body), found.status, found.source)
            if isinstance(found, Stream):
                scope[STREAMS] = True
                if ENDED in scope:  # it would never be seen to leave
                    found.events, unsent = _pieces(()), found.events
                    await _close(unsent)
                await self._send_stream(request, found, receive, send)
            else:
                await self._send(request, found, receive, send)
        except _Gone:
            return  # there is no client to answer, and the log has lines of answers only

    def _decide(self, scope: Scope) -> tuple[Request, Decision]:
        try:
            request = of_scope(scope)
        except Malformed as error:
            request = Request(method=scope["method"], path="/", query="", headers={})
            return request, self.front.refuse(request, refusals.malformed(str(error)))
        return request, self.front.decide(request)

    async def _done(self, request: Request, decision: Decision, receive: Receive) -> Reply | Stream:
        if isinstance(decision, Wait):
            newest = await self.revisions.wait_beyond(decision.revision - 1, WAIT_SECONDS)
            return await self._done(request, decision.then(newest is not None), receive)
        if isinstance(decision, Awaited):
            raise TypeError("only the first decision about a request may be an awaited one")
        if not isinstance(decision, Later):
            return decision
        work = decision.work
        try:
            body = await _body_of(request, receive, most_bytes=decision.most_bytes, seconds=BODY_SECONDS)
            return await self._pool.run(decision.lane, lambda: work(body), seconds=decision.seconds)
        except _Slow:
            self.front.counts.add_cut_connection(Cut.SLOW_BODY)
            return self.front.refuse(request, refusals.SLOW_BODY)
        except _TooLarge:
            return self.front.refuse(request, refusals.too_large(decision.most_bytes))
        except Full:
            self.front.counts.add_unavailable(Unavailable.FULL)
            return self.front.refuse(request, refusals.FULL)
        except Overdue:
            self.front.counts.add_unavailable(Unavailable.OVERDUE)
            return self.front.refuse(request, refusals.OVERDUE)

    async def _awaited(self, scope: Any, request: Request, decision: Awaited, receive: Receive) -> Reply | Push:
        """Return an answer that other services make. Raise _Gone, and cancel the work, if the client leaves."""
        try:
            body = await _body_of(request, receive, most_bytes=decision.most_bytes, seconds=LARGE_BODY_SECONDS)
        except _Slow:
            self.front.counts.add_cut_connection(Cut.SLOW_BODY)
            return self.front.refuse(request, refusals.SLOW_BODY)
        except _TooLarge:
            return self.front.refuse(request, refusals.too_large(decision.most_bytes))
        scope[STREAMS] = True
        if ENDED in scope:  # it would never be seen to leave, and its answer may cost money
            return self.front.refuse(request, refusals.HALF_CLOSED)
        async with _while_connected(receive):
            return await decision.answer(body)

    async def _send(self, request: Request, reply: Reply, receive: Receive, send: Send) -> None:
        await send(_beginning(request, reply.status, reply.headers))
        body = b"" if request.method == "HEAD" else reply.body
        if isinstance(body, bytes):
            await send({"type": "http.response.body", "body": body})
            self.front.sent(request, reply, length=len(body))
        else:
            self.front.sent(request, reply, length=await self._send_pieces(_pieces(body), receive, send))

    async def _send_stream(self, request: Request, stream: Stream, receive: Receive, send: Send) -> None:
        self.front.counts.stream_opened()
        try:
            await send(_beginning(request, stream.status, stream.headers))
            length = await self._send_pieces(stream.events, receive, send)
        finally:
            self.front.counts.stream_closed()
            await _close(stream.events)
        self.front.sent(request, stream, length=length)

    async def _send_pieces(self, pieces: AsyncIterator[bytes], receive: Receive, send: Send) -> int:
        """Send a body piece by piece, as fast as the client reads; return its length.

        Raise _Gone if the client leaves. Any other error is raised too: the server then closes the connection, so that
        no client takes the rest for whole.
        """
        length = 0
        async with _while_connected(receive), _closing(pieces):
            async for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                length += len(piece)
                # Sending does not wait if the client reads fast or has left: other requests need the loop in between.
                await asyncio.sleep(0)
            await send({"type": "http.response.body", "body": b""})
        return length


async def _pieces(body: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in body:
        yield piece


class _Slow(Exception):
    """The body did not arrive in time."""


class _TooLarge(Exception):
    """The body has more bytes than are read."""


@asynccontextmanager
async def _closing(pieces: AsyncIterator[bytes]) -> AsyncIterator[None]:
    """End what makes the pieces, whatever happens."""
    try:
        yield
    finally:
        await _close(pieces)


async def _close(pieces: AsyncIterator[bytes]) -> None:
    """End what makes the pieces. A second call does nothing."""
    if (aclose := getattr(pieces, "aclose", None)) is not None:
        await aclose()


@asynccontextmanager
async def _while_connected(receive: Receive) -> AsyncIterator[None]:
    """Cancel the body of this context when the client leaves, and raise _Gone."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("outside a task")
    is_gone = False

    async def watch() -> None:
        nonlocal is_gone
        while (await receive())["type"] != "http.disconnect":
            pass
        is_gone = True
        task.cancel()

    watching = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if not is_gone:
            raise
        task.uncancel()
        raise _Gone from None
    finally:
        watching.cancel()


async def _body_of(request: Request, receive: Receive, *, most_bytes: int, seconds: float) -> bytes:
    """Return the whole body; empty if the request has none. Raise _Slow, _TooLarge or _Gone."""
    if not request.has_body:
        return b""
    body = await _body(receive, most_bytes=most_bytes, seconds=seconds)
    request.with_length(len(body))
    return body


async def _body(receive: Receive, *, most_bytes: int, seconds: float) -> bytes:
    """Return the whole body. Raise _Slow, _TooLarge or _Gone."""
    pieces: list[bytes] = []
    length = 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Gone
                pieces.append(message.get("body", b""))
                length += len(pieces[-1])
                if length > most_bytes:
                    raise _TooLarge
                if not message.get("more_body", False):
                    return b"".join(pieces)
    except TimeoutError:
        raise _Slow from None


def _beginning(request: Request, status: int, headers: Headers) -> Message:
    named = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    named.append((b"x-request-id", request.id.encode()))
    return {"type": "http.response.start", "status": status, "headers": named}
