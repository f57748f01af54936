"""LiteLLM's map of models and prices: exact numbers, nothing that it would take for free, and it reads it itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.test import Client

from catalog import documents
from catalog.records import ModelType, OfferRecord, PriceRecord
from catalog.serving import litellm_map
from catalog.serving.index import Row
from catalog.serving.selection import Selection
from catalog.serving.snapshot import Snapshot
from tests.catalog.api.web_server import serving
from tests.factories import hourly, offer_facts, offer_record, per_token, snapshot_of

Json = Any

PER_TOKEN = per_token(prompt="2.2E-7", completion="8.8E-7")
ADDRESS = "/litellm/model_prices.json"


def row(record: OfferRecord, gateway: str = "openrouter") -> Row:
    return Row.of(orjson.dumps(documents.build(record, offer_facts(gateway=gateway))))


def entries(*rows: Row) -> Json:
    return json.loads(litellm_map.map_of(snapshot_of(*rows)).body, parse_float=Decimal)


def test_every_number_of_the_map_has_the_very_digits_of_the_price(client: Client, bundled: Snapshot) -> None:
    found = json.loads(client.get(ADDRESS).content, parse_float=str, parse_int=str)

    shown = [orjson.loads(row.document) for row in Selection.of(bundled).rows if row.gateway == "openrouter"]
    priced = {f"openrouter/{offer['id']}": offer["pricing"] for offer in shown if offer["price_basis"] == "token"}
    listed = {key: entry for key, entry in found.items() if key.startswith("openrouter/")}
    assert listed.keys() <= priced.keys()
    assert len(listed) > 300
    for key, entry in listed.items():
        assert entry["input_cost_per_token"] == priced[key]["prompt"]
        assert entry["output_cost_per_token"] == priced[key]["completion"]
        assert entry.get("cache_read_input_token_cost") == priced[key].get("input_cache_read")


@pytest.mark.parametrize(
    ("record", "gateway"),
    [
        (offer_record(prices=(hourly("22"),)), "chutes"),
        (offer_record(prices=()), "featherless"),
        (offer_record(prices=(), is_dynamic=True), "openrouter"),
        (offer_record(prices=per_token(prompt="1E-6")), "openrouter"),
        (offer_record(prices=(*PER_TOKEN, PriceRecord(meter="request", amount=Decimal("0.01")))), "openrouter"),
        (offer_record(prices=PER_TOKEN, model_type=ModelType.OTHER), "openrouter"),
        (offer_record("@my-own/model", slug="model", host="my-own", prices=PER_TOKEN), "portkey"),
    ],
)
def test_what_litellm_would_bill_wrongly_is_not_in_the_map(record: OfferRecord, gateway: str) -> None:
    assert entries(row(record, gateway)) == {}


def test_keys_are_those_that_litellm_calls_a_model_by() -> None:
    found = entries(
        row(offer_record("deepseek/deepseek-r1", prices=PER_TOKEN)),
        row(offer_record("Qwen/Qwen3-8B", prices=PER_TOKEN), "featherless"),
        row(offer_record("Qwen/Qwen3-8B", prices=PER_TOKEN), "chutes"),
        row(offer_record("@openai/gpt-4o", slug="gpt-4o", host="openai", prices=PER_TOKEN), "portkey"),
        row(offer_record("@x-ai/grok-4", slug="grok-4", host="x-ai", prices=PER_TOKEN), "portkey"),
        row(
            offer_record(
                "@cohere/embed-v3",
                slug="embed-v3",
                host="cohere",
                model_type=ModelType.EMBEDDINGS,
                prices=per_token(prompt="1E-7"),
            ),
            "portkey",
        ),
    )

    assert {key: (entry["litellm_provider"], entry["mode"]) for key, entry in found.items()} == {
        "chutes/Qwen/Qwen3-8B": ("chutes", "chat"),
        "embed-v3": ("cohere", "embedding"),
        "featherless_ai/Qwen/Qwen3-8B": ("featherless_ai", "chat"),
        "gpt-4o": ("openai", "chat"),
        "openrouter/deepseek/deepseek-r1": ("openrouter", "chat"),
        "xai/grok-4": ("xai", "chat"),
    }
    assert "output_cost_per_token" not in found["embed-v3"]


def test_conditions_sizes_and_abilities_are_told_in_litellms_words() -> None:
    def dearer(amount: str, *condition: str | int) -> PriceRecord:
        return PriceRecord(meter="input.text", amount=Decimal(amount), conditions=(condition,))  # type: ignore[arg-type]  # three parts

    [entry] = entries(
        row(
            offer_record(
                "maker/model",
                prices=(
                    *PER_TOKEN,
                    dearer("4.4E-7", "prompt_tokens", ">=", 200_001),
                    dearer("6.6E-7", "prompt_tokens", ">=", 272_500),
                    dearer("1.1E-7", "execution_mode", "=", "batch"),
                    dearer("9.9E-7", "utc_window", "during", "16:30-00:30"),
                ),
                context_length=300_000,
                max_completion_tokens=8_192,
                supported_parameters=("tools", "temperature"),
                input_modalities=("text", "image"),
            )
        )
    ).values()

    assert entry == {
        "litellm_provider": "openrouter",
        "mode": "chat",
        "max_input_tokens": 300_000,
        "max_output_tokens": 8_192,
        "max_tokens": 8_192,
        "input_cost_per_token": Decimal("0.00000022"),
        "output_cost_per_token": Decimal("0.00000088"),
        "input_cost_per_token_above_200k_tokens": Decimal("0.00000044"),
        "input_cost_per_token_above_272499_tokens": Decimal("0.00000066"),
        "input_cost_per_token_batches": Decimal("0.00000011"),
        "supports_function_calling": True,
        "supports_vision": True,
    }


READ_BY_LITELLM = """
import json, sys
import litellm
from litellm.litellm_core_utils.get_model_cost_map import get_model_cost_map_source_info

def told(model):
    info = litellm.get_model_info(model)
    costs = litellm.cost_per_token(model=model, prompt_tokens=1000, completion_tokens=1000)
    return [info["litellm_provider"], info["max_input_tokens"], info["supports_function_calling"], sum(costs)]

fetched = get_model_cost_map_source_info()["source"], len(litellm.model_cost)
litellm.model_cost = {}
litellm.register_model(json.loads(sys.argv[1]))
json.dump([fetched, told("openrouter/deepseek/deepseek-r1"), told("gemini/gemini-2.5-pro")], sys.stdout)
"""


def test_litellm_fetches_the_map_and_reckons_with_it(client: Client, bundled: Snapshot, tmp_path: Path) -> None:
    answer = client.get(ADDRESS).content
    few = {key: orjson.loads(answer)[key] for key in ("openrouter/deepseek/deepseek-r1", "gemini/gemini-2.5-pro")}
    with serving() as address:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "LITELLM_MODEL_COST_MAP_URL": f"{address}{ADDRESS}",
            # The bundled catalogues are smaller than half of what LiteLLM brings; it would take that for a loss.
            "MODEL_COST_MAP_MAX_SHRINK_RATIO": "0",
            "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
        }
        command = [sys.executable, "-c", READ_BY_LITELLM, json.dumps(few)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, done.stderr
    fetched, deepseek, gemini = json.loads(done.stdout.splitlines()[-1])
    assert fetched == ["remote", len(orjson.loads(answer))]
    assert deepseek == ["openrouter", 163_840, True, pytest.approx(0.0032)]
    assert gemini[:1] + gemini[3:] == ["gemini", pytest.approx(0.01125)]
