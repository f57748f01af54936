"""What the client makes of the bytes that gateways answer, over real sockets."""

from __future__ import annotations

import asyncio
import gzip
import logging

import pytest

from routing.upstream.answers import MOST_UNREAD_BYTES
from routing.upstream.client import Answer, Client, Cut, Garbled, NoAnswer
from tests.routing.upstream.gateway import BODY, OK, Peer, Recorder, answering, gateway, message, run

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
UNTIL_END = b"HTTP/1.1 200 OK\r\n\r\n"

WHOLE = {
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, b"hello", True),
    "empty": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, b"", True),
    "chunked": (CHUNKED + b"3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", 200, b"hello", True),
    "no chunk": (CHUNKED + b"0\r\n\r\n", 200, b"", True),
    "trailers": (CHUNKED + b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nConnection: x\r\n\r\n", 200, b"hello", True),
    "until the end": (UNTIL_END + b"hello<close>", 200, b"hello", False),
    "unknown coding": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: br\r\n\r\nhello<close>", 200, b"hello", False),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    "304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", 304, b"", True),
    "1xx before": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + OK, 200, b"ok", True),
    "1.0": (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
    "close": (b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
    "too much": (OK + OK, 200, b"ok", False),
    "too much, a part": (OK + b"HTTP/1", 200, b"ok", False),
    "too much, garbled": (OK + b"\0", 200, b"ok", False),
    "redirect": (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 2\r\n\r\nok", 302, b"ok", True),
    "packed": (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b"
        % (len(gzip.compress(b"hello", mtime=0)), gzip.compress(b"hello", mtime=0)),
        200,
        gzip.compress(b"hello", mtime=0),
        True,
    ),
}
CUT = {
    "length": (LONG + b"hel<close>", b"hel"),
    "chunk": (CHUNKED + b"5\r\nhel<close>", b"hel"),
    "between chunks": (CHUNKED + b"3\r\nhel\r\n<close>", b"hel"),
    "trailers": (CHUNKED + b"3\r\nhel\r\n0\r\nX: y<close>", b"hel"),
    "no chunk": (CHUNKED + b"3\r\nhel\r\nxyz\r\n", b"hel"),
    "length and close": (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhel<close>", b"hel"),
    "chunk and close": (CHUNKED[:-2] + b"Connection: close\r\n\r\n5\r\nhel<close>", b"hel"),
    "head alone": (LONG + b"<close>", b""),
}
NOT_HTTP = {
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "HTTP/2": b"HTTP/2 200\r\n\r\n",
    "another protocol after 101": b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "folded": b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "long head": b"HTTP/1.1 200 OK\r\nA: " + b"x" * 65_536,
    "long head, whole": b"HTTP/1.1 200 OK\r\nA: " + b"x" * 65_536 + b"\r\nContent-Length: 0\r\n\r\n",
    "endless 1xx": b"HTTP/1.1 102 Processing\r\n\r\n" * 3_000,
}
MODES = ("read", "follow")


async def body_of(answer: Answer, mode: str) -> bytes:
    """Return the body as one of both ways to read it shows it. Raise Cut."""
    if mode == "read":
        pieces = []
        try:
            while piece := await answer.read():
                pieces.append(piece)
        except Cut as cut:
            raise Cut(b"".join([*pieces, cut.received])) from None
        return b"".join(pieces)
    recorder = Recorder()
    answer.follow(recorder)
    await recorder.end.wait()
    assert len(recorder.ends) == 1
    if recorder.ends == [True]:
        raise Cut(recorder.body)
    return recorder.body


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize("name", WHOLE)
def test_an_answer_is_read_to_its_end_and_its_connection_kept(name: str, size: int, mode: str) -> None:
    data, status, body, is_kept = WHOLE[name]
    if size and name.startswith("too much"):
        is_kept = False  # it arrives while the connection is idle

    async def test(client: Client) -> None:
        async with gateway(answering(data, OK, size=size)) as upstream:
            answer = await client.send(message(upstream.url))
            assert (answer.status, await body_of(answer, mode)) == (status, body)
            answer.close()
            answer.close()
            if not is_kept:
                await upstream.ended.get()
            second = await client.send(message(upstream.url))
            assert await second.whole(most_bytes=2) == b"ok"
            assert upstream.used == ([1, 1] if is_kept else [1, 2])
            assert client.busy_connections == 0

    run(test)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize("name", CUT)
def test_a_cut_answer_is_cut_with_what_had_arrived(name: str, size: int, mode: str) -> None:
    data, body = CUT[name]

    async def test(client: Client) -> None:
        async with gateway(answering(data, size=size)) as upstream:
            answer = await client.send(message(upstream.url))
            with pytest.raises(Cut) as cut:
                await body_of(answer, mode)
            assert cut.value.received == body
            with pytest.raises(Cut):
                await answer.whole(most_bytes=100)
            assert client.busy_connections == 0

    run(test)


@pytest.mark.parametrize("size", [0, 10_000])
@pytest.mark.parametrize("data", NOT_HTTP.values(), ids=NOT_HTTP)
def test_what_is_not_http_is_garbled(data: bytes, size: int) -> None:
    async def test(client: Client) -> None:
        async with gateway(answering(data, size=size)) as upstream:
            with pytest.raises(Garbled):
                await client.send(message(upstream.url))
            await upstream.ended.get()
            assert client.busy_connections == 0

    run(test)


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200 OK\r\nConte"], ids=["none", "a part of the head"])
@pytest.mark.parametrize("is_reset", [False, True])
def test_a_connection_that_ends_before_the_answer_is_no_answer(data: bytes, is_reset: bool) -> None:
    async def answer(peer: Peer, request: bytes) -> bool:
        await peer.send(data)
        if is_reset:
            peer.reset()
        return False

    async def test(client: Client) -> None:
        async with gateway(answer) as upstream:
            with pytest.raises(NoAnswer):
                await client.send(message(upstream.url))
            assert len(upstream.requests) == 1

    run(test)


def test_a_reset_within_a_body_without_a_length_is_cut() -> None:
    seen = asyncio.Event()

    async def answer(peer: Peer, request: bytes) -> None:
        await peer.send(UNTIL_END + b"hel")
        await seen.wait()
        peer.reset()

    async def test(client: Client) -> None:
        async with gateway(answer) as upstream:
            got = await client.send(message(upstream.url))
            assert await got.read() == b"hel"
            seen.set()
            with pytest.raises(Cut):
                await got.read()

    run(test)


def test_a_request_is_sent_byte_for_byte_and_its_headers_are_read() -> None:
    raw = b"HTTP/1.1 200 OK\r\nX-One: a \r\nSet-Cookie: b\r\nx-one: c\r\nContent-Length: 0\r\n\r\n"

    async def test(client: Client) -> None:
        async with gateway(answering(raw)) as upstream:
            sent = message(upstream.url + "?a=b c", Accept="text/event-stream")
            answer = await client.send(sent)
            assert upstream.requests[0][1] == (
                b"POST /v1/chat/completions?a=b%%20c HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer secret\r\n"
                b"Accept: text/event-stream\r\nContent-Length: %d\r\n\r\n%b" % (upstream.port, len(BODY), BODY)
            )
            assert answer.headers == [("x-one", "a"), ("set-cookie", "b"), ("x-one", "c"), ("content-length", "0")]
            assert (answer.header("x-one"), answer.header("x-two")) == ("a", "")
            assert "secret" not in repr(sent)
            assert "model" not in repr(sent)

    run(test)


def test_a_longer_body_than_allowed_is_an_error() -> None:
    async def test(client: Client) -> None:
        async with gateway(answering(LONG + b"hello")) as upstream:
            answer = await client.send(message(upstream.url))
            with pytest.raises(ValueError, match="more than 4 bytes"):
                await answer.whole(most_bytes=4)

    run(test)


# --- receivers -------------------------------------------------------------------------------------------------------
def test_a_receiver_gets_at_once_what_has_arrived_and_one_call_for_one_read() -> None:
    go_on = asyncio.Event()

    async def answer(peer: Peer, request: bytes) -> None:
        await peer.send(CHUNKED + b"1\r\na\r\n1\r\nb\r\n")
        await go_on.wait()
        await peer.send(b"1\r\nc\r\n1\r\nd\r\n0\r\n\r\n")

    async def test(client: Client) -> None:
        async with gateway(answer) as upstream:
            got = await client.send(message(upstream.url))
            recorder = Recorder()
            got.follow(recorder)
            assert (recorder.pieces, recorder.ends) == ([b"ab"], [])
            go_on.set()
            await recorder.end.wait()
            assert (recorder.pieces, recorder.ends) == ([b"ab", b"cd"], [False])

            late = await client.send(message(upstream.url))
            while client.busy_connections:
                await asyncio.sleep(0)
            recorder = Recorder()
            late.follow(recorder)
            assert (recorder.pieces, recorder.ends) == ([b"abcd"], [False])

    run(test)


@pytest.mark.parametrize("does", ["close", "raise"])
@pytest.mark.parametrize("rest", [b"", b"0\r\n\r\n"], ids=["", "at its end"])
def test_a_receiver_that_closes_or_fails_hears_nothing_more(
    does: str, rest: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    go_on = asyncio.Event()

    async def answer(peer: Peer, request: bytes) -> None:
        await peer.send(CHUNKED)
        await go_on.wait()
        await peer.send(b"1\r\na\r\n" + rest)

    class Ending(Recorder):
        def received(self, data: bytes) -> None:
            super().received(data)
            if does == "raise":
                raise RuntimeError("a mistake")
            answers[0].close()

    async def test(client: Client) -> None:
        async with gateway(answer) as upstream:
            answers.append(await client.send(message(upstream.url)))
            recorder = Ending()
            answers[0].follow(recorder)
            go_on.set()
            await recorder.arrived.wait()
            await upstream.ended.get()
            assert (recorder.pieces, recorder.ends) == ([b"a"], [])
            with pytest.raises(Cut):
                await answers[0].read()
            assert client.busy_connections == 0

    answers: list[Answer] = []
    with caplog.at_level(logging.ERROR):
        run(test)
    assert ("a mistake" in caplog.text) == (does == "raise")


def test_a_receiver_that_pauses_at_the_end_does_not_pause_the_next_answer() -> None:
    class Pausing(Recorder):
        def received(self, data: bytes) -> None:
            super().received(data)
            answers[-1].pause()

    async def test(client: Client) -> None:
        async with gateway(answering(LONG + b"hello", size=len(LONG))) as upstream:
            for number in range(2):
                answers.append(await client.send(message(upstream.url)))
                recorder = Pausing()
                answers[number].follow(recorder)
                await recorder.end.wait()
                assert recorder.body == b"hello"
            assert upstream.used == [1, 1]

    answers: list[Answer] = []
    run(test)


# --- backpressure ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", MODES)
def test_a_gateway_waits_while_nobody_reads(mode: str) -> None:
    number, piece = 400, b"x" * 65_536
    written = 0
    is_stuck = asyncio.Event()

    async def answer(peer: Peer, request: bytes) -> None:
        nonlocal written
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (number * len(piece)))
        for _ in range(number):
            peer.writer.write(piece)
            drained = asyncio.ensure_future(peer.writer.drain())
            for _ in range(50):  # turns in which a client that reads would have read it
                await asyncio.sleep(0)
            if not drained.done():
                is_stuck.set()
            await drained
            written += len(piece)

    async def test(client: Client) -> None:
        async with gateway(answer) as upstream:
            got = await client.send(message(upstream.url))
            recorder = Recorder()
            if mode == "follow":
                got.follow(recorder)
                got.pause()
                got.pause()
            await is_stuck.wait()
            held = got._unread_bytes if mode == "read" else len(recorder.body)
            assert held <= MOST_UNREAD_BYTES + 1_048_576
            assert written < number * len(piece)
            if mode == "follow":
                got.resume()
                await recorder.end.wait()
                assert len(recorder.body) == number * len(piece)
            else:
                assert len(await got.whole(most_bytes=1 << 30)) == number * len(piece)
            again = await client.send(message(upstream.url))  # the kept connection reads again
            assert len(await again.whole(most_bytes=1 << 30)) == number * len(piece)
            assert upstream.used == [1, 1]

    run(test)
