"""Offers made up for properties: few values of each fact, so that they meet, and unknown ones among them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
from hypothesis import strategies as st

from catalog.documents import rendering
from catalog.memory.rows import Identity, Row
from catalog.pricing import meters
from catalog.records import Availability, ModelType, PriceRecord, Source
from tests.factories import hourly, offer_facts, offer_record, per_token

GATEWAYS = ("chutes", "openrouter", "portkey")
SPELLINGS = ("Qwen", "qwen", "~qwen", "qwen-image", "Straße", "STRASSE", None)
TAGS = ("hot", "Hot", "new", "cheap")
SOME_TYPES = (ModelType.LLM, ModelType.IMAGE_GENERATION, ModelType.OTHER)
MODELS = ("Qwen/Qwen3", "maker/other")
MOMENT = datetime(2026, 11, 22, 8, tzinfo=UTC)
SECONDS = int(MOMENT.timestamp())

PRICES = (
    (),
    (hourly("0"),),
    (hourly("2"),),
    (hourly("6.50"), *per_token(prompt="1E-7", completion="2E-7")),
    per_token(prompt="0", completion="0"),
    per_token(prompt="1E-7", completion="2.5E-6"),
    per_token(prompt="0.0000015"),
    (
        *per_token(prompt="1E-7", completion="2E-7"),
        PriceRecord(meter=meters.INPUT_TEXT, amount=Decimal("3E-6"), conditions=(("prompt_tokens", ">=", 200001),)),
    ),
    (PriceRecord(meter=meters.REQUEST, amount=Decimal("0.01")),),
)


def maybe(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from([None, *values])


@st.composite
def rows(draw: st.DrawFn) -> Row:
    record = offer_record(
        draw(st.sampled_from(["a/x", "a/y", "b/x", "B/x", "x", "é"])),
        name=draw(st.sampled_from(["Alpha", "alpha", "Beta", "ßeta", "SSeta"])),
        provider_slug=draw(st.sampled_from(SPELLINGS)),
        host=draw(maybe("deepinfra", "Novita")),
        model_type=draw(st.sampled_from(SOME_TYPES)),
        tags=tuple(draw(st.lists(st.sampled_from(TAGS), unique=True))),
        prices=draw(st.sampled_from(PRICES)),
        execution_mode=draw(st.sampled_from(["standard", "standard", "batch", None])),
        is_dynamic=draw(st.sampled_from([False, False, False, True])),
        zero_is_free=draw(st.booleans()),
        input_modalities=draw(maybe(("text",), ("text", "image"))),
        output_modalities=draw(maybe(("text",), ("image",))),
        supported_parameters=draw(maybe((), ("tools",), ("seed", "tools"))),
        context_length=draw(maybe(4096, 32768)),
        max_completion_tokens=draw(maybe(1024, 8192)),
        hugging_face_id=draw(maybe(*MODELS)),
        is_moderated=draw(maybe(True, False)),
        created=draw(maybe(SECONDS, SECONDS + 1)),
        expires=draw(maybe(date(2026, 11, 22), date(2026, 11, 23))),
        availability=draw(st.sampled_from(Availability)),
        quantization=draw(maybe("fp8")),
    )
    facts = offer_facts(
        gateway=draw(st.sampled_from(GATEWAYS)),
        withdrawn_at=draw(st.sampled_from([None, None, MOMENT])),
        first_seen_at=MOMENT + timedelta(seconds=draw(st.integers(0, 1))),
        source=draw(st.sampled_from(Source)),
    )
    model = draw(maybe(*MODELS))
    identity = (
        Identity(model=model, variant=draw(st.sampled_from(["", "free", "fp8"])), rule="equal-id", evidence="")
        if model
        else None
    )
    return Row.of(orjson.dumps(rendering.build(record, facts)), identity)


def catalogues() -> st.SearchStrategy[list[Row]]:
    return st.lists(rows(), max_size=12, unique_by=lambda row: (row.id, row.gateway))
