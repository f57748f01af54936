"""Suggests the known word that a client may have meant by an unknown one."""

from __future__ import annotations

from collections.abc import Iterable

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

_LEAST = 72.0
"""The similarity from which a name is suggested."""
_WORD = 0.95
"""The weight of one word of a name, relative to the whole name."""
_PART = 0.85
"""The weight of a name that has only some of the words, such as `modality` for `output_modality`."""
_LONGEST = 100
"""The number of characters of a word that are compared."""
_SHORT, _MIDDLE = 8, 10
"""Shorter names than these have no typing error, or only one: other names are as near to them."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean "limit"?`, to append to a reason; empty if no known word is similar."""
    unknown = _words(word[:_LONGEST])
    best = max(known, key=lambda name: _likeness(unknown, _words(name)), default=None)
    if best is None or _likeness(unknown, _words(best))[0] < _LEAST:
        return ""
    return f'; did you mean "{best}"?'


def typed_wrong(word: str, known: Iterable[str]) -> str | None:
    """Return the known word from which the word differs only by one or two typing errors."""
    errors = {name: OSA.distance(word, name) for name in known}
    nearest = min(errors, key=errors.__getitem__, default="")
    allowed = (len(nearest) >= _SHORT) + (len(nearest) >= _MIDDLE)
    return nearest if nearest and 0 < errors[nearest] <= allowed else None


def _likeness(unknown: str, name: str) -> tuple[float, bool, float]:
    """Return the similarity, between 0 and 100; the other two values break ties."""
    by_word = max((100 * OSA.normalized_similarity(unknown, word) for word in name.split()), default=0.0)
    whole = (_PART if set(name.split()) < set(unknown.split()) else 1.0) * fuzz.token_set_ratio(unknown, name)
    likeness = max(whole, _WORD * by_word)
    return likeness, name.startswith(unknown), fuzz.ratio(unknown, name)


def _words(name: str) -> str:
    return name.casefold().replace("_", " ").replace("-", " ").strip()
