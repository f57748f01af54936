"""A variant that OpenRouter sells of a model, such as `:batch`: an offer of its own, whose price is not the model's."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from catalog.gateways.openrouter import OpenRouter
from catalog.memory import following
from catalog.records import OfferRecord
from tests.catalog.api.reading import ids, read
from tests.factories import openrouter_row, publish

pytestmark = pytest.mark.django_db

Json = Any
OPENROUTER = OpenRouter()
WEIGHTS = {"hugging_face_id": "acme/Big-3"}
BASE = {"prompt": "0.000004", "completion": "0.00002"}
HALF = {"prompt": "0.000002", "completion": "0.00001"}


def sold(offer_id: str, pricing: Json, **fields: Json) -> OfferRecord:
    """An offer of OpenRouter with all that the lists of other services need."""
    row = openrouter_row(
        offer_id,
        pricing=pricing,
        canonical_slug=f"{offer_id.partition(':')[0]}-20260601",
        context_length=100_000,
        supported_parameters=["tools"],
        top_provider={"is_moderated": False},
        **fields,
    )
    return OPENROUTER.record(row)


@pytest.fixture(params=["batch", "later"])
def word(request: pytest.FixtureRequest) -> str:
    """One that is understood, and one that OpenRouter invents after us."""
    return str(request.param)


@pytest.fixture(params=[{}, WEIGHTS], ids=["bare", "with weights"])
def listed(request: pytest.FixtureRequest, word: str) -> None:
    publish(
        sold("acme/big-3", BASE, **request.param),
        sold(f"acme/big-3:{word}", HALF, **request.param),
        gateway="openrouter",
    )
    following.FOLLOWER.refresh()


@pytest.mark.usefixtures("listed")
def test_a_variant_is_an_offer_of_the_model_with_its_own_word_and_prices(client: Client, word: str) -> None:
    base, variant = read(client, "/catalog/models")["data"]

    assert [base["id"], variant["id"]] == ["acme/big-3", f"acme/big-3:{word}"]
    assert base["canonical_model"] == variant["canonical_model"] is not None
    assert [base["variant"], variant["variant"]] == [None, word]
    assert [base["execution_mode"], variant["execution_mode"]] == ["standard", "batch" if word == "batch" else None]
    assert variant["pricing"] == HALF
    assert [base["price_per_million"], variant["price_per_million"]] == [{"input": "4", "output": "20"}, None]


@pytest.mark.usefixtures("listed")
def test_filters_and_orders_by_price_leave_the_variant_out(client: Client, word: str) -> None:
    assert ids(read(client, "/catalog/models?prompt_price_max=10")) == ["acme/big-3"]
    assert ids(read(client, "/catalog/models?sort=prompt_price")) == ["acme/big-3", f"acme/big-3:{word}"]
    assert ids(read(client, "/catalog/models?sort=-prompt_price")) == ["acme/big-3", f"acme/big-3:{word}"]
    assert ids(read(client, "/catalog/models?execution_mode=standard")) == ["acme/big-3"]
    assert ids(read(client, f"/catalog/models?variant={word}")) == [f"acme/big-3:{word}"]
    assert read(client, "/catalog/stats")["data"]["prices"]["prompt_per_million"]["min"] == "4"


@pytest.mark.usefixtures("listed")
def test_the_variant_is_never_the_cheapest_offer_of_its_model(client: Client, word: str) -> None:
    [slug] = {row["canonical_model"] for row in read(client, "/catalog/models")["data"]}
    found = read(client, f"/catalog/canonical/{slug}")["data"]
    compared = read(client, f"/catalog/compare?ids={slug}")["data"]["models"][0]

    assert found["cheapest"]["id"] == compared["cheapest"]["id"] == "acme/big-3"
    assert compared["cost"] == {"least": "8", "most": "8", "offers": 1}
    assert [(offer["variant"], offer["reasons"]) for offer in found["offers"]] == [
        (None, []),
        (
            word,
            [
                "it takes only requests in the mode batch"
                if word == "batch"
                else "it is a variant of a kind that is not known, so its prices are not used"
            ],
        ),
    ]


@pytest.mark.usefixtures("listed")
def test_the_lists_of_other_services_leave_the_variant_out(client: Client, word: str) -> None:
    rows = read(client, "/api/v1/models")["data"]
    endpoints = read(client, "/api/v1/models/acme/big-3/endpoints")["data"]["endpoints"]
    [model] = read(client, "/v1/models?all=true")["data"]

    prices = {row["id"]: row["pricing"] for row in rows}
    assert prices.pop("acme/big-3") == BASE
    # OpenRouter's list has its variants of unknown kinds too, at their own prices.
    assert list(prices) == ([] if word == "batch" else [f"acme/big-3:{word}"])
    assert model["pricing"] == BASE
    for shown in (endpoints, model["endpoints"]):
        assert [endpoint["model_id"] for endpoint in shown] == ["acme/big-3"]
    assert list(read(client, "/litellm/model_prices.json")) == ["openrouter/acme/big-3"]


@pytest.mark.usefixtures("listed")
def test_only_an_estimate_of_its_mode_finds_a_batch_offer(client: Client, word: str) -> None:
    def totals(mode: str) -> dict[str, tuple[str, list[str]]]:
        workload = {"input_tokens": 1_000_000, "execution_mode": mode}
        body = {"workload": workload, "ids": ["acme/big-3"]}
        answer = client.post("/catalog/estimate", body, content_type="application/json").json()
        return {offer["id"]: (offer["total"], offer["notes"]) for offer in answer["data"]}

    note = "no price for the mode batch is known, so the standard ones are billed"
    assert totals("standard") == {"acme/big-3": ("4", [])}
    assert totals("batch") == {"acme/big-3": ("4", [note])} | (
        {"acme/big-3:batch": ("2", [])} if word == "batch" else {}
    )


def test_a_model_that_is_sold_in_batches_alone_is_in_no_list_of_another_service(client: Client) -> None:
    publish(sold("acme/big-3:batch", HALF, **WEIGHTS), gateway="openrouter")
    following.FOLLOWER.refresh()

    assert read(client, "/api/v1/models")["data"] == []
    assert read(client, "/v1/models")["data"] == []
    [model] = read(client, "/v1/models?all=true")["data"]
    assert model.keys().isdisjoint({"pricing", "endpoints"})
    assert read(client, "/litellm/model_prices.json") == {}


def test_a_free_tier_sets_the_price_as_before(client: Client) -> None:
    free = {"prompt": "0", "completion": "0"}
    publish(sold("acme/big-3", BASE), sold("acme/big-3:free", free), gateway="openrouter")
    following.FOLLOWER.refresh()

    assert read(client, "/catalog/canonical/acme/big-3")["data"]["cheapest"]["id"] == "acme/big-3:free"
