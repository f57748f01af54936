"""The words that a search compares: those of an offer, and those of a query. Pure.

A word is a run of letters and digits, in lower case and in Unicode's compatibility form; a point between two digits is
part of it. `Qwen2.5-VL-32B` has the words qwen2.5, vl and 32b, and in addition qwen and 2.5, because people write names
with and without the space.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from catalog.normalize import model_ids
from catalog.providers import KnownProvider

Document = Mapping[str, Any]

NAME, PROVIDER, TAG, DESCRIPTION = FIELDS = range(4)
"""The fields of a word, the weightiest first. The provider's part of an id is a word of PROVIDER."""

UNASKED = frozenset({"instruct", "it"})
"""Words that providers write into names or leave out, and that people rarely search for."""
LONGEST_WORD = 40
"""Longer runs are not words of a language, so only their beginning is used."""
LONGEST_QUESTION = 300
LONGEST_LENGTH = 12
"""The largest length in words; names with more words count as this long."""
HEADS = (1, 2)
"""The numbers of letters that begin too many words to scan. These beginnings are stored like words, with a mark."""
HEAD_MARK = "*"
"""A character that no word contains."""

_WORD = re.compile(r"(?:[^\W_]|(?<=\d)\.(?=\d))+")
# No border within `r1`, `4o`, `70b` or `a22b`, which are words; but the `v` of a version is often left out.
_BORDER = re.compile(r"(?<=[^\W\d_]{3})(?=\d)|(?<=\d)(?=[^\W\d_]{3})|(?<=^v)(?=\d)")
_POINT_AS_SEPARATOR = re.compile(r"(?<![\w.])(\d)[- ](?=(\d)(?![\w.]))")
_PLUS = re.compile(r"(?<=[^\W_])\+(?![^\W_])")
_POINT_AS_LETTER = re.compile(r"\bv?(\d)p(\d)\b")


def asked(text: str) -> list[str]:
    """Return the distinct words of a query, in their order. Joined by spaces, they are a query with the same words."""
    return list(dict.fromkeys(_words(_folded(text)[:LONGEST_QUESTION])))


def parts(word: str) -> Sequence[str]:
    """Split a word where letters meet digits: `qwen3` → qwen, 3; `0528` and `70b` stay whole."""
    if word.isalpha() or word.isdecimal():  # most words, and the expression takes ten times as long
        return [word]
    return [part for part in _BORDER.split(word) if part]


def by_field(document: Document, maker: KnownProvider | None) -> tuple[set[str], ...]:
    """Return the words of a document and their heads, for each of FIELDS. Each word is only in its weightiest field.

    `maker` is its provider, if that is known.
    """
    path, _, short = document["id"].rpartition("/")
    before, _, name = document["name"].rpartition(": ")
    own = set(_of_name(short))
    provider = _of_provider(path, before, document["provider_slug"], maker)
    found = (
        own | (set(_of_name(name)) - provider),  # some names begin with their provider
        set(provider - own),
        _of(document["tags"]),
        _of([document["description"] or ""]),
    )
    known: set[str] = set()
    for words in found:
        words -= known
        known |= words
        words |= _heads(words)
    return found


def lengths(document: Document) -> tuple[int, int]:
    """Return the number of words of a model's id and of its name.

    In a shorter name, the query covers a larger part.
    """
    of_id = _length(model_ids.short_name(document["id"]))
    # A name without the family that its id begins with does not count as shorter.
    return of_id, max(of_id, _length(document["name"].rpartition(": ")[2]))


def _length(name: str) -> int:
    words = (word for word in _words(_with_points(_folded(name))) if word not in UNASKED)
    return min(sum(len(parts(word.removeprefix("v"))) for word in words), LONGEST_LENGTH)


@lru_cache(maxsize=4_096)
def _of_provider(path: str, maker: str, slug: str | None, known: KnownProvider | None) -> frozenset[str]:
    """Return the words of the provider's part of an id and of a name, and of all known names of the provider."""
    spellings = [slug or "", *([known.slug, known.name] if known else [])]
    as_one = ["".join(_words(_folded(spelling))) for spelling in spellings]  # people search `x-ai` as `xai`
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
    """Write versions with points: `claude-sonnet-4-5` is version 4.5."""
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
