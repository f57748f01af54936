"""Finds the members of a JSON object in its bytes, so that some can be changed while all others keep their spelling.

The bytes must be an object that a JSON parser accepted: nothing is validated here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_KEY = re.compile(rb"\s*(" + _STRING + rb")\s*:\s*", re.DOTALL)
_SCALAR = re.compile(_STRING + rb"|[^\s,\]}]+", re.DOTALL)
_TO_BRACKET = re.compile(rb'[^"\[\]{}]*+(?:' + _STRING + rb'[^"\[\]{}]*+)*+[\[\]{}]', re.DOTALL)
_BLANK = re.compile(rb"\s*")
_OPENING = b"[{"


@dataclass(frozen=True, slots=True)
class Member:
    name: str
    start: int
    """Where its name begins, at the quotation mark."""
    value_start: int
    end: int
    """Where its value ends."""


def members_of(body: bytes, start: int = 0) -> list[Member]:
    """Return the members of the object that begins at `start`, in their order, repeated names too."""
    found: list[Member] = []
    position = _after_blanks(body, start) + 1
    while (key := _KEY.match(body, position)) is not None:
        end = _end_of_value(body, key.end())
        found.append(Member(_text(key[1]), key.start(1), key.end(), end))
        position = _after_blanks(body, end) + 1  # a comma follows, or the end of the object
    return found


def spliced(
    body: bytes,
    members: Sequence[Member],
    *,
    without: Collection[str] = (),
    values: Mapping[str, bytes],
) -> bytes:
    """Return the body without some members and with the values of others replaced; every other byte stays.

    `values` are JSON, by name. A name that the body does not have is added at the end.
    """
    opening = members[0].start if members else _after_blanks(body, 0) + 1
    closing = members[-1].end if members else opening
    kept = [number for number, member in enumerate(members) if member.name not in without]
    pieces = [body[:opening]]
    for place, number in enumerate(kept):
        member = members[number]
        if place:
            pieces.append(body[members[number - 1].end : member.start])
        pieces.append(body[member.start : member.value_start])
        pieces.append(values.get(member.name, body[member.value_start : member.end]))
    added = [name for name in values if all(members[number].name != name for number in kept)]
    for place, name in enumerate(added):
        pieces.append((b"," if kept or place else b"") + json.dumps(name).encode() + b":" + values[name])
    pieces.append(body[closing:])
    return b"".join(pieces)


def _end_of_value(body: bytes, start: int) -> int:
    if body[start] not in _OPENING:
        scalar = _SCALAR.match(body, start)
        return scalar.end() if scalar is not None else start
    depth, end = 0, start
    while (part := _TO_BRACKET.match(body, end)) is not None:
        end = part.end()
        depth += 1 if body[end - 1] in _OPENING else -1
        if depth == 0:
            return end
    return len(body)


def _after_blanks(body: bytes, position: int) -> int:
    blank = _BLANK.match(body, position)
    return blank.end() if blank is not None else position


def _text(quoted: bytes) -> str:
    if b"\\" not in quoted:
        return quoted[1:-1].decode()
    text: str = json.loads(quoted)
    return text
