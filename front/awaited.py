"""Answers that other services make, sent by `protocol.py` itself: an ASGI task and its messages cost as much again.

A `Cycle` takes the place of uvicorn's own, so that uvicorn keeps requests in the pipeline waiting until it is complete.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Protocol

from front import refusals
from front.asgi import ENDED, STREAMS
from front.counts import Counts, Cut
from front.front import Front
from front.refusals import Refusal
from front.replies import Awaited, Push, Reply
from front.requests import Request
from front.turns import Turns

logger = logging.getLogger(__name__)


class Connection(Protocol):
    """What a cycle needs of the connection that it belongs to."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    tasks: set[asyncio.Task[None]]
    """Those that the server waits for before it ends."""
    front: Front
    counts: Counts
    turns: Turns

    def write(self, request: Request, reply: Reply, body: bytes, *, is_closed: bool) -> int:
        """Send an answer, and return the number of bytes of its body that are sent."""

    def write_head(self, request: Request, push: Push, *, is_closed: bool, is_chunked: bool) -> None:
        """Send the head of an answer whose body follows."""

    def on_response_complete(self) -> None:
        """Go on with the next request."""


class _Unheard:
    """In place of the event by which uvicorn wakes its task."""

    def set(self) -> None:
        return


_UNHEARD = _Unheard()


class Cycle:
    """One request whose answer is awaited, and this answer. Implements `Output`."""

    message_event = _UNHEARD
    """What uvicorn reads of a cycle, likewise the first attributes of `__init__`."""

    def __init__(self, connection: Connection, request: Request, decision: Awaited, *, keep_alive: bool) -> None:
        self.scope: dict[str, Any] = {}
        self.more_body = True
        self.keep_alive = keep_alive
        self.disconnected = self.response_started = self.response_complete = False
        self.request = request
        self._connection, self._decision = connection, decision
        self._received: list[bytes] = []
        self._size = 0
        self._task: asyncio.Task[None] | None = None
        self._pushing: Push | None = None
        self._is_chunked = request.http_version != "1.0"
        self._sent = 0

    # --- the request -------------------------------------------------------------------------------------------------
    def received(self, piece: bytes) -> None:
        """Take a piece of the body."""
        if self.response_complete:
            return
        self._received.append(piece)
        self._size += len(piece)
        if self._size > self._decision.most_bytes:
            self.refuse(refusals.too_large(self._decision.most_bytes))

    def received_whole(self) -> None:
        """Have the answer made: the body has ended."""
        if self.response_complete or self.disconnected:
            return
        self.more_body = False
        self._connection.turns.begin(self._connection.loop, self._begin)

    def _begin(self) -> None:
        if self.response_complete or self.disconnected:
            return
        body = b"".join(self._received)
        self._received.clear()
        if self.request.has_body:
            self.request.with_length(len(body))
        self._task = self._connection.loop.create_task(self._answer(body))
        tasks = self._connection.tasks
        tasks.add(self._task)
        self._task.add_done_callback(tasks.discard)

    def give_up(self) -> None:
        """Refuse a request whose body takes too long."""
        if self.more_body and not self.response_complete:
            self._connection.counts.add_cut_connection(Cut.SLOW_BODY)
            self.refuse(refusals.SLOW_BODY, is_last=True)

    def refuse(self, refusal: Refusal, *, is_last: bool = False) -> None:
        """Answer with an error. After the last one the connection closes."""
        self._received.clear()
        self.keep_alive = self.keep_alive and not is_last
        self._reply(self._connection.front.refuse(self.request, refusal))

    def lost(self) -> None:
        """Stop everything: the connection is closed."""
        self.disconnected = True
        if self._task is not None:
            self._task.cancel()
        if (push := self._pushing) is not None:
            self._complete()
            push.body.leave()

    # --- the answer --------------------------------------------------------------------------------------------------
    async def _answer(self, body: bytes) -> None:
        try:
            if ENDED in self.scope:  # it would never be seen to leave, and its answer may cost money
                self.refuse(refusals.HALF_CLOSED, is_last=True)
                return
            self.scope[STREAMS] = True
            found = await self._decision.answer(body)
            if isinstance(found, Reply):
                self._reply(found)
            elif self.disconnected:
                found.body.leave()
            else:
                self._push(found)
        except Exception:
            logger.exception("The answer to request %s cannot be sent", self.request.id)
            self._connection.transport.abort()

    def _reply(self, reply: Reply) -> None:
        if self.disconnected:
            return
        if not isinstance(reply.body, bytes):
            raise TypeError("the body of an awaited answer must be bytes")
        self.response_started = True
        length = self._connection.write(self.request, reply, reply.body, is_closed=not self.keep_alive)
        self.response_complete = True
        self._connection.on_response_complete()
        self._connection.front.sent(self.request, reply, length=length)

    def _push(self, push: Push) -> None:
        self.response_started = True
        self._connection.write_head(self.request, push, is_closed=not self.keep_alive, is_chunked=self._is_chunked)
        self._connection.counts.stream_opened()
        self._pushing = push
        push.body.begin(self)

    def pause(self) -> None:
        if self._pushing is not None:
            self._pushing.body.pause()

    def resume(self) -> None:
        if self._pushing is not None:
            self._pushing.body.resume()

    # --- the output of a pushed body ---------------------------------------------------------------------------------
    def write(self, piece: bytes) -> None:
        if piece and not self.response_complete:
            self._sent += len(piece)
            self._connection.transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if self._is_chunked else piece)

    def end(self, piece: bytes = b"") -> None:
        if (push := self._pushing) is None:
            return
        if self._is_chunked:
            self._sent += len(piece)
            last = b"%x\r\n%b\r\n0\r\n\r\n" % (len(piece), piece) if piece else b"0\r\n\r\n"
            self._connection.transport.write(last)
        else:
            self.write(piece)
        self._complete()
        if not self.keep_alive:
            self._connection.transport.close()
        self._connection.on_response_complete()
        self._connection.front.sent(self.request, push, length=self._sent)

    def break_off(self) -> None:
        if not self.response_complete:
            self._complete()
            self._connection.transport.close()

    def _complete(self) -> None:
        self.response_complete = True
        self._pushing = None  # the connection may be kept for long, and the body of its request is large
        self._connection.counts.stream_closed()
