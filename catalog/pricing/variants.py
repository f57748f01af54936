"""The word that OpenRouter puts behind the colon of an id: `author/slug:batch` is a variant of `author/slug`.

OpenRouter adds such words over time. The meaning of a word decides whether a variant's prices are the model's own: a
`:batch` row costs half as much, for responses within a day. So prices of a variant whose word is unknown are shown, and
never used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from catalog.pricing import billing

_STANDARD = {
    "free": "is a free tier with limits",
    "thinking": "reasons before it answers",
    "extended": "takes longer prompts",
    "exacto": "is routed to the hosts that call tools best",
    "nitro": "is routed to the fastest host",
    "floor": "is routed to the cheapest host",
    "online": "searches the web before it answers",
}
_MODES = {mode: f"is answered in the mode {mode}" for mode in billing.EXECUTION_MODES if mode != billing.STANDARD}

MEANINGS: Mapping[str, str] = _STANDARD | _MODES
"""What a request to `…:word` gets, by word, as a verb and its object."""

_APART = frozenset({"free", *_MODES})
"""Variants that are sold on other terms than the model itself."""

LONGEST_WORD = 40
_WITH_WORD = re.compile(rf"(.*[^/:]):([^/:\s]{{1,{LONGEST_WORD}}})", re.DOTALL)


def split(model_id: str) -> tuple[str, str] | None:
    """Split an id: `acme/big:Batch` → `acme/big` and `batch`. Return None if no word is behind the last colon."""
    found = _WITH_WORD.fullmatch(model_id)
    return (found[1], found[2].casefold()) if found else None


def execution_mode(model_id: str) -> str | None:
    """Return the mode in which an OpenRouter id is sold, or None for a variant whose word is unknown."""
    found = split(model_id)
    if found is None:
        return billing.STANDARD
    base, word = found
    inner = execution_mode(base)
    if word in _MODES:
        return word if inner == billing.STANDARD else None
    return inner if word in _STANDARD else None


def is_comparable(variant: str, *, execution_mode: str | None) -> bool:
    """Return whether the prices of an offer are comparable with those of the other offers of its model.

    `variant` is the stored name of its variant, words joined by hyphens (`fp8-tee`), or "". `execution_mode` is the one
    of its record; None, for an unknown word, means that nothing is known about its terms.
    """
    return execution_mode == billing.STANDARD and _APART.isdisjoint(variant.split("-"))
