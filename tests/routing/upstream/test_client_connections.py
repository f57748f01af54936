"""When the client keeps a connection, what it sends on one, and what it says if that fails; over real sockets."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import closing

import pytest

from routing.upstream import client as client_module
from routing.upstream import connection as connection_module
from routing.upstream.client import Client, Message, NoAnswer, Unsent
from routing.upstream.connection import MOST_HEAD_BYTES, PIECE_BYTES
from tests.routing.upstream.gateway import OK, Peer, answering, gateway, message, run, sent


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


@pytest.mark.parametrize("does", ["reset", "end"])
@pytest.mark.parametrize(("data", "error"), [(b"", Unsent), (b"HTTP/1.1 2", NoAnswer)])
def test_a_body_that_did_not_leave_whole_is_unsent_unless_an_answer_began(
    data: bytes, error: type[Exception], does: str
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        if does == "end":
            writer.write_eof()
            while await reader.read(1 << 20):  # it reads on, and is left by the client all the same
                await asyncio.sleep(0)
        else:
            while data and all(each._head_room == MOST_HEAD_BYTES for each in clients[0]._open):
                await asyncio.sleep(0)  # until the client has read it: a reset drops what is on the way
        writer.transport.abort()

    async def test(client: Client) -> None:
        clients.append(client)
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(error):
                await client.send(message(f"http://127.0.0.1:{port}/", b"x" * 50_000_000))
            for _ in range(10):
                await asyncio.sleep(0)
            assert client._open == set()

    clients: list[Client] = []
    run(test)


def test_a_large_body_waits_for_a_gateway_that_does_not_read() -> None:
    async def test(client: Client) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as listening:  # the kernel accepts for it
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
            task = asyncio.create_task(client.send(message(url, b"x" * 50_000_000)))
            while not any(connection._is_writing_paused for connection in client._open):
                await asyncio.sleep(0)
            for _ in range(100):
                await asyncio.sleep(0)
            (connection,) = client._open
            assert 0 < connection._transport.get_write_buffer_size() <= PIECE_BYTES
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

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
        with pytest.raises(Unsent, match="cannot be sent"):
            await client.send(Message(url=url, headers={}, body=b""))

    run(test)
