"""The words that a search compares: those of an offer, and those of a question. Pure.

A word is a run of letters and digits, in lower case and in Unicode's compatible form; a point between two digits is
part of it. `Qwen2.5-VL-32B` has the words qwen2.5, vl and 32b, and qwen and 2.5 beside: people write names with and
without the space.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from catalog import registry
from catalog.normalize import model_ids

Json = Any

NAME, PROVIDER, TAG, DESCRIPTION = FIELDS = range(4)
"""Where a word stands, the weightiest first. The maker's part of an id is a word of the provider."""

UNASKED = frozenset({"instruct", "it"})
"""Words that makers write into names or leave out, and people rarely ask for."""
LONGEST_WORD = 40
"""What is longer is no word of a language; its beginning is enough."""
LONGEST_QUESTION = 300
LONGEST_LENGTH = 12
"""In words: what has more is as long as that."""
HEADS = (1, 2)
"""So many letters begin too many words to look at each; they are kept like words, with a mark."""
HEAD_MARK = "*"
"""In no word."""

_WORD = re.compile(r"(?:[^\W_]|(?<=\d)\.(?=\d))+")
# Not within `r1`, `4o`, `70b` or `a22b`, which are words; but the `v` of a version is often left out.
_BORDER = re.compile(r"(?<=[^\W\d_]{3})(?=\d)|(?<=\d)(?=[^\W\d_]{3})|(?<=^v)(?=\d)")
_POINT_AS_SEPARATOR = re.compile(r"(?<![\w.])(\d)[- ](?=(\d)(?![\w.]))")
_PLUS = re.compile(r"(?<=[^\W_])\+(?![^\W_])")
_POINT_AS_LETTER = re.compile(r"\bv?(\d)p(\d)\b")


def asked(text: str) -> list[str]:
    """The words of a question, each once, in their order. Joined by spaces they are a question with the same words."""
    return list(dict.fromkeys(_words(_folded(text)[:LONGEST_QUESTION])))


def parts(word: str) -> Sequence[str]:
    """Where letters and digits meet: `qwen3` → qwen, 3; `0528` and `70b` are one."""
    return [part for part in _BORDER.split(word) if part]


def by_field(shown: Json) -> tuple[set[str], ...]:
    """The words of a document and their heads, for each of FIELDS. Each word is only where it weighs most."""
    path, _, short = shown["id"].rpartition("/")
    maker, _, name = shown["name"].rpartition(": ")
    own = set(_of_name(short))
    provider = _of_provider(path, maker, shown["provider_slug"])
    found = (
        own | (set(_of_name(name)) - provider),  # names begin with their makers here and there
        set(provider - own),
        _of(shown["tags"]),
        _of([shown["description"] or ""]),
    )
    known: set[str] = set()
    for words in found:
        words -= known
        known |= words
        words |= _heads(words)
    return found


def lengths(shown: Json) -> tuple[int, int]:
    """How many words the id of a model has, and how many its name: the fewer, the more of them were asked for."""
    of_id = _length(model_ids.short_name(shown["id"]))
    # A name may leave out the family that its id begins with, and is no shorter for it.
    return of_id, max(of_id, _length(shown["name"].rpartition(": ")[2]))


def _length(name: str) -> int:
    words = (word for word in _words(_with_points(_folded(name))) if word not in UNASKED)
    return min(sum(len(parts(word.removeprefix("v"))) for word in words), LONGEST_LENGTH)


@lru_cache(maxsize=4_096)
def _of_provider(path: str, maker: str, slug: str | None) -> frozenset[str]:
    """Of the maker's part of an id and of a name, and of all that the provider is known to be called."""
    known = registry.PROVIDERS.of(slug) if slug else None
    spellings = [slug or "", *([known.slug, known.name] if known else [])]
    as_one = ["".join(_words(_folded(spelling))) for spelling in spellings]  # `x-ai` is asked for as `xai`
    return frozenset(_of([path, maker, *spellings, *as_one]))


def _of(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in _with_parts(_folded(text))}


def _of_name(name: str) -> Iterator[str]:
    folded = _with_points(_folded(name))
    yield from _with_parts(folded)
    yield from (f"{whole}.{tenth}" for whole, tenth in _POINT_AS_LETTER.findall(folded))


def _with_parts(folded: str) -> Iterator[str]:
    for word in _words(folded):
        yield word
        if not word.isalpha():
            yield from parts(word)


def _with_points(folded_name: str) -> str:
    """`claude-sonnet-4-5` is version 4.5."""
    return _POINT_AS_SEPARATOR.sub(r"\1.", folded_name)


def _heads(words: set[str]) -> set[str]:
    return {word[:size] + HEAD_MARK for word in words for size in HEADS if len(word) > size}


def _words(folded: str) -> Iterator[str]:
    return (word[:LONGEST_WORD].rstrip(".") for word in _WORD.findall(folded))


def _folded(text: str) -> str:
    if "+" in text:
        text = _PLUS.sub(" plus ", text)
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return unicodedata.normalize("NFKC", folded.casefold())
