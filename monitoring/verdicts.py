"""Decides what one exchange with a model, or the figures of many, show about an offer. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from monitoring.machine import Verdict

LEAST_REQUESTS = 20
"""So many requests of clients in five minutes say how an offer does; fewer only if all of them failed."""
LEAST_FAILURES = 3
UP_PERCENT = 80
"""Below this share of successes an offer counts as down, as OpenRouter's own rule has it."""
LONGEST_WAIT_SECONDS = 6 * 3_600

_OUTPUT_LIMIT = re.compile(r"max_tokens|max_completion_tokens|output limit", re.IGNORECASE)
_REACHED = re.compile(r"reached|exceeded|finish", re.IGNORECASE)
_UNKNOWN_MODEL = re.compile(r"model_not_(available|found)|no endpoints found|model not found|does not exist", re.I)
_LOADING = re.compile(r"loading|warming|cold|waiting for (an )?instances?|starting up", re.IGNORECASE)


class Scope(StrEnum):
    """What an exchange says something about."""

    OFFER = "offer"
    KEY = "key"
    CREDIT = "credit"
    REACH = "reach"
    """Whether the gateway can be reached."""


class Failure(StrEnum):
    """Why there was no answer."""

    CONNECT = "connect"
    """No name, no connection or no TLS."""
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request to a model and its answer."""

    status: int | None = None
    failure: Failure | None = None
    body: str = ""
    """The beginning of an error's body."""
    finish_reason: str | None = None
    tokens: int = 0
    """The tokens that the answer charges."""
    has_choice: bool = False
    ended_in_error: bool = False
    """Whether a stream ended with an error."""
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    verdict: Verdict
    scope: Scope = Scope.OFFER
    reason: str
    limited_seconds: float | None = None


def judge(exchange: Exchange) -> Judgement:
    """Return what an exchange shows. Errors of our own request, key or network never count against the offer."""
    if exchange.failure is Failure.CONNECT:
        return Judgement(verdict=Verdict.NOTHING, scope=Scope.REACH, reason="unreachable")
    if exchange.failure is Failure.TIMEOUT or exchange.status is None:
        return Judgement(verdict=Verdict.SLOW, reason="timeout")
    if 200 <= exchange.status < 300:
        return _of_success(exchange)
    return _of_error(exchange.status, exchange)


def of_traffic(*, ok: int, failed: int) -> Verdict:
    """Return what the requests of five minutes show. Requests that were refused by a rate limit are in neither."""
    total = ok + failed
    if total >= LEAST_REQUESTS:
        return Verdict.UP if 100 * ok >= UP_PERCENT * total else Verdict.DOWN
    return Verdict.DOWN if not ok and failed >= LEAST_FAILURES else Verdict.NOTHING


def _of_success(exchange: Exchange) -> Judgement:
    if exchange.ended_in_error or exchange.finish_reason == "error":
        return Judgement(verdict=Verdict.DOWN, reason="error in the answer")
    if exchange.has_choice or exchange.tokens > 0:
        return Judgement(verdict=Verdict.UP, reason="answered")
    return Judgement(verdict=Verdict.NOTHING, reason="empty answer")


def _of_error(status: int, exchange: Exchange) -> Judgement:
    body = exchange.body
    if status in {401, 403}:
        return Judgement(verdict=Verdict.NOTHING, scope=Scope.KEY, reason=f"{status}")
    if status == 402:
        return Judgement(verdict=Verdict.NOTHING, scope=Scope.CREDIT, reason="402")
    if status in {425, 429}:
        wait = exchange.retry_after_seconds
        limited = None if wait is None else min(max(wait, 0.0), LONGEST_WAIT_SECONDS)
        return Judgement(verdict=Verdict.LIMITED, reason=f"{status}", limited_seconds=limited)
    if status == 400 and _OUTPUT_LIMIT.search(body) and _REACHED.search(body):
        return Judgement(verdict=Verdict.UP, reason="answered up to the limit")
    if status in {400, 404} and _UNKNOWN_MODEL.search(body):
        return Judgement(verdict=Verdict.MISSING, reason="not found")
    if status == 408:
        return Judgement(verdict=Verdict.SLOW, reason="408")
    if status == 503 and _LOADING.search(body):
        return Judgement(verdict=Verdict.COLD, reason="loading")
    if status >= 500:
        return Judgement(verdict=Verdict.DOWN, reason=f"{status}")
    return Judgement(verdict=Verdict.NOTHING, reason=f"{status}")
