"""An inference request as it was sent, and the body that a gateway gets in its place."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any

import orjson

from routing.wire import inputs
from routing.wire.json_members import members_of, spliced
from routing.wire.preferences import Preferences, read_preferences

Json = Any

LONGEST_MODEL = 300
MOST_MODELS = 20
MOST_CHOICES = 128
_MOST_TOKENS = 10**9
_CHARACTERS_PER_TOKEN = 4
OWN_MEMBERS = frozenset({"models", "provider"})
"""The members that only we read. OpenRouter would read them too, and choose once more."""
_MODEL = b'"model"'
_TEXT_AFTER_NAME = re.compile(rb'\s*:\s*("[^"\\]*")')
_BLANKS = b" \t\r\n"
_USAGE = b'{"include_usage":true}'


class Kind(StrEnum):
    CHAT = "chat/completions"
    EMBEDDINGS = "embeddings"


class BadRequest(Exception):
    """The request cannot be understood. The message names what is wrong."""

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message.encode("utf-8", "replace").decode())
        self.param = param
        """The member of the body that is wrong, as `provider.sort`."""


@dataclass(slots=True, kw_only=True, eq=False)  # not frozen: that takes three times as long for each request
class InferenceRequest:
    kind: Kind
    body: bytes
    """The body as the client sent it."""
    parsed: Mapping[str, Any]
    models: tuple[str, ...]
    """What the client asks for: `model`, then the rest of `models`, without repeats."""
    preferences: Preferences
    is_stream: bool
    wants_usage: bool
    """Whether the client asked for the usage of a stream."""
    most_output: int | None
    """The most tokens that may come out, as the client limits them, in all choices together."""
    most_input: int
    """No fewer tokens than go in: an upper estimate from the length of the body."""
    expected_input: int
    """The tokens that usually go in with a body of this length."""
    needs: frozenset[str]
    """What an offer must support: `tools`, `response_format`, `image` and so on, in the catalogue's words."""
    choices: int
    """How many answers the client asks for at once (`n`)."""


def read_request(body: bytes, kind: Kind, *, only: str | None = None, is_whole: bool = True) -> InferenceRequest:
    """Read a body. `only`: the one gateway that may run it unless `provider` names another. Raise BadRequest.

    A request that is not whole may lack messages or input: it is only asked where it would run.
    """
    parsed = _parsed(body)
    is_chat = kind is Kind.CHAT
    if is_whole:
        _check_content(parsed, "messages" if is_chat else "input")
    is_stream = is_chat and _switch(parsed, "stream")
    most_input = inputs.most_input(parsed, body)
    return InferenceRequest(
        kind=kind,
        body=body,
        parsed=parsed,
        models=_models(parsed),
        preferences=_preferences(parsed, only),
        is_stream=is_stream,
        wants_usage=is_stream and _wants_usage(parsed),
        most_output=_most_output(parsed) if is_chat else 0,
        most_input=most_input,
        expected_input=-(-most_input // _CHARACTERS_PER_TOKEN),
        needs=inputs.needs_of(parsed) if is_chat else frozenset(),
        choices=_choices(parsed),
    )


def body_for(request: InferenceRequest, model: str, *, asks_usage: bool) -> bytes:
    """Return the body for a gateway: the client's bytes but for `model`, the members that only we read, and, if
    `asks_usage`, the question for a stream's usage."""
    simple = _simple_body(request, model, asks_usage=asks_usage)
    return _spliced_body(request, model, asks_usage=asks_usage) if simple is None else simple


def _simple_body(request: InferenceRequest, model: str, *, asks_usage: bool) -> bytes | None:
    """Return the body if only the name of the model changes, and a member at the end; None for any other one.

    Most bodies are like that. This takes a tenth of the time, because their other members need not be found.
    """
    body, parsed = request.body, request.parsed
    if "model" not in parsed or "models" in parsed or "provider" in parsed:
        return None
    # If it is there once, and no letter of it is escaped anywhere, it is the name of the member of the body itself.
    name = body.find(_MODEL)
    is_once = name > 0 and body.find(_MODEL, name + 1) < 0
    if not is_once or b"\\u006" in body or body[name - 1] == ord("\\"):
        return None
    value = _TEXT_AFTER_NAME.match(body, name + len(_MODEL))
    if value is None:
        return None
    start, end = value.span(1)
    changed = body[:start] + orjson.dumps(model) + body[end:]
    if not asks_usage or not request.is_stream:
        return changed
    if "stream_options" in parsed:
        options = parsed["stream_options"]
        return changed if options is not None and options.get("include_usage") is True else None
    members = changed.rstrip(_BLANKS)[:-1].rstrip(_BLANKS)
    return b'%b,"stream_options":%b%b' % (members, _USAGE, changed[len(members) :])


def _spliced_body(request: InferenceRequest, model: str, *, asks_usage: bool) -> bytes:
    members = members_of(request.body)
    values = {"model": orjson.dumps(model)}
    if asks_usage and request.is_stream:
        options = request.parsed.get("stream_options")
        if options is None:
            values["stream_options"] = _USAGE
        elif options.get("include_usage") is not True:
            written = next(member for member in reversed(members) if member.name == "stream_options")
            stated = request.body[written.value_start : written.end]
            values["stream_options"] = spliced(stated, members_of(stated), values={"include_usage": b"true"})
    return spliced(request.body, members, without=OWN_MEMBERS, values=values)


def _parsed(body: bytes) -> Mapping[str, Json]:
    """Parse the body. Its bytes are what is sent, so numbers may lose digits here, and NaN is left to the gateway."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            parsed = json.loads(body.decode())
        except RecursionError:
            raise BadRequest("the body is nested too deeply") from None
        except UnicodeDecodeError:
            raise BadRequest("the body must be UTF-8 text") from None
        except json.JSONDecodeError as error:
            raise BadRequest(f"the body must be JSON: {error.msg} at character {error.pos}") from None
        except ValueError:  # a number of thousands of digits
            raise BadRequest("the body has a number that is too long") from None
    if not isinstance(parsed, dict):
        raise BadRequest("the body must be a JSON object")
    return parsed


def _check_content(parsed: Mapping[str, Json], name: str) -> None:
    content = parsed.get(name)
    if content is None:
        raise BadRequest(f"{name} is required", param=name)
    if name == "messages" and not isinstance(content, list):
        raise BadRequest("messages must be a list", param=name)
    if not content:
        raise BadRequest(f"{name} must not be empty", param=name)


def _models(parsed: Mapping[str, Json]) -> tuple[str, ...]:
    asked = [] if parsed.get("model") is None else [_model(parsed["model"], "model")]
    more = parsed.get("models")
    if more is not None and (not isinstance(more, list) or len(more) > MOST_MODELS):
        raise BadRequest(f"models must be a list of at most {MOST_MODELS} models", param="models")
    asked += [_model(name, "models") for name in more or ()]
    if not asked:
        raise BadRequest("model is required", param="model")
    return tuple(dict.fromkeys(asked))


def _model(name: Json, member: str) -> str:
    if not isinstance(name, str) or not name.strip():
        raise BadRequest(f"{member} must name a model, as text", param=member)
    if len(name) > LONGEST_MODEL or not name.isprintable():
        raise BadRequest(f"{member} must have at most {LONGEST_MODEL} visible characters", param=member)
    return name.strip()


def _preferences(parsed: Mapping[str, Json], only: str | None) -> Preferences:
    try:
        found = read_preferences(parsed.get("provider"))
    except ValueError as error:
        raise BadRequest(str(error), param=str(error).partition(" ")[0]) from None
    if only is None or found.only:
        return found
    return _only(found, only)


@lru_cache(maxsize=256)
def _only(found: Preferences, gateway: str) -> Preferences:
    return replace(found, only=tuple(dict.fromkeys((*found.order, gateway))))


def _choices(parsed: Mapping[str, Json]) -> int:
    n = parsed.get("n")
    return n if isinstance(n, int) and n > 0 else 1


def _switch(parsed: Mapping[str, Json], name: str) -> bool:
    value = parsed.get(name)
    if value is not None and not isinstance(value, bool):
        raise BadRequest(f"{name} must be true or false", param=name)
    return bool(value)


def _wants_usage(parsed: Mapping[str, Json]) -> bool:
    """Whether the client asked for usage, in OpenAI's way or in OpenRouter's older one."""
    options, older = parsed.get("stream_options"), parsed.get("usage")
    if options is not None and not isinstance(options, dict):
        raise BadRequest("stream_options must be an object", param="stream_options")
    is_asked = options is not None and options.get("include_usage") is True
    return is_asked or (isinstance(older, dict) and older.get("include") is True)


def _most_output(parsed: Mapping[str, Json]) -> int | None:
    choices = _whole_number(parsed, "n", most=MOST_CHOICES) or 1
    limits = [_whole_number(parsed, name, most=_MOST_TOKENS) for name in ("max_completion_tokens", "max_tokens")]
    stated = [limit for limit in limits if limit is not None]
    return max(stated) * choices if stated else None


def _whole_number(parsed: Mapping[str, Json], name: str, *, most: int) -> int | None:
    value = parsed.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise BadRequest(f"{name} must be a whole number between 1 and {most}", param=name)
    return value
