"""Text from outside: refused where a database, a page or a terminal could not carry it."""

from __future__ import annotations

import re

MAX_ID = 300
MAX_NAME = 500
MAX_TAG = 60

# Control characters: PostgreSQL refuses NUL outright, the rest can forge log lines and terminal output.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def line(value: object, *, longest: int) -> str:
    """One line of text, stripped. Raises ValueError with a reason that names what is wrong."""
    text = _checked(value, longest=longest).strip()
    if not text:
        raise ValueError("must not be empty")
    if len(text.splitlines()) > 1:
        raise ValueError("must be a single line")
    return text


def _checked(value: object, *, longest: int) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {type(value).__name__}")
    if len(value) > longest:
        raise ValueError(f"has {len(value)} characters; at most {longest} are allowed")
    if found := _CONTROL.search(value) or _SURROGATE.search(value):
        raise ValueError(f"contains the character U+{ord(found[0]):04X}")
    return value


def is_storable(value: str) -> bool:
    """Whether PostgreSQL can store the text and UTF-8 can carry it."""
    return "\x00" not in value and not _SURROGATE.search(value)


def printable(value: str, *, longest: int) -> str:
    """Words that may hold anything, such as an error's, as a database, a log and a terminal can carry them."""
    clean = "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in value)
    return clean if len(clean) <= longest else f"{clean[: longest - 1]}…"
