"""Reads answers of the API, and holds each to what every answer promises."""

from __future__ import annotations

from typing import Any, Protocol

import orjson
from django.test import Client

Json = Any


class Response(Protocol):
    """What Django's test client and a view's own response have in common."""

    status_code: int

    @property
    def content(self) -> bytes: ...

    def __getitem__(self, header: str) -> str: ...


PROBLEM_FIELDS = {"type", "title", "status", "detail", "instance", "request_id"}


def read(client: Client, address: str) -> Json:
    """The body of an answer that is to succeed."""
    return body_of(client.get(address))


def ids(answer: Json) -> list[str]:
    return [row["id"] for row in answer["data"]]


def body_of(response: Response) -> Json:
    assert response.status_code == 200, response.content
    assert response["Content-Type"] == "application/json"
    return orjson.loads(response.content)


def problem_of(response: Response, *, status: int) -> Json:
    """The body of a refusal, once it has been held against the shape that all refusals share."""
    assert response.status_code == status, response.content[:300]
    assert response["Content-Type"] == "application/problem+json"
    assert response["Cache-Control"] == "no-store"
    problem = orjson.loads(response.content)
    assert problem.keys() - {"errors", "error"} == PROBLEM_FIELDS
    assert problem["status"] == status
    assert problem["type"].startswith("/docs/problems/")
    assert all(isinstance(problem[field], str) and problem[field] for field in PROBLEM_FIELDS - {"status"})
    for error in problem.get("errors", ()):
        assert error.keys() == {"parameter", "value", "reason"}
    return problem
