"""What an answer of a gateway means, and what clients get. Numbers are those of the acceptance list."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routing.wire.errors import Failure, classify, envelope, failure_of_event
from routing.wire.headers import for_client, for_upstream

Json = Any
F = Failure


def error(message: str = "It failed.", **members: Json) -> Json:
    return {"error": {"message": message, **members}}


@pytest.mark.parametrize(
    ("status", "answer", "failure"),
    [
        (200, {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}, None),
        (200, {"object": "list", "data": [{"embedding": [0.1]}]}, None),
        (200, {"choices": [{"message": {}}], "error": None, "detail": "kept"}, None),
        # 200 that is no success
        (200, {"choices": []}, F.BROKEN),
        (200, {"data": []}, F.BROKEN),
        (200, {}, F.BROKEN),
        (200, [], F.BROKEN),
        (200, b"", F.BROKEN),
        (200, b"<!DOCTYPE html><title>Welcome</title>", F.BROKEN),
        (200, {"choices": [{"finish_reason": "error", "message": {}}]}, F.BROKEN),
        (200, error(), F.BROKEN),
        (200, {"error": "overloaded"}, F.BROKEN),
        (200, error(code=429), F.LIMITED),
        (200, error(code="429"), F.LIMITED),
        (200, error(code=503), F.OVERLOADED),
        (200, error(code=502, metadata={"error_type": "provider_overloaded"}), F.OVERLOADED),
        (200, error(code=402), F.CREDENTIAL),
        (200, error(code=400), F.CLIENT),
        (200, error(type="invalid_request_error"), F.CLIENT),
        (200, {"object": "error", "message": "bad", "type": "BadRequestError", "code": 400}, F.CLIENT),
        # the client's
        (400, error(), F.CLIENT),
        (400, {"object": "error", "message": "max_tokens is too large", "type": "BadRequestError"}, F.CLIENT),
        (400, error(code="context_length_exceeded"), F.CLIENT),
        (413, b"", F.CLIENT),
        (422, {"detail": [{"loc": ["body", "n"]}]}, F.CLIENT),
        (403, error(code=403, metadata={"reasons": ["violence"], "flagged_input": "…"}), F.CLIENT),
        (404, error("No endpoints found that support tool use."), F.CLIENT),
        (404, error("No endpoints found that can handle the requested parameters."), F.CLIENT),
        (418, b"", F.CLIENT),
        # the model's
        (404, error("The model `x` does not exist", code="model_not_found"), F.MODEL_ABSENT),
        (404, {"detail": "model not found: x"}, F.MODEL_ABSENT),
        (400, error("acme/x is not a valid model ID", code=400), F.MODEL_ABSENT),
        (400, error(type="invalid_request_error", code="model_not_found"), F.MODEL_ABSENT),
        (403, error(code="model_gated"), F.MODEL_ABSENT),
        (404, b"Gone.", F.BROKEN),
        # ours
        (401, error("Incorrect API key provided"), F.CREDENTIAL),
        (402, error(code=402), F.CREDENTIAL),
        (403, error(), F.CREDENTIAL),
        (429, error(code="insufficient_quota", type="insufficient_quota"), F.CREDENTIAL),
        (400, error(code="invalid_api_key", type="invalid_request_error"), F.CREDENTIAL),
        # the gateway's
        (429, error(), F.LIMITED),
        (429, b"", F.LIMITED),
        (408, b"", F.OVERLOADED),
        (409, b"", F.OVERLOADED),
        (503, b"", F.OVERLOADED),
        (529, error(type="overloaded_error"), F.OVERLOADED),
        (500, error(), F.BROKEN),
        (502, b"<html>", F.BROKEN),
        (504, b"", F.BROKEN),
        (524, b"", F.BROKEN),
        (302, b"", F.BROKEN),
        (405, b"", F.BROKEN),
        (415, b"", F.BROKEN),
    ],
)
def test_09_each_answer_has_its_class(status: int, answer: Json, failure: Failure | None) -> None:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()

    assert classify(status, body) is failure


@pytest.mark.parametrize(
    ("data", "failure"),
    [
        ({"choices": [{"delta": {"content": "Hi"}}]}, None),
        ({"choices": [], "usage": {"prompt_tokens": 1}}, None),
        ({"choices": [], "prompt_filter_results": []}, None),
        ({"choices": [{"delta": {"content": 'the word "error"'}}]}, None),
        (error(code=429), F.LIMITED),
        ({"error": {"code": "server_error", "message": "x"}, "choices": [{"finish_reason": "error"}]}, F.BROKEN),
        ({"choices": [{"delta": {"content": ""}, "finish_reason": "error"}]}, F.BROKEN),
        (b"[DONE]", None),
        (b'{"bro', None),
    ],
)
def test_09_an_event_of_a_stream_may_report_a_failure(data: Json, failure: Failure | None) -> None:
    assert failure_of_event(data if isinstance(data, bytes) else json.dumps(data).encode()) is failure


def test_errors_have_the_form_of_openai_with_the_metadata_of_openrouter() -> None:
    body = envelope("Too much.", status=402, type="insufficient_quota", param=None, limit_source="key", attempts=[])

    assert json.loads(body) == {
        "error": {
            "message": "Too much.",
            "type": "insufficient_quota",
            "param": None,
            "code": 402,
            "metadata": {"limit_source": "key", "attempts": []},
        }
    }
    assert (
        json.loads(envelope("No.", status=404, type="t", code="model_not_found"))["error"]["code"] == "model_not_found"
    )


def test_28_only_listed_headers_go_to_a_gateway() -> None:
    sent = {
        "Content-Type": "application/json",
        "Accept": "text/event-stream",
        "Authorization": "Bearer gwz_secret",
        "X-API-Key": "gwz_secret",
        "Cookie": "session=1",
        "Host": "gatewayz.example",
        "Forwarded": "for=203.0.113.7",
        "X-Forwarded-For": "203.0.113.7",
        "User-Agent": "client",
        "Connection": "keep-alive",
        "Accept-Encoding": "gzip",
        "x-portkey-api-key": "another",
        "anthropic-beta": "a\r\nHost: evil.example",
    }

    assert for_upstream(sent) == {"content-type": "application/json", "accept": "text/event-stream"}


def test_only_listed_headers_go_to_a_client() -> None:
    sent = [
        ("Content-Type", "text/event-stream"),
        ("Content-Encoding", "gzip"),
        ("Set-Cookie", "a=b"),
        ("X-RateLimit-Remaining-Requests", "7"),
        ("Retry-After", "2"),
        ("X-Request-Id", "of-the-gateway"),
        ("Openai-Organization", "ours"),
        ("Transfer-Encoding", "chunked"),
    ]

    assert for_client(sent) == [
        ("content-type", "text/event-stream"),
        ("x-gatewayz-upstream-ratelimit-remaining-requests", "7"),
        ("retry-after", "2"),
    ]
