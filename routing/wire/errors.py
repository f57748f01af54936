"""What can go wrong with an attempt, and what the client is told."""

from __future__ import annotations

from enum import StrEnum


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


def classify(status: int, body: bytes) -> Failure | None:
    """Return the failure that an answer before the first content means; None for a good one."""
    raise NotImplementedError


def envelope(
    message: str, *, status: int, type: str, code: str | None = None, param: str | None = None, **metadata: object
) -> bytes:
    """Return OpenAI's error object as JSON, with OpenRouter's `metadata`."""
    raise NotImplementedError
