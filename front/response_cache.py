"""The response cache: the bytes of public answers with their ETags, so that a repeated request costs one look-up.

A cache belongs to one snapshot and is dropped with it, so nothing has to be invalidated and no answer mixes two
revisions. `front/front.py` decides which requests may be answered from here.
"""

from __future__ import annotations

import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from threading import Lock
from typing import NamedTuple

import brotli

from front.asked import Asked
from front.large_bodies import LargeBody
from front.replies import Headers, head_of, lines_of

RequestKey = tuple[str, ...]
"""The literal request: all parts of it that an answer may depend on."""
CacheKey = tuple[str, ...]
"""The canonical request: equal for all requests with the same meaning."""

ENCODERS: Mapping[str, Callable[[bytes], bytes]] = {
    # Qualities that take about a millisecond for a page; the best ones take fifty for a tenth less.
    "br": lambda body: brotli.compress(body, quality=5),
    "gzip": lambda body: gzip.compress(body, compresslevel=6, mtime=0),  # no time in it: equal answers, equal bytes
    "identity": lambda body: body,
}
"""The best encoding first."""
OVERHEAD_BYTES = 2_000
"""The memory of an answer in addition to its bytes: headers, keys and Python's objects."""
QUICK_BYTES = 150_000
"""Up to this size, a body is compressed within 1.5 ms."""
_OF_THE_BODY = ("content-", "allow")
"""The beginnings of the names of headers that an answer without a body does not have."""
MOST_REQUEST_KEYS = 16
"""The most request keys of one cache key. Without a limit, a client could fill the memory with spellings."""


CommonHeaders = tuple[tuple[str, str], ...]
"""Headers that many answers have. Their wire format is made once."""


@dataclass(frozen=True, slots=True)
class Head:
    """The status line and the headers of an answer."""

    headers: Headers
    bytes: bytes
    """The same in wire format."""

    @classmethod
    def of(cls, status: int, common: CommonHeaders, own: Headers) -> Head:
        return cls([*common, *own], _head_of(status, common) + lines_of(own))


_head_of = lru_cache(maxsize=256)(head_of)


@dataclass(frozen=True)
class Variant:
    """An answer in one encoding."""

    body: bytes | LargeBody
    """A LargeBody is decompressed piece by piece while it is sent."""
    etag: str
    whole: Head

    @cached_property
    def not_modified(self) -> Head:
        """Made when a client first asks whether its copy is still right, which happens to few answers."""
        headers = self.whole.headers
        return Head.of(304, (), [header for header in headers if not header[0].lower().startswith(_OF_THE_BODY)])

    def matches(self, if_none_match: str) -> bool:
        """Whether the client's copy, by its `If-None-Match`, is this variant."""
        if if_none_match == self.etag:
            return True
        sent = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
        return self.etag in sent or "*" in sent


class Found(NamedTuple):
    """What a literal request gets."""

    variant: Variant
    ignored: str
    """The names of its parameters that the answer does not depend on."""
    asked: Asked | None = None
    """Where the request is counted; None: nowhere."""


class CachedAnswer:
    """An answer in the encodings that were requested so far. Safe with threads."""

    __slots__ = ("_body", "_headers", "_variants", "asked", "counted_size", "request_keys")

    def __init__(self, headers: Iterable[tuple[str, str]], body: bytes | LargeBody, asked: Asked | None = None) -> None:
        self.asked = asked
        """How often it was asked for; None if it is not counted."""
        self._headers = _common(tuple(headers))
        # A copy: the bytes that orjson returns have up to 16 KB of reserve, which `size` would not count.
        self._body = memoryview(body).tobytes() if isinstance(body, bytes) else body
        self._variants: dict[str, Variant] = {}
        self.request_keys: list[RequestKey] = []
        """Only the cache changes it, under its lock."""
        self.counted_size = 0
        """The size that the cache has counted."""

    @property
    def size(self) -> int:
        size = _stored_bytes(self._body) + OVERHEAD_BYTES + sum(map(_size_of, self.request_keys))
        for variant in list(self._variants.values()):  # a copy: another thread may add one
            if variant.body is not self._body:
                size += _stored_bytes(variant.body) + OVERHEAD_BYTES
        return size

    def is_at_hand(self, encoding: str) -> bool:
        """Whether `variant` returns at once: it was made before, or it is quickly made."""
        return encoding in self._variants or (isinstance(self._body, bytes) and len(self._body) <= QUICK_BYTES)

    def variant(self, encoding: str) -> Variant:
        found = self._variants.get(encoding)
        return found if found is not None else self._variants.setdefault(encoding, self._encoded(encoding))

    def _encoded(self, encoding: str) -> Variant:
        body = _encoded(self._body, encoding)
        # Of the bytes: every worker gives equal answers equal tags, and no restored revision repeats that of another.
        digest = body.digest if isinstance(body, LargeBody) else hashlib.sha256(body).hexdigest()
        length = body.length if isinstance(body, LargeBody) else len(body)
        etag = f'"{digest[:32]}"'
        own = [("ETag", etag), ("Vary", "Accept-Encoding"), ("Content-Length", str(length))]
        if encoding != "identity":
            own.insert(2, ("Content-Encoding", encoding))
        return Variant(body=body, etag=etag, whole=Head.of(200, self._headers, own))


@lru_cache(maxsize=256)
def _common(headers: CommonHeaders) -> CommonHeaders:
    return tuple(header for header in headers if header[0].lower() not in {"content-length", "vary"})


def _encoded(body: bytes | LargeBody, encoding: str) -> bytes | LargeBody:
    if isinstance(body, bytes):
        return ENCODERS[encoding](body) if encoding != "identity" else body
    if encoding == "identity":
        return body
    return body.compressed if encoding == "br" else body.gzipped()


def _size_of(request_key: RequestKey) -> int:
    return OVERHEAD_BYTES + sum(map(len, request_key))


def _stored_bytes(body: bytes | LargeBody) -> int:
    return len(body.compressed) if isinstance(body, LargeBody) else len(body)


class ResponseCache:
    """The answers of one snapshot; the least recently used ones are evicted first. Safe with threads."""

    def __init__(self, identity: object, *, most_bytes: int, ended: Callable[[Asked], None] | None = None) -> None:
        """`ended` gets the counts of each answer that is evicted."""
        self.identity = identity
        self._ended = ended
        self.size = 0
        self._most_bytes = most_bytes
        self._answers: OrderedDict[CacheKey, CachedAnswer] = OrderedDict()
        self._by_request_key: dict[RequestKey, tuple[CacheKey, Found]] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._answers)

    def find(self, request_key: RequestKey) -> Found | None:
        found = self._by_request_key.get(request_key)
        if found is None:
            return None
        cache_key, answer = found
        with self._lock:  # `add` iterates over the order
            try:
                self._answers.move_to_end(cache_key)
            except KeyError:  # another thread has just evicted it
                return None
        return answer

    def answer(self, cache_key: CacheKey) -> CachedAnswer | None:
        return self._answers.get(cache_key)

    def end(self) -> None:
        """Report the counts of all answers, because another cache replaces this one."""
        with self._lock:
            for answer in self._answers.values():
                self._report(answer)

    def add(self, cache_key: CacheKey, answer: CachedAnswer, *, request_key: RequestKey, found: Found) -> None:
        """Cache the answer, and find this variant of it by this request key from now on.

        An answer that would take a quarter of the memory is not cached: it would evict all those that are requested.
        """
        with self._lock:
            previous = self._answers.get(cache_key)
            if previous is not None and previous is not answer:
                self._evict(cache_key)
            size = answer.size
            if size * 4 > self._most_bytes:
                return
            if request_key not in self._by_request_key and len(answer.request_keys) < MOST_REQUEST_KEYS:
                answer.request_keys.append(request_key)
                self._by_request_key[request_key] = cache_key, found
                size += _size_of(request_key)
            self._answers[cache_key] = answer
            self.size += size - answer.counted_size
            answer.counted_size = size
            while self.size > self._most_bytes:
                self._evict(next(iter(self._answers)))

    def _evict(self, cache_key: CacheKey) -> None:
        answer = self._answers.pop(cache_key)
        for request_key in answer.request_keys:
            del self._by_request_key[request_key]
        # A thread that still has the answer may add it again.
        answer.request_keys.clear()
        self.size -= answer.counted_size
        answer.counted_size = 0
        self._report(answer)

    def _report(self, answer: CachedAnswer) -> None:
        if self._ended is not None and answer.asked is not None:
            self._ended(answer.asked)
