"""The offers of the golden files, and offers whose prices no format may show as 0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson

from catalog.documents import rendering
from catalog.memory.rows import Identity, Row
from catalog.memory.snapshot import Snapshot
from catalog.pricing import meters
from catalog.records import Condition, ModelType, OfferRecord, PriceRecord, UnclearPrice
from tests.factories import held_price, hourly, offer_facts, offer_record, per_token, snapshot_of

Json = Any

LONG: Condition = ("prompt_tokens", ">=", 200_001)
BATCH: Condition = ("execution_mode", "=", "batch")
TEXT = per_token(prompt="7E-7", completion="2.5E-6")
AWKWARD = "Größe \"<b>\\u0000\u2028\x7f</b>'; 例 \N{ROCKET}"
"""Text that is a tag, an escape or a line break elsewhere. In JSON it is text."""


def row(record: OfferRecord, gateway: str = "openrouter", *, model: str = "", **facts: Any) -> Row:
    """The record as a row of a snapshot. `model` is the slug of its canonical model; default: its own name at acme."""
    document = rendering.build(record, offer_facts(gateway=gateway, **facts))
    slug = model or f"acme/{record.slug.rpartition('/')[2]}"
    return Row.of(orjson.dumps(document), Identity(model=slug, variant="", rule="id", evidence="its id"))


def offer(model_id: str, **fields: Any) -> OfferRecord:
    """An offer whose facts are all known."""
    own: dict[str, Any] = {
        "prices": TEXT,
        "context_length": 64_000,
        "max_completion_tokens": 8_000,
        "supported_parameters": ("tools", "temperature"),
        "is_moderated": False,
        "created": 1_737_381_095,
        "zero_is_free": False,
    }
    return offer_record(model_id, **(own | fields))


def price(meter: str, amount: str, *conditions: Condition) -> PriceRecord:
    return PriceRecord(meter=meter, amount=Decimal(amount), conditions=tuple(sorted(conditions, key=str)))


CERTAIN = row(offer("acme/certain"))
"""An offer that every format can show."""

_LONG_PRICES = (
    *TEXT,
    price(meters.INPUT_TEXT_CACHE_READ, "1E-7"),
    price(meters.INPUT_TEXT, "1.4E-6", LONG),
    price(meters.INPUT_TEXT, "3.5E-7", BATCH),
)
_UNCERTAIN: Mapping[str, Row] = {
    "unknown": row(offer("acme/uncertain", prices=())),
    "zero that is no evidence": row(offer("acme/uncertain", prices=per_token(prompt="0", completion="0"))),
    "half": row(offer("acme/uncertain", prices=per_token(prompt="7E-7"))),
    "dynamic": row(offer("acme/uncertain", is_dynamic=True)),
    "held": row(offer("acme/uncertain"), holds=(held_price(meters.INPUT_TEXT),)),
    "held and unknown": row(
        offer("acme/uncertain", prices=per_token(prompt="7E-7")), holds=(held_price(meters.OUTPUT_TEXT),)
    ),
    "held cache": row(offer("acme/uncertain"), holds=(held_price(meters.INPUT_TEXT_CACHE_READ),)),
    "unclear": row(
        offer("acme/uncertain", unclear=(UnclearPrice(meter=meters.INPUT_TEXT_CACHE_READ, conditions=(), reason="x"),))
    ),
    "hourly": row(offer("acme/uncertain", prices=(hourly("2.5"),)), "chutes"),
    "per image": row(offer("acme/uncertain", prices=(price(meters.OUTPUT_IMAGE, "0.04"),))),
}
UNCERTAIN: Mapping[str, tuple[Row, Row]] = {kind: (CERTAIN, found) for kind, found in _UNCERTAIN.items()}
"""Offers by what is wrong with their prices, each next to one that nothing is wrong with."""


def golden_snapshot() -> Snapshot:
    return snapshot_of(
        CERTAIN,
        row(offer("acme/long", prices=_LONG_PRICES, supported_parameters=("tools", "reasoning"), expires=None)),
        row(offer("acme/awkward", name=AWKWARD, description=AWKWARD, hugging_face_id="acme/Awkward")),
        row(offer("acme/chat:free", slug="acme/chat", prices=per_token(prompt="0", completion="0"), zero_is_free=True)),
        row(
            offer(
                "acme/embeddings",
                model_type=ModelType.EMBEDDINGS,
                prices=per_token(prompt="2E-8"),
                output_modalities=("embedding",),
            )
        ),
        row(
            replace(
                offer("@openai/gpt-4o", slug="gpt-4o", host="openai"),
                prices=(*TEXT, price(meters.SEARCH_WEB, "0.01"), price(meters.INPUT_AUDIO, "4E-6")),
                input_modalities=("text", "image", "audio"),
            ),
            "portkey",
        ),
        row(offer("acme/long", prices=per_token(prompt="5E-7", completion="2E-6"), quantization="fp8"), "chutes"),
        row(offer("acme/batch", execution_mode="batch")),
        *(replace_id(found, kind) for kind, found in _UNCERTAIN.items()),
    )


def replace_id(found: Row, kind: str) -> Row:
    """Return the same offer with an id that names its kind."""
    document: Json = orjson.loads(found.document)
    document["id"] = document["slug"] = f"acme/{kind.replace(' ', '-')}"
    assert found.identity is not None
    identity = replace(found.identity, model=document["id"])
    return Row.of(orjson.dumps(document), identity)
