"""When the client keeps a connection, what it sends on one, and what it says if that fails; over real sockets."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import ExitStack, closing

import pytest

from routing.upstream import client as client_module
from routing.upstream import connection as connection_module
from routing.upstream.addresses import Address, Addresses
from routing.upstream.client import Answer, Client, Message, NoAnswer, Unsent
from routing.upstream.connection import Connection
from tests.routing.upstream.gateway import OK, Gateway, Peer, answering, gateway, message, run


async def sent(client: Client, url: str) -> bytes:
    return await (await client.send(message(url))).whole(most_bytes=100)


def hinted(timeout: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\nKeep-Alive: max=9, timeout=%d\r\nContent-Length: 2\r\n\r\nok" % timeout


# --- kept connections ------------------------------------------------------------------------------------------------
def test_the_connection_that_was_used_last_is_used_first() -> None:
    async def test(client: Client) -> None:
        async with gateway(answering(OK)) as upstream:
            await asyncio.gather(*[sent(client, upstream.url) for _ in range(5)])
            assert client.busy_connections == 0
            assert sorted(upstream.used) == [1, 2, 3, 4, 5]
            last = await client.send(message(upstream.url))
            await last.whole(most_bytes=100)
            for _ in range(3):
                await sent(client, upstream.url)
            assert len(set(upstream.used[5:])) == 1
            assert upstream.connections == 5

    run(test)


@pytest.mark.parametrize(("timeout", "is_kept"), [(1, False), (2, True), (600, True)])
def test_a_gateway_says_how_long_it_keeps_a_connection(timeout: int, is_kept: bool) -> None:
    async def test(client: Client) -> None:
        async with gateway(answering(hinted(timeout))) as upstream:
            await sent(client, upstream.url)
            kept = [each.keep_seconds for each in client._open if not each.is_closing]
            assert kept == ([min(15, timeout - 1)] if is_kept else [])
            await sent(client, upstream.url)
            assert upstream.connections == (1 if is_kept else 2)

    run(test)


def test_idle_connections_are_closed_after_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "KEEP_ALIVE_SECONDS", 0.05)
    monkeypatch.setattr(client_module, "SWEEP_SECONDS", 0.05)

    async def test(client: Client) -> None:
        async with gateway(answering(OK)) as upstream:
            await asyncio.gather(*[sent(client, upstream.url) for _ in range(3)])
            assert {await upstream.ended.get() for _ in range(3)} == {1, 2, 3}
            while client._open:
                await asyncio.sleep(0)
            # None is used that should have been closed, even if the sweep has not come to it.
            monkeypatch.setattr(client_module, "SWEEP_SECONDS", 3_600)
            await sent(client, upstream.url)
            for connection in client._open:
                connection.idle_until = 0
            await sent(client, upstream.url)
            assert upstream.connections == 5

    run(test)


@pytest.mark.parametrize("how", ["data", "end", "reset"])
def test_an_idle_connection_on_which_anything_happens_is_not_used(how: str) -> None:
    go_on = asyncio.Event()

    async def answer(peer: Peer, request: bytes) -> bool:
        await peer.send(OK)
        if peer.number == 1:
            await go_on.wait()
            if how == "data":
                await peer.send(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
            elif how == "reset":
                peer.reset()
        return how == "data" or peer.number > 1

    async def test(client: Client) -> None:
        async with gateway(answer) as upstream:
            await sent(client, upstream.url)
            go_on.set()
            while client._open:
                await asyncio.sleep(0)
            assert await sent(client, upstream.url) == b"ok"
            assert upstream.used == [1, 2]

    run(test)


def test_a_connection_that_closes_before_the_write_is_replaced_by_the_next_one() -> None:
    async def test(client: Client) -> None:
        async with gateway(answering(OK)) as upstream:
            await asyncio.gather(*[sent(client, upstream.url) for _ in range(2)])
            for connection in client._open:
                connection.abort()  # its end is reported in the next turn of the event loop
            assert await sent(client, upstream.url) == b"ok"
            assert upstream.connections == 3

    run(test)


async def _on_a_raw_socket(client: Client, end: Callable[[socket.socket], None]) -> tuple[bytes, socket.socket]:
    """Have a connection kept, end it unseen by the client, send again, and return the answer of the next connection."""
    loop = asyncio.get_running_loop()
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        listening.setblocking(False)

        async def answered() -> socket.socket:
            accepted, _ = await loop.sock_accept(listening)
            await loop.sock_recv(accepted, 65_536)
            await loop.sock_sendall(accepted, OK)
            return accepted

        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        accepted, _ = await asyncio.gather(answered(), sent(client, url))
        end(accepted)
        second = asyncio.create_task(answered())
        try:
            body = await sent(client, url)
        except NoAnswer:
            second.cancel()
            await asyncio.wait([second])
            raise
        return body, await second


def test_a_write_that_fails_is_tried_once_more_on_a_new_connection() -> None:
    def reset(accepted: socket.socket) -> None:
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        accepted.close()

    async def test(client: Client) -> None:
        body, accepted = await _on_a_raw_socket(client, reset)
        assert body == b"ok"
        accepted.close()

    run(test)


def test_a_request_that_was_written_is_not_sent_twice() -> None:
    async def test(client: Client) -> None:
        with pytest.raises(NoAnswer):
            await _on_a_raw_socket(client, lambda accepted: accepted.close())

    run(test)


# --- sending ---------------------------------------------------------------------------------------------------------
def test_a_large_body_arrives_whole_while_others_get_their_turn() -> None:
    large = bytes(range(256)) * 20_000
    order: list[str] = []

    async def test(client: Client) -> None:
        async with gateway(answering(OK)) as upstream:
            await asyncio.gather(sent(client, upstream.url), sent(client, upstream.url))

            async def one(name: str, body: bytes) -> None:
                await (await client.send(message(upstream.url, body))).whole(most_bytes=100)
                order.append(name)

            await asyncio.gather(one("large", large), one("small", b"{}"))
            assert order == ["small", "large"]
            assert large in {request.partition(b"\r\n\r\n")[2] for _, request in upstream.requests}
            await sent(client, upstream.url)
            assert upstream.connections == 2

    run(test)


def test_an_answer_before_the_body_is_whole_is_read_and_the_connection_closed() -> None:
    is_closed = asyncio.Event()
    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(refusal)
        await reader.read()  # all that comes, until the client closes
        writer.close()
        is_closed.set()

    async def test(client: Client) -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            answer = await client.send(message(f"http://127.0.0.1:{port}/", b"x" * 50_000_000))
            assert (answer.status, await answer.whole(most_bytes=2)) == (413, b"no")
            await is_closed.wait()

    run(test)


def test_a_body_that_did_not_leave_whole_is_unsent() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    async def test(client: Client) -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(Unsent):
                await client.send(message(f"http://127.0.0.1:{port}/", b"x" * 50_000_000))

    run(test)


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\n", "a\rb", "a\0"])
def test_a_header_that_would_end_itself_is_not_sent(value: str) -> None:
    async def test(client: Client) -> None:
        async with gateway(answering(OK)) as upstream:
            with pytest.raises(Unsent):
                await client.send(message(upstream.url, title=value))
            assert upstream.connections == 0

    run(test)


@pytest.mark.parametrize(
    "url", ["", "ftp://127.0.0.1/", "http://", "http://127.0.0.1:99999/", "http://a:b@127.0.0.1/", "http://[::1/"]
)
def test_an_address_that_is_none_is_unsent(url: str) -> None:
    async def test(client: Client) -> None:
        with pytest.raises(Unsent):
            await client.send(Message(url=url, headers={}, body=b""))

    run(test)


# --- connecting ------------------------------------------------------------------------------------------------------
def deaf(waiting: ExitStack) -> tuple[str, int]:
    """Return an address whose queue is full, so the kernel answers nothing."""
    listening = waiting.enter_context(closing(socket.create_server(("127.0.0.1", 0), backlog=0)))
    for _ in range(4):
        client = waiting.enter_context(closing(socket.socket()))
        client.setblocking(False)
        client.connect_ex(listening.getsockname())
    address: tuple[str, int] = listening.getsockname()
    return address


def test_connecting_has_a_deadline_and_can_be_refused() -> None:
    async def test(client: Client) -> None:
        with ExitStack() as waiting, pytest.raises(Unsent, match="TimeoutError"):
            await sent(client, f"http://127.0.0.1:{deaf(waiting)[1]}/")
        with closing(socket.create_server(("127.0.0.1", 0))) as unused:
            port = unused.getsockname()[1]
        with pytest.raises(Unsent, match="ConnectionRefusedError"):
            await sent(client, f"http://127.0.0.1:{port}/")

    run(test, connect_seconds=0.1)


def test_a_name_is_asked_for_once_by_requests_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0

    async def ask(addresses: Addresses, host: str, port: int) -> list[Address]:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        if asked == 1:
            raise socket.gaierror("not now")
        return [(socket.AF_INET, ("127.0.0.1", port))]

    monkeypatch.setattr(Addresses, "_ask", ask)

    async def test(client: Client) -> None:
        async with gateway(answering(OK)) as upstream:
            url = f"http://gateway.example:{upstream.port}/"
            with pytest.raises(Unsent, match="gaierror"):
                await sent(client, url)
            await asyncio.gather(*[sent(client, url) for _ in range(20)])
            assert (asked, upstream.connections) == (2, 20)
            assert b"\r\nHost: gateway.example:%d\r\n" % upstream.port in upstream.requests[0][1]

    run(test)


@pytest.mark.parametrize("first", ["deaf", "refusing"])
def test_the_next_address_of_a_name_is_tried(first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(client: Client) -> None:
        with ExitStack() as waiting, closing(socket.create_server(("127.0.0.1", 0))) as unused:
            bad = deaf(waiting) if first == "deaf" else unused.getsockname()
            unused.close()
            async with gateway(answering(OK)) as upstream:

                async def ask(addresses: Addresses, host: str, port: int) -> list[Address]:
                    return [(socket.AF_INET, each) for each in (bad, ("127.0.0.1", port), bad)]

                monkeypatch.setattr(Addresses, "_ask", ask)
                assert await sent(client, f"http://gateway.example:{upstream.port}/") == b"ok"
                assert upstream.connections == 1

    run(test)


# --- leaving ---------------------------------------------------------------------------------------------------------
def test_a_cancelled_request_closes_its_connection() -> None:
    has_begun = asyncio.Event()

    async def wait(peer: Peer, request: bytes) -> None:
        has_begun.set()
        await peer.reader.read()

    async def test(client: Client) -> None:
        async with gateway(wait) as upstream:
            task = asyncio.create_task(client.send(message(upstream.url)))
            await has_begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await upstream.ended.get() == 1
            assert client.busy_connections == 0

        with ExitStack() as waiting:
            task = asyncio.create_task(client.send(message(f"http://127.0.0.1:{deaf(waiting)[1]}/")))
            for _ in range(5):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    run(test)


def test_a_request_cancelled_when_its_answer_has_come_leaves_the_connection_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test(client: Client) -> None:
        keep = client.kept

        def kept(connection: Connection) -> None:
            """In the turn in which the answer comes: its task has not seen it yet."""
            keep(connection)
            monkeypatch.undo()
            first.cancel()
            others.append(asyncio.create_task(client.send(message(upstream.url))))

        async with gateway(answering(OK)) as upstream:
            others: list[asyncio.Task[Answer]] = []
            monkeypatch.setattr(client, "kept", kept)
            first = asyncio.create_task(client.send(message(upstream.url)))
            with pytest.raises(asyncio.CancelledError):
                await first
            assert await (await others[0]).whole(most_bytes=2) == b"ok"
            assert upstream.used == [1, 1]

    run(test)


def test_closing_the_client_ends_what_is_under_way_and_it_can_be_used_again() -> None:
    has_begun = asyncio.Event()

    async def answer(peer: Peer, request: bytes) -> None:
        if len(upstreams[0].requests) == 1:
            has_begun.set()
            await peer.reader.read()
        await peer.send(OK)

    async def test(client: Client) -> None:
        async with gateway(answer) as upstream:
            upstreams.append(upstream)
            task = asyncio.create_task(client.send(message(upstream.url)))
            await has_begun.wait()
            await client.close()
            with pytest.raises(NoAnswer):
                await task
            assert await sent(client, upstream.url) == b"ok"

    upstreams: list[Gateway] = []
    run(test)
