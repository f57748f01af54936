"""Gateways for tests of the client, on the client's own event loop: what they send is written byte for byte."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvloop

from routing.upstream.client import Client, Message

PATIENCE_SECONDS = 10.0
TURNS = 10
"""After so many turns, the event loop has closed what was closed before."""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BODY = b'{"model":"m"}'


class Peer:
    """A connection that a gateway has got."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number, self.reader, self.writer = number, reader, writer

    async def request(self) -> bytes:
        """Return the next request, head and body; empty if the connection ends before."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        return head + await self.reader.readexactly(length)

    async def send(self, data: bytes, *, size: int = 0) -> None:
        """Send at once, or in pieces of `size` bytes that arrive one by one."""
        for start in range(0, len(data), size or len(data) or 1):
            self.writer.write(data[start : start + (size or len(data))])
            await self.writer.drain()
            if size:
                for _ in range(3):  # turns in which the client reads it
                    await asyncio.sleep(0)

    def reset(self) -> None:
        """Have the kernel send RST instead of FIN."""
        lingering = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, lingering)
        self.writer.transport.abort()


Handler = Callable[[Peer, bytes], Awaitable[object]]
"""Answers a request. The connection is closed if it returns False."""


@dataclass
class Gateway:
    port: int = 0
    requests: list[tuple[int, bytes]] = field(default_factory=list)
    """The number of the connection, and the request."""
    connections: int = 0
    ended: asyncio.Queue[int] = field(default_factory=asyncio.Queue)
    """The numbers of connections that the client has closed."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/chat/completions"

    @property
    def used(self) -> list[int]:
        return [number for number, _ in self.requests]


@asynccontextmanager
async def gateway(handler: Handler, *, tls: ssl.SSLContext | None = None) -> AsyncGenerator[Gateway, None]:
    made = Gateway()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(peer: Peer) -> None:
        try:
            while request := await peer.request():
                made.requests.append((peer.number, request))
                if await handler(peer, request) is False:
                    peer.writer.close()
                    break
        except ConnectionError:
            pass
        except asyncio.CancelledError:
            peer.writer.transport.abort()
            raise
        made.ended.put_nowait(peer.number)
        peer.writer.close()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.connections += 1
        tasks.add(asyncio.create_task(serve(Peer(made.connections, reader, writer))))

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls, limit=1 << 22)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answering(*answers: bytes, size: int = 0) -> Handler:
    """Send these answers in their order, the last one again and again. One that ends with `close` ends so."""
    left = list(answers)

    async def answer(peer: Peer, request: bytes) -> bool:
        data = left.pop(0) if len(left) > 1 else left[0]
        await peer.send(data.removesuffix(b"<close>"), size=size)
        return not data.endswith(b"<close>")

    return answer


def message(url: str, body: bytes = BODY, **headers: str) -> Message:
    return Message(url=url, headers={"Authorization": "Bearer secret"} | headers, body=body)


async def sent(client: Client, url: str) -> bytes:
    """Send a request, and return the body of its answer."""
    return await (await client.send(message(url))).whole(most_bytes=100)


def run(test: Callable[[Client], Coroutine[Any, Any, None]], *, connect_seconds: float = 5.0) -> None:
    """Run a test with a client on the event loop that the product uses. What is left open afterwards fails."""

    async def main() -> None:
        client = Client(connect_seconds=connect_seconds)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await test(client)
            await client.close()
            for _ in range(TURNS):
                await asyncio.sleep(0)
        assert client.busy_connections == 0

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


class Recorder:
    """A receiver."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.ends: list[bool] = []
        self.end = asyncio.Event()
        self.arrived = asyncio.Event()

    def received(self, data: bytes) -> None:
        self.pieces.append(data)
        self.arrived.set()

    def ended(self, is_cut: bool) -> None:
        self.ends.append(is_cut)
        self.end.set()

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)
