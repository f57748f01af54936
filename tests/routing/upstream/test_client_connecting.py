"""How the client connects, and what is left after a request that was given up; over real sockets."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack, closing

import pytest

from routing.upstream.addresses import Address, Addresses
from routing.upstream.client import Answer, Client, NoAnswer, Unsent
from routing.upstream.connection import Connection
from tests.routing.upstream.gateway import OK, Gateway, Peer, answering, gateway, message, run, sent


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
            for connection in client._open:
                connection.abort()
            await sent(client, url)
            assert (asked, upstream.connections) == (2, 21)
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


def test_a_request_cancelled_when_the_head_has_come_closes_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Answer.__init__

    async def test(client: Client) -> None:
        def make(answer: Answer, status: int, headers: list[tuple[str, str]], source: Connection) -> None:
            made(answer, status, headers, source)
            asyncio.get_running_loop().call_soon(task.cancel)

        async with gateway(answering(OK[:-1])) as upstream:
            monkeypatch.setattr(Answer, "__init__", make)
            task = asyncio.create_task(client.send(message(upstream.url)))
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await upstream.ended.get() == 1

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
