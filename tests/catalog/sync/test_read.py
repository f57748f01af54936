from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catalog.adapter.errors import BadPayload, GatewayError, Unreachable
from catalog.gateways.chutes import Chutes
from catalog.records import Source
from catalog.sync import read
from tests.factories import write_listing

Json = Any


def lay_nothing(path: Path) -> None:
    pass


def lay_folder(path: Path) -> None:
    path.mkdir()


def lay(content: bytes) -> Callable[[Path], None]:
    def lay_file(path: Path) -> None:
        path.write_bytes(content)

    return lay_file


def holds_float(value: Json) -> bool:
    if isinstance(value, dict):
        return any(holds_float(inner) for inner in value.values())
    if isinstance(value, list):
        return any(holds_float(inner) for inner in value)
    return isinstance(value, float)


@pytest.mark.parametrize(
    ("setting", "source"), [("auto", Source.BUNDLED), ("bundled", Source.BUNDLED), ("api", Source.API)]
)
def test_the_setting_tells_where_a_gateway_is_read(setting: str, source: Source) -> None:
    assert read.choose_source(setting) is source


def test_an_api_that_nothing_can_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"Chutes\.ai is read from its bundled catalogue"):
        read.read_listing(Chutes(), source=Source.API, fixtures=tmp_path)


def test_the_bundled_catalogue_is_a_complete_listing(tmp_path: Path) -> None:
    write_listing(tmp_path, [{"id": "a"}, 5])

    listing = read.read_listing(Chutes(), source=Source.BUNDLED, fixtures=tmp_path)

    assert listing.rows == [{"id": "a"}, 5]
    assert listing.is_complete


@pytest.mark.parametrize(
    ("arrange", "reason"),
    [
        (lay_nothing, "cannot be read: No such file"),
        (lay_folder, "cannot be read: Is a directory"),
        (lay(b""), "is not JSON: .* line 1, column 1"),
        (lay(b'[{"id": "a"},\n  oops]'), "is not JSON: .* line 2, column 3"),
        (lay(b'[{"id": "a"}'), "is not JSON"),
        (lay(b'["\xff\xfe"]'), r"is not UTF-8 text \(byte 2\)"),
        (lay("[]".encode("utf-16")), "is not UTF-8 text"),
        (lay(b"{}"), "must be a list of rows, not an object"),
        (lay(b"1e5"), "must be a list of rows, not a number"),
        (lay(b"[" * 2_000 + b"]" * 2_000), "nested too deeply"),
        (lay(b"[" * 500_000), "nested too deeply"),
        (lay(b'{"a":' * 100_000 + b"1" + b"}" * 100_000), "nested too deeply"),
    ],
)
def test_a_file_that_is_no_listing_is_refused_by_name_and_reason(
    arrange: Callable[[Path], None], reason: str, tmp_path: Path
) -> None:
    arrange(tmp_path / "chutes_catalog.json")

    with pytest.raises(GatewayError, match=f"^chutes_catalog.json.*{reason}"):
        read.read_listing(Chutes(), source=Source.BUNDLED, fixtures=tmp_path)


@given(st.integers(0, 10**40).map(str) | st.decimals(0, 10**15, places=23).map(str) | st.floats(0, 1e30).map(repr))
@example("0.00000008333333333333334")
@example("1" * 5_000)
@example("1e-400")
def test_a_number_is_read_exactly_and_never_as_a_float(number: str) -> None:
    [value] = read.decoded(f"[{number}]".encode())

    assert isinstance(value, int | Decimal)
    assert Fraction(value) == Fraction(Decimal(number))


@given(
    st.recursive(
        st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=5,
    )
)
def test_whatever_json_says_holds_no_float(value: Json) -> None:
    assert not holds_float(read.decoded(json.dumps(value).encode()))


@pytest.mark.parametrize("number", ["1e99999999999999999999", "-1e99999999999999999999", "1e-99999999999999999999"])
def test_a_number_beyond_what_a_decimal_holds_is_left_to_its_row(number: str) -> None:
    assert read.decoded(f'["before", {number}, "after"]'.encode())[::2] == ["before", "after"]


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_what_is_a_number_to_python_alone_is_left_to_its_row_as_text(word: str) -> None:
    assert read.decoded(f"[{word}]".encode()) == [word]


def test_a_byte_order_mark_does_no_harm() -> None:
    assert read.decoded(b"\xef\xbb\xbf[1]") == [1]


@given(st.binary() | st.text().map(str.encode))
def test_bytes_that_are_no_json_are_a_bad_payload_and_nothing_else(raw: bytes) -> None:
    with suppress(BadPayload):
        read.decoded(raw)
