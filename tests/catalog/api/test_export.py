"""`GET /catalog/export.json`, `.ndjson` and `.csv`: everything at once, the same in each format."""

from __future__ import annotations

import csv
import re
from decimal import Decimal
from io import StringIO
from typing import Any

import orjson
import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from catalog.api import spreadsheet
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.reports import exports
from tests.catalog.api.reading import problem_of, read
from tests.factories import offer_record, served_row

Json = Any
TYPES = {"json": "application/json", "ndjson": "application/x-ndjson", "csv": "text/csv"}
FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

any_text = st.text(min_size=1) | st.builds(
    "{}{}".format,
    st.sampled_from(["=", "+", "-", "@", "\t", "\r", "\n", "'", "''", "'=", "\uff1d", "|", "\\", '"', ",", "\r\n"]),
    st.sampled_from(["", "1+1", "maker/model", "SUM(A1)", 'a"b,c\r\nd', "é|\\|"]),
)


def lines(client: Client, query: str = "") -> list[Json]:
    return [orjson.loads(line) for line in client.get(f"/catalog/export.ndjson?{query}").content.splitlines()]


def identity(offer: Json) -> tuple[str, str]:
    return offer["id"], offer["source_gateway"]


def written(documents: list[bytes], *, is_guarded: bool = False) -> bytes:
    return b"".join(spreadsheet.table(documents, is_guarded=is_guarded))


def table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(content.decode(), newline=""), strict=True))


def without_guards(row: dict[str, str]) -> dict[str, str]:
    return {name: cell.removeprefix("'") for name, cell in row.items()}


def words(cell: str) -> list[str]:
    found, word, text = [], "", iter(cell)
    for character in text:
        if character == "|":
            found.append(word)
            word = ""
        else:
            word += next(text) if character == "\\" else character
    return [*found, word]


@pytest.mark.parametrize(
    ("query", "belongs"),
    [
        ("", lambda row: True),
        ("gateway=chutes", lambda row: row["source_gateway"] == "chutes"),
        ("model_type=Embeddings,LLM", lambda row: row["model_type"] in {"Embeddings", "LLM"}),
        ("tags=hot&gateway=chutes", lambda row: "hot" in row["tags"] and row["source_gateway"] == "chutes"),
    ],
)
def test_every_format_has_exactly_the_offers_that_the_list_has(
    client: Client, bundled: Snapshot, query: str, belongs: Any
) -> None:
    pages = [read(client, f"/catalog/models?limit=1000&offset={offset}")["data"] for offset in (0, 1000)]
    wanted = [row for row in [*pages[0], *pages[1]] if belongs(row)]

    assert wanted
    exported = read(client, f"/catalog/export.json?{query}")
    assert (exported["data"], exported["total"]) == (wanted, len(wanted))
    assert sorted(lines(client, query), key=identity) == wanted
    rows = table(client.get(f"/catalog/export.csv?{query}").content)
    assert list(map(identity, rows)) == list(map(identity, lines(client, query)))


def test_the_lines_are_the_documents_of_the_list_byte_for_byte(client: Client, bundled: Snapshot) -> None:
    exported = client.get("/catalog/export.ndjson").content.splitlines()

    assert sorted(exported) == sorted(row.document for row in Selection.of(bundled).rows)


def test_a_column_is_of_one_type_in_every_piece(
    client: Client, bundled: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "PIECE_ROWS", 600)
    rows = table(client.get("/catalog/export.csv").content)
    pieces = [rows[start : start + 600] for start in range(0, len(rows), 600)]

    for column in rows[0]:
        if sum(row[column] != "" for row in rows) >= 2 * len(pieces):
            assert len({type_of([row[column] for row in piece]) for piece in pieces}) == 1, column


def type_of(cells: list[str]) -> str:
    """Return the type that pandas infers from the cells, where empty ones are NaN, a number."""
    known = [cell for cell in cells if cell]
    if all(re.fullmatch(r"[0-9]+(\.[0-9]+)?", cell) for cell in known):
        return "number"
    if {*known} <= {"true", "false"}:
        return "boolean" if known == cells else "object"
    return "text"


@pytest.mark.parametrize("extension", TYPES)
def test_an_export_is_named_after_its_revision_and_comes_whole(
    client: Client, bundled: Snapshot, extension: str
) -> None:
    response = client.get(f"/catalog/export.{extension}", headers={"accept": TYPES[extension]})

    assert response.headers["Content-Type"].partition(";")[0] == TYPES[extension]
    name = f"gatewayz-{bundled.revision}.{extension}"
    assert response.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert not response.streaming
    assert "public" in response.headers["Cache-Control"]


@pytest.mark.parametrize("extension", TYPES)
@pytest.mark.parametrize(("accept", "status"), [("*/*", 200), ("image/png", 406), ("text/html,*/*;q=0.8", 200)])
def test_an_export_is_negotiated_by_its_own_media_type(
    client: Client, bundled: Snapshot, extension: str, accept: str, status: int
) -> None:
    response = client.get(f"/catalog/export.{extension}", headers={"accept": accept})

    assert response.status_code == status
    assert status == 200 or problem_of(response, status=406)


def test_a_cell_has_the_value_of_the_document(client: Client, bundled: Snapshot) -> None:
    rows = table(client.get("/catalog/export.csv").content)

    assert any(row["id"].startswith("@") for row in rows)
    for document, row in zip(lines(client), rows, strict=True):
        assert_same(document, row)


def test_a_table_for_spreadsheets_has_no_formula_and_is_named_so(client: Client, bundled: Snapshot) -> None:
    response = client.get("/catalog/export.csv?spreadsheet=true")

    name = f"gatewayz-{bundled.revision}-spreadsheet.csv"
    assert response.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    rows = table(response.content)
    assert any(row["id"].startswith("'@") for row in rows)
    assert not [cell for row in rows for cell in row.values() if cell.startswith(FORMULA_BEGINS)]
    assert [without_guards(row) for row in rows] == table(client.get("/catalog/export.csv").content)


@pytest.mark.parametrize("extension", ["json", "ndjson"])
def test_only_a_table_can_be_for_spreadsheets(client: Client, bundled: Snapshot, extension: str) -> None:
    problem = problem_of(client.get(f"/catalog/export.{extension}?spreadsheet=true"), status=400)

    assert [error["parameter"] for error in problem["errors"]] == ["spreadsheet"]


@given(model_id=any_text, name=any_text, tags=st.lists(any_text, min_size=1).map(tuple))
def test_any_text_comes_back(model_id: str, name: str, tags: tuple[str, ...]) -> None:
    document = served_row(offer_record(model_id, name=name, tags=tags)).document

    [row] = table(written([document]))

    assert row["id"] == model_id
    assert_same(orjson.loads(document), row)
    [guarded] = table(written([document], is_guarded=True))
    assert not [cell for cell in guarded.values() if cell.startswith(FORMULA_BEGINS)]
    assert without_guards(guarded) == row


def test_lines_end_as_rfc_4180_has_it_and_the_columns_are_the_same_without_any_offer() -> None:
    header = written([])

    assert header.endswith(b"\r\n")
    assert written([served_row(offer_record()).document]).startswith(header)
    assert {b"id", b"pricing.prompt", b"architecture.input_modalities", b"default_parameters"} <= {
        *header.strip().split(b",")
    }


def assert_same(document: Json, row: dict[str, str]) -> None:
    """Check that every leaf of a document is in its column; unknown or empty values are empty cells."""
    left = dict(row)
    for path, value in leaves(document):
        cell = left.pop(path)
        if value is None or value == []:
            assert cell == "", path
        elif isinstance(value, bool):
            assert cell == str(value).lower()
        elif isinstance(value, list) and all(isinstance(each, str) for each in value):
            assert words(cell) == value, path
        elif isinstance(value, list | dict):
            assert orjson.loads(cell) == value, path
        elif path.startswith(("pricing.", "price_per_million.")):
            assert Decimal(cell) == Decimal(value), path
        else:
            assert cell == str(value), path
    assert not any(left.values())


def leaves(value: Json, *above: str) -> list[tuple[str, Json]]:
    nested = {"pricing", "price_per_million", "architecture", "top_provider"}
    if above and above[-1] not in nested:
        return [(".".join(above), value)]
    return [leaf for name, inner in (value or {}).items() for leaf in leaves(inner, *above, name)]
