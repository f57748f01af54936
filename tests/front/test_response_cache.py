"""What a finished answer is: its encodings and ETags, the question that a request means, and how many are kept."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from front import response_cache
from front.response_cache import Answer, Shelf, negotiated

HEADERS = [("Content-Type", "application/json"), ("Cache-Control", "public"), ("Content-Length", "7")]

# --- encodings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("", "identity"),
        ("identity", "identity"),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("GZIP", "gzip"),
        ("br", "br"),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip;q=1.0, br;q=0.9", "gzip"),
        ("gzip;q=0.001", "gzip"),
        ("gzip;q=0", "identity"),
        ("gzip;q=0.000, br;q=0", "identity"),
        ("br;q=0, *", "gzip"),
        ("*", "br"),
        ("*;q=0", "identity"),  # nothing is welcome: the plain bytes are what everybody can read
        ("identity;q=0", "identity"),
        ("identity;q=0, gzip;q=0.1", "gzip"),
        ("identity, gzip;q=0.5", "identity"),
        ("gzip;q=0.5, *;q=0.8", "br"),
        ("zstd", "identity"),
        ("gzip;q=high", "identity"),
        ("gzip ; q=0.5 , br ; q=0.4", "gzip"),
        (",,;,", "identity"),
    ],
)
def test_the_encoding_is_the_most_welcome_one(accepted: str, encoding: str) -> None:
    assert negotiated(accepted) == encoding


@given(st.text())
def test_whatever_a_client_accepts_it_gets_an_encoding(accepted: str) -> None:
    assert negotiated(accepted) in response_cache.ENCODERS


def test_every_encoding_says_the_same_under_a_tag_of_its_own() -> None:
    body = b'{"data": []}' * 100
    answer = Answer(HEADERS, body)

    plain, zipped, brotlied = (answer.variant(encoding) for encoding in ("identity", "gzip", "br"))

    assert plain.body == gzip.decompress(zipped.body) == brotli.decompress(brotlied.body) == body
    assert len({plain.etag, zipped.etag, brotlied.etag}) == 3
    assert answer.variant("gzip") is zipped
    for variant, encoding in ((plain, None), (zipped, "gzip"), (brotlied, "br")):
        headers = dict(variant.headers)
        assert len(headers) == len(variant.headers)
        assert headers.get("Content-Encoding") == encoding
        assert (headers["ETag"], headers["Content-Length"]) == (variant.etag, str(len(variant.body)))
        assert (headers["Vary"], headers["Content-Type"]) == ("Accept-Encoding", "application/json")
        assert dict(variant.not_modified_headers).keys() == {"Cache-Control", "ETag", "Vary"}


def test_equal_bytes_have_equal_tags_and_others_have_not() -> None:
    one, same, other = (Answer(HEADERS, body).variant("gzip").etag for body in (b"one", b"one", b"other"))

    assert one == same != other


@pytest.mark.parametrize("sent", ["{}", "W/{}", '"other", {}', '"other" ,W/{}', "*"])
def test_a_client_that_has_the_bytes_is_recognised(sent: str) -> None:
    variant = Answer(HEADERS, b"bytes").variant("identity")

    assert variant.is_known_to(sent.format(variant.etag))
    assert not variant.is_known_to('"other"')
    assert not variant.is_known_to("")


# --- the shelf -------------------------------------------------------------------------------------------------------


def keep(shelf: Shelf, name: str, size: int, *, wording: str = "") -> None:
    answer = shelf.answer((name,)) or Answer([], b"x" * size)
    shelf.keep((name,), answer, wording=(name, wording), variant=answer.variant("identity"))


def kept(shelf: Shelf, *names: str) -> list[bool]:
    return [shelf.find((name, "")) is not None for name in names]


def test_the_least_recently_asked_for_goes_first_and_the_bound_holds() -> None:
    shelf = Shelf(None, most_bytes=100_000)
    for name in "abcd":
        keep(shelf, name, 20_000)
    shelf.find(("a", ""))

    keep(shelf, "e", 20_000)

    assert kept(shelf, "a", "b", "c", "d", "e") == [True, False, True, True, True]
    assert shelf.size <= 100_000


def test_one_answer_cannot_drive_out_all_others() -> None:
    shelf = Shelf(None, most_bytes=100_000)
    keep(shelf, "a", 1_000)

    keep(shelf, "huge", 30_000)

    assert kept(shelf, "a", "huge") == [True, False]


@pytest.mark.parametrize("encoding", response_cache.ENCODERS)
def test_a_large_answer_takes_the_room_of_its_compressed_bytes_and_is_found_again(encoding: str) -> None:
    shelf, body = Shelf(None, most_bytes=1_000_000), b"0123456789" * (response_cache.LARGE_BYTES // 10)
    answer = Answer([("Content-Type", "text/csv; charset=utf-8")], body)

    variant = answer.variant(encoding)
    shelf.keep(("a",), answer, wording=("a",), variant=variant)

    unpacked = {"br": brotli.decompress, "gzip": gzip.decompress, "identity": bytes}[encoding](variant.body)
    assert unpacked == body
    assert shelf.size < 100_000
    assert variant.media_type == "text/csv"
    assert shelf.answer(("a",)) is answer
    assert (shelf.find(("a",)) is None) == (encoding == "identity")  # plain, it would take all its room after all
    assert answer.variant(encoding).etag == variant.etag


def test_an_answer_that_was_driven_out_while_somebody_held_it_can_be_kept_again() -> None:
    shelf = Shelf(None, most_bytes=100_000)
    keep(shelf, "first", 6_000)
    held = shelf.answer(("first",))
    assert held is not None
    for number in range(30):
        keep(shelf, str(number), 6_000)
    assert shelf.answer(("first",)) is None

    shelf.keep(("first",), held, wording=("again",), variant=held.variant("br"))
    for number in range(30):
        keep(shelf, f"later {number}", 6_000)

    assert shelf.answer(("first",)) is None
    assert shelf.size == sum(answer.size for answer in shelf._answers.values()) <= 100_000


@pytest.mark.parametrize("read", [negotiated, lambda header: response_cache.accepts(header, "application/json")])
def test_long_headers_are_read_and_not_remembered(read: Callable[[str], object]) -> None:
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(100):
        read(f"gzip, {number}" + "x" * 100_000)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert after - before < 1_000_000


def test_spellings_of_one_question_share_one_answer_and_are_bounded() -> None:
    shelf = Shelf(None, most_bytes=1_000_000)

    for number in range(1_000):
        keep(shelf, "a", 1_000, wording=str(number))

    found = [shelf.find(("a", str(number))) for number in range(1_000)]
    assert len([variant for variant in found if variant]) == response_cache.MOST_WORDINGS
    assert len({id(variant) for variant in found if variant}) == 1
    assert len(shelf) == 1


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 30_000), st.sampled_from("xyz")), max_size=60))
def test_what_is_counted_is_what_is_kept(steps: list[tuple[str, int, str]]) -> None:
    shelf = Shelf(None, most_bytes=100_000)

    for name, size, wording in steps:
        keep(shelf, name, size, wording=wording)

    assert shelf.size == sum(answer.size for answer in shelf._answers.values()) <= 100_000
    assert {question for question, _ in shelf._by_wording.values()} <= shelf._answers.keys()
