"""New connections: the name, TCP, the tunnel of a proxy, TLS."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress

from routing.upstream.addresses import Address, Addresses
from routing.upstream.connection import MOST_HEAD_BYTES, Connection
from routing.upstream.messages import Unsent
from routing.upstream.proxies import Proxy
from routing.upstream.targets import Origin

NEXT_ADDRESS_SECONDS = 0.25
"""After this time without a connection, the next address is tried as well (RFC 8305)."""
_ACCEPTED = re.compile(rb"HTTP/1\.[01] 2\d\d[ \r]")


class Connector:
    """Used on one event loop."""

    def __init__(self, *, seconds: float) -> None:
        """`seconds`: how long it may take to connect, names and TLS included."""
        self._seconds = seconds
        self._addresses = Addresses()
        self._context: ssl.SSLContext | None = None

    async def connect(self, origin: Origin, made: Callable[[], Connection]) -> Connection:
        """Return a new connection. Raise Unsent."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._connect(origin, made)
        except (OSError, ValueError) as error:  # TLS and time are OSErrors; a name may be none
            raise Unsent(type(error).__name__) from None

    async def _connect(self, origin: Origin, made: Callable[[], Connection]) -> Connection:
        context = await self._tls() if origin.scheme == "https" else None
        proxy = origin.proxy
        connected = await self._socket(*((origin.host, origin.port) if proxy is None else (proxy.host, proxy.port)))
        loop = asyncio.get_running_loop()
        if proxy is not None and context is not None:
            return await _tunneled(origin, proxy, connected, context, made)
        name = origin.host if context is not None else None
        _, connection = await loop.create_connection(made, sock=connected, ssl=context, server_hostname=name)
        return connection

    async def _socket(self, host: str, port: int) -> socket.socket:
        addresses = await self._addresses.find(host, port)
        try:
            return await _connected(addresses[0]) if len(addresses) == 1 else await _first(addresses)
        except OSError:
            self._addresses.forget(host, port)
            raise

    async def _tls(self) -> ssl.SSLContext:
        if self._context is None:  # it reads a file of some 200 KB
            self._context = await asyncio.get_running_loop().run_in_executor(None, _new_context)
        return self._context


def _new_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


async def _connected(address: Address) -> socket.socket:
    family, place = address
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(made, place)
    except BaseException:
        made.close()
        raise
    return made


async def _first(addresses: Sequence[Address]) -> socket.socket:
    """Return the first socket that is connected, each address being tried a moment after the one before."""
    waiting = list(reversed(addresses))
    running: set[asyncio.Task[socket.socket]] = set()
    error: BaseException = OSError("no address")
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.create_task(_connected(waiting.pop())))
            seconds = NEXT_ADDRESS_SECONDS if waiting else None
            done, _ = await asyncio.wait(running, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                running.discard(task)
                if (failure := task.exception()) is None:
                    return task.result()
                error = failure
        raise error
    finally:
        for task in running:
            task.cancel()
            task.add_done_callback(_close)


def _close(task: asyncio.Task[socket.socket]) -> None:
    """Close a socket that came second."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _tunneled(
    origin: Origin, proxy: Proxy, connected: socket.socket, context: ssl.SSLContext, made: Callable[[], Connection]
) -> Connection:
    """Have a proxy connect us, and begin TLS with the gateway behind it."""
    loop = asyncio.get_running_loop()
    transport, tunnel = await loop.create_connection(lambda: _Tunnel(loop), sock=connected)
    try:
        login = f"Proxy-Authorization: {proxy.login}\r\n" if proxy.login else ""
        transport.write(f"CONNECT {origin.authority} HTTP/1.1\r\nHost: {origin.authority}\r\n{login}\r\n".encode())
        if _ACCEPTED.match(await tunnel.answer) is None:
            raise ConnectionRefusedError("the proxy refuses")
        connection = made()
        secured = await loop.start_tls(transport, connection, context, server_hostname=origin.host)
        if secured is None:
            raise ConnectionResetError("the connection ended within TLS")
        connection.connection_made(secured)
    except BaseException:
        transport.abort()
        raise
    return connection


class _Tunnel(asyncio.Protocol):
    """Reads the answer of a proxy: its head; empty if there is none."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.answer: asyncio.Future[bytes] = loop.create_future()
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, rest = self._received.partition(b"\r\n\r\n")
        if separator:
            self._answered(b"" if rest else head + b"\r\n")  # a gateway does not speak first in TLS
        elif len(self._received) > MOST_HEAD_BYTES:
            self._answered(b"")

    def connection_lost(self, error: Exception | None) -> None:
        self._answered(b"")

    def _answered(self, head: bytes) -> None:
        with suppress(asyncio.InvalidStateError):
            self.answer.set_result(head)
