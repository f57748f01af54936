"""Content negotiation: the encoding and the media type that a client accepts."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from front.negotiation import accepts, negotiated
from front.response_cache import ENCODERS


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
        ("*;q=0", "identity"),  # nothing is acceptable: every client can read the plain bytes
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
def test_the_encoding_is_the_one_with_the_highest_quality(accepted: str, encoding: str) -> None:
    assert negotiated(accepted) == encoding


@given(st.text())
def test_every_client_gets_an_encoding(accepted: str) -> None:
    assert negotiated(accepted) in ENCODERS


@pytest.mark.parametrize("read", [negotiated, lambda header: accepts(header, "application/json")])
def test_the_meaning_of_long_headers_is_not_cached(read: Callable[[str], object]) -> None:
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(100):
        read(f"gzip, {number}" + "x" * 100_000)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert after - before < 1_000_000
