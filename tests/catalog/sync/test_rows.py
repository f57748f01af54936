from __future__ import annotations

import json
from typing import Any

import pytest

from catalog.adapter.contract import Listing
from catalog.gateways.chutes import Chutes
from catalog.normalize import text
from catalog.sync import rows
from catalog.sync.read import decoded
from tests.factories import chutes_row

Json = Any


def sort(*listed: Json) -> rows.Sorted:
    payload = decoded(json.dumps(listed).encode())
    return rows.sort_rows(Chutes(), Listing(rows=payload, is_complete=True), reader="", accepted={})


def test_a_bad_row_is_set_aside_with_its_place_and_the_others_stand() -> None:
    found = sort(chutes_row("a/1"), chutes_row("a/2", type="Teleportation"), chutes_row("a/3"))

    assert list(found.records) == ["a/1", "a/3"]
    [rejection] = found.rejections
    assert (rejection.position, rejection.model_id) == (2, "a/2")
    assert rejection.reason.startswith("type: ")
    assert json.loads(rejection.raw)["type"] == "Teleportation"


def test_of_rows_with_one_id_the_first_is_used_and_each_other_is_rejected() -> None:
    found = sort(chutes_row("a/1", name="first"), chutes_row(" a/1", name="second"), chutes_row("a/1"))

    assert found.records["a/1"].name == "first"
    assert [(rejection.position, rejection.model_id) for rejection in found.rejections] == [(2, "a/1"), (3, "a/1")]
    assert {rejection.reason for rejection in found.rejections} == {"id: a/1 was already listed; the first row is kept"}


def test_ids_that_differ_by_case_are_two_offers() -> None:
    assert list(sort(chutes_row("Qwen/Q"), chutes_row("qwen/q")).records) == ["Qwen/Q", "qwen/q"]


def test_a_rejected_row_has_the_id_as_it_would_be_published() -> None:
    found = sort(chutes_row("  a/1\n", type="Teleportation"))

    assert found.rejections[0].model_id == "a/1"
    assert found.all_ids_known


@pytest.mark.parametrize(
    "model_id", [None, 5, "", "   ", "x" * 301, "a\x00b", "\ud800", "\x1b[2J", "a\nb", "a\x07b", ["a/1"]], ids=repr
)
def test_an_id_that_could_not_be_published_is_no_id(model_id: Json) -> None:
    found = sort(chutes_row(model_id))

    assert found.rejections[0].model_id is None
    assert not found.all_ids_known


@pytest.mark.parametrize(
    "row", ["text", 5, None, [], [[[]]], {"\x00\ud800": "\x00\ud800"}, chutes_row(tags=[9] * 9_999)], ids=range(7)
)
def test_a_rejection_of_any_row_can_be_stored(row: Json) -> None:
    [rejection] = sort(row).rejections

    for stored in (rejection.reason, rejection.raw):
        assert text.is_storable(stored)
        assert len(stored) <= 20_000


def test_a_number_of_thousands_of_digits_spoils_its_own_price_alone() -> None:
    text = json.dumps([chutes_row("a/1"), chutes_row("a/2", pricing_per_hour=0)]).replace(": 0,", f": {'7' * 5_000},")

    found = rows.sort_rows(Chutes(), Listing(rows=decoded(text.encode()), is_complete=True), reader="", accepted={})

    assert [(key, len(record.prices)) for key, record in found.records.items()] == [("a/1", 1), ("a/2", 0)]
    assert found.records["a/2"].unclear[0].reason.startswith("its amount must be a decimal number")
