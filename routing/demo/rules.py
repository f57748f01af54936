"""What the gateways of the demo answer: by rules, without a model. Pure.

With tools they call the one that `tool_choice` names, else the first one that the text mentions, else the first. With a
`response_format` they answer JSON that follows its schema, or that has the keys that the text quotes. Everything else
they repeat. Arguments and values come from the text: the numbers and the quoted words, in their order.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = Any

DIMENSIONS = 8
_QUOTED = re.compile(r"(?<!\w)'([^']+)'(?!\w)|\"([^\"]+)\"|“([^”]+)”|`([^`]+)`")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_PIECE = re.compile(r"\s*\S+|\s+")
_DEEPEST = 16
"""Schemas may contain themselves."""


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: str
    """JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    pieces: Sequence[str]
    """The text, one token each."""
    call: Call | None
    finish_reason: str
    prompt_tokens: int

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def usage(self) -> Json:
        written = self.pieces if self.call is None else pieces(self.call.arguments)
        return usage(self.prompt_tokens, len(written))


def answer(request: Mapping[str, Json]) -> Answer:
    """Return the answer to a chat request."""
    messages = request.get("messages") or []
    read = sum(len(pieces(text_of(message))) for message in messages)
    if (tool := _wanted_tool(request, messages)) is not None:
        made = Maker(_asked(messages)).value(tool.get("parameters") or {"type": "object"})
        call = Call(tool["name"], json.dumps(made, ensure_ascii=False))
        return Answer(pieces=(), call=call, finish_reason="tool_calls", prompt_tokens=read)
    written, finish_reason = _limited(_text(request, messages), request)
    return Answer(pieces=written, call=None, finish_reason=finish_reason, prompt_tokens=read)


def embeddings(request: Mapping[str, Json]) -> Json:
    """Return the answer to a request for embeddings: equal texts have equal vectors."""
    given = request.get("input", "")
    texts = [str(each) for each in (given if isinstance(given, list) else [given])]
    vectors = [_vector(text, request.get("dimensions") or DIMENSIONS) for text in texts]
    is_packed = request.get("encoding_format") == "base64"
    counted = sum(len(pieces(text)) for text in texts)
    return {
        "object": "list",
        "model": request.get("model"),
        "data": [
            {"object": "embedding", "index": number, "embedding": _packed(vector) if is_packed else vector}
            for number, vector in enumerate(vectors)
        ],
        "usage": {"prompt_tokens": counted, "total_tokens": counted},
    }


def pieces(text: str) -> list[str]:
    """Return the tokens of a text: its words, each with the blanks before it."""
    return _PIECE.findall(text)


def usage(prompt: int, completion: int) -> Json:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def text_of(message: Mapping[str, Json]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content if isinstance(part, dict))


# --- texts -----------------------------------------------------------------------------------------------------------
def _asked(messages: Sequence[Mapping[str, Json]]) -> str:
    """Return the last text of the user."""
    return next((text_of(each) for each in reversed(messages) if each.get("role") == "user"), "")


def _text(request: Mapping[str, Json], messages: Sequence[Mapping[str, Json]]) -> str:
    wanted = request.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        made = Maker(_asked(messages)).value(wanted["json_schema"].get("schema") or {})
        return json.dumps(made, ensure_ascii=False)
    if wanted.get("type") == "json_object":
        keys = _quoted(" ".join(map(text_of, messages))) or ["answer"]
        return json.dumps({key: f"the {key}" for key in keys}, ensure_ascii=False)
    if messages and messages[-1].get("role") == "tool":
        return f"The tool answered: {text_of(messages[-1])}"
    return f"You wrote: {_asked(messages)} (This is a gateway of the demo: it repeats what it gets.)"


def _limited(text: str, request: Mapping[str, Json]) -> tuple[list[str], str]:
    """Return the tokens up to the first stop sequence, and to the most tokens, with the reason of the end."""
    stops = request.get("stop") or []
    for stop in [stops] if isinstance(stops, str) else stops:
        text = text.partition(stop)[0]
    written = pieces(text)
    most = request.get("max_completion_tokens") or request.get("max_tokens")
    if most and len(written) > most:
        return written[:most], "length"
    return written, "stop"


def _quoted(text: str) -> list[str]:
    return ["".join(found) for found in _QUOTED.findall(text)]


# --- tools -----------------------------------------------------------------------------------------------------------
def _wanted_tool(request: Mapping[str, Json], messages: Sequence[Mapping[str, Json]]) -> Json | None:
    """Return the function to call; None without one. An answer of a tool is followed by a text."""
    functions = [each["function"] for each in request.get("tools") or [] if "function" in each]
    choice = request.get("tool_choice", "auto")
    if isinstance(choice, dict):
        name = choice.get("function", {}).get("name")
        return next((each for each in functions if each["name"] == name), None)
    if choice == "none" or (choice == "auto" and messages and messages[-1].get("role") == "tool"):
        return None
    said = _asked(messages)
    return next((each for each in functions if each["name"] in said), next(iter(functions), None))


class Maker:
    """Makes values that follow a schema."""

    def __init__(self, text: str) -> None:
        """`text` is where numbers and quoted words are taken from."""
        self._text = text
        self._words: Iterator[str] = iter(_quoted(text))
        self._numbers: Iterator[str] = iter(_NUMBER.findall(text))

    def value(self, schema: Json) -> Json:
        return self._value(schema, root=schema, depth=0)

    def _value(self, schema: Json, *, root: Json, depth: int) -> Json:
        if depth > _DEEPEST or not isinstance(schema, dict):
            return None
        if "$ref" in schema:
            return self._value(_found(root, schema["$ref"]), root=root, depth=depth + 1)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return next((each for each in schema["enum"] if str(each) in self._text), schema["enum"][0])
        for several in ("anyOf", "oneOf", "allOf"):
            if schema.get(several):
                return self._value(schema[several][0], root=root, depth=depth + 1)
        return self._typed(schema, root=root, depth=depth)

    def _typed(self, schema: Json, *, root: Json, depth: int) -> Json:
        kind = schema.get("type", "object" if "properties" in schema else "string")
        match kind[0] if isinstance(kind, list) else kind:
            case "object":
                properties = schema.get("properties") or {}
                names = schema.get("required", [name for name in properties if "default" not in properties[name]])
                return {name: self._value(properties.get(name), root=root, depth=depth + 1) for name in names}
            case "array":
                return [self._value(schema.get("items") or {}, root=root, depth=depth + 1)]
            case "integer":
                return int(float(next(self._numbers, schema.get("minimum", 1))))
            case "number":
                return float(next(self._numbers, schema.get("minimum", 1)))
            case "boolean":
                return True
            case "null":
                return None
        return next(self._words, self._text.strip()[:200])


def _found(root: Json, reference: str) -> Json:
    for part in reference.removeprefix("#").strip("/").split("/"):
        root = root.get(part.replace("~1", "/").replace("~0", "~"), {}) if part else root
    return root


# --- embeddings ------------------------------------------------------------------------------------------------------
def _vector(text: str, dimensions: int) -> list[float]:
    """Return a vector of length 1 whose numbers 32 bits can hold."""
    raw = [each - 127.5 for each in hashlib.shake_256(text.encode()).digest(dimensions)]
    length = sum(each * each for each in raw) ** 0.5
    return list(struct.unpack(f"<{dimensions}f", struct.pack(f"<{dimensions}f", *(each / length for each in raw))))


def _packed(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
