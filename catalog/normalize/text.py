"""Text from outside: it is refused if a database, a page or a terminal could not carry it."""

from __future__ import annotations

import re

MAX_ID = 300
MAX_NAME = 500
MAX_TAG = 60
MAX_ADDRESS = 500
MAX_WORD = 200
MAX_PROSE = 20_000

# PostgreSQL refuses NUL outright; the other control characters can forge log lines and terminal output.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def line(value: object, *, longest: int) -> str:
    """Return one line of text, stripped. Raises ValueError with a reason that names the problem."""
    text = _checked(value, longest=longest).strip()
    if not text:
        raise ValueError("must not be empty")
    if not text.isprintable() and len(text.splitlines()) > 1:
        raise ValueError("must be a single line")
    return text


def shortened(value: str, *, longest: int = 40) -> str:
    """The text as reasons quote it."""
    return value if len(value) <= longest else f"{value[:longest]}…"


def word(value: object) -> str | None:
    """Return a short optional text; gateways write "" as well as null if it is missing. Raises ValueError."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return line(value, longest=MAX_WORD)


def prose(value: object) -> str | None:
    """Return a description of any number of lines. Raises ValueError only if it is not text.

    A description is only an ornament and never rejects an offer. Characters that cannot be stored or shown become
    spaces, and overlong text is cut.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {type(value).__name__}")
    text = _SURROGATE.sub(" ", _CONTROL.sub(" ", value)).strip()
    if len(text) > MAX_PROSE:
        text = f"{text[: MAX_PROSE - 3].rstrip()}..."
    return text or None


def is_abridged(text: str, *, of: str) -> bool:
    """Whether the text is the other one cut short and ended with dots. It is then the same description, not a
    change."""
    shorter, longer = " ".join(text.split()), " ".join(of.split())
    stem = shorter.removesuffix("...").rstrip()
    return shorter.endswith("...") and bool(stem) and len(shorter) < len(longer) and longer.startswith(stem)


def _checked(value: object, *, longest: int) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {type(value).__name__}")
    if len(value) > longest:
        raise ValueError(f"has {len(value)} characters; at most {longest} are allowed")
    # Nearly all text is printable, which is a fast check; only the rest is searched.
    if not value.isprintable() and (found := _CONTROL.search(value) or _SURROGATE.search(value)):
        raise ValueError(f"contains the character U+{ord(found[0]):04X}")
    return value


def is_storable(value: str) -> bool:
    """Whether PostgreSQL can store the text and UTF-8 can encode it."""
    return "\x00" not in value and not _SURROGATE.search(value)


def printable(value: str, *, longest: int) -> str:
    """Return a text of unknown content, such as an error message, in a form that a database, a log and a terminal can
    carry."""
    clean = "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in value)
    return clean if len(clean) <= longest else f"{clean[: longest - 1]}…"


def web_address(value: str | None) -> str | None:
    """Return the address if a page may link to it, else None: other schemes can run a script in the page."""
    if value is None or len(value) > MAX_ADDRESS or any(char.isspace() for char in value):
        return None
    return value if value.startswith(("https://", "http://")) else None
