"""Cached answers: their encodings and ETags, and the bounds of the cache."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from front import large_bodies, response_cache
from front.large_bodies import body_of
from front.response_cache import CachedAnswer, Found, ResponseCache, Variant

DECODERS: dict[str, Callable[[bytes], bytes]] = {"br": brotli.decompress, "gzip": gzip.decompress, "identity": bytes}
HEADERS = [("Content-Type", "application/json"), ("Cache-Control", "public"), ("Content-Length", "7")]

# --- encodings -------------------------------------------------------------------------------------------------------


def bytes_of(variant: Variant) -> bytes:
    return variant.body if isinstance(variant.body, bytes) else b"".join(variant.body)


def test_all_encodings_have_the_same_content_and_different_tags() -> None:
    body = b'{"data": []}' * 100
    answer = CachedAnswer(HEADERS, body)

    plain, zipped, brotlied = (answer.variant(encoding) for encoding in ("identity", "gzip", "br"))

    bodies = {
        encoding: bytes_of(variant) for encoding, variant in (("identity", plain), ("gzip", zipped), ("br", brotlied))
    }
    assert {DECODERS[encoding](sent) for encoding, sent in bodies.items()} == {body}
    assert len({plain.etag, zipped.etag, brotlied.etag}) == 3
    assert answer.variant("gzip") is zipped
    for variant, encoding in ((plain, None), (zipped, "gzip"), (brotlied, "br")):
        headers = dict(variant.whole.headers)
        assert len(headers) == len(variant.whole.headers)
        assert headers.get("Content-Encoding") == encoding
        assert (headers["ETag"], headers["Content-Length"]) == (variant.etag, str(len(bytes_of(variant))))
        assert (headers["Vary"], headers["Content-Type"]) == ("Accept-Encoding", "application/json")
        assert dict(variant.not_modified.headers).keys() == {"Cache-Control", "ETag", "Vary"}


def test_equal_bytes_have_equal_tags_and_different_bytes_do_not() -> None:
    one, same, other = (CachedAnswer(HEADERS, body).variant("gzip").etag for body in (b"one", b"one", b"other"))

    assert one == same != other


@pytest.mark.parametrize("sent", ["{}", "W/{}", '"other", {}', '"other" ,W/{}', "*"])
def test_a_client_that_has_the_bytes_is_recognised(sent: str) -> None:
    variant = CachedAnswer(HEADERS, b"bytes").variant("identity")

    assert variant.matches(sent.format(variant.etag))
    assert not variant.matches('"other"')
    assert not variant.matches("")


# --- the cache -------------------------------------------------------------------------------------------------------


def add(cache: ResponseCache, name: str, size: int, *, spelling: str = "") -> None:
    answer = cache.answer((name,)) or CachedAnswer([], b"x" * size)
    cache.add((name,), answer, request_key=(name, spelling), found=Found(answer.variant("identity"), ""))


def cached(cache: ResponseCache, *names: str) -> list[bool]:
    return [cache.find((name, "")) is not None for name in names]


def size_of_answers(cache: ResponseCache, names: Iterable[str]) -> int:
    return sum(answer.size for name in names if (answer := cache.answer((name,))))


def test_the_least_recently_used_answer_is_evicted_first_and_the_bound_holds() -> None:
    cache = ResponseCache(None, most_bytes=100_000)
    for name in "abcd":
        add(cache, name, 20_000)
    cache.find(("a", ""))

    add(cache, "e", 20_000)

    assert cached(cache, "a", "b", "c", "d", "e") == [True, False, True, True, True]
    assert cache.size <= 100_000


def test_one_answer_cannot_evict_all_others() -> None:
    cache = ResponseCache(None, most_bytes=100_000)
    add(cache, "a", 1_000)

    add(cache, "huge", 30_000)

    assert cached(cache, "a", "huge") == [True, False]


@pytest.mark.parametrize("encoding", response_cache.ENCODERS)
def test_a_large_answer_takes_the_memory_of_its_compressed_bytes(encoding: str) -> None:
    cache, body = ResponseCache(None, most_bytes=1_000_000), b"0123456789" * (large_bodies.LARGE_BYTES // 10)
    answer = CachedAnswer([("Content-Type", "text/csv; charset=utf-8")], body_of([body]))

    variant = answer.variant(encoding)
    cache.add(("a",), answer, request_key=("a",), found=Found(variant, ""))

    sent = bytes_of(variant)
    assert DECODERS[encoding](sent) == body
    assert dict(variant.whole.headers)["Content-Length"] == str(len(sent))
    assert cache.size < 100_000
    assert cache.answer(("a",)) is answer
    assert cache.find(("a",)) == Found(variant, "")
    assert answer.variant(encoding).etag == variant.etag


def test_an_answer_that_was_evicted_while_a_thread_had_it_can_be_added_again() -> None:
    cache = ResponseCache(None, most_bytes=100_000)
    add(cache, "first", 6_000)
    first = cache.answer(("first",))
    assert first is not None
    for number in range(30):
        add(cache, str(number), 6_000)
    assert cache.answer(("first",)) is None

    cache.add(("first",), first, request_key=("again",), found=Found(first.variant("br"), ""))
    for number in range(30):
        add(cache, f"later {number}", 6_000)

    names = ["first", *(name for number in range(30) for name in (str(number), f"later {number}"))]
    assert cache.answer(("first",)) is None
    assert cache.size == size_of_answers(cache, names) <= 100_000


def test_spellings_of_one_request_share_one_answer_and_are_bounded() -> None:
    cache = ResponseCache(None, most_bytes=1_000_000)

    for number in range(1_000):
        add(cache, "a", 1_000, spelling=str(number))

    found = [cache.find(("a", str(number))) for number in range(1_000)]
    assert len([each for each in found if each]) == response_cache.MOST_REQUEST_KEYS
    assert len({id(each.variant) for each in found if each}) == 1
    assert len(cache) == 1


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 30_000), st.sampled_from("xyz")), max_size=60))
def test_the_counted_size_is_that_of_the_cached_answers(steps: list[tuple[str, int, str]]) -> None:
    cache = ResponseCache(None, most_bytes=100_000)

    for name, size, spelling in steps:
        add(cache, name, size, spelling=spelling)

    assert cache.size == size_of_answers(cache, "abcdefgh") <= 100_000
    for name, _, spelling in steps:
        answer = cache.answer((name,))
        is_found = answer is not None and (name, spelling) in answer.request_keys
        assert (cache.find((name, spelling)) is not None) == is_found
