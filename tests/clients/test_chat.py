"""OpenAI's SDK for Python, unmodified, sends requests to models through a running service."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.clients.clients import Outcomes, run_python
from tests.clients.service import Service

Json = Any


@pytest.fixture(scope="module")
def openai(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    folder = tmp_path_factory.mktemp("openai")
    return run_python("openai", address=service.url, folder=folder, script="chat.py", INFER_KEY=service.infer_key)


def test_01_openais_sdk_gets_an_answer_with_its_cost(openai: Outcomes) -> None:
    answer = openai["ask"]

    assert answer["text"].startswith("You wrote: What is the value of 'magic' for 3?")
    assert answer["finish_reason"] == "stop"
    read, written, total = answer["tokens"]
    assert read + written == total > read > 0
    assert Decimal(answer["cost"]) > 0


def test_01_openais_sdk_streams_the_same_answer(openai: Outcomes) -> None:
    streamed = openai["stream"]

    assert streamed["text"] == openai["ask"]["text"]
    assert streamed["finish_reason"] == "stop"
    assert streamed["total"] == openai["ask"]["tokens"][-1]
    assert Decimal(streamed["cost"]) > 0
    assert openai["stream_without_usage"] == {"last": "stop"}


def test_01_openais_sdk_calls_tools(openai: Outcomes) -> None:
    called = openai["call_a_tool"]

    assert called["finish_reason"] == "tool_calls"
    assert called["whole"] == called["streamed"] == ["magic", '{"name": "magic", "input": 3}']
    assert called["after"] == "The tool answered: 5"


def test_01_openais_sdk_parses_structured_output(openai: Outcomes) -> None:
    assert openai["parse_structured_output"] == {"setup": "knock", "punchline": "who"}


def test_01_openais_sdk_embeds(openai: Outcomes) -> None:
    assert openai["embed"] == {"lengths": [8, 8], "tokens": 3}


def test_openais_sdk_does_not_notice_a_fallback(openai: Outcomes) -> None:
    assert openai["fall_back"] == ["2", "openrouter/deepseek/deepseek-r1", "stop"]


def test_openais_sdk_understands_errors(openai: Outcomes) -> None:
    found = openai["meet_errors"]

    assert found["unknown model"] == ["NotFoundError", 404, "not_found_error", "model_not_found", "model"]
    assert found["wrong messages"][:4] == ["BadRequestError", 400, "invalid_request_error", "invalid_request"]
    assert found["wrong preference"][-1] == "provider.colour"
    assert found["wrong key"][:2] == found["foreign key"][:2] == ["AuthenticationError", 401]
    for name in ("gateway down", "gateway down, streamed"):
        assert found[name][:3] == ["InternalServerError", 503, "server_error"]
