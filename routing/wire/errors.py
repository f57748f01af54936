"""What can go wrong with an attempt, and which error the client gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

import orjson

Json = Any


class Failure(StrEnum):
    """Decides what follows: another offer, a rest for this one, or the client's error."""

    CLIENT = "client"
    """The request is wrong (400, 413, 422): returned as it is, never sent again, never counted against an offer."""
    MODEL_ABSENT = "model_absent"
    CREDENTIAL = "credential"
    """Our own key (401, 402, 403): the next key, then the next gateway. The client never sees these."""
    LIMITED = "limited"
    OVERLOADED = "overloaded"
    BROKEN = "broken"
    """500, 502, 504, or an answer that is none: HTML, nothing, no choices."""
    UNREACHABLE = "unreachable"
    """Nothing was sent, so nothing is billed."""
    SILENT = "silent"
    """Sent, and no first content in time."""
    AMBIGUOUS = "ambiguous"
    """Sent, and the connection ended without an answer: it may be billed."""
    CUT = "cut"
    """Ended after the first content without an end."""
    CANCELLED = "cancelled"
    """The client left."""


_OF_STATUS: Mapping[int, Failure] = {
    401: Failure.CREDENTIAL,
    402: Failure.CREDENTIAL,
    403: Failure.CREDENTIAL,
    404: Failure.MODEL_ABSENT,
    405: Failure.BROKEN,  # the client chose neither method, address nor media type
    406: Failure.BROKEN,
    407: Failure.CREDENTIAL,
    408: Failure.OVERLOADED,
    409: Failure.OVERLOADED,
    410: Failure.MODEL_ABSENT,
    411: Failure.BROKEN,
    415: Failure.BROKEN,
    425: Failure.OVERLOADED,
    429: Failure.LIMITED,
    503: Failure.OVERLOADED,
    529: Failure.OVERLOADED,
}
"""The failure of each status with a meaning of its own. Others below 500 are the client's, all above are `broken`."""
_OF_WORD: Mapping[str, Failure] = {
    **dict.fromkeys(
        (
            "model_not_found",
            "model_deprecated",
            "no_endpoints",
            "free_variant_ended",
            "model_gated",
            "model_not_available",
        ),
        Failure.MODEL_ABSENT,
    ),
    **dict.fromkeys(
        (
            "authentication_error",
            "billing_error",
            "billing_hard_limit_reached",
            "insufficient_quota",
            "invalid_api_key",
            "payment_required",
            "permission_error",
        ),
        Failure.CREDENTIAL,
    ),
    **dict.fromkeys(("rate_limit_error", "rate_limit_exceeded", "too_many_requests"), Failure.LIMITED),
    **dict.fromkeys(
        (
            "capacity_exhausted",
            "engine_overloaded",
            "overloaded",
            "overloaded_error",
            "provider_overloaded",
            "provider_unavailable",
            "service_unavailable",
            "temporarily_unavailable",
        ),
        Failure.OVERLOADED,
    ),
    **dict.fromkeys(
        (
            "badrequesterror",
            "content_filter",
            "content_policy_violation",
            "context_length_exceeded",
            "moderation",
            "request_too_large",
            "string_above_max_length",
            "unsupported_parameter",
            "unsupported_value",
        ),
        Failure.CLIENT,
    ),
}
"""What the words of gateways mean, wherever an error has them: code, type, or OpenRouter's `error_type`."""
_NEUTRAL = frozenset({"invalid_request_error", "bad_request", "validation_error"})
"""The client's fault, unless a status or another word is more exact: some gateways use them for wrong keys too."""
_ABOUT_SUPPORT = ("support", "requested parameters")
"""Words of a 404 that is about what the client asks of the model, not about the model itself."""


def classify(status: int, body: bytes, answer: Json = None) -> Failure | None:
    """Return the failure that an answer before the first content means; None for a good one.

    `body` is the whole body of a unary answer, `answer` what it has, if that was parsed. Events of a stream are
    classified by `failure_of_event`.
    """
    if answer is None:
        answer = parsed_body(body)
    if 200 <= status < 300:
        return _of_success(answer)
    error = _error_of(answer)
    if status in {404, 410} and answer is None:
        return Failure.BROKEN  # a page of a proxy, which is not about the model
    return _of_error(status, error if error is not None else {})


def failure_of_event(data: bytes) -> Failure | None:
    """Return the failure that the data of one event of a stream means; None if it reports none.

    An event without choices is none: gateways send usage and the results of filters in such events.
    """
    if data == b"[DONE]" or (b'"error"' not in data and b'"detail"' not in data):
        return None
    answer = parsed_body(data)
    error = _error_of(answer)
    if error is not None:
        return _of_error(None, error)
    is_error = isinstance(answer, dict) and any(choice.get("finish_reason") == "error" for choice in _choices(answer))
    return Failure.BROKEN if is_error else None


def envelope(
    message: str, *, status: int, type: str, code: str | None = None, param: str | None = None, **metadata: object
) -> bytes:
    """Return OpenAI's error object as JSON, with OpenRouter's `metadata`. Without a `code` it is the status."""
    error: dict[str, object] = {
        "message": message,
        "type": type,
        "param": param,
        "code": status if code is None else code,
    }
    if metadata:
        error["metadata"] = metadata
    return orjson.dumps({"error": error}, default=str)


def _of_success(answer: Json) -> Failure | None:
    """Gateways also report errors with a status of success."""
    if not isinstance(answer, dict):
        return Failure.BROKEN
    if (error := _error_of(answer)) is not None:
        return _of_error(None, error)
    choices = _choices(answer)
    if any(choice.get("finish_reason") == "error" for choice in choices):
        return Failure.BROKEN
    data = answer.get("data")
    return None if choices or (isinstance(data, list) and data) else Failure.BROKEN


def _of_error(status: int | None, error: Mapping[str, Json]) -> Failure:
    """Return the failure of an error object. Its words are more exact than its status."""
    words = {word.casefold() for word in _words(error)}
    if status is None:
        status = _status_in(error)
    if status == 403 and _is_moderated(error):
        return Failure.CLIENT
    if status in {400, 403, 404} and _is_about_support(error):
        return Failure.CLIENT
    for word in sorted(words & _OF_WORD.keys()):
        return _OF_WORD[word]
    if status is None:
        return Failure.CLIENT if words & _NEUTRAL else Failure.BROKEN
    if status == 400 and _names_no_model(error):
        return Failure.MODEL_ABSENT
    if status in _OF_STATUS:
        return _OF_STATUS[status]
    return Failure.CLIENT if 400 <= status < 500 else Failure.BROKEN


def parsed_body(body: bytes) -> Json:
    """Return what the body has; None if it is no JSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _error_of(answer: Json) -> Mapping[str, Json] | None:
    """Return the error of an answer; None if it has none. vLLM's and FastAPI's errors have no `error`."""
    if not isinstance(answer, dict):
        return None
    error = answer.get("error")
    if isinstance(error, dict):
        return error
    if isinstance(error, str) and error:
        return {**answer, "message": error}
    if answer.get("object") == "error":
        return answer
    if "detail" in answer and "choices" not in answer and "data" not in answer:
        return {"message": str(answer["detail"])}
    if error is not None and error is not False:
        return {"message": str(error)}
    return None


def _choices(answer: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    choices = answer.get("choices")
    return [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []


def _words(error: Mapping[str, Json]) -> Iterator[str]:
    metadata = error.get("metadata")
    inner = metadata if isinstance(metadata, dict) else {}
    for value in (error.get("code"), error.get("type"), error.get("error_type"), inner.get("error_type")):
        if isinstance(value, str):
            yield value


def _status_in(error: Mapping[str, Json]) -> int | None:
    for value in (error.get("code"), error.get("status"), error.get("status_code")):
        if isinstance(value, int) and not isinstance(value, bool) and 400 <= value < 600:
            return value
        if isinstance(value, str) and value.isascii() and value.isdigit() and 400 <= int(value[:4]) < 600:
            return int(value)
    return None


def _message(error: Mapping[str, Json]) -> str:
    return str(error.get("message") or "").casefold()


def _is_moderated(error: Mapping[str, Json]) -> bool:
    """Whether a 403 of OpenRouter is about what the client wrote."""
    metadata = error.get("metadata")
    return isinstance(metadata, dict) and ("reasons" in metadata or "flagged_input" in metadata)


def _is_about_support(error: Mapping[str, Json]) -> bool:
    return "endpoints" in _message(error) and any(words in _message(error) for words in _ABOUT_SUPPORT)


def _names_no_model(error: Mapping[str, Json]) -> bool:
    message = _message(error)
    return "model" in message and any(
        words in message
        for words in ("not a valid model", "does not exist", "not found", "no such model", "unknown model")
    )
