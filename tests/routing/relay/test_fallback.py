"""Which failures another offer makes up for, which not, and what the client reads if none answers."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal

import pytest

from routing import slots
from routing.ledger.rows import Begun, CannotRecord
from routing.money.budgets import Exceeded, PriceUnknown, Reservation, Unavailable
from tests.front.servers import Got, request_bytes
from tests.routing.served import HEADERS, KEYS, Routed, body_of, routed

CHAT = "/v1/chat/completions"
GOOD = "featherless=good!J"
GOOD_STREAM = "featherless=good!H R D3 F X"


@pytest.fixture
def running() -> Iterator[Routed]:
    with routed() as found:
        yield found


def code(got: Got) -> object:
    return got.json["error"]["code"]


SERVED_BY_ANOTHER = {
    "S429": "limited",
    "S503": "overloaded",
    "S529": "overloaded",
    "S500": "broken",
    "S502": "broken",
    "S401": "credential",
    "S402": "credential",
    "S403": "credential",
    "S404": "model_absent",
    "err": "overloaded",
    "html": "broken",
    "none": "broken",
    "J0": "broken",
}


@pytest.mark.parametrize(("scenario", "outcome"), SERVED_BY_ANOTHER.items())
@pytest.mark.parametrize("is_stream", [False, True])
def test_06_what_fails_before_the_first_content_is_served_by_the_next_offer(
    running: Routed, scenario: str, outcome: str, is_stream: bool
) -> None:
    got = running.ask(f"chutes=bad!{scenario} | {GOOD_STREAM if is_stream else GOOD}", stream=is_stream)

    assert got.status == 200
    assert dict(got.headers)["gatewayz-attempts"] == "2"
    running.settle()
    first, second = running.books.ended
    assert (first.outcome, first.is_final, second.outcome, second.is_final) == (outcome, False, "ok", True)


@pytest.mark.parametrize("scenario", ["H E fin", "H R fin", "H C C cut", "H R X", "H J"])
def test_09_a_stream_without_content_is_served_by_the_next_offer(running: Routed, scenario: str) -> None:
    got = running.stream(f"chutes=bad!{scenario} | {GOOD_STREAM}")

    assert got.status == 200
    assert got.body.count(b'"content":"one "') == 1
    assert running.upstream.models() == [f"bad!{scenario}", "good!H R D3 F X"]


def test_06_a_gateway_that_cannot_be_reached_was_sent_nothing() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    with routed(bases={"chutes": f"http://127.0.0.1:{port}/v1"}) as running:
        assert running.ask(f"chutes=bad | {GOOD}").status == 200
        running.settle()

        first, _ = running.books.ended
        assert (first.outcome, first.cost, first.status) == ("unreachable", Decimal(0), None)
        assert code(running.ask("chutes=bad")) == "unreachable"


@pytest.mark.parametrize("status", [400, 413, 422])
def test_06_the_mistakes_of_clients_are_returned_and_never_sent_again(running: Routed, status: int) -> None:
    got = running.ask(f"chutes=bad!S{status} | {GOOD}")

    assert (got.status, got.json["error"]["message"]) == (status, f"status {status}")
    assert len(running.upstream.seen) == 1
    assert not running.relay.parts.health.failed_lately("chutes", f"bad!S{status}")
    assert running.books.settled == [Decimal(0)]


def test_06_no_more_than_four_attempts_and_none_twice(running: Routed) -> None:
    got = running.ask(" | ".join(f"chutes=bad{number}!S500" for number in range(6)))

    assert (got.status, code(got)) == (502, "bad_answer")
    assert running.upstream.models() == [f"bad{number}!S500" for number in range(4)]
    assert dict(got.headers)["x-should-retry"] == "false"
    tried = got.json["error"]["metadata"]["attempts"]
    assert [each["failure"] for each in tried] == ["broken"] * 4
    running.settle()
    assert [row.is_final for row in running.books.ended] == [False, False, False, True]


def test_an_unknown_outcome_is_not_repeated_unless_the_client_prefers_that(running: Routed) -> None:
    got = running.ask(f"chutes=bad!cut | {GOOD}")

    assert (got.status, code(got)) == (502, "ambiguous_failure")
    assert running.upstream.models() == ["bad!cut"]
    assert running.books.settled == [None]
    assert running.ask(f"openrouter=bad!cut | {GOOD}", provider={"allow_fallbacks": True}).status == 200


def test_12_an_offer_rests_as_long_as_the_gateway_asks_for(running: Routed) -> None:
    got = running.ask("chutes=a!S429:7 | openrouter=b!S429:30")

    assert (got.status, dict(got.headers)["retry-after"]) == (429, "7")
    assert running.relay.parts.health.rests_until("chutes", "a!S429:7") is not None
    again = running.ask("chutes=a!S429:7 | openrouter=b!S429:30")
    assert (again.status, code(again)) == (503, "all_resting")
    assert dict(again.headers)["retry-after"] in {"6", "7"}
    assert len(running.upstream.seen) == 2


def test_13_the_client_never_sees_that_our_keys_are_refused() -> None:
    with routed(keys=KEYS | {"chutes": ("first", "second")}) as running:
        for status in (401, 402, 403):
            got = running.ask(f"chutes=a{status}!S{status}")
            assert (got.status, code(got)) == (502, "upstream_credentials")
            assert b"first" not in got.body
        sent = {each.headers["authorization"] for each in running.upstream.seen[:2]}
        assert sent == {"Bearer first", "Bearer second"}


def test_15_a_full_gateway_is_skipped() -> None:
    with routed(slots={"featherless": 4}) as running:
        held = running.connect()
        held.send(request_bytes(CHAT, method="POST", body=body_of("featherless=a-70B!stall"), **HEADERS))
        running.upstream.wait_for(1)

        got = running.ask("featherless=b-8B!J | chutes=c!J")

        assert dict(got.headers)["gatewayz-offer"] == "chutes/c!J"
        held.close()


def test_15_a_full_gateway_is_waited_for_if_it_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with routed(slots={"featherless": 4}) as running:
        held = running.connect()
        held.send(request_bytes(CHAT, method="POST", body=body_of("featherless=a-70B!gate J"), **HEADERS))
        running.upstream.wait_for(1)
        waiting = running.connect()
        waiting.send(request_bytes(CHAT, method="POST", body=body_of("featherless=b-8B!J"), **HEADERS))
        running.served.ask_until(lambda: bool(running.relay.parts.slots._queues.get("featherless")))
        running.upstream.open_gate()
        assert (held.answer().status, waiting.answer().status) == (200, 200)

        monkeypatch.setattr(slots, "WAIT_SECONDS", 0.05)
        held.send(request_bytes(CHAT, method="POST", body=body_of("featherless=c-70B!stall"), **HEADERS))
        running.upstream.wait_for(3)
        got = running.ask("featherless=b-8B!J")
        assert (got.status, code(got), dict(got.headers)["retry-after"]) == (503, "no_slot", "1")
        held.close()


def test_a_key_that_a_gateway_repeats_does_not_reach_the_client() -> None:
    with routed(keys={"chutes": ("status",)}) as running:
        got = running.ask("chutes=a!S400")

    assert got.json["error"]["message"] == "[removed] 400"


def test_budgets_refuse_before_anything_is_sent(running: Routed) -> None:
    refused = {
        Exceeded("The budget is used up.", limit_source="key/day", resets_at=None): (
            402,
            "budget_exceeded",
        ),
        PriceUnknown("The price is not known."): (402, "price_unknown"),
        Unavailable("The budgets cannot be read."): (503, "budget_unavailable"),
    }
    for error, expected in refused.items():
        running.books.refusal = error
        got = running.ask(GOOD)
        assert (got.status, code(got), got.json["error"]["message"]) == (*expected, str(error))
    assert running.upstream.seen == []


def test_under_a_hard_budget_offers_whose_cost_is_not_known_are_left_out(
    running: Routed, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reserved(key_id: int, amount: Decimal | None) -> Reservation:
        if amount is None:
            raise PriceUnknown("The price is not known.")
        return await plain(key_id, amount)

    plain = running.books.reserved
    monkeypatch.setattr(running.books, "reserved", reserved)

    got = running.ask(f"unknown:chutes=a!J | {GOOD}")

    assert (got.status, running.upstream.models()) == (200, ["good!J"])
    assert code(running.ask("unknown:chutes=a!J")) == "price_unknown"


def test_a_budget_that_the_dearest_offer_exceeds_is_spent_on_a_cheaper_one(
    running: Routed, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reserved(key_id: int, amount: Decimal | None) -> Reservation:
        if amount is None:
            raise PriceUnknown("The price is not known.")
        if amount > Decimal("0.01"):
            raise Exceeded("The budget is used up.", limit_source="key", resets_at=None, left=Decimal("0.01"))
        return await plain(key_id, amount)

    plain = running.books.reserved
    monkeypatch.setattr(running.books, "reserved", reserved)

    got = running.ask(f"unknown:chutes=a!J | dear:portkey=b!J | {GOOD}")

    assert (got.status, running.upstream.models()) == (200, ["good!J"])
    assert code(running.ask("dear:portkey=b!J | unknown:chutes=a!J")) == "budget_exceeded"


def test_after_a_gateway_failed_as_a_whole_others_come_before_its_next_offer(running: Routed) -> None:
    got = running.ask(f"portkey=a!S503 | portkey=b!J | portkey=c!J | {GOOD}")

    assert dict(got.headers)["gatewayz-offer"] == "featherless/good!J"


def test_nothing_is_sent_that_cannot_be_booked(running: Routed, monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(row: Begun) -> None:
        raise CannotRecord("The ledger cannot be written, so no request is sent.")

    monkeypatch.setattr(running.books, "begin", begin)

    got = running.ask("featherless=a!J")

    assert (got.status, code(got)) == (503, "ledger_unavailable")
    assert (running.upstream.seen, running.is_settled) == ([], True)


def test_28_nothing_of_a_request_or_of_our_keys_is_logged(
    running: Routed, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    canary = [{"role": "user", "content": "CANARY"}]
    with caplog.at_level(logging.DEBUG):
        for scenario in (*SERVED_BY_ANOTHER, "cut", "S400", "H D2 cut", "H D2 E fin", "H R D2 F X"):
            running.ask(f"chutes=a!{scenario}", messages=canary, stream=True, user="CANARY")
    running.settle()

    written = caplog.text + "".join(capfd.readouterr())
    assert "chutes refuses key 1 of its setting (401)" in written
    for secret in ("CANARY", "key-of-", "gwz_aaaa"):
        assert secret not in written
    assert "CANARY" not in repr((running.books.begun, running.books.ended))


def test_28_gateways_get_listed_headers_alone(running: Routed) -> None:
    body = b'{"model":"chutes=a!J","messages":[{"role":"user","content":"Hi"}],"zzz":1.50}'
    own = {"x_api_key": "gwz_" + "a" * 43, "x_forwarded_for": "192.0.2.7", "x_stainless_lang": "python"}
    sent = {"authorization": "Bearer gwz_" + "a" * 43, "content_type": "application/json", **own}

    got = running.connect().ask("/v1/chat/completions", method="POST", body=body, **sent)

    assert got.status == 200
    (seen,) = running.upstream.seen
    assert seen.body == body.replace(b"chutes=a!J", b"a!J")
    assert seen.headers["authorization"] == "Bearer key-of-chutes"
    assert set(seen.headers) == {
        *("host", "authorization", "accept-encoding", "content-type", "content-length", "user-agent")
    }
