"""A finished answer, for every part of the program that makes or sends one. Knows no web framework."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Headers
    """`Content-Type` and everything else that depends on the answer; the door adds what all answers have."""
    body: bytes = b""
    parts: Iterable[bytes] | None = None
    """The body of an answer that may be large, instead of `body`: small parts, which are made while they are read.

    They can be read once. Whoever reads them in a thread leaves the interpreter to other threads in between."""

    def whole(self) -> bytes:
        """Return the body as one piece. Answers with parts can be asked once."""
        return self.body if self.parts is None else b"".join(self.parts)
