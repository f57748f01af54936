"""The errors of requests that never reach Django, as problem documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from access.limits import Quota
from front.answers import Answer
from front.problems import instance_of, media_type_of, problem_document

Headers = list[tuple[str, str]]
Json = Any

_CLOSE = (("Connection", "close"),)
CHALLENGE = 'Bearer realm="gatewayz"'
"""How a client sends its key (RFC 6750)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    status: int
    detail: str
    headers: tuple[tuple[str, str], ...] = ()

    def problem(self, *, path: str, request_id: str) -> Json:
        """Return the problem document; `path` is the server's, each character a byte."""
        return problem_document(
            status=self.status, detail=self.detail, instance=instance_of(path), request_id=request_id
        )

    def answer(self, problem: Json, *, accept: str = "") -> tuple[Headers, bytes]:
        """Return the headers and the body of the answer that is this problem document."""
        body = orjson.dumps(problem)
        return self._described([("Content-Type", media_type_of(problem["instance"], accept))], body)

    def as_page(self, page: Answer) -> tuple[Headers, bytes]:
        """Return the headers and the body of the answer that is this page of the problem."""
        body = page.whole()
        return self._described(list(page.headers), body)

    def _described(self, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
        described = [
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Content-Length", str(len(body))),
        ]
        return [*headers, *described, *self.headers], body


BROKEN = Refusal(status=500, detail="The service failed; its logs have the details under the request id.")
WRONG_HOST = Refusal(status=400, detail="This service does not answer to the name in the Host header.")
OVERDUE = Refusal(status=503, detail="The answer takes too long at this moment.", headers=(("Retry-After", "5"),))
FULL = Refusal(status=503, detail="Too many requests wait at this moment.", headers=(("Retry-After", "2"),))
SLOW_BODY = Refusal(status=408, detail="The body of the request did not arrive in time.", headers=_CLOSE)
SLOW_HEAD = Refusal(status=408, detail="The head of the request did not arrive in time.", headers=_CLOSE)
NO_EVENT_LOOP = Refusal(
    status=501, detail="This server cannot run models: it has no event loop. Start the service with `make run`."
)
HALF_CLOSED = Refusal(
    status=400,
    detail="The client ended its side of the connection, which means that it has left. Keep it open for the answer.",
    headers=_CLOSE,
)
MAY_NOT_READ = Refusal(
    status=403, detail="This key lacks the scope read. Reading requires no key: send the request without one."
)
LARGE_HEAD = Refusal(status=431, detail="The head of the request is too large.", headers=_CLOSE)


def malformed(reason: str) -> Refusal:
    """What a request that could mean several things gets; the connection is closed, because its end is not known."""
    return Refusal(status=400, detail=reason, headers=_CLOSE)


def behind(revision: int) -> Refusal:
    detail = f"Revision {revision} has not arrived at this process yet."
    return Refusal(status=503, detail=detail, headers=(("Retry-After", "1"),))


def wrong_minimum(text: str) -> Refusal:
    return Refusal(
        status=400, detail=f"Gatewayz-Min-Revision must be a whole number of at most 18 digits, not {text!r}."
    )


def wrong_key(reason: str) -> Refusal:
    challenge = f'{CHALLENGE}, error="invalid_token"'
    return Refusal(status=401, detail=reason, headers=(("WWW-Authenticate", challenge),))


def not_ready(reason: str) -> Refusal:
    return Refusal(status=503, detail=reason, headers=(("Retry-After", "1"),))


def too_large(most: int) -> Refusal:
    return Refusal(status=413, detail=f"The body must have at most {most} bytes.")


def too_many(quota: Quota) -> Refusal:
    wait = quota.seconds_left
    return Refusal(
        status=429,
        detail=f"This {quota.policy} has sent too many requests; the next one is answered in {wait} seconds.",
        headers=(("Retry-After", str(wait)),),
    )
