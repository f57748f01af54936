"""Content negotiation: whether a client accepts an answer, and in which encoding it gets it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

from front.response_cache import ENCODERS

_Result = TypeVar("_Result")

ALWAYS_ACCEPTED = frozenset({"application/atom+xml", "text/html", "image/svg+xml"})
"""Media types that are not negotiated: feed readers accept many formats and get the one that the address names."""
LONGEST_REMEMBERED = 300
"""The longest header, in characters, whose meaning is cached."""


def _remembered(function: Callable[..., _Result]) -> Callable[..., _Result]:
    """Cache the function's results for headers as clients send them, but not for long ones, which would fill it."""
    cached = lru_cache(maxsize=1_024)(function)

    @wraps(function)
    def remembering(header: str, *others: str) -> _Result:
        return cached(header, *others) if len(header) <= LONGEST_REMEMBERED else function(header, *others)

    return remembering


@_remembered
def accepts(accept: str, media_type: str) -> bool:
    """Whether Django would answer in this media type; Django itself refuses the others with 406."""
    accepted = {part.partition(";")[0].strip() for part in accept.split(",")}
    kind = media_type.partition("/")[0]
    return not accept or media_type in ALWAYS_ACCEPTED or not accepted.isdisjoint({"*/*", f"{kind}/*", media_type})


@_remembered
def negotiated(accept_encoding: str) -> str:
    """Return the encoding of the answer: of those with the highest quality the smallest. If none is acceptable, the
    plain bytes."""
    quality: dict[str, float] = {}
    for part in accept_encoding.lower().split(","):
        coding, _, parameters = part.partition(";")
        quality.setdefault(coding.strip().removeprefix("x-"), _quality(parameters))
    # An encoding without an entry has the quality of `*`, or else 0; only plain bytes are acceptable without an entry.
    others = quality.get("*", 0.0)
    acceptable = {coding: quality.get(coding, others) for coding in ENCODERS}
    if "identity" not in quality and "*" not in quality:
        acceptable["identity"] = 0.0001  # after every encoding that has an entry
    best = max(acceptable, key=lambda coding: acceptable[coding])  # the first of equals
    return best if acceptable[best] > 0 else "identity"


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    return float(value) if re.fullmatch(r"[01](\.[0-9]{0,3})?", value.strip()) else 0.0
