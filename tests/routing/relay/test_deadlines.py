"""How long a gateway may take. The deadlines are short here; that they hold exactly is measured by the benchmark."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from decimal import Decimal

import orjson
import pytest

from routing import background
from routing.parts import Deadlines
from tests.front.servers import request_bytes
from tests.routing.served import HEADERS, Routed, body_of, routed

SHORT = Deadlines(first_content=0.3, unary=0.3, idle=0.3, total=30.0)
LATEST_SECONDS = 5.0
"""Far below what a request without deadlines would take, and far above what a busy machine adds."""


@pytest.fixture(scope="module")
def running() -> Iterator[Routed]:
    with routed(deadlines=SHORT) as found:
        yield found


def last_error(body: bytes) -> object:
    lines = [line for line in body.split(b"\n") if line.startswith(b'data: {"id"')]
    return orjson.loads(lines[-1].removeprefix(b"data: ")).get("error", {}).get("code")


@pytest.mark.parametrize("gateway", ["chutes", "portkey"])
@pytest.mark.parametrize("scenario", ["stall", "H stall", "H R stall", "H drop"])
def test_10_without_content_in_time_the_next_offer_answers(running: Routed, scenario: str, gateway: str) -> None:
    before, began = len(running.upstream.seen), time.monotonic()

    got = running.stream(f"{gateway}=a!{scenario} | openrouter=b!H R D2 F X")

    assert (got.status, dict(got.headers)["gatewayz-attempts"]) == (200, "2")
    assert time.monotonic() - began < LATEST_SECONDS
    assert running.upstream.seen[before].gone.wait(LATEST_SECONDS)
    assert running.books.ended[-2].outcome == "silent"


def test_10_an_answer_in_one_piece_has_a_deadline_of_its_own(running: Routed) -> None:
    got = running.ask("chutes=a!stall | openrouter=b!J")
    assert dict(got.headers)["gatewayz-attempts"] == "2"

    got = running.ask("chutes=c!stall")
    assert (got.status, got.json["error"]["code"]) == (504, "timeout")


@pytest.mark.parametrize("scenario", ["H D1 stall", "H D1 drop"])
def test_10_a_stream_that_stalls_or_sends_comments_alone_ends(running: Routed, scenario: str) -> None:
    began = time.monotonic()

    got = running.stream(f"chutes=a!{scenario}")

    assert last_error(got.body) == 504
    assert time.monotonic() - began < LATEST_SECONDS
    assert running.books.ended[-1].outcome == "silent"


def test_10_a_stream_that_goes_on_lives_longer_than_all_deadlines_but_the_last(running: Routed) -> None:
    got = running.stream("chutes=a!H R drip15:60 F X")

    assert got.body.count(b'"content":"') == 16
    assert got.body.endswith(b"data: [DONE]\n\n")


def test_10_a_request_ends_with_all_its_attempts_at_the_total_deadline() -> None:
    with routed(deadlines=Deadlines(first_content=5, unary=5, idle=5, total=0.5)) as running:
        got = running.stream("chutes=a!H drip200:20 F X")
        assert last_error(got.body) == 504
        got = running.ask("chutes=b!stall | openrouter=c!J")
        assert got.status == 504
        assert "c!J" not in running.upstream.models()


def test_10_a_gateway_that_accepts_no_connection_was_sent_nothing() -> None:
    with closing(socket.create_server(("127.0.0.1", 0), backlog=0)) as deaf, ExitStack() as waiting:
        for _ in range(4):  # they fill the queue, so the kernel answers no further one
            client = waiting.enter_context(closing(socket.socket()))
            client.setblocking(False)
            client.connect_ex(deaf.getsockname())
        with routed(bases={"chutes": f"http://127.0.0.1:{deaf.getsockname()[1]}/v1"}, connect_seconds=0.3) as running:
            got = running.ask("chutes=a!J | openrouter=b!J")

    assert dict(got.headers)["gatewayz-attempts"] == "2"
    first = running.books.ended[0]
    assert (first.outcome, first.cost) == ("unreachable", Decimal(0))


def test_streams_end_with_an_error_before_the_process_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "ENDING_SECONDS", 0.1)
    with routed() as running:
        client = running.connect()
        client.send(_request("chutes=a!H D1 stall"))
        client.head()
        client.chunk()

        running.served.drain()
        rest = client.rest()
        running.served.join()

    assert b'"code":503' in rest
    assert b"[DONE]" not in rest
    assert running.books.outcomes == ["cancelled"]
    assert running.books.reserved_now == {}


def _request(model: str) -> bytes:
    return request_bytes("/v1/chat/completions", method="POST", body=body_of(model, stream=True), **HEADERS)


def test_10_a_client_that_reads_slowly_does_not_make_its_gateway_silent(running: Routed) -> None:
    client = running.served.connect(receive_buffer=4_096)
    body = body_of("chutes=a!H D60000 F U X", stream=True)
    client.send(request_bytes("/v1/chat/completions", method="POST", body=body, **HEADERS))
    running.served.ask_until(lambda: any(stream.is_paused for stream in running.relay.background.open))
    until = time.monotonic() + 4 * SHORT.idle  # also longer than comments alone may take
    running.served.ask_until(lambda: time.monotonic() > until)

    assert b"data: [DONE]" in client.answer().body[-100:]
    running.settle()
    assert running.books.ended[-1].outcome == "ok"
