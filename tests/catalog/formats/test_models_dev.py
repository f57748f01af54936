"""models.dev's list: the rules of its schema that JSON Schema does not have, and nothing that clients take for 0."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from catalog import registry
from catalog.formats import models_dev
from catalog.formats.standard_prices import Reason
from catalog.memory.rows import Row
from catalog.memory.snapshot import Snapshot
from catalog.pricing import meters
from catalog.pricing.workloads import Workload
from catalog.records import Condition, ModelType
from tests.catalog.api.reading import read
from tests.catalog.formats.offers import BATCH, LONG, TEXT, offer, price, row
from tests.factories import held_price, hourly, per_token, snapshot_of

Json = Any

ADDRESS = "/models.dev/api.json"
WINDOW: Condition = ("utc_window", "during", "16:30-00:30")
LONGER: Condition = ("prompt_tokens", ">=", 500_001)


def model_of(found: Row) -> Json:
    """Return the model of an offer, or None if the list leaves it out."""
    listed = json.loads(models_dev.models_of(snapshot_of(found)).body, parse_float=Decimal)
    models = [model for provider in listed.values() for model in provider["models"].values()]
    return models[0] if models else None


def reason_for(found: Row) -> Reason | None:
    [*reasons] = models_dev.left_out(snapshot_of(found)).values()
    return reasons[0] if reasons else None


# --- the bundled catalogues ------------------------------------------------------------------------------------------


def test_every_model_keeps_the_rules_of_the_schema(client: Client, bundled: Snapshot) -> None:
    providers = read(client, ADDRESS)
    models = [(slug, key, model) for slug, each in providers.items() for key, model in each["models"].items()]

    assert len(models) > 250
    assert len({each["name"].casefold() for each in providers.values()}) == len(providers)
    for slug, provider in providers.items():
        assert (provider["id"], provider["api"][:8]) == (slug, "https://")
        assert provider["npm"] in {models_dev.COMPATIBLE, "@openrouter/ai-sdk-provider"}  # the two that require `api`
        assert provider["env"] == [f"{slug.upper()}_API_KEY"]
    for _, key, model in models:
        assert model["id"] == key
        assert all((model["name"], model["description"], model["limit"]["context"], model["limit"]["output"]))
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", model["release_date"])
        assert model["reasoning"] is ("reasoning_options" in model)
        assert model["reasoning"] or "reasoning" not in model["cost"]
        sizes = [tier["tier"]["size"] for tier in model["cost"].get("tiers", ())]
        assert sizes == sorted(set(sizes))
        assert {"deprecated", "status"}.isdisjoint(model)


def test_every_model_is_an_offer_with_these_prices(client: Client, bundled: Snapshot) -> None:
    """What a client computes is what an estimate returns, for cached tokens too."""
    listed = json.loads(client.get(ADDRESS).content, parse_float=Decimal)
    position_of = {(found.gateway, found.id): position for position, found in bundled.index.rows.items()}
    workloads = {
        "input": Workload(input_tokens=1_000_000, prompt_tokens=1),
        "output": Workload(output_tokens=1_000_000, prompt_tokens=1),
        "cache_read": Workload(input_tokens=1_000_000, cached_input_tokens=1_000_000, prompt_tokens=1),
        "cache_write": Workload(input_tokens=1_000_000, cache_write_tokens=1_000_000, prompt_tokens=1),
    }

    for slug, provider in listed.items():
        for key, model in provider["models"].items():
            tariff = bundled.index.rows[position_of[slug, key]].tariff
            for name, workload in workloads.items():
                assert tariff.bill(workload).total == model["cost"][name], (key, name)


def test_each_offer_that_is_billed_by_tokens_is_in_the_list_or_has_a_reason(bundled: Snapshot) -> None:
    listed = json.loads(models_dev.models_of(bundled).body)
    known = {(slug, key) for slug, provider in listed.items() for key in provider["models"]}
    by_token = {
        (found.gateway, found.id) for found in bundled.rows if json.loads(found.document)["price_basis"] == "token"
    }

    assert models_dev.left_out(bundled).keys() | known == by_token
    assert models_dev.left_out(bundled).keys().isdisjoint(known)


# --- costs -----------------------------------------------------------------------------------------------------------


def test_costs_are_for_a_million_tokens_and_tiers_begin_above_their_size() -> None:
    prices = (
        *TEXT,
        price(meters.INPUT_TEXT_CACHE_READ, "7E-8"),
        price(meters.INPUT_TEXT, "1.4E-6", LONG),
        price(meters.OUTPUT_TEXT, "5E-6", LONGER),
        price(meters.INPUT_TEXT, "3.5E-7", BATCH),
        price(meters.INPUT_AUDIO, "2E-6"),
    )

    cost = model_of(row(offer("a/x", prices=prices)))["cost"]

    dear = {
        name: Decimal(value) for name, value in {"input": "1.4", "cache_read": "0.07", "cache_write": "1.4"}.items()
    }
    audio = {"input_audio": 2}
    assert cost == {
        "input": Decimal("0.7"),
        "output": Decimal("2.5"),
        "cache_read": Decimal("0.07"),
        "cache_write": Decimal("0.7"),
        **audio,
        "tiers": [
            {**dear, **audio, "output": Decimal("2.5"), "tier": {"type": "context", "size": 200_000}},
            {**dear, **audio, "output": 5, "tier": {"type": "context", "size": 500_000}},
        ],
        "context_over_200k": {**dear, **audio, "output": Decimal("2.5")},
    }


def test_a_price_of_reasoning_is_shown_if_it_is_another_one_and_the_model_reasons() -> None:
    prices = (*TEXT, price(meters.OUTPUT_REASONING, "9E-6"))
    same = (*TEXT, price(meters.OUTPUT_REASONING, "2.5E-6"))
    reasoning = ("tools", "reasoning")

    assert model_of(row(offer("a/x", prices=prices, supported_parameters=reasoning)))["cost"]["reasoning"] == 9
    assert "reasoning" not in model_of(row(offer("a/x", prices=same)))["cost"]
    assert reason_for(row(offer("a/x", prices=prices))) == Reason.METER


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"created": None}, Reason.FACTS),
        ({"context_length": None}, Reason.FACTS),
        ({"max_completion_tokens": None}, Reason.FACTS),
        ({"supported_parameters": None}, Reason.FACTS),
        ({"input_modalities": None}, Reason.FACTS),
        ({"output_modalities": ("image",)}, Reason.FACTS),
        ({"output_modalities": ("embedding",), "model_type": ModelType.EMBEDDINGS}, Reason.FACTS),
        ({"prices": per_token(prompt="1E-6")}, Reason.UNKNOWN),
        ({"prices": (*TEXT, price(meters.REQUEST, "0.01"))}, Reason.METER),
        ({"prices": (*TEXT, price(meters.INPUT_IMAGE_TOKEN, "0.01"))}, Reason.METER),
        ({"prices": (*TEXT, price(meters.INPUT_TEXT, "1E-7", WINDOW))}, Reason.CONDITION),
        ({"prices": (*TEXT, price(meters.SEARCH_WEB, "0.01"))}, None),
        ({"prices": (*TEXT, hourly("2"))}, None),
    ],
)
def test_what_clients_would_misread_is_left_out_with_its_reason(fields: Json, reason: Reason | None) -> None:
    found = row(offer("a/x", **fields))

    assert reason_for(found) == reason
    assert (model_of(found) is None) == (reason is not None)


def test_a_held_price_leaves_the_offer_out() -> None:
    assert reason_for(row(offer("a/x"), holds=(held_price(meters.INPUT_TEXT),))) == Reason.HELD


# --- facts -----------------------------------------------------------------------------------------------------------


def test_files_are_pdfs_and_anything_but_text_is_an_attachment() -> None:
    model = model_of(row(offer("a/x", input_modalities=("text", "file", "image"), knowledge_cutoff="2025-01-31")))

    assert model["modalities"] == {"input": ["text", "pdf", "image"], "output": ["text"]}
    assert (model["attachment"], model["knowledge"], model["open_weights"]) == (True, "2025-01-31", False)


def test_every_gateway_that_clients_of_openai_can_call_is_a_provider() -> None:
    rows = [row(offer("a/x"), slug) for slug in registry.GATEWAYS]
    listed = json.loads(models_dev.models_of(snapshot_of(*rows)).body)

    assert list(listed) == [slug for slug, gateway in registry.GATEWAYS.items() if gateway.completions_url]
