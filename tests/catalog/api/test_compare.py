"""`GET /catalog/compare`: up to ten models side by side."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.memory import following
from catalog.memory.snapshot import Snapshot
from catalog.pricing import meters, money
from catalog.records import ModelType, OfferRecord
from tests.catalog.api.reading import problem_of, read
from tests.catalog.asking import canonical_query
from tests.factories import hourly, offer_record, per_token, publish

pytestmark = pytest.mark.django_db

Json = Any
R1, QWEN, HERON = "deepseek-ai/DeepSeek-R1", "Qwen/Qwen3-8B", "acme/heron"


def offer(offer_id: str, **fields: Any) -> OfferRecord:
    return offer_record(offer_id, provider_slug=offer_id.split("/")[0], **fields)


@pytest.fixture
def three_models() -> None:
    """One model sold twice and by the hour, one sold once, and one whose price is unknown."""
    publish(
        offer(R1, prices=per_token(prompt="4E-7", completion="2E-6"), context_length=64_000, name="R1"),
        offer(QWEN, prices=per_token(prompt="1E-7", completion="1E-7"), supported_parameters=("tools", "seed")),
        gateway="openrouter",
    )
    publish(
        offer(
            R1,
            prices=per_token(prompt="1E-6", completion="3E-6"),
            context_length=128_000,
            supported_parameters=("seed", "top_k"),
            input_modalities=("text", "image"),
        ),
        offer(HERON, prices=()),
        gateway="featherless",
    )
    publish(offer(R1, prices=(hourly("22"),)))
    following.FOLLOWER.refresh()


def test_models_stand_in_the_order_that_was_asked_for_with_their_facts_and_their_cheapest_offers(
    client: Client, three_models: None
) -> None:
    qwen, r1 = read(client, f"/catalog/compare?ids={QWEN},{R1}")["data"]["models"]

    assert (qwen["canonical_model"], qwen["gateways"], qwen["offers"]) == (QWEN, ["openrouter"], 1)
    assert (r1["gateways"], r1["offers"]) == (["chutes", "featherless", "openrouter"], 3)
    assert (r1["context_length"], r1["supported_parameters"]) == (128_000, ["seed", "top_k"])
    assert r1["input_modalities"] == ["image", "text"]
    # 0.75 x 0.4 + 0.25 x 2; 0.75 x 1 + 0.25 x 3. The hour is no price of tokens.
    assert r1["cost"] == {"least": "0.8", "most": "1.5", "offers": 2}
    assert (r1["cheapest"]["source_gateway"], r1["cheapest"]["cost"]) == ("openrouter", "0.8")
    assert r1["price_per_million"]["output"] == {"least": "2", "most": "3"}


def test_differences_are_the_fields_that_differ_and_of_lists_what_not_all_have(
    client: Client, three_models: None
) -> None:
    answer = read(client, f"/catalog/compare?ids={R1}&ids={QWEN}&ids={HERON}")["data"]

    assert answer["differences"] == {
        "input_modalities": [["image"], [], []],
        "supported_parameters": [["top_k"], ["tools"], None],
        "lowest_cost": ["0.8", "0.1", None],
    }
    assert answer["models"][2]["cheapest"] is None


def test_the_cost_follows_the_workload(client: Client, three_models: None) -> None:
    answer = read(client, f"/catalog/compare?ids={QWEN}&input_tokens=10&output_tokens=0")["data"]

    assert answer["models"][0]["cost"] == {"least": "0.000001", "most": "0.000001", "offers": 1}
    assert answer["workload"]["input_tokens"] == 10


def test_embeddings_alone_have_a_workload_of_their_own_and_beside_others_they_say_why_they_have_no_cost(
    client: Client, three_models: None
) -> None:
    prompt = meters.price(meters.INPUT_TEXT, money.usd_per_token("2E-8"))
    publish(
        offer("acme/embed", model_type=ModelType.EMBEDDINGS, prices=(prompt,)), gateway="portkey", is_complete=False
    )
    following.FOLLOWER.refresh()

    alone = read(client, "/catalog/compare?ids=acme/embed")["data"]
    beside = read(client, f"/catalog/compare?ids=acme/embed,{R1}")["data"]

    assert (alone["workload"]["input_tokens"], alone["workload"]["output_tokens"]) == (1_000_000, 0)
    assert (alone["models"][0]["cheapest"]["cost"], alone["models"][0]["reasons"]) == ("0.02", [])
    assert (beside["workload"]["input_tokens"], beside["workload"]["output_tokens"]) == (750_000, 250_000)
    assert [model["reasons"] for model in beside["models"]] == [
        ["its price of output.text is not known"],
        ["it is billed by the hour of an instance, not by tokens"],
    ]


@pytest.mark.parametrize("asked", [R1, R1.lower(), f"chutes/{R1}", "deepseek_r1", "deepseek/DeepSeek-R1"])
def test_a_model_is_named_in_any_spelling_that_is_clear(client: Client, three_models: None, asked: str) -> None:
    [model] = read(client, f"/catalog/compare?ids={asked}")["data"]["models"]

    assert (model["asked"], model["canonical_model"]) == (asked, R1)


@pytest.mark.parametrize(
    ("ids", "reason"),
    [
        ([], "is required"),
        ([R1] * 11, "must have at most 10 models"),
        ([R1, "nobody"], "has 'nobody', which is the name of no model that is known"),
        ([R1, f"chutes/{R1}"], f"has {R1!r} more than once"),
        (["acme/DeepSeek-R1"], f"has 'acme/DeepSeek-R1', which may mean {R1}: name one of these"),
    ],
)
def test_what_names_no_model_or_no_one_model_is_refused(
    client: Client, three_models: None, ids: list[str], reason: str
) -> None:
    [error] = problem_of(client.get("/catalog/compare", {"ids": ids}), status=400)["errors"]

    assert (error["parameter"], error["reason"]) == ("ids", reason)


def test_the_other_order_is_another_question() -> None:
    asked = {canonical_query("/catalog/compare", f"ids={ids}") for ids in ("a,b", "b,a", "a&ids=b")}

    assert len(asked) == 2


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ids=st.lists(st.text(st.characters(), min_size=1, max_size=30), min_size=1, max_size=3))
def test_no_name_is_too_odd_to_be_refused(client: Client, catalogue: Snapshot, ids: list[str]) -> None:
    response = client.get("/catalog/compare", {"ids": [each.encode("utf-8", "replace") for each in ids]})

    assert response.status_code == 200 or problem_of(response, status=400)
