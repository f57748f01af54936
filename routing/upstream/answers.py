"""The answer of a gateway: its head, and its body as it arrives. The connection that it arrives on feeds it."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from routing.upstream.messages import Cut

logger = logging.getLogger(__name__)

MOST_UNREAD_BYTES = 1_048_576
"""With more that nobody has read, nothing more is read from the gateway."""


class Receiver(Protocol):
    """Gets the body of an answer as it arrives. Both methods are called by the event loop, so they must not wait."""

    def received(self, data: bytes) -> None:
        """All of the body that one read of the socket brought."""

    def ended(self, is_cut: bool) -> None:
        """Called once, after the last piece. `is_cut`: the connection ended within the answer."""


class Source(Protocol):
    """The connection on which an answer arrives."""

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def drop(self) -> None: ...


class Answer:
    """Its body is read either by `read` and `whole`, or by a receiver that follows it."""

    __slots__ = (
        "_is_closed",
        "_is_cut",
        "_is_ended",
        "_is_full",
        "_is_paused",
        "_pieces",
        "_receiver",
        "_source",
        "_unread_bytes",
        "_waiter",
        "headers",
        "status",
    )

    def __init__(self, status: int, headers: list[tuple[str, str]], source: Source) -> None:
        """`headers`: names in lower case, with their values, in the order in which they came."""
        self.status, self.headers = status, headers
        self._source: Source | None = source
        self._pieces: list[bytes] = []
        self._unread_bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self._receiver: Receiver | None = None
        self._is_closed = self._is_cut = self._is_ended = self._is_full = self._is_paused = False

    def __repr__(self) -> str:
        return f"Answer(status={self.status})"

    def header(self, name: str) -> str:
        """Return the first value of a header by its name in lower case; empty if there is none."""
        for each, value in self.headers:
            if each == name:
                return value
        return ""

    # --- reading -----------------------------------------------------------------------------------------------------
    async def read(self) -> bytes:
        """Return what has arrived, or wait for more; empty at the end. Raise Cut."""
        if not self._pieces and not self._is_ended:
            waiter = self._waiter = asyncio.get_running_loop().create_future()
            try:
                await waiter
            finally:
                self._waiter = None
        data = self._taken()
        if self._is_cut:
            raise Cut(data)
        return data

    async def whole(self, *, most_bytes: int) -> bytes:
        """Return the body. Raise Cut, or ValueError for a longer one."""
        pieces: list[bytes] = []
        length = 0
        while piece := await self.read():
            pieces.append(piece)
            length += len(piece)
            if length > most_bytes:
                raise ValueError(f"the answer has more than {most_bytes} bytes")
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def follow(self, receiver: Receiver) -> None:
        """Pass each piece of the body to a receiver, in the call in which it arrives, and then its end.

        What has arrived before is passed at once, and the end too if it has come. An error of the receiver is logged,
        and closes the answer.
        """
        if self._is_closed:
            return
        self._receiver = receiver
        if data := self._taken():
            self._pass(receiver, data)
        if self._is_ended:
            self._pass_end()

    def pause(self) -> None:
        """Read nothing more from the gateway. What has left the kernel may still arrive."""
        self._is_paused = True
        if self._source is not None:
            self._source.pause_reading()

    def resume(self) -> None:
        """Read from the gateway again."""
        self._is_paused = False
        if self._source is not None and not self._is_full:
            self._source.resume_reading()

    def close(self) -> None:
        """Close the connection, unless the answer has come to its end: then it is kept for the next request.

        A receiver hears nothing more. `read` still returns what arrived of a whole answer, and raises Cut for others.
        """
        self._is_closed = True
        self._receiver = None
        source, self._source = self._source, None
        if source is not None:
            self._is_ended = self._is_cut = True
            source.drop()
            self._wake()

    # --- called by the connection ------------------------------------------------------------------------------------
    def feed(self, data: bytes) -> None:
        """A piece of the body has arrived."""
        receiver = self._receiver
        if receiver is not None:
            self._pass(receiver, data)
            return
        self._pieces.append(data)
        self._unread_bytes += len(data)
        if self._unread_bytes > MOST_UNREAD_BYTES and self._source is not None:
            self._is_full = True
            self._source.pause_reading()
        if self._waiter is not None:
            self._wake()

    def feed_end(self, *, is_cut: bool) -> None:
        """The body has ended, and the connection is no longer the answer's."""
        self._source = None
        self._is_ended, self._is_cut = True, is_cut
        if self._receiver is not None:
            self._pass_end()
        else:
            self._wake()

    # --- parts -------------------------------------------------------------------------------------------------------
    def _taken(self) -> bytes:
        pieces = self._pieces
        if not pieces:
            return b""
        self._pieces, self._unread_bytes = [], 0
        if self._is_full:
            self._is_full = False
            if self._source is not None and not self._is_paused:
                self._source.resume_reading()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _pass(self, receiver: Receiver, data: bytes) -> None:
        try:
            receiver.received(data)
        except Exception:
            logger.exception("the receiver of an answer failed; the connection is closed")
            self.close()

    def _pass_end(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is None:  # it has closed the answer
            return
        try:
            receiver.ended(self._is_cut)
        except Exception:
            logger.exception("the receiver of an answer failed at its end")

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
