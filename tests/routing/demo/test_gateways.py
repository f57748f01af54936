"""The gateways of the demo answer by rules. What real clients make of their answers is in tests/clients."""

from __future__ import annotations

import base64
import http.client
import json
import struct
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from routing.demo import rules
from routing.demo.rules import Maker
from routing.demo.server import Gateways, gateways

Json = Any


@pytest.fixture(scope="module")
def server() -> Iterator[Gateways]:
    with gateways(failing={"chutes"}) as server:
        yield server


def asking(text: str, **more: Json) -> Json:
    return {"model": "m", "messages": [{"role": "user", "content": text}], **more}


def post(server: Gateways, path: str, body: Json) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)) as connection:
        connection.request("POST", path, json.dumps(body))
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_a_text_is_repeated_up_to_the_limits_that_the_request_sets() -> None:
    assert rules.answer(asking("Hello")).text.startswith("You wrote: Hello (")
    assert rules.answer(asking("Hello", stop=["wrote"])).text == "You "
    limited = rules.answer(asking("Hello", max_tokens=2))
    assert (limited.text, limited.finish_reason, limited.usage["completion_tokens"]) == ("You wrote:", "length", 2)


@pytest.mark.parametrize(
    ("choice", "called"),
    [("auto", "second"), ("required", "second"), ("none", None), ({"function": {"name": "first"}}, "first")],
)
def test_the_tool_that_is_chosen_or_mentioned_is_called(choice: Json, called: str | None) -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in ("first", "second")]

    answer = rules.answer(asking("Call second.", tools=tools, tool_choice=choice))

    assert (answer.call.name if answer.call else None) == called


def test_an_answer_of_a_tool_is_followed_by_a_text() -> None:
    asked = asking("Call it.", tools=[{"type": "function", "function": {"name": "it"}}])
    asked["messages"].append({"role": "tool", "content": [{"type": "text", "text": "42"}]})

    assert rules.answer(asked).text == "The tool answered: 42"


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "Ada"),
        ({"type": ["integer", "null"]}, 36),
        ({"type": "number"}, 36.0),
        ({"type": "boolean"}, True),
        ({"enum": ["cat", "36"]}, "36"),
        ({"const": "x"}, "x"),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, None),
        ({"type": "array", "items": {"type": "string"}}, ["Ada"]),
        ({"properties": {"a": {"type": "integer"}, "b": {"default": 1}}}, {"a": 36}),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "string"}}}, "Ada"),
    ],
)
def test_values_follow_their_schema_and_come_from_the_text(schema: Json, value: Json) -> None:
    assert Maker("'Ada' is 36").value(schema) == value


def test_a_schema_that_contains_itself_has_an_end() -> None:
    schema = {"properties": {"next": {"$ref": "#"}}}

    assert Maker("").value(schema)["next"]


def test_embeddings_are_the_same_in_both_encodings() -> None:
    plain = rules.embeddings({"input": ["a b", "c"], "dimensions": 4})
    packed = rules.embeddings({"input": "a b", "dimensions": 4, "encoding_format": "base64"})

    vector = plain["data"][0]["embedding"]
    assert struct.unpack("<4f", base64.b64decode(packed["data"][0]["embedding"])) == tuple(vector)
    assert sum(each * each for each in vector) == pytest.approx(1)
    assert plain["usage"]["total_tokens"] == 3


def test_a_gateway_that_is_down_answers_503_and_an_unknown_address_404(server: Gateways) -> None:
    assert post(server, "/chutes/chat/completions", asking("Hello"))[0] == 503
    assert post(server, "/portkey/responses", asking("Hello"))[0] == 404


@pytest.mark.parametrize(("gateway", "has_usage"), [("openrouter", True), ("portkey", False)])
def test_only_openrouter_states_usage_that_was_not_asked_for(server: Gateways, gateway: str, has_usage: bool) -> None:
    status, body = post(server, f"/{gateway}/chat/completions", asking("Hello", stream=True))

    assert status == 200
    assert body.endswith(b"data: [DONE]\n\n")
    assert (b'"usage"' in body) is has_usage
