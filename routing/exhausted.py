"""What the client gets if no candidate has an answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from front.counts import Source
from front.replies import Reply
from routing import refusals
from routing.attempts import Attempt, Failed
from routing.money import budgets
from routing.wire.errors import Failure

_NO_MORE = [("x-should-retry", "false")]
"""SDKs of OpenAI then send the request no second time: all that can be tried was tried."""
FULL_SECONDS = 1.0

# The first of these among the failures decides what the client reads: what passes by itself comes first.
_STATUSES: dict[Failure, tuple[int, str, str]] = {
    Failure.AMBIGUOUS: (502, "ambiguous_failure", "The request was sent, and its outcome is not known."),
    Failure.LIMITED: (429, "rate_limited", "The gateways accept no more requests at this moment."),
    Failure.OVERLOADED: (503, "overloaded", "The gateways are overloaded."),
    Failure.SILENT: (504, "timeout", "The gateways did not answer in time."),
    Failure.BROKEN: (502, "bad_answer", "The gateways failed."),
    Failure.UNREACHABLE: (502, "unreachable", "The gateways cannot be reached."),
    Failure.CREDENTIAL: (502, "upstream_credentials", "The gateways refuse the keys of this service."),
    Failure.MODEL_ABSENT: (404, "model_not_found", "The gateways do not have this model at this moment."),
}


def exhausted(
    attempts: Sequence[Attempt], failures: Sequence[Failed], *, rests: Sequence[float], now: float, is_full: bool
) -> Reply:
    """Return the error after all attempts. `rests`: when offers that were left out may be asked again; monotonic."""
    waits = [until - now for until in rests] + [each.retry_after for each in failures if each.retry_after is not None]
    if not attempts:
        return _none_asked(waits, is_full=is_full)
    failure = next(each for each in _STATUSES if any(failed.failure is each for failed in failures))
    status, code, message = _STATUSES[failure]
    tried = [
        {"offer": attempt.offer, "failure": failed.failure.value, "status": failed.status}
        for attempt, failed in zip(attempts, failures, strict=True)
    ]
    listed = "; ".join(f"{each['offer']}: {each['failure']}" for each in tried)
    return refusals.error(
        status,
        f"{message} Tried: {listed}.",
        type=refusals.RATE_LIMIT if failure is Failure.LIMITED else refusals.SERVER,
        code=code,
        headers=[*_NO_MORE, ("Gatewayz-Attempts", str(len(attempts)))],
        retry_after=min(waits, default=None) if status in {429, 503} else None,
        attempts=tried,
    )


def is_unknown(reply: Reply) -> bool:
    """Whether an error of `exhausted` leaves open what the gateway has done."""
    return isinstance(reply.body, bytes) and b'"code":"ambiguous_failure"' in reply.body


def _none_asked(waits: Sequence[float], *, is_full: bool) -> Reply:
    why = "have all the work that they may have at once" if is_full else "rest after failures, or because they asked to"
    return refusals.error(
        503,
        f"No gateway was asked: the offers that can run this request {why}.",
        type=refusals.SERVER,
        code="no_slot" if is_full else "all_resting",
        retry_after=FULL_SECONDS if is_full else min(waits, default=FULL_SECONDS),
    )


def as_client_error(attempt: Attempt, failed: Failed) -> Reply:
    """Return the gateway's own error about a request that is wrong, in OpenAI's form."""
    body = attempt.parts.credentials.redacted(failed.body)
    status = failed.status if failed.status is not None and 400 <= failed.status < 500 else 400
    described = [("Gatewayz-Offer", attempt.offer.encode("ascii", "backslashreplace").decode())]
    described += [("Gatewayz-Attempts", str(attempt.number)), ("Gatewayz-Cost", "0")]
    found = _object(body)
    stated = found.get("error")
    if isinstance(stated, dict) and isinstance(stated.get("message"), str):
        headers = [("Content-Type", refusals.JSON), ("Cache-Control", "no-store"), *described]
        return Reply(status, headers, body, Source.INFERENCE)
    return refusals.error(
        status, _message(found) or "The gateway refused the request.", code="refused", headers=described
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _message(found: dict[str, Any]) -> str:
    """Return the message of an error in another form than OpenAI's: FastAPI's `detail`, or `message`."""
    for name in ("detail", "message", "error"):
        value = found.get(name)
        if isinstance(value, str):
            return value
        if isinstance(value, dict) and isinstance(value.get("message"), str):
            return str(value["message"])
        if isinstance(value, list) and value:
            return orjson.dumps(value).decode()[:2_000]
    return ""


def refused_budget(error: Exception, *, now: datetime) -> Reply:
    """Return the refusal of a request for which there is no money."""
    if isinstance(error, budgets.Exceeded):
        left = (error.resets_at - now).total_seconds() if error.resets_at is not None else None
        return refusals.error(
            402,
            str(error),
            type=refusals.QUOTA,
            code="budget_exceeded",
            headers=_NO_MORE,
            retry_after=left,
            limit_source=error.limit_source,
        )
    if isinstance(error, budgets.PriceUnknown):
        return refusals.error(402, str(error), type=refusals.QUOTA, code="price_unknown", headers=_NO_MORE)
    return refusals.error(503, str(error), type=refusals.SERVER, code="budget_unavailable", retry_after=1.0)
