"""Finished answers: the bytes of public reads, kept with their ETags, so that a repeated question costs one look-up.

What is kept belongs to one snapshot and is dropped with it, so nothing has to be invalidated and no two revisions can
meet in one answer. Django makes every answer, once; `catalog/serving/front.py` decides which requests may be answered
from here.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

import brotli
from django.core.exceptions import SuspiciousOperation
from django.http import QueryDict

from catalog.serving.filters import (
    DropInFilterSet,
    NoParameters,
    OfferFilterSet,
    OfferOfIdFilterSet,
    ProviderFilterSet,
    ResolveFilterSet,
    WorkloadFilterSet,
)
from catalog.serving.parameters import InvalidParameters, SelectionFilterSet

ENDPOINTS: Sequence[tuple[re.Pattern[str], type[SelectionFilterSet]]] = (
    (re.compile(r"/catalog/models/?"), OfferFilterSet),
    (re.compile(r"/catalog/providers?/?"), ProviderFilterSet),
    (re.compile(r"/catalog/models/.+", re.DOTALL), OfferOfIdFilterSet),
    (re.compile(r"/catalog/canonical/.+", re.DOTALL), WorkloadFilterSet),
    (re.compile(r"/catalog/resolve/?"), ResolveFilterSet),
    (re.compile(r"(/api)?/v1/models(/count|/user)?"), DropInFilterSet),
    (re.compile(r"(/api)?/v1/(models?/.+|providers)", re.DOTALL), NoParameters),
    (re.compile(r"/litellm/model_prices\.json"), NoParameters),
)
"""The addresses that show nothing but the snapshot, with the parameters that they read; the first match holds."""

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

OVERHEAD_BYTES = 2_000
"""Of an answer beside its bytes: headers, keys and Python's objects."""
MOST_WORDINGS = 16
"""Of one question that are remembered, or a client could fill the memory with spellings."""


@dataclass(frozen=True, slots=True)
class Variant:
    """An answer in one encoding."""

    body: bytes
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
    """What Django answered, in the encodings that were asked for so far."""

    __slots__ = ("_body", "_headers", "_variants", "counted_size", "size", "wordings")

    def __init__(self, headers: Headers, body: bytes) -> None:
        self._headers = [header for header in headers if header[0].lower() not in {"content-length", "vary"}]
        self._body = body
        self._variants: dict[str, Variant] = {}
        self.wordings: list[Wording] = []
        self.size = len(body) + OVERHEAD_BYTES
        self.counted_size = 0
        """As the shelf has counted it."""

    def variant(self, encoding: str) -> Variant:
        found = self._variants.get(encoding)
        if found is None:
            found = self._variants[encoding] = self._encoded(encoding)
            if encoding != "identity":
                self.size += len(found.body) + OVERHEAD_BYTES
        return found

    def _encoded(self, encoding: str) -> Variant:
        body = ENCODERS[encoding](self._body)
        # Of the bytes: every worker gives equal answers equal tags, and no restored revision repeats that of another.
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        described = [("ETag", etag), ("Vary", "Accept-Encoding")]
        encoded = [("Content-Encoding", encoding)] if encoding != "identity" else []
        lasting = [header for header in self._headers if not header[0].lower().startswith(("content-", "allow"))]
        return Variant(
            body=body,
            etag=etag,
            headers=[*self._headers, *described, *encoded, ("Content-Length", str(len(body)))],
            not_modified_headers=[*lasting, *described],
        )


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
            if len(answer.wordings) < MOST_WORDINGS and wording not in self._by_wording:
                answer.wordings.append(wording)
                answer.size += OVERHEAD_BYTES + sum(map(len, wording))
                self._by_wording[wording] = question, variant
            self._answers[question] = answer
            self.size += answer.size - answer.counted_size
            answer.counted_size = answer.size
            while self.size > self._most_bytes:
                self._drop(next(iter(self._answers)))

    def _drop(self, question: Question) -> None:
        answer = self._answers.pop(question)
        for wording in answer.wordings:
            del self._by_wording[wording]
        self.size -= answer.counted_size


# --- what a request asks for -----------------------------------------------------------------------------------------
def canonical_query(path: str, query: str) -> str | None:
    """The one query string of all that ask the same of this address; None where it is for Django alone.

    That is an address that shows something else than the snapshot, and a query that will be refused.
    """
    filterset = next((filterset for pattern, filterset in ENDPOINTS if pattern.fullmatch(path)), None)
    if filterset is None:
        return None
    try:
        return filterset(QueryDict(query.encode("latin-1"))).canonical()
    except (InvalidParameters, SuspiciousOperation, UnicodeError):
        return None


@lru_cache(maxsize=1_024)
def accepts_json(accept: str) -> bool:
    """Whether Django would answer at all; what it would refuse (406) is left to it."""
    accepted = {part.partition(";")[0].strip() for part in accept.split(",")}
    return not accept or not accepted.isdisjoint({"*/*", "application/*", "application/json"})


@lru_cache(maxsize=1_024)
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
        welcome["identity"] = 0.0001  # acceptable, after whatever is named
    best = max(welcome, key=lambda coding: welcome[coding])  # the first of equals
    return best if welcome[best] > 0 else "identity"


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    return float(value) if re.fullmatch(r"[01](\.[0-9]{0,3})?", value.strip()) else 0.0
