"""Clients that leave: the gateway is left too, or read to its end, and everything is given back and booked."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from tests.front.servers import PROTOCOLS, request_bytes
from tests.routing.served import HEADERS, Routed, body_of, routed
from tests.routing.upstream_server import PATIENCE_SECONDS

ABORTS = 10_000 if os.environ.get("PROVE") else 200
CHAT = "/v1/chat/completions"


@pytest.fixture(params=sorted(PROTOCOLS))
def running(request: pytest.FixtureRequest) -> Iterator[Routed]:
    with routed(slots={"featherless": 100_000}, shell=request.param) as found:
        yield found


def request(model: str, *, stream: bool) -> bytes:
    return request_bytes(CHAT, method="POST", body=body_of(model, stream=stream), **HEADERS)


@pytest.mark.parametrize(
    ("scenario", "chunks"), [("stall", 0), ("H stall", 0), ("H R stall", 0), ("H R D2 stall", 1), ("J", -1)]
)
def test_11_a_client_that_leaves_ends_the_request_at_the_gateway(running: Routed, scenario: str, chunks: int) -> None:
    is_stream = chunks >= 0
    client = running.connect()
    client.send(request(f"chutes=a!{scenario if is_stream else 'stall'}", stream=is_stream))
    seen = running.upstream.wait_for(1)
    if chunks > 0:
        client.head()
        client.chunk()

    client.close()

    assert seen.gone.wait(PATIENCE_SECONDS)
    running.settle()
    assert running.books.outcomes == ["cancelled"]
    assert running.books.settled[0] == running.books.ended[0].cost
    assert running.books.ended[0].cost is not None
    assert not running.relay.parts.health.failed_lately("chutes", f"a!{scenario}")


def test_11_where_the_gateway_bills_on_the_rest_is_read_for_its_usage(running: Routed) -> None:
    client = running.connect()
    client.send(request("featherless=a!H D2 gate D3 F UU X", stream=True))
    client.head()
    client.chunk()
    client.close()
    running.served.ask_until(lambda: bool(running.relay.background.draining))
    running.upstream.open_gate()

    running.settle()

    (end,) = running.books.ended
    assert end.tokens is not None
    assert (end.outcome, end.tokens.output, end.tokens.is_estimate) == ("cancelled", 5, False)


@pytest.mark.parametrize(("scenario", "is_stream", "output"), [("gate J", False, 2), ("gate H D4 F UU X", True, 4)])
def test_11_so_it_is_if_the_client_leaves_before_there_is_an_answer(
    running: Routed, scenario: str, is_stream: bool, output: int
) -> None:
    client = running.connect()
    client.send(request(f"featherless=a!{scenario}", stream=is_stream))
    running.upstream.wait_for(1)
    client.close()
    running.served.ask_until(lambda: bool(running.relay.background.draining))
    running.upstream.open_gate()

    running.settle()

    (end,) = running.books.ended
    assert end.tokens is not None
    assert (end.outcome, end.tokens.output, end.tokens.is_estimate) == ("cancelled", output, False)


SCENARIOS = (
    "H R drip5:2 F UU X",
    "H R D400 F UU X",
    "H C drip3:5 cut",
    "S503",
    "J",
    "H R cut",
    "gate J",
    "H gate D1 X",
)


def test_11_after_many_aborts_at_random_nothing_is_left(running: Routed) -> None:
    chance = random.Random(11)  # noqa: S311  reproducible, not secret
    running.upstream.open_gate()

    def leave(seed: int) -> None:
        own = random.Random(seed)  # noqa: S311  likewise
        model = " | ".join(
            f"{own.choice(('chutes', 'featherless', 'openrouter'))}=a{seed}-{place}!{own.choice(SCENARIOS)}"
            for place in range(own.randint(1, 3))
        )
        client = running.connect()
        sent = request(model, stream=own.random() < 0.7)
        client.send(sent[: own.randint(len(sent) // 2, len(sent))] if own.random() < 0.1 else sent)
        if own.random() < 0.7:
            client.socket.settimeout(own.choice((0.001, 0.005, 0.02)))
            with suppress(TimeoutError):
                client.socket.recv(own.choice((1, 500, 20_000)))
        client.close()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(leave, [chance.getrandbits(32) for _ in range(ABORTS)]))

    running.settle()
    books = running.books
    attempts = [(row.request_id, row.attempt) for row in books.begun]
    assert len(set(attempts)) == len(attempts)
    assert sorted(attempts) == sorted((row.request_id, row.attempt) for row in books.ended)
    finals = [row.request_id for row in books.ended if row.is_final]
    assert sorted(finals) == sorted({row.request_id for row in books.begun})
    running.served.ask_until(lambda: running.relay.parts.client.busy_connections == 0)
    assert len(books.begun) > ABORTS // 4
