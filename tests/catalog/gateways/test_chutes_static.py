"""Chutes' static catalogue, whose rows are of their own kind."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from catalog.adapter import testing
from catalog.adapter.errors import UnusableRow
from catalog.gateways.chutes import Chutes
from catalog.pricing import meters, status
from catalog.records import ModelType, OfferRecord
from tests.catalog.gateways.cases import bundled
from tests.factories import chutes_row

Json = Any


def chutes_record(**fields: object) -> OfferRecord:
    return Chutes().record(chutes_row(**fields))


def test_chutes_lists_its_104_models_of_nine_types() -> None:
    records = testing.check_rows(Chutes(), bundled(Chutes()).rows)

    assert Counter(record.model_type for record in records) == {
        ModelType.LLM: 69,
        ModelType.IMAGE_GENERATION: 19,
        ModelType.CONTENT_MODERATION: 5,
        ModelType.EMBEDDINGS: 4,
        ModelType.TEXT_TO_SPEECH: 2,
        ModelType.OTHER: 2,
        ModelType.SPEECH_TO_TEXT: 1,
        ModelType.VIDEO: 1,
        ModelType.MUSIC_GENERATION: 1,
    }


def test_chutes_prices_are_per_hour_and_never_per_token() -> None:
    record = chutes_record(pricing_per_hour=Decimal("22.0"))

    assert record.amount(meters.COMPUTE_HOUR) == 22
    assert [price.meter for price in record.prices] == [meters.COMPUTE_HOUR]


def test_a_zero_at_chutes_is_evidence_of_a_free_model() -> None:
    assert chutes_record(pricing_per_hour=0).zero_is_free


def test_a_tag_named_twice_counts_once() -> None:
    assert chutes_record(tags=["hot", "new", "hot"]).tags == ("hot", "new")


@pytest.mark.parametrize(
    ("model_type", "inputs", "outputs"),
    [
        ("LLM", ("text",), ("text",)),
        ("Content Moderation", ("text",), ("text",)),
        ("Image Generation", ("text",), ("image",)),
        ("Text to Speech", ("text",), ("audio",)),
        ("Music Generation", ("text",), ("audio",)),
        ("Speech to Text", ("audio",), ("text",)),
        ("Video", ("text",), ("video",)),
        ("Embeddings", ("text",), ("embedding",)),
        ("Other", None, None),
    ],
)
def test_the_type_decides_the_modalities(
    model_type: str, inputs: tuple[str, ...] | None, outputs: tuple[str, ...] | None
) -> None:
    record = chutes_record(type=model_type)

    assert (record.input_modalities, record.output_modalities) == (inputs, outputs)


BAD_FIELDS: list[tuple[str, object]] = [
    ("id", ""),
    ("id", None),
    ("id", 5),
    ("id", "x" * 10_000),
    ("name", "x" * 10_000),
    ("name", "a\x00b"),
    ("name", "\ud800"),
    ("provider", None),
    ("provider", {"slug": "maker"}),
    ("type", "Teleportation"),
    ("type", "llm"),
    ("type", ["LLM"]),
    ("tags", "hot"),
    ("tags", None),
    ("tags", {"hot": True}),
    ("tags", ["hot", 5]),
    ("tags", ["x" * 61]),
]


@pytest.mark.parametrize(("field", "value"), BAD_FIELDS, ids=lambda part: repr(part)[:24])
def test_the_reason_of_a_bad_row_names_its_field(field: str, value: object) -> None:
    with pytest.raises(UnusableRow) as refusal:
        Chutes().record(chutes_row() | {field: value})

    assert re.match(rf"{field}(\.[0-9]+)?: ", refusal.value.reason)


@pytest.mark.parametrize("amount", [-1, Decimal("-0.01"), "cheap", "NaN", Decimal("1e999"), None, True])
def test_a_price_that_cannot_be_read_is_unknown_and_never_free(amount: object) -> None:
    found = chutes_record(pricing_per_hour=amount)

    assert (found.prices, [price.meter for price in found.unclear]) == ((), [meters.COMPUTE_HOUR])
    assert status.price_status(found) == "unknown"


@pytest.mark.parametrize("field", ["id", "name", "provider", "type"])
def test_a_missing_field_is_named(field: str) -> None:
    row = chutes_row()
    del row[field]

    with pytest.raises(UnusableRow, match=f"^{field}: "):
        Chutes().record(row)


def test_every_field_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(UnusableRow) as refusal:
        Chutes().record({"tags": 5})

    for field in ("id", "name", "provider", "type", "tags"):
        assert f"{field}: " in refusal.value.reason


@pytest.mark.parametrize("row", ["text", 5, None, [], True])
def test_a_row_that_is_no_object_is_refused(row: Json) -> None:
    with pytest.raises(UnusableRow, match="must be an object, not "):
        Chutes().record(row)


def test_an_unknown_field_does_no_harm() -> None:
    assert chutes_record(surprise={"deep": [1, 2]}) == chutes_record()


@pytest.mark.parametrize(
    "row",
    [
        chutes_row("  maker/model\n"),
        chutes_row(name="\ud800"),
        chutes_row(tags=["x"] * 10_000),
        chutes_row(tags=[5] * 10_000),
    ],
    ids=["spaces", "surrogate", "many tags", "many wrong tags"],
)
def test_an_odd_row_is_an_offer_or_an_unusable_row(row: Json) -> None:
    testing.check_refuses(Chutes(), row)
