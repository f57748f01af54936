"""Large bodies are made and read part by part, and no byte of them changes on the way."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from front import large_bodies
from front.answers import Answer
from front.large_bodies import PIECE_BYTES, LargeBody, body_of


@given(st.lists(st.binary(max_size=50).map(lambda part: part * 5_000), max_size=6))
def test_a_large_body_has_the_bytes_of_its_parts_in_every_encoding(parts: list[bytes]) -> None:
    whole = b"".join(parts)

    body = LargeBody.of(iter(parts))

    assert b"".join(body.pieces()) == gzip.decompress(body.gzipped()) == brotli.decompress(body.compressed) == whole
    assert (body.length, body.digest) == (len(whole), hashlib.sha256(whole).hexdigest())
    assert all(0 < len(piece) <= 2 * PIECE_BYTES for piece in body.pieces())


def test_equal_bodies_are_equal_bytes_in_every_encoding_however_they_are_cut() -> None:
    whole = bytes(range(256)) * 2_000

    one, other = LargeBody.of([whole]), LargeBody.of(whole[start : start + 999] for start in range(0, len(whole), 999))

    assert (one, one.gzipped()) == (other, other.gzipped())


@pytest.mark.parametrize(("parts", "is_large"), [([b"ab", b"c"], False), ([b"ab", b"cd", b"e"], True), ([], False)])
def test_only_a_body_of_the_limit_or_more_is_large(
    monkeypatch: pytest.MonkeyPatch, parts: list[bytes], is_large: bool
) -> None:
    monkeypatch.setattr(large_bodies, "LARGE_BYTES", 4)

    body = body_of(iter(parts))

    assert isinstance(body, LargeBody) is is_large
    assert (b"".join(body.pieces()) if isinstance(body, LargeBody) else body) == b"".join(parts)


def test_parts_are_made_while_the_body_is_compressed() -> None:
    made = 0

    def parts() -> Iterator[bytes]:
        nonlocal made
        for _ in range(3):
            made += 1
            yield b"part"

    answer = Answer(200, (), parts=parts())

    assert made == 0
    assert answer.whole() == b"part" * 3
