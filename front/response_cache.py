"""Finished answers: the bytes of public reads, kept with their ETags, so that a repeated question costs one look-up.

What is kept belongs to one snapshot and is dropped with it, so nothing has to be invalidated and no two revisions can
meet in one answer. Django makes every answer, once; `front/front.py` decides which requests may be answered
from here.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, wraps
from threading import Lock
from typing import TypeVar

import brotli

_Result = TypeVar("_Result")
Headers = list[tuple[str, str]]
Wording = tuple[str, ...]
"""A request, literally: all of it that an answer may depend on."""
Question = tuple[str, ...]
"""What a wording means: one for all that ask the same."""

ENCODERS: Mapping[str, Callable[[bytes], bytes]] = {
    # Qualities that take about a millisecond for a page; the best ones take fifty for a tenth less.
    "br": lambda body: brotli.compress(body, quality=5),
    "gzip": lambda body: gzip.compress(body, compresslevel=6, mtime=0),  # no time in it: equal answers, equal bytes
    "identity": lambda body: body,
}
"""The best first."""
FAST_ENCODERS: Mapping[str, Callable[[bytes], bytes]] = {
    **ENCODERS,
    "br": lambda body: brotli.compress(body, quality=3),
    "gzip": lambda body: gzip.compress(body, compresslevel=3, mtime=0),
}
"""For large answers: the last tenth is not worth the wait."""

LARGE_BYTES = 4_000_000
"""From here on an answer is kept as compressed bytes alone: a whole catalogue takes a twentieth of its room so."""
OVERHEAD_BYTES = 2_000
"""What an answer takes besides its bytes: headers, keys and Python's objects."""
JSON = "application/json"
ALWAYS_ACCEPTED = frozenset({"application/atom+xml", "text/html", "image/svg+xml"})
"""Where nothing is negotiated: feed readers ask for many formats and get the one that the address names."""
LONGEST_REMEMBERED = 300
"""Characters of a header."""
MOST_WORDINGS = 16
"""Of one question that are remembered, or a client could fill the memory with spellings."""


@dataclass(frozen=True, slots=True)
class Variant:
    """An answer in one encoding."""

    body: bytes
    media_type: str
    is_lasting: bool
    """Whether it is kept; the plain bytes of a large answer are unpacked each time."""
    etag: str
    headers: Headers
    not_modified_headers: Headers

    def is_known_to(self, if_none_match: str) -> bool:
        """Whether the client's copy, by its `If-None-Match`, is this one."""
        if if_none_match == self.etag:
            return True
        sent = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
        return self.etag in sent or "*" in sent


class Answer:
    """What Django answered, in the encodings that were asked for so far. Safe with threads."""

    __slots__ = ("_body", "_headers", "_media_type", "_variants", "counted_size", "is_large", "wordings")

    def __init__(self, headers: Headers, body: bytes) -> None:
        self._headers = [header for header in headers if header[0].lower() not in {"content-length", "vary"}]
        self._media_type = _media_type(headers)
        self.is_large = len(body) >= LARGE_BYTES
        self._body = FAST_ENCODERS["br"](body) if self.is_large else body
        self._variants: dict[str, Variant] = {}
        self.wordings: list[Wording] = []
        """Changed by the shelf alone, under its lock."""
        self.counted_size = 0
        """As the shelf has counted it."""

    @property
    def size(self) -> int:
        variants = list(self._variants.values())  # a copy: another thread may add one
        bodies = [self._body, *(variant.body for variant in variants if variant.body is not self._body)]
        texts = sum(len(text) for wording in self.wordings for text in wording)
        return sum(map(len, bodies)) + texts + OVERHEAD_BYTES * (len(bodies) + len(self.wordings))

    def variant(self, encoding: str) -> Variant:
        found = self._variants.get(encoding)
        if found is None:
            found = self._encoded(encoding)
            if found.is_lasting:
                return self._variants.setdefault(encoding, found)
        return found

    def _encoded(self, encoding: str) -> Variant:
        body = self._bytes_in(encoding)
        # Of the bytes: every worker gives equal answers equal tags, and no restored revision repeats that of another.
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        described = [("ETag", etag), ("Vary", "Accept-Encoding")]
        encoded = [("Content-Encoding", encoding)] if encoding != "identity" else []
        lasting = [header for header in self._headers if not header[0].lower().startswith(("content-", "allow"))]
        return Variant(
            body=body,
            media_type=self._media_type,
            is_lasting=not self.is_large or encoding != "identity",
            etag=etag,
            headers=[*self._headers, *described, *encoded, ("Content-Length", str(len(body)))],
            not_modified_headers=[*lasting, *described],
        )

    def _bytes_in(self, encoding: str) -> bytes:
        if not self.is_large:
            return ENCODERS[encoding](self._body)
        return self._body if encoding == "br" else FAST_ENCODERS[encoding](brotli.decompress(self._body))


def _media_type(headers: Headers) -> str:
    content_type = next((value for name, value in headers if name.lower() == "content-type"), JSON)
    return content_type.partition(";")[0].strip()


class Shelf:
    """The answers of one snapshot, the least recently asked for dropped first. Safe with threads."""

    def __init__(self, identity: object, *, most_bytes: int) -> None:
        self.identity = identity
        self.size = 0
        self._most_bytes = most_bytes
        self._answers: OrderedDict[Question, Answer] = OrderedDict()
        self._by_wording: dict[Wording, tuple[Question, Variant]] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._answers)

    def find(self, wording: Wording) -> Variant | None:
        found = self._by_wording.get(wording)
        if found is None:
            return None
        question, variant = found
        with self._lock:  # `keep` goes through the order meanwhile
            try:
                self._answers.move_to_end(question)
            except KeyError:  # another thread has just dropped it
                return None
        return variant

    def answer(self, question: Question) -> Answer | None:
        return self._answers.get(question)

    def keep(self, question: Question, answer: Answer, *, wording: Wording, variant: Variant) -> None:
        """Find this variant of the answer by this wording from now on.

        An answer that would take a quarter of the room is not kept: it would drive out all that are asked for.
        """
        with self._lock:
            known = self._answers.get(question)
            if known is not None and known is not answer:
                self._drop(question)
            if answer.size * 4 > self._most_bytes:
                return
            is_new = wording not in self._by_wording and len(answer.wordings) < MOST_WORDINGS
            if is_new and variant.is_lasting:
                answer.wordings.append(wording)
                self._by_wording[wording] = question, variant
            self._answers[question] = answer
            size = answer.size
            self.size += size - answer.counted_size
            answer.counted_size = size
            while self.size > self._most_bytes:
                self._drop(next(iter(self._answers)))

    def _drop(self, question: Question) -> None:
        answer = self._answers.pop(question)
        for wording in answer.wordings:
            del self._by_wording[wording]
        # Whoever holds the answer may keep it again.
        answer.wordings.clear()
        self.size -= answer.counted_size
        answer.counted_size = 0


# --- what a request asks for -----------------------------------------------------------------------------------------
def _remembered(function: Callable[..., _Result]) -> Callable[..., _Result]:
    """The function, with a memory for headers as clients send them; it keeps no long ones, or they would fill it."""
    known = lru_cache(maxsize=1_024)(function)

    @wraps(function)
    def remembering(header: str, *others: str) -> _Result:
        return known(header, *others) if len(header) <= LONGEST_REMEMBERED else function(header, *others)

    return remembering


@_remembered
def accepts(accept: str, media_type: str) -> bool:
    """Whether Django would answer at all in this media type; what it would refuse (406) is left to it."""
    accepted = {part.partition(";")[0].strip() for part in accept.split(",")}
    kind = media_type.partition("/")[0]
    return not accept or media_type in ALWAYS_ACCEPTED or not accepted.isdisjoint({"*/*", f"{kind}/*", media_type})


@_remembered
def negotiated(accept_encoding: str) -> str:
    """The encoding to answer in: of the most welcome ones the smallest. Without a welcome one, the plain bytes."""
    quality: dict[str, float] = {}
    for part in accept_encoding.lower().split(","):
        coding, _, parameters = part.partition(";")
        quality.setdefault(coding.strip().removeprefix("x-"), _quality(parameters))
    # What is not named is as welcome as `*`; without one, it is not, except that plain bytes are never refused by it.
    others = quality.get("*", 0.0)
    welcome = {coding: quality.get(coding, others) for coding in ENCODERS}
    if "identity" not in quality and "*" not in quality:
        welcome["identity"] = 0.0001  # acceptable, after everything that is named
    best = max(welcome, key=lambda coding: welcome[coding])  # the first of equals
    return best if welcome[best] > 0 else "identity"


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    return float(value) if re.fullmatch(r"[01](\.[0-9]{0,3})?", value.strip()) else 0.0
