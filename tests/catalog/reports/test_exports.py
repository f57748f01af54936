"""The order of tables: their first rows, and those of each piece, show the type of every field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.api import spreadsheet
from catalog.memory import derived
from catalog.memory.rows import Row
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.reports import exports
from tests.catalog.memory.generated import catalogues
from tests.factories import snapshot_of

Json = Any


def fields_of(value: Json, *above: str) -> Iterator[tuple[str, ...]]:
    """Yield every field of a document with the kind of its value."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from fields_of(inner, *above, name)
    elif isinstance(value, list):
        for inner in value:
            yield from fields_of(inner, *above, "each")
    elif isinstance(value, str) and value.replace(".", "", 1).isdecimal():
        yield *above, "decimal" if "." in value else "digits"
    else:
        yield *above, type(value).__name__


def fields_in(rows: Sequence[Row]) -> set[tuple[str, ...]]:
    return {field for row in rows for field in fields_of(orjson.loads(row.document))}


def identities(rows: Sequence[Row]) -> list[tuple[str, str]]:
    return [(row.id, row.gateway) for row in rows]


def is_by_id(rows: Sequence[Row]) -> bool:
    return identities(rows) == sorted(identities(rows))


@given(rows=catalogues())
def test_the_first_rows_have_every_field_and_the_others_follow_by_id(rows: list[Row]) -> None:
    found = exports.rows(Selection.of(snapshot_of(*rows), status="all"))

    parts = [(found[:number], found[number:]) for number in range(len(rows) + 1)]
    assert any(fields_in(first) == fields_in(rows) and is_by_id(first) and is_by_id(others) for first, others in parts)


@given(rows=catalogues(), piece_rows=st.integers(1, 5))
def test_every_offer_is_in_one_piece(rows: list[Row], piece_rows: int) -> None:
    selection = Selection.of(snapshot_of(*rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exports, "PIECE_ROWS", piece_rows)
        found = exports.rows(selection)

    assert sorted(identities(found)) == identities(selection.rows)


@given(before=catalogues(), after=catalogues())
def test_the_order_of_the_next_snapshot_is_that_of_a_new_one(before: list[Row], after: list[Row]) -> None:
    old, carried, new = snapshot_of(*before), snapshot_of(*after), snapshot_of(*after)
    exports.rows(Selection.of(old))

    derived.carry_on(old, carried)

    assert identities(exports.rows(Selection.of(carried))) == identities(exports.rows(Selection.of(new)))


@pytest.mark.parametrize("gateway", ["all", "openrouter", "portkey", "featherless", "chutes"])
def test_few_rows_show_the_fields_of_the_bundled_catalogues(bundled: Snapshot, gateway: str) -> None:
    rows = exports.rows(Selection.of(bundled).of_gateway(gateway))

    assert fields_in(rows[:50]) == fields_in(rows)  # polars infers types from 100 rows


def test_every_piece_has_the_fields_of_enough_offers(bundled: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "PIECE_ROWS", 500)
    rows = exports.rows(Selection.of(bundled))

    pieces = [fields_in(rows[start : start + 500]) for start in range(0, len(rows), 500)]

    offers = [set(fields_of(orjson.loads(row.document))) for row in rows]
    for field in fields_in(rows):
        enough = sum(field in each for each in offers) >= 2 * len(pieces)
        assert not enough or all(field in piece for piece in pieces), field


def test_pandas_reads_the_columns_of_a_table_in_pieces_of_this_size() -> None:
    width = len(spreadsheet.columns())

    piece_rows = 1  # as in its parser: parsers.pyx, TextReader.__cinit__
    while piece_rows * 2 < 2**20 // width:
        piece_rows *= 2

    assert piece_rows == exports.PIECE_ROWS
