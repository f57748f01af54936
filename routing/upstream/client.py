"""The HTTP client of this process: sends requests to gateways, and reads what they answer, as bytes.

Nothing is sent twice, followed or unpacked. Deadlines other than the one for connecting are those of the caller.
It is our own because the client is half of the processor time of a request: general ones take several times as much.
"""

from __future__ import annotations

import asyncio

from routing.upstream.answers import Answer, Receiver
from routing.upstream.connecting import Connector
from routing.upstream.connection import Connection
from routing.upstream.messages import Cut, Garbled, Message, NoAnswer, Unsent
from routing.upstream.targets import Origin, head_of, read_url

__all__ = ["Answer", "Client", "Cut", "Garbled", "Message", "NoAnswer", "Receiver", "Unsent"]

LARGE_BYTES = 1_000_000
"""Larger bodies are sent in pieces, so that other requests get their turn."""
SWEEP_SECONDS = 1.0
_MOST_URLS = 256
_TURNS = 10


class _Place:
    """A URL's: its origin, the first lines of a request, and the origin's idle connections, last used last."""

    __slots__ = ("begin", "idle", "origin")

    def __init__(self, origin: Origin, begin: str, idle: dict[Connection, None]) -> None:
        self.origin, self.begin, self.idle = origin, begin, idle


class Client:
    """Made anywhere, used on one event loop."""

    def __init__(self, *, connect_seconds: float) -> None:
        # Without limits of its own: `slots.py` has them, and a queue here would be one that no deadline knows.
        self._connector = Connector(seconds=connect_seconds)
        self._places: dict[str, _Place] = {}
        self._idle: dict[object, dict[Connection, None]] = {}
        self._open: set[Connection] = set()
        self._sweeper: asyncio.TimerHandle | None = None

    async def send(self, message: Message) -> Answer:
        """Send a POST, and return the answer once its head is there. Raise Unsent, NoAnswer or Garbled.

        An address or a header that cannot be sent is Unsent as well. Cancelling the task closes the connection.
        """
        body = message.body
        is_large = len(body) > LARGE_BYTES
        try:
            place = self._places.get(message.url) or self._new_place(message.url)
            head = head_of(place.begin, message.headers, len(body))
        except ValueError:
            raise Unsent("the request cannot be sent") from None
        data, rest = (head, body) if is_large else (head + body, b"")
        connection = self._kept(place.idle)
        if connection is not None:
            waiter = connection.begin(data, is_whole=not is_large)
            if not connection.is_closing:
                return await connection.answer(waiter, rest)
        loop = asyncio.get_running_loop()
        connection = await self._connector.connect(place.origin, lambda: Connection(self, place.origin, loop))
        if connection.is_open:
            # Added here and not by the connection: uvloop does not report the end of one whose making was cancelled.
            self._open.add(connection)
            waiter = connection.begin(data, is_whole=not is_large)
            if not connection.is_closing:
                return await connection.answer(waiter, rest)
        raise Unsent("the connection ended before the request was sent")

    async def close(self) -> None:
        """Close all connections. Requests under way end with an error."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for connection in list(self._open):
            connection.abort()
        for _ in range(_TURNS):  # the event loop closes sockets in its next turns, under TLS in several
            await asyncio.sleep(0)
            if not self._open:
                break

    @property
    def busy_connections(self) -> int:
        """How many connections have a request; those that are kept for the next one do not count."""
        working = sum(not connection.is_closing for connection in self._open)
        return working - sum(map(len, self._idle.values()))

    # --- called by connections ---------------------------------------------------------------------------------------
    def kept(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        connection.idle_until = loop.time() + connection.keep_seconds
        self._idle[connection.origin][connection] = None
        if self._sweeper is None:
            self._sweeper = loop.call_later(SWEEP_SECONDS, self._sweep)

    def dropped(self, connection: Connection) -> None:
        self._idle[connection.origin].pop(connection, None)

    def lost(self, connection: Connection) -> None:
        self._open.discard(connection)

    # --- parts -------------------------------------------------------------------------------------------------------
    def _new_place(self, url: str) -> _Place:
        """Raise ValueError."""
        if len(self._places) >= _MOST_URLS:
            self._places.clear()
        origin, begin = read_url(url)
        place = self._places[url] = _Place(origin, begin, self._idle.setdefault(origin, {}))
        return place

    def _kept(self, idle: dict[Connection, None]) -> Connection | None:
        while idle:
            connection, _ = idle.popitem()
            if connection.idle_until > asyncio.get_running_loop().time() and not connection.is_closing:
                return connection
            connection.drop()
        return None

    def _sweep(self) -> None:
        """Close connections that were idle for too long, with one timer for all of them."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for idle in self._idle.values():
            for connection in [each for each in idle if each.idle_until <= now]:
                connection.drop()
        is_idle = any(self._idle.values())
        self._sweeper = loop.call_later(SWEEP_SECONDS, self._sweep) if is_idle else None
