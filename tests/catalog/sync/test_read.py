from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catalog.adapter.contract import Config, Gateway, Listing, Request, Walk
from catalog.adapter.errors import BadPayload, GatewayError, Unreachable
from catalog.gateways.chutes import Chutes
from catalog.gateways.openrouter import OpenRouter
from catalog.records import Source
from catalog.sync import read
from catalog.sync.captures import AcceptedPage
from tests.catalog.syncing import Shop
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


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def holds_float(value: Json) -> bool:
    if isinstance(value, dict):
        return any(holds_float(inner) for inner in value.values())
    if isinstance(value, list):
        return any(holds_float(inner) for inner in value)
    return isinstance(value, float)


@pytest.mark.parametrize(
    ("gateway", "setting", "has_key", "source"),
    [
        (Chutes(), "auto", False, Source.BUNDLED),
        (Chutes(), "auto", True, Source.API),
        (OpenRouter(), "auto", False, Source.API),
        (OpenRouter(), "auto", True, Source.API),
        *(
            (gateway, setting.value, has_key, setting)
            for gateway in (Chutes(), OpenRouter())
            for setting in Source
            for has_key in (False, True)
        ),
    ],
    ids=lambda part: getattr(part, "slug", str(part)),
)
def test_the_setting_decides_where_a_gateway_is_read(
    gateway: Gateway, setting: str, has_key: bool, source: Source
) -> None:
    assert read.choose_source(gateway, setting=setting, has_key=has_key) is source


# --- the bundled catalogue -------------------------------------------------------------------------------------------


def test_the_bundled_catalogue_is_a_complete_listing_of_one_page(tmp_path: Path) -> None:
    write_listing(tmp_path, [{"id": "a"}, 5])

    reading = read.read_bundled(Chutes(), fixtures=tmp_path, accepted=[])

    assert reading.listing == Listing(rows=[{"id": "a"}, 5], is_complete=True)
    assert [page.body for page in reading.pages] == [(tmp_path / "chutes_catalog.json").read_bytes()]


def test_a_bundled_catalogue_that_is_the_accepted_one_is_not_parsed_again(tmp_path: Path) -> None:
    write_listing(tmp_path, b"no JSON")
    accepted = [AcceptedPage(request=Request(host="bundled", path="chutes_catalog.json"), sha256=sha256(b"no JSON"))]

    assert read.read_bundled(Chutes(), fixtures=tmp_path, accepted=accepted).listing is None


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
        read.read_bundled(Chutes(), fixtures=tmp_path, accepted=[])


# --- a walk ----------------------------------------------------------------------------------------------------------


class Shelf:
    """Pages by their number, and the requests for them."""

    def __init__(self, *pages: Json) -> None:
        self.bodies = {str(number): json.dumps(page).encode() for number, page in enumerate(pages, start=1)}
        self.asked: list[str] = []

    def __call__(self, request: Request) -> bytes:
        number = request.query["page"]
        self.asked.append(number)
        if number not in self.bodies:
            raise Unreachable(f"no page {number}")
        return self.bodies[number]

    def known(self) -> list[AcceptedPage]:
        return [
            AcceptedPage(request=Request(host="api", path="/models", query={"page": number}), sha256=sha256(body))
            for number, body in self.bodies.items()
        ]


def shelf(*rows: Json) -> Shelf:
    """Return a page for each row."""
    return Shelf(
        *(
            {"rows": [row]} | ({"next": str(number + 1)} if number < len(rows) else {})
            for number, row in enumerate(rows, start=1)
        )
    )


def read_shop(fetch: Shelf, *, accepted: Sequence[AcceptedPage] = ()) -> read.Reading:
    return read.read_api(Shop(), fetch=fetch, config=Config(has_key=False), accepted=accepted)


def test_a_walk_asks_for_each_page_once_and_keeps_them_in_order() -> None:
    pages = shelf("a", "b", "c")

    reading = read_shop(pages)

    assert reading.listing == Listing(rows=["a", "b", "c"], is_complete=True)
    assert pages.asked == ["1", "2", "3"]
    assert [page.request.query["page"] for page in reading.pages] == ["1", "2", "3"]
    assert [page.sha256 for page in reading.pages] == [sha256(body) for body in pages.bodies.values()]


def test_pages_that_are_all_the_accepted_ones_are_fetched_and_not_parsed() -> None:
    pages = shelf("a", "b", "c")

    reading = read_shop(pages, accepted=pages.known())

    assert reading.listing is None
    assert pages.asked == ["1", "2", "3"]
    assert [page.sha256 for page in reading.pages] == [page.sha256 for page in pages.known()]


@pytest.mark.parametrize("changed", [1, 2, 3])
def test_from_the_first_different_page_on_the_walk_decides_and_asks_for_no_page_twice(changed: int) -> None:
    before = shelf("a", "b", "c")
    now = shelf(*["x" if number == changed else row for number, row in enumerate("abc", start=1)])

    reading = read_shop(now, accepted=before.known())

    assert reading.listing is not None
    assert reading.listing.rows == ["x" if number == changed else row for number, row in enumerate("abc", start=1)]
    assert now.asked == ["1", "2", "3"]
    assert len(reading.pages) == 3


@pytest.mark.parametrize("count", [1, 2, 4, 5])
def test_a_listing_that_has_grown_or_shrunk_by_pages_is_read_whole(count: int) -> None:
    now = shelf(*"abcde"[:count])

    reading = read_shop(now, accepted=shelf("a", "b", "c").known())

    assert reading.listing is not None
    assert reading.listing.rows == list("abcde"[:count])
    assert now.asked == [str(number) for number in range(1, count + 1)]


def test_what_was_accepted_under_other_requests_saves_no_page() -> None:
    pages = shelf("a", "b")
    moved = [replace(known, request=replace(known.request, path="/v0/models")) for known in pages.known()[:1]]
    moved = [replace(moved[0], sha256=sha256(b"what it was then"))]

    reading = read_shop(pages, accepted=moved)

    assert reading.listing == Listing(rows=["a", "b"], is_complete=True)
    assert [page.request.path for page in reading.pages] == ["/models", "/models"]


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_a_page_that_cannot_be_fetched_ends_the_walk(missing: int) -> None:
    pages = shelf("a", "b", "c")
    known = pages.known()
    del pages.bodies[str(missing)]

    for accepted in ([], known):
        pages.asked.clear()
        with pytest.raises(Unreachable, match=f"no page {missing}"):
            read_shop(pages, accepted=accepted)
        assert pages.asked == [str(number) for number in range(1, missing + 1)]


class Lenient(Shop):
    """A gateway whose walk needs no page except the first."""

    def walk(self, config: Config) -> Walk:
        rows: list[Json] = []
        for number in ("1", "2", "3"):
            try:
                page = yield Request(host="api", path="/models", query={"page": number})
            except Unreachable:
                if number == "1":
                    raise
            else:
                rows += page.payload["rows"]
        return Listing(rows=rows, is_complete=False)


@pytest.mark.parametrize("missing", [2, 3])
def test_a_page_that_the_walk_does_without_is_asked_for_once(missing: int) -> None:
    pages = shelf("a", "b", "c")
    known = pages.known()
    del pages.bodies[str(missing)]

    reading = read.read_api(Lenient(), fetch=pages, config=Config(has_key=False), accepted=known)

    assert pages.asked == ["1", "2", "3"]
    assert reading.is_partial
    assert reading.listing is not None
    assert reading.listing.rows == [row for number, row in enumerate("abc", start=1) if number != missing]


def test_a_page_that_is_no_json_is_refused_by_its_path() -> None:
    pages = shelf("a", "b")
    pages.bodies["2"] = b"<html>"

    with pytest.raises(BadPayload, match="^the answer to /models is not JSON: Expecting value at line 1, column 1$"):
        read_shop(pages)


def test_a_walk_without_an_end_is_ended() -> None:
    def same_page(request: Request) -> bytes:
        return json.dumps({"rows": [], "next": request.query["page"]}).encode()

    with pytest.raises(BadPayload, match="goes on after 1000 pages"):
        read.read_api(Shop(), fetch=same_page, config=Config(has_key=False), accepted=[])


@pytest.mark.parametrize("count", [1, 2, 3])
def test_what_was_captured_is_read_again_to_the_same_listing(count: int) -> None:
    reading = read_shop(shelf(*"abc"[:count]))

    again = read.read_again(Shop(), source=Source.API, pages=reading.pages, config=Config(has_key=False))

    assert again == reading


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_captures_that_no_longer_answer_the_walk_are_refused(lost: int) -> None:
    pages = list(read_shop(shelf("a", "b", "c")).pages)
    del pages[lost]

    with pytest.raises(BadPayload, match="^the captures have no answer to /models$"):
        read.read_again(Shop(), source=Source.API, pages=pages, config=Config(has_key=False))


# --- JSON ------------------------------------------------------------------------------------------------------------


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
def test_no_json_is_decoded_to_a_float(value: Json) -> None:
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
