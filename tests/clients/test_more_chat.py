"""Other clients, unmodified, send requests to models through a running service: in `make prove`."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.clients.clients import Outcomes, run_node, run_python
from tests.clients.service import Service

Json = Any

pytestmark = pytest.mark.skipif(not os.environ.get("PROVE"), reason="`make prove` runs it")

ANSWER = "You wrote: Call it with 3. (This is a gateway of the demo: it repeats what it gets.)"
TOTAL = 22

# --- in JavaScript ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def javascript(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    folder = tmp_path_factory.mktemp("javascript")
    return run_node("javascript", address=service.url, folder=folder, INFER_KEY=service.infer_key)


def test_openais_sdk_for_javascript_asks_and_streams(javascript: Outcomes) -> None:
    for answer in (javascript["openai_ask"], javascript["openai_stream"]):
        assert (answer["text"], answer["total"]) == (ANSWER, TOTAL)
        assert Decimal(str(answer["cost"])) > 0


def test_openais_sdk_for_javascript_calls_tools_and_embeds(javascript: Outcomes) -> None:
    assert javascript["openai_tool"] == ["magic", '{"input": 3}']
    assert javascript["openai_embed"] == [8, 1]


def test_openais_sdk_for_javascript_understands_errors(javascript: Outcomes) -> None:
    assert javascript["openai_errors"] == {
        "unknown model": ["NotFoundError", 404, "not_found_error"],
        "gateway down": ["InternalServerError", 503, "server_error"],
    }


def test_vercels_ai_sdk_asks_and_streams(javascript: Outcomes) -> None:
    wanted = {"text": ANSWER, "total": TOTAL, "finishReason": "stop"}

    assert javascript["vercel_ask"] == wanted
    assert javascript["vercel_stream"] == wanted


def test_vercels_ai_sdk_runs_a_tool_and_gets_the_answer_after_it(javascript: Outcomes) -> None:
    assert javascript["vercel_tool"] == {"text": "The tool answered: 5", "calls": [["magic", {"input": 3}]]}


def test_vercels_ai_sdk_parses_objects_and_embeds(javascript: Outcomes) -> None:
    assert javascript["vercel_object"] == {"name": "Ada", "age": 36}
    assert javascript["vercel_embed"] == [8, 1]


def test_vercels_ai_sdk_understands_errors(javascript: Outcomes) -> None:
    is_of_the_api, status, is_retryable, code = javascript["vercel_error"]

    assert (is_of_the_api, status, is_retryable) == (True, 503, True)
    assert code in {"overloaded", "all_resting"}


# --- in Python -------------------------------------------------------------------------------------------------------


def test_langchains_own_tests_of_chat_models_pass(service: Service, tmp_path: Path) -> None:
    found = run_python(
        "langchain", address=service.url, folder=tmp_path, script="chat.py", INFER_KEY=service.infer_key
    )["run_standard_tests"]

    assert found["failed"] == {}
    assert len(found["passed"]) >= 40
    # What the gateways of the demo cannot read, and the one that records a real network.
    assert all("input" in name or "tool_message" in name or "stream_time" in name for name in found["skipped"])


def test_litellm_is_a_client(service: Service, tmp_path: Path) -> None:
    found = run_python(
        "litellm",
        address=service.url,
        folder=tmp_path,
        script="chat.py",
        INFER_KEY=service.infer_key,
        LITELLM_LOCAL_MODEL_COST_MAP="True",
    )

    assert (found["ask"]["text"], found["ask"]["total"]) == (ANSWER, TOTAL)
    assert Decimal(found["ask"]["cost"]) > 0
    assert found["stream"] == {"text": ANSWER, "total": TOTAL}
    assert found["call_a_tool"] == ["magic", '{"input": 3}']
    assert found["embed"] == [8, 1]
    assert found["meet_errors"] == {
        "unknown model": ["NotFoundError", 404],
        "gateway down": ["ServiceUnavailableError", 503],
    }


def test_llm_is_a_client(service: Service, tmp_path: Path) -> None:
    found = run_python("llm", address=service.url, folder=tmp_path, script="chat.py", INFER_KEY=service.infer_key)

    for name in ("ask", "stream"):
        text, usage = found[name]
        assert text.startswith("You wrote: Hello there")
        assert usage.startswith("Token usage: 2 input, 16 output")
    assert found["call_a_tool"] == "The tool answered: 5"
    assert json.loads(found["follow_a_schema"]) == {"name": "Ada", "age": 36}
    status, message = found["meet_an_error"]
    assert status == 1
    assert "503" in message
