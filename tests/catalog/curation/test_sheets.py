"""Overrides as CSV: what is written is read back, and whatever is wrong is named by its line or its column."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.curation import sheets
from catalog.curation.sheets import COLUMNS, Entry, UnusableFile
from catalog.publication.fields import FIELDS, PRICES
from catalog.records import ModelType

Json = Any
HEADER = ",".join(COLUMNS)

# Signs that spreadsheets, separators and quotation marks give a meaning to occur more often than by chance.
TEXT = st.text(st.one_of(st.sampled_from("=+-@'\t\r\n\",; a"), st.characters(codec="utf-8")), max_size=30)
LINES = TEXT.filter(lambda found: _is_valid("name", found))


def _is_valid(field: str, value: Json) -> bool:
    try:
        FIELDS[field].checked(value)
    except ValueError:
        return False
    return True


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    field = draw(st.sampled_from([*FIELDS]))
    amounts = st.decimals(0, 900, places=6, allow_nan=False).map(lambda amount: format(amount, "f"))
    value: Json
    if field in PRICES:
        value = {"amount": draw(amounts), "unit": draw(st.sampled_from(PRICES[field].units))}
    elif field == "tags":
        tags = draw(st.lists(LINES.map(str.strip), min_size=1, max_size=4, unique_by=str.lower))
        value = {"add": tags[:2], "remove": tags[2:]}
    elif field in {"name", "description"}:
        value = draw(LINES if field == "name" else TEXT)
    elif field.endswith("modalities"):
        value = draw(st.lists(st.sampled_from(["text", "image", "audio"]), min_size=1, unique=True))
    else:
        value = draw(
            {
                "model_type": st.sampled_from([*ModelType]),
                "context_length": st.integers(1, 10**12),
            }.get(field, st.just(True))
        )
    if not _is_valid(field, value):
        value = None
    return Entry(
        gateway=draw(st.sampled_from(["chutes", "openrouter"])),
        id=draw(LINES).strip(),
        field=field,
        value=None if value is None else FIELDS[field].checked(value),
        reason=draw(TEXT.filter(lambda reason: "\x00" not in reason)).strip(),
        expires_at=draw(st.none() | st.datetimes(datetime(2026, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))),  # noqa: DTZ001
    )


@given(
    wanted=st.lists(entries(), min_size=1, max_size=8, unique_by=lambda entry: (entry.gateway, entry.id, entry.field))
)
def test_what_is_written_is_read_back_and_no_cell_is_a_formula(wanted: Sequence[Entry]) -> None:
    content = "".join(sheets.write(wanted))

    sheet = sheets.read(content.encode("utf-8-sig"))

    assert sheet.bad == []
    assert [_of(line) for line in sheet.lines] == [_of(entry) for entry in wanted]
    cells = [cell for row in csv.reader(io.StringIO(content, newline="")) for cell in row]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []


def _of(found: Any) -> Json:
    return found.gateway, found.id, found.field, found.value, found.reason, found.expires_at


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        ("'=cmd()", "=cmd()"),
        ("=cmd()", "=cmd()"),
        ("''=cmd()", "'=cmd()"),
        ("'tis", "'tis"),
        ("''tis", "'tis"),
        ("'@a/b", "@a/b"),
        ("plain", "plain"),
    ],
)
def test_exactly_the_apostrophe_of_an_export_is_taken_off(cell: str, read: str) -> None:
    [line] = sheets.read(f"{HEADER}\nchutes,{cell},name,{cell},,{cell},\n".encode()).lines
    assert (line.id, line.value, line.reason) == (read, read, read)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_files_of_all_spreadsheets_are_read(encoding: str, separator: str, end: str) -> None:
    rows = [
        [*COLUMNS, "upstream"],
        ["chutes", "a/é", "prompt", "0.25", "usd_per_million_tokens", "invoice", "2027-01-31", "0.2"],
        [""] * 8,
        ["chutes", "a/é", "is_hidden", "", "clear", "", "", ""],
    ]
    content = end.join(separator.join(row) for row in rows)

    price, hidden = sheets.read(content.encode(encoding)).lines

    assert (price.number, price.id, price.value) == (2, "a/é", {"amount": "0.25", "unit": "usd_per_million_tokens"})
    assert price.expires_at == datetime(2027, 1, 31, tzinfo=UTC)
    assert (hidden.number, hidden.field, hidden.value) == (4, "is_hidden", None)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("chutes,a/1,prompt,0.2,,,", "prompt needs a unit: usd_per_million_tokens or usd_per_token"),
        ("chutes,a/1,prompt,-1,usd_per_token,,", "must not be negative"),
        ("chutes,a/1,prompt,'1,usd_per_token,,", "must be a decimal number"),
        ("chutes,a/1,prompt,1,usd_per_hour,,", "prompt"),
        ("chutes,a/1,name,,,,", "the value of name is empty; write clear in the column unit"),
        ("chutes,a/1,name,x,clear,,", "name has a value and is cleared at once"),
        ("chutes,a/1,name,x,usd_per_token,,", "name has no unit"),
        ("chutes,a/1,colour,x,,,", "colour is not a curated field; those are name, "),
        ("chutes,,name,x,,,", "id is required"),
        ("chutes,a\x00b,name,x,,,", "id contains a character that cannot be stored"),
        ("chutes,a/1,name,x,,a\x00b,", "reason contains a character"),
        ("chutes,a/1,name,x,,,tomorrow", "expires_at must be a day or a time"),
        ("chutes,a/1,tags,hot,,,", "+hot to add it, or -hot to remove it"),
        ("chutes,a/1,name,x", "has 4 cells; the header has 7"),
        ("chutes,a/2,name,x,,,", "name of chutes a/2 is in line 15 already"),
    ],
)
def test_a_bad_row_is_named_by_its_line(row: str, reason: str) -> None:
    lines = [HEADER, '"chutes",a/2,description,"two\nlines",,,', *(f"chutes,b/{n},name,x,,," for n in range(11))]
    lines += ["chutes,a/2,name,x,,,", "", row, "chutes,c/1,name,x,,,"]

    [bad] = sheets.read("\n".join(lines).encode()).bad

    assert str(bad).startswith("line 17: ")
    assert reason in str(bad)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "missing: gateway, id, field, value, unit, reason, expires_at"),
        (b"gateway,id,field,value,unit,reason\n", r"wrong header \(missing: expires_at\)"),
        (f"{HEADER},colour,id".encode(), r"\(unknown: colour; more than once: id\)"),
        (HEADER.encode(), "no rows below its header"),
        (f"{HEADER}\nchutes,\xe9".encode("latin-1"), "not UTF-8: line 2 has the byte 0xe9"),
        (HEADER.encode("utf-16"), "UTF-16"),
        (f'{HEADER}\nchutes,"a"b,name,x,,,'.encode(), "not CSV from line 2 on"),
        (f"{HEADER}\nchutes,{'x' * 140_000},name,x,,,".encode(), "not CSV from line 2 on: field larger"),
        (b"x" * (sheets.MOST_BYTES + 1), "at most 5,242,880 are allowed"),
        ((HEADER + "\nchutes,a,name,x,,," * (sheets.MOST_ROWS + 1)).encode(), "more than 10,000 rows"),
    ],
    ids=lambda value: None,
)
def test_a_file_that_cannot_be_used_is_refused_as_a_whole(content: bytes, reason: str) -> None:
    with pytest.raises(UnusableFile, match=reason):
        sheets.read(content)


def test_amounts_are_written_in_their_unit_and_other_columns_only_inform() -> None:
    entry = Entry(
        gateway="portkey",
        id="@a/b",
        field="prompt",
        value={"amount": "0.5", "unit": "usd_per_million_tokens"},
        expires_at=datetime(2027, 1, 1, tzinfo=UTC) + timedelta(microseconds=1),
        more={"upstream": "0.0000004", "served_now": None},
    )

    header, row = "".join(sheets.write([entry], more=("upstream", "served_now"))).splitlines()

    assert header == f"{HEADER},upstream,served_now"
    assert row == "portkey,'@a/b,prompt,0.5,usd_per_million_tokens,,2027-01-01T00:00:00.000001+00:00,0.4,"
