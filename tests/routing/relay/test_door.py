"""What is refused before a gateway hears of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from front.counts import Counts
from front.wsgi import WsgiShell
from tests.front.servers import Behind, Got, ask_wsgi, front_of
from tests.routing.served import HEADERS, READER, Routed, SomeKeys, body_of, routed

PATH = "/v1/chat/completions"
SENT: dict[str, Any] = dict(HEADERS)


@pytest.fixture(scope="module")
def running() -> Iterator[Routed]:
    with routed(origins=("https://chat.example",)) as found:
        yield found


def ask(running: Routed, *, method: str = "POST", body: bytes | None = None, **headers: Any) -> Got:
    sent = body_of("chutes=a!J") if body is None else body
    return running.connect().ask(PATH, method=method, body=sent, **headers)


REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "no key": ({"authorization": ""}, 401, "invalid_api_key"),
    "a token that is not ours": ({"authorization": "Bearer sk-123"}, 401, "invalid_api_key"),
    "a key without the scope": ({"authorization": f"Bearer {READER}"}, 403, "insufficient_scope"),
    "a cookie": ({"cookie": "a=1"}, 403, "origin_not_allowed"),
    "another site": ({"origin": "https://evil.example"}, 403, "origin_not_allowed"),
    "a form": ({"content_type": "text/plain"}, 415, "unsupported_media_type"),
    "another method": ({"method": "PUT"}, 405, "method"),
    "a GET": ({"method": "GET", "body": b""}, 405, "method"),
    "no JSON": ({"body": b"{"}, 400, "invalid_request"),
    "no model": ({"body": b'{"messages":[{"role":"user","content":"Hi"}]}'}, 400, "invalid_request"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_may_not_run_is_refused_in_the_form_of_openai(running: Routed, name: str) -> None:
    given, status, code = REFUSED[name]
    before = len(running.upstream.seen)

    got = ask(running, **{**SENT, **given})

    assert (got.status, got.json["error"]["code"]) == (status, code)
    assert set(got.json["error"]) >= {"message", "type", "param", "code"}
    assert dict(got.headers)["cache-control"] == "no-store"
    assert len(running.upstream.seen) == before


def test_a_wrong_key_is_refused_as_everywhere(running: Routed) -> None:
    got = ask(running, **{**SENT, "authorization": "Bearer gwz_wrong"})

    assert (got.status, got.json["error"]["code"]) == (401, 401)


def test_an_error_names_the_member_that_is_wrong(running: Routed) -> None:
    got = ask(running, body=body_of("chutes=a!J", provider={"zdr": True}), **SENT)

    assert (got.status, got.json["error"]["param"]) == (400, "provider.zdr")


def test_a_site_that_is_allowed_may_ask(running: Routed) -> None:
    origin: dict[str, Any] = {"origin": "https://chat.example"}
    preflight = ask(running, method="OPTIONS", body=b"", access_control_request_method="POST", **origin)

    assert preflight.status == 204
    assert "POST" in dict(preflight.headers)["access-control-allow-methods"]
    assert ask(running, **SENT, **origin).status == 200


def test_bodies_have_at_most_ten_mebibytes(running: Routed) -> None:
    largest = 10 * 1_024 * 1_024
    body = body_of("chutes=a!J", padding="")
    filled = body_of("chutes=a!J", padding="x" * (largest - len(body)))

    assert ask(running, body=filled, **SENT).status == 200
    assert ask(running, body=filled + b" ", **SENT).status == 413


def test_a_client_that_ended_its_side_is_sent_nothing(running: Routed) -> None:
    before = len(running.upstream.seen)
    client = running.connect()
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {SENT['authorization']}\r\n"
    body = body_of("chutes=a!stall")
    client.send(f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    client.end()

    client.rest()  # an error, or the connection closes at once

    assert all(seen.gone.wait(10) for seen in running.upstream.seen[before:])


def test_off_is_a_404_that_explains_how_to_switch_it_on() -> None:
    with routed(is_on=False) as running:
        got = ask(running, **SENT)

    assert got.status == 404
    assert "INFERENCE=on" in got.json["error"]["message"]


def test_without_keys_of_gateways_the_settings_are_named() -> None:
    with routed(keys={}) as running:
        got = ask(running, **SENT)

    assert got.status == 503
    assert "CHUTES_INFERENCE_KEYS" in got.json["error"]["message"]


def test_a_server_without_an_event_loop_says_so(running: Routed) -> None:
    front = front_of(Behind(), counts=Counts(), inference=running.served.front.inference, keys=SomeKeys())

    got = ask_wsgi(WsgiShell(front), PATH, method="POST", body=body_of("a"), **SENT)

    assert got.status == 501
    assert orjson.loads(got.body)["error"]["message"].startswith("This server cannot run models")
