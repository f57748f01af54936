"""A finished answer, for every part of the program that makes or sends one. Knows no web framework."""

from __future__ import annotations

from dataclasses import dataclass

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Headers
    """`Content-Type` and everything else that depends on the answer; the door adds what all answers have."""
    body: bytes
