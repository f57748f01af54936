"""What the events of a stream mean, read beside their bytes. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson

from catalog.pricing import money
from routing.wire.errors import failure_of_event
from routing.wire.sse import Event
from routing.wire.tokens import Tokens, read_tokens

_CONTENT = ("content", "reasoning", "reasoning_content", "reasoning_details", "refusal", "tool_calls", "function_call")
_MORE_CONTENT = ("audio", "images")
# Quotes within texts are escaped in JSON, so none of these is found in what a model wrote.
_SPECIAL = [(name, name + b":null", name + b": null") for name in (b'"usage"', b'"error"', b'"finish_reason"')]
_TEXT = re.compile(rb'"(?:content|reasoning|reasoning_content|arguments)"\s*:\s*"((?:[^"\\]|\\.)*)"')
_FINISH = re.compile(rb'"finish_reason"\s*:\s*"([^"\\]{1,40})"')


@dataclass(slots=True)
class Seen:
    """What a stream has shown so far."""

    tokens: Tokens | None = None
    finish_reason: str = ""
    is_done: bool = False
    error: bytes = b""
    """The last event that is an error, if one came."""
    characters: int = 0
    """How many bytes of text came, for an estimate."""

    @property
    def is_whole(self) -> bool:
        """Whether the stream has an end."""
        return (self.is_done or bool(self.finish_reason)) and not self.error


def is_special(data: bytes) -> bool:
    """Whether these events have more than content. False is certain."""
    if b"[DONE]" in data:
        return True
    # Many gateways name them in every event, as null.
    return any(
        (count := data.count(name)) and count != data.count(null) + data.count(spaced)
        for name, null, spaced in _SPECIAL
    )


def characters_of(data: bytes) -> int:
    """Return how many bytes of text these events have, as they are written in JSON."""
    return sum(len(text) for text in _TEXT.findall(data))


class Alike:
    """Recognizes events that differ in their text alone from one that was read before: most events of a stream do."""

    __slots__ = ("_after", "_before")

    def __init__(self) -> None:
        self._before = self._after = b""

    def characters(self, data: bytes) -> int | None:
        """Return how many bytes of text an event has that is alike; None if these bytes are not one."""
        before, after = self._before, self._after
        if not after or not data.startswith(before) or not data.endswith(after):
            return None
        text = data[len(before) : -len(after)]
        # Without these the text ends where that of the other event did, and so does the event.
        if b'"' in text or b"\\" in text or b"\n" in text or b"\r" in text or len(data) < len(before) + len(after):
            return None
        return len(text)

    def learn(self, data: bytes) -> None:
        """Take these bytes, which have nothing but content, for an example if they are one event with one text."""
        texts = list(_TEXT.finditer(data))
        if len(texts) == 1 and data.find(b"\n\n") == len(data) - 2:
            self._before, self._after = data[: texts[0].start(1)], data[texts[0].end(1) :]


def parsed(event: Event) -> Mapping[str, Any] | None:
    """Return the object of an event; None if it has none, or one that cannot be read."""
    if event.data is None:
        return None
    try:
        found = orjson.loads(event.data)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def has_content(chunk: Mapping[str, Any]) -> bool:
    """Whether a chunk has content, or the end of an answer without any. A role alone is none."""
    for choice in _choices(chunk):
        delta = choice.get("delta")
        if isinstance(delta, dict) and any(delta.get(name) for name in (*_CONTENT, *_MORE_CONTENT)):
            return True
        if choice.get("text") or choice.get("finish_reason"):
            return True
    return False


def note(event: Event, seen: Seen) -> None:
    """Read one event with more than content."""
    data = event.data
    if data is None:
        return
    if event.is_done:
        seen.is_done = True
        return
    if (finish := _FINISH.search(data)) is not None:
        seen.finish_reason = finish[1].decode("ascii", "replace")
    if b'"usage"' not in data and b'"error"' not in data:
        return
    chunk = parsed(event)
    if chunk is None:
        return
    if failure_of_event(data) is not None:
        seen.error = data
    if isinstance(usage := chunk.get("usage"), dict) and (tokens := read_tokens(usage)) is not None:
        seen.tokens = tokens  # counts are of the whole answer so far, so the last one is right


def is_usage_alone(event: Event) -> bool:
    """Whether an event is the chunk that a stream has because its usage was asked for."""
    chunk = parsed(event)
    return chunk is not None and isinstance(chunk.get("usage"), dict) and not _choices(chunk)


def with_cost(event: Event, cost: Decimal) -> bytes:
    """Return the bytes of an event with `cost` in its `usage`, unless it has one. All other bytes stay.

    The cost is a number, as OpenRouter's is, and written with all its digits.
    """
    chunk = parsed(event)
    usage = chunk.get("usage") if chunk is not None else None
    if not isinstance(usage, dict) or "cost" in usage:
        return event.raw
    end = _end_of_usage(event.raw)
    if end is None:
        return event.raw
    added = b'%b"cost":%b' % (b"," if usage else b"", money.plain(cost).encode())
    return event.raw[:end] + added + event.raw[end:]


def _choices(chunk: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    choices = chunk.get("choices")
    return [each for each in choices if isinstance(each, dict)] if isinstance(choices, list) else []


_USAGE = re.compile(rb'"usage"\s*:\s*\{')
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}]')


def _end_of_usage(raw: bytes) -> int | None:
    """Return the position of the brace that closes the usage object; None if the event has another form."""
    begins = [*_USAGE.finditer(raw)]
    if len(begins) != 1:
        return None
    depth = 1
    for token in _TOKEN.finditer(raw, begins[0].end()):
        depth += {b"{": 1, b"}": -1}.get(token[0], 0)
        if depth == 0:
            return token.start()
    return None
