"""Every gateway is held to the contract's own suite; beside it stand the oddities of single gateways."""

from __future__ import annotations

import json
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from hypothesis import example, given
from hypothesis import strategies as st

from catalog import registry
from catalog.adapter import testing
from catalog.adapter.contract import Gateway
from catalog.adapter.errors import UnusableRow
from catalog.gateways.chutes import Chutes
from catalog.normalize import meters
from catalog.records import ModelType, OfferRecord
from catalog.sync.read import decoded
from tests.factories import chutes_row

Json = Any

FIXTURES: Path = settings.BASE_DIR / "fixtures"
over_all_gateways = pytest.mark.parametrize("gateway", registry.GATEWAYS.values(), ids=registry.GATEWAYS)


def bundled_rows(gateway: Gateway) -> list[Json]:
    payload = decoded((FIXTURES / f"{gateway.slug}_catalog.json").read_bytes())
    return list(gateway.bundled_listing(payload).rows)


def json_values() -> st.SearchStrategy[Json]:
    """Whatever a JSON text can say, as the reader of listings decodes it; with NaN, which Python's JSON knows."""
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters() | st.just("\ud800"))
    values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
    return values.map(lambda value: decoded(json.dumps(value).encode()))


def rows_with_one_odd_field() -> st.SearchStrategy[Json]:
    fields = st.sampled_from(["id", "name", "provider", "type", "pricing_per_hour", "tags"])
    return st.builds(lambda field, value: chutes_row() | {field: value}, fields, json_values())


@over_all_gateways
def test_file_class_and_slug_of_a_gateway_agree(gateway: Gateway) -> None:
    testing.check_identity(gateway)

    assert registry.GATEWAYS[gateway.slug] is gateway


@over_all_gateways
def test_a_gateway_reads_all_of_its_bundled_catalogue(gateway: Gateway) -> None:
    records = testing.check_rows(gateway, bundled_rows(gateway))

    assert records
    assert len({record.id for record in records}) == len(records)


@over_all_gateways
@pytest.mark.parametrize("payload", [{}, {"data": []}, "rows", 5, None, True])
def test_a_bundled_catalogue_that_is_no_list_is_refused(gateway: Gateway, payload: Json) -> None:
    testing.check_refuses_payload(gateway, payload)


@over_all_gateways
@given(row=json_values() | rows_with_one_odd_field())
@example(row=chutes_row("  maker/model\n"))
@example(row=chutes_row(name="\ud800"))
@example(row=chutes_row(tags=["x"] * 10_000))
@example(row=chutes_row(tags=[5] * 10_000))
def test_any_json_is_an_offer_or_an_unusable_row(gateway: Gateway, row: Json) -> None:
    if not testing.check_refuses(gateway, row):
        testing.check_rows(gateway, [row])


# --- Chutes ----------------------------------------------------------------------------------------------------------


def chutes_record(**fields: object) -> OfferRecord:
    return Chutes().record(chutes_row(**fields))


def test_chutes_lists_its_104_models_of_nine_types() -> None:
    records = [Chutes().record(row) for row in bundled_rows(Chutes())]

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
def test_the_type_tells_the_modalities(
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
    ("pricing_per_hour", -1),
    ("pricing_per_hour", Decimal("-0.01")),
    ("pricing_per_hour", "cheap"),
    ("pricing_per_hour", "NaN"),
    ("pricing_per_hour", Decimal("1e999")),
    ("pricing_per_hour", None),
    ("pricing_per_hour", True),
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


@pytest.mark.parametrize("field", ["id", "name", "provider", "type", "pricing_per_hour"])
def test_a_missing_field_is_named(field: str) -> None:
    row = chutes_row()
    del row[field]

    with pytest.raises(UnusableRow, match=f"^{field}: "):
        Chutes().record(row)


def test_every_field_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(UnusableRow) as refusal:
        Chutes().record({"tags": 5})

    for field in ("id", "name", "provider", "type", "pricing_per_hour", "tags"):
        assert f"{field}: " in refusal.value.reason


@pytest.mark.parametrize("row", ["text", 5, None, [], True])
def test_a_row_that_is_no_object_is_refused(row: Json) -> None:
    with pytest.raises(UnusableRow, match="must be an object, not "):
        Chutes().record(row)


def test_a_field_that_nobody_asked_for_does_no_harm() -> None:
    assert chutes_record(surprise={"deep": [1, 2]}) == chutes_record()
