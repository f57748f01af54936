"""What somebody may have meant by a word that is none of those that are known."""

from __future__ import annotations

from collections.abc import Iterable

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

_LEAST = 72.0
_WORD = 0.95
"""How much one word of a name counts beside the whole name."""
_LONGEST = 100
"""Characters of a word that are looked at."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean "limit"?` to be put behind a reason; empty where nothing known is like it."""
    asked = _words(word[:_LONGEST])
    best = max(known, key=lambda name: _likeness(asked, _words(name)), default=None)
    if best is None or _likeness(asked, _words(best))[0] < _LEAST:
        return ""
    return f'; did you mean "{best}"?'


def _likeness(asked: str, name: str) -> tuple[float, bool, float]:
    """Between 0 and 100; the rest decides between equal ones."""
    by_word = max((100 * OSA.normalized_similarity(asked, word) for word in name.split()), default=0.0)
    likeness = max(fuzz.token_set_ratio(asked, name), _WORD * by_word)
    return likeness, name.startswith(asked), fuzz.ratio(asked, name)


def _words(name: str) -> str:
    return name.casefold().replace("_", " ").replace("-", " ").strip()
