"""Every answer that uses a held price marks it; LiteLLM's map leaves it out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from django.test import Client

from catalog.documents import reading, rendering
from catalog.formats import litellm
from catalog.memory import following
from catalog.memory.rows import Row
from catalog.pricing import meters
from catalog.records import Condition, ModelType, PriceRecord
from catalog.sync.guard import Limits, StrictGuard
from tests.catalog.api.reading import body_of, read
from tests.factories import offer_facts, offer_record, per_token, publish, snapshot_of

Json = Any
LONG: Condition = ("prompt_tokens", ">=", 200_001)
BATCH: Condition = ("execution_mode", "=", "batch")


def price(meter: str, amount: str, *conditions: Condition) -> PriceRecord:
    return PriceRecord(meter=meter, amount=Decimal(amount), conditions=tuple(sorted(conditions, key=str)))


@pytest.fixture
def held(db: None) -> None:
    """A price of input that moved 100-fold and is served as before, and one of output that is served as unknown."""
    guard = StrictGuard(limits=Limits(), seen=3, rejected=0)
    for prompt in ("1E-6", "1E-4"):
        publish(
            offer_record("acme/moved", prices=per_token(prompt=prompt, completion="2E-6"), hugging_face_id="acme/one"),
            offer_record("acme/new", prices=per_token(prompt="1E-6", completion="0.5"), hugging_face_id="acme/one"),
            offer_record("acme/sure", prices=per_token(prompt="2E-6", completion="2E-6"), hugging_face_id="acme/one"),
            gateway="openrouter",
            guard=guard,
        )
    following.FOLLOWER.refresh()


def test_estimates_mark_offers_and_lines(client: Client, held: None) -> None:
    body = {"workload": {"input_tokens": 1_000_000, "output_tokens": 1_000_000}, "uncosted_limit": 5}

    answer = body_of(client.post("/catalog/estimate", body, content_type="application/json"))

    assert [(offer["id"], offer["total"], offer["held_meters"]) for offer in answer["data"]] == [
        ("acme/moved", "3", ["input.text"]),
        ("acme/sure", "4", []),
    ]
    assert [(line["meter"], line["is_held"]) for line in answer["data"][0]["lines"]] == [
        ("input.text", True),
        ("output.text", False),
    ]
    [uncosted] = answer["uncosted"]["offers"]
    assert (uncosted["id"], uncosted["held_meters"]) == ("acme/new", ["output.text"])
    assert uncosted["reasons"] == ["its price of output.text is not known"]


def test_a_workload_that_needs_no_held_price_has_no_mark(client: Client, held: None) -> None:
    body = {"workload": {"output_tokens": 1_000_000}, "ids": ["openrouter/acme/moved"]}

    answer = body_of(client.post("/catalog/estimate", body, content_type="application/json"))

    assert {offer["id"]: offer["held_meters"] for offer in answer["data"]}["acme/moved"] == []


def test_a_canonical_model_marks_its_offers_and_its_cheapest(client: Client, held: None) -> None:
    data = read(client, "/catalog/canonical/acme/one")["data"]

    assert {offer["offer"]["id"]: offer["held_meters"] for offer in data["offers"]} == {
        "acme/moved": ["input.text"],
        "acme/new": ["output.text"],
        "acme/sure": [],
    }
    # 750,000 x 0.000001 + 250,000 x 0.000002
    assert (data["cheapest"]["id"], data["cheapest"]["cost"]) == ("acme/moved", "1.25")
    assert data["cheapest"]["held_meters"] == ["input.text"]


def test_models_side_by_side_mark_their_cheapest_offer_and_all_that_are_concerned(client: Client, held: None) -> None:
    [model] = read(client, "/catalog/compare?ids=acme/one")["data"]["models"]

    assert model["cheapest"]["held_meters"] == ["input.text"]
    assert model["held_offers"] == [
        {"source_gateway": "openrouter", "id": "acme/moved", "held_meters": ["input.text"]},
        {"source_gateway": "openrouter", "id": "acme/new", "held_meters": ["output.text"]},
    ]


def test_litellms_map_has_no_offer_whose_tokens_have_a_held_price(client: Client, held: None) -> None:
    assert read(client, "/litellm/model_prices.json").keys() == {"openrouter/acme/sure"}


# --- which price, where a document names it exactly ------------------------------------------------------------------
ALL = (
    *per_token(prompt="1E-6", completion="2E-6"),
    price(meters.INPUT_TEXT_CACHE_READ, "1E-7"),
    price(meters.INPUT_TEXT, "2E-6", LONG),
    price(meters.INPUT_TEXT, "5E-7", BATCH),
    price(meters.INPUT_TEXT, "9E-7", BATCH, LONG),
    price(meters.INPUT_AUDIO, "3E-6"),
    price(meters.OUTPUT_REASONING, "4E-6"),
    price(meters.SEARCH_WEB, "0.01"),
)


def document(*held: PriceRecord, **fields: Any) -> Json:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    holds = tuple(rendering.HeldPrice(price=each, since=now, reason="it moved") for each in held)
    facts = offer_facts(gateway="openrouter", holds=holds)
    return orjson.loads(rendering.render(offer_record(**({"prices": ALL} | fields)), facts))


def entry(*held: PriceRecord, **fields: Any) -> Json:
    """Return the entry of LiteLLM's map for an offer with these held prices, or None if the map leaves it out."""
    row = Row.of(orjson.dumps(document(*held, **fields)))
    found = json.loads(litellm.map_of(snapshot_of(row)).body, parse_float=Decimal)
    return found.get("openrouter/maker/model")


@pytest.mark.parametrize(
    ("held", "missing"),
    [
        (price(meters.INPUT_TEXT_CACHE_READ, "1"), {"cache_read_input_token_cost", "supports_prompt_caching"}),
        (price(meters.OUTPUT_REASONING, "1"), {"output_cost_per_reasoning_token"}),
        (price(meters.INPUT_TEXT, "1", BATCH), {"input_cost_per_token_batches"}),
        (price(meters.INPUT_TEXT, "1", BATCH, LONG), {"input_cost_per_token_above_200k_tokens_batches"}),
        (price(meters.SEARCH_WEB, "1"), set()),
    ],
)
def test_a_held_price_that_litellm_can_do_without_is_left_out(held: PriceRecord, missing: set[str]) -> None:
    assert entry().keys() - entry(held).keys() == missing
    assert entry(held).items() <= entry().items()


@pytest.mark.parametrize(
    "held",
    [
        price(meters.INPUT_TEXT, "1"),
        price(meters.OUTPUT_TEXT, "1"),
        price(meters.INPUT_TEXT, "1", LONG),
        price(meters.INPUT_AUDIO, "1"),
        price(meters.REQUEST, "1"),
    ],
)
def test_an_offer_that_would_be_billed_wrongly_without_its_held_price_is_left_out(held: PriceRecord) -> None:
    assert entry(held) is None


def test_an_embedding_model_needs_the_price_of_its_input_alone() -> None:
    fields = {"model_type": ModelType.EMBEDDINGS, "prices": per_token(prompt="1E-6")}

    assert entry(price(meters.INPUT_TEXT, "1"), **fields) is None
    assert entry(price(meters.SEARCH_WEB, "1"), **fields)["input_cost_per_token"] == Decimal("0.000001")


def test_a_document_of_before_there_were_holds_has_none() -> None:
    older = document(price(meters.INPUT_TEXT, "1", LONG))
    assert reading.held_keys(older) == {(meters.INPUT_TEXT, (LONG,))}

    del older["holds"]

    assert reading.held_keys(older) == frozenset()
