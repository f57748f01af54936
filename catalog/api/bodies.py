"""JSON bodies of requests: parsed exactly, and validated by a pydantic model. Errors name each invalid field."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Sequence
from decimal import Decimal, DecimalException
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from catalog.parameters.filterset import MOST_PROBLEMS, InvalidParameters, ParameterProblem, UnknownName
from catalog.parameters.suggestions import did_you_mean

Json = Any
_Body = TypeVar("_Body", bound="Body")

LARGEST_BYTES = 64 * 1024
MEDIA_TYPE = "application/json"


class Body(BaseModel):
    """Rejects unknown keys, and does not convert text to numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Unmeasured(APIException):
    status_code = 411
    default_detail = "The body must have a Content-Length; chunks are not accepted."


class TooLarge(APIException):
    status_code = 413
    default_detail = f"The body must have at most {LARGEST_BYTES} bytes."


class NotJson(APIException):
    status_code = 415
    default_detail = f"The body must be {MEDIA_TYPE}, in UTF-8."


REFUSALS = (Unmeasured, TooLarge, NotJson)


def read(request: Request, shape: type[_Body]) -> _Body:
    """Read the body. Raise REFUSALS, or InvalidParameters, which names each problem by its place: `workload.images`."""
    body = raw(request)
    try:
        return shape.model_validate(_parsed(body))
    except ValidationError as error:
        found = error.errors(include_url=False)
        problems = [_problem(each, shape) for each in found[:MOST_PROBLEMS]]
        raise InvalidParameters(problems, unlisted=len(found) - len(problems)) from None


def raw(request: Request) -> bytes:
    """Return the bytes of the body, maybe none. Raise REFUSALS."""
    length = length_of(request)
    if length > LARGEST_BYTES:
        raise TooLarge
    if length and not _is_json(request.META.get("CONTENT_TYPE", "")):
        raise NotJson
    return request.body if length else b""


def length_of(request: Request) -> int:
    """Return 0 if there is no body. Raise Unmeasured for a body in chunks, because nothing of it would be read."""
    if request.META.get("HTTP_TRANSFER_ENCODING"):
        raise Unmeasured
    length = str(request.META.get("CONTENT_LENGTH") or "")
    return int(length) if re.fullmatch(r"[0-9]{1,18}", length, re.ASCII) else 0


def _is_json(content_type: str) -> bool:
    media_type, _, parameters = content_type.lower().partition(";")
    return media_type.strip() == MEDIA_TYPE and parameters.replace('"', "").strip() in {"", "charset=utf-8"}


def _parsed(body: bytes) -> Json:
    """Parse numbers as int and Decimal, never through a float."""
    try:
        if not body.strip():
            raise ValueError("must not be empty")
        return json.loads(
            body.decode(),
            parse_int=_whole,
            parse_float=_exact,
            parse_constant=_refuse_constant,
            object_pairs_hook=without_repetition,
        )
    except RecursionError:
        reason = "is nested too deeply"
    except UnicodeDecodeError:
        reason = "must be UTF-8 text"
    except json.JSONDecodeError as error:
        reason = f"must be JSON: {error.msg} at character {error.pos}"
    except ValueError as error:
        reason = str(error)
    raise InvalidParameters([ParameterProblem.shown("body", "", reason)])


def _whole(text: str) -> int | Decimal:
    # Python refuses to convert thousands of digits.
    return int(text) if len(text) <= 40 else _exact(text)


def _exact(text: str) -> Decimal:
    try:
        return Decimal(text)
    except DecimalException:
        raise ValueError(f"has a number that is too large or too small: {text[:40]}") from None


def _refuse_constant(name: str) -> Json:
    raise ValueError(f"must be JSON, which has no {name}")


def without_repetition(pairs: Sequence[tuple[str, Json]]) -> dict[str, Json]:
    """Return the object of these pairs. Raise ValueError if a name occurs twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        repeated = next(name for name, count in counts.items() if count > 1)
        raise ValueError(f"has the key {repeated!r} twice in one object")
    return found


def _problem(error: ErrorDetails, shape: type[BaseModel]) -> ParameterProblem:
    place = ".".join(map(str, error["loc"])) or "body"
    if error["type"] == "missing":
        return ParameterProblem.shown(place, "", "is required")
    if error["type"] == "extra_forbidden":
        suggestion = did_you_mean(str(error["loc"][-1]), _keys_at(shape, error["loc"][:-1]))
        return UnknownName.shown(place, "", f"unknown key{suggestion}")
    if error["type"] in {"dict_type", "model_type"}:
        return ParameterProblem.shown(place, str(error["input"])[:200], "must be an object")
    reason = re.sub(r"^[A-Z][a-z]+ should ", "must ", error["msg"].removeprefix("Value error, "))
    return ParameterProblem.shown(place, str(error["input"])[:200], reason[:1].lower() + reason[1:])


def _keys_at(shape: type[BaseModel], place: Sequence[int | str]) -> Collection[str]:
    """Return the keys that are allowed in the object at this place of the body."""
    for part in place:
        found = shape.model_fields[str(part)].annotation
        if not isinstance(found, type) or not issubclass(found, BaseModel):
            return ()
        shape = found
    return list(shape.model_fields)
