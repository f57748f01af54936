"""Streams pass as they are, but for two documented changes. One without an end is never shown as whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

import orjson
import pytest

from catalog.pricing import money
from tests.front.servers import PROTOCOLS, Client, request_bytes
from tests.routing.served import HEADERS, Routed, body_of, routed
from tests.routing.upstream_server import PROMPT_TOKENS

COST = re.compile(rb": gatewayz-cost ([^\n]*)\n")


@pytest.fixture(scope="module", params=sorted(PROTOCOLS))
def running(request: pytest.FixtureRequest) -> Iterator[Routed]:
    with routed(shell=request.param) as found:
        yield found


def plain(amount: Decimal | None) -> str:
    assert amount is not None
    return money.plain(amount)


def directly(running: Routed, model: str, **fields: object) -> bytes:
    """Return the body of the gateway's own answer."""
    client = Client(running.upstream.port)
    client.send(request_bytes("/v1/chat/completions", method="POST", body=body_of(model, stream=True, **fields)))
    try:
        if "Hclose" not in model:
            return client.answer().body
        client.head()
        return client.rest()
    finally:
        client.close()


def parsed(body: bytes) -> list[dict[str, object]]:
    lines = [line.removeprefix(b"data: ") for line in body.split(b"\n") if line.startswith(b"data: {")]
    return [orjson.loads(line) for line in lines if b"bro" not in line]


@pytest.mark.parametrize(
    "scenario",
    [
        "H R D40 F U X",
        "H C C R C D5 C F U X",
        "H split1 R D9 F U X",
        "H split3 odd R D4 odd F U X",
        "H R T F U X",
        "H R D9 bad D5 F U X",
        "Hclose R D3 F U X",
        "H D3 U F X",
        "H D3 X",
    ],
)
def test_05_a_client_that_did_not_ask_for_usage_gets_the_bytes_of_a_direct_request(
    running: Routed, scenario: str
) -> None:
    got = running.stream(f"chutes=any!{scenario}")

    assert COST.sub(b"", got.body) == directly(running, f"any!{scenario}")
    (stated,) = COST.findall(got.body)
    end = running.books.ended[-1]
    assert end.tokens is not None
    assert stated.decode() == f"{plain(end.cost)}{' (estimated)' if end.tokens.is_estimate else ''}"
    if "U" in scenario:
        assert (end.tokens.input, end.tokens.is_estimate) == (PROMPT_TOKENS, False)


def test_05_a_client_that_asked_for_usage_gets_it_with_the_cost_and_all_other_bytes(running: Routed) -> None:
    asked = {"stream_options": {"include_usage": True}}

    got = running.stream("chutes=any!H R D4 F U X", **asked)

    usage = parsed(got.body)[-1]["usage"]
    assert isinstance(usage, dict)
    cost = plain(running.books.ended[-1].cost)
    assert b'"cost":' + cost.encode() + b"}}" in got.body
    unpriced = COST.sub(b"", got.body).replace(b',"cost":' + cost.encode(), b"")
    assert unpriced == directly(running, "any!H R D4 F U X", **asked)


def test_05_a_client_that_did_not_ask_gets_no_usage_from_a_gateway_that_always_sends_it(running: Routed) -> None:
    got = running.stream("openrouter=any!H R D4 F UU X")

    assert COST.sub(b"", got.body) == directly(running, "any!H R D4 F U X").replace(b" F U X", b" F UU X")


def test_05_usage_is_asked_for_in_the_way_of_every_gateway(running: Routed) -> None:
    got = running.stream("chutes=any!H R D4 F U X", usage={"include": True})

    assert parsed(got.body)[-1]["usage"]


@pytest.mark.parametrize("scenario", ["H R D40 cut", "H D3 fin", "H D3 bad fin", "Hclose R D3 fin"])
def test_08_a_stream_without_an_end_ends_with_an_error_and_without_done(running: Routed, scenario: str) -> None:
    got = running.stream(f"chutes=any!{scenario}")

    last = parsed(got.body)[-1]
    assert last["error"] == {"code": 502, "message": "The gateway ended the stream before its end."}
    assert last["choices"] == [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]
    assert b"[DONE]" not in got.body
    assert running.books.ended[-1].outcome == "cut"
    assert b"(estimated)" in COST.findall(got.body)[0]


def test_08_an_error_within_a_stream_is_passed_on_and_is_no_success(running: Routed) -> None:
    got = running.stream("chutes=any!H D1 E fin")

    assert got.body.count(b'"error"') == 1
    assert b"[DONE]" not in got.body
    assert running.books.ended[-1].outcome == "cut"


def test_07_after_the_first_content_no_second_gateway_is_asked(running: Routed) -> None:
    before = len(running.upstream.seen)

    running.stream("chutes=any!H D1 cut | openrouter=any!H R D3 F X")

    assert running.upstream.models()[before:] == ["any!H D1 cut"]


def test_a_role_alone_commits_nothing_and_the_client_gets_one_stream(running: Routed) -> None:
    got = running.stream("chutes=any!H C C R cut | openrouter=any!H R D3 F X")

    assert [row.outcome for row in running.books.ended[-2:]] == ["broken", "ok"]
    assert got.body.count(b'"role"') == 1
    assert dict(got.headers)["gatewayz-offer"] == "openrouter/any!H R D3 F X"
    assert dict(got.headers)["gatewayz-attempts"] == "2"


def test_21_usage_of_zero_is_a_count_and_costs_nothing(running: Routed) -> None:
    got = running.stream("chutes=any!H D2 F W X")

    assert COST.findall(got.body) == [b"0"]
    assert running.books.ended[-1].cost == 0


def test_without_usage_the_cost_is_marked_as_an_estimate(running: Routed) -> None:
    got = running.stream("chutes=any!H D6 F X")

    assert COST.findall(got.body)[0].endswith(b" (estimated)")
    tokens = running.books.ended[-1].tokens
    assert tokens is not None
    assert tokens.is_estimate


def test_what_an_answer_in_one_piece_has_is_passed_as_it_is(running: Routed) -> None:
    got = running.ask("chutes=any!J")

    assert got.body == bytes(running.upstream.seen[-1].sent)
    assert dict(got.headers)["gatewayz-cost"] == plain(running.books.ended[-1].cost)
    assert dict(got.headers)["cache-control"] == "no-store"


def test_embeddings_pass_too(running: Routed) -> None:
    got = running.connect().ask(
        "/v1/embeddings",
        method="POST",
        body=orjson.dumps({"model": "chutes=any!J", "input": "Hi"}),
        authorization="Bearer gwz_" + "a" * 43,
        content_type="application/json",
    )

    assert got.status == 200
    assert got.json["data"][0]["embedding"] == [0.25, -0.5]
    assert running.upstream.seen[-1].path == "/v1/embeddings"
    assert (running.books.ended[-1].outcome, running.books.begun[-1].endpoint) == ("ok", "embeddings")


def test_a_client_that_reads_slowly_slows_its_gateway_and_gets_everything(running: Routed) -> None:
    model = "chutes=a!H D60000 F U X"
    client = running.served.connect(receive_buffer=4_096)
    client.send(request_bytes("/v1/chat/completions", method="POST", body=body_of(model, stream=True), **HEADERS))

    running.served.ask_until(lambda: any(stream.is_paused for stream in running.relay.background.open))

    got = client.answer()
    assert COST.sub(b"", got.body) == directly(running, model.removeprefix("chutes="))
    running.settle()
    assert running.books.ended[-1].outcome == "ok"
