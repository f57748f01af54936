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

from catalog.documents import rendering
from catalog.formats import litellm
from catalog.memory.rows import Row
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.records import Condition, ModelType, OfferRecord, PriceRecord
from tests.catalog.api.web_server import serving
from tests.factories import hourly, offer_facts, offer_record, per_token, snapshot_of

Json = Any

PER_TOKEN = per_token(prompt="2.2E-7", completion="8.8E-7")
ADDRESS = "/litellm/model_prices.json"


def row(record: OfferRecord, gateway: str = "openrouter") -> Row:
    return Row.of(orjson.dumps(rendering.build(record, offer_facts(gateway=gateway))))


def entries(*rows: Row) -> Json:
    return json.loads(litellm.map_of(snapshot_of(*rows)).body, parse_float=Decimal)


def by_litellm(script: str, argument: str, *, home: Path, **settings: str) -> Json:
    """Return what the script prints, from a process of its own: LiteLLM keeps its map until its process ends."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True"}
    command = [sys.executable, "-c", script, argument]
    done = subprocess.run(command, env=environment | settings, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


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
    def hosted(host: str, model: str) -> Row:
        return row(offer_record(f"@{host}/{model}", slug=model, host=host, prices=PER_TOKEN), "portkey")

    found = entries(
        row(offer_record("deepseek/deepseek-r1", prices=PER_TOKEN)),
        row(offer_record("Qwen/Qwen3-8B", prices=PER_TOKEN), "featherless"),
        row(offer_record("Qwen/Qwen3-8B", prices=PER_TOKEN), "chutes"),
        hosted("openai", "gpt-4o"),
        hosted("openai", "davinci-002"),
        hosted("cohere", "command-r"),
        hosted("cohere", "command-nightly"),
        hosted("x-ai", "grok-4"),
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

    assert {key: (entry["litellm_provider"], entry.get("mode")) for key, entry in found.items()} == {
        "chutes/Qwen/Qwen3-8B": ("chutes", "chat"),
        "command-nightly": ("cohere", "completion"),
        "command-r": ("cohere_chat", None),
        "davinci-002": ("text-completion-openai", "completion"),
        "embed-v3": ("cohere", "embedding"),
        "featherless_ai/Qwen/Qwen3-8B": ("featherless_ai", "chat"),
        "gpt-4o": ("openai", None),
        "openrouter/deepseek/deepseek-r1": ("openrouter", "chat"),
        "xai/grok-4": ("xai", None),
    }
    assert "output_cost_per_token" not in found["embed-v3"]


def test_conditions_sizes_and_abilities_have_litellms_names() -> None:
    def dearer(amount: str, *conditions: Condition) -> PriceRecord:
        return PriceRecord(meter="input.text", amount=Decimal(amount), conditions=conditions)

    batch, flex, priority = (("execution_mode", "=", mode) for mode in ("batch", "flex", "priority"))
    window = ("utc_window", "during", "16:30-00:30")

    [entry] = entries(
        row(
            offer_record(
                "maker/model",
                prices=(
                    *PER_TOKEN,
                    dearer("4.4E-7", ("prompt_tokens", ">=", 200_001)),
                    dearer("6.6E-7", ("prompt_tokens", ">=", 272_500)),
                    dearer("1.1E-7", batch),
                    dearer("1.2E-7", batch, ("prompt_tokens", ">=", 128_001)),
                    dearer("1.3E-7", flex, ("prompt_tokens", ">=", 272_001)),
                    dearer("1.4E-7", flex, ("prompt_tokens", ">=", 128_001)),
                    dearer("1.5E-7", priority, ("prompt_tokens", ">=", 200_001)),
                    dearer("9.8E-7", batch, window),
                    dearer("9.9E-7", window),
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
        "input_cost_per_token_above_128k_tokens_batches": Decimal("0.00000012"),
        "input_cost_per_token_above_272k_tokens_flex": Decimal("0.00000013"),
        "input_cost_per_token_above_200k_tokens_priority": Decimal("0.00000015"),
        "supports_function_calling": True,
        "supports_vision": True,
    }


REGISTERED_WITH_LITELLM = """
import json, logging, sys
import litellm
from litellm.cost_calculator import batch_cost_calculator
from litellm.litellm_core_utils.get_llm_provider_logic import get_llm_provider

SIDES = "input_cost_per_token", "output_cost_per_token"
ASKED = [(tier, size) for tier in (None, "_flex", "_priority", "_batches") for size in (None, 128, 200, 256, 272)]

def expected(entry, tier, size):
    suffix = f"_above_{size}k_tokens" if size else ""
    costs = [entry.get(side + suffix + (tier or "")) for side in SIDES]
    return None if None in costs else costs

def reckoned(key, entry, tier, size):
    provider = entry["litellm_provider"]
    model = key.removeprefix(provider + "/")
    tokens = (size or 0) * 1000 + 1
    usage = litellm.Usage(prompt_tokens=tokens, completion_tokens=1000, total_tokens=tokens + 1000)
    if tier == "_batches":
        costs = batch_cost_calculator(usage, model, provider)
    else:
        tier = tier and tier.removeprefix("_")
        costs = litellm.cost_per_token(model, custom_llm_provider=provider, usage_object=usage, service_tier=tier)
    return [costs[0] / tokens, costs[1] / 1000]

def is_same(found, wanted):
    return all(abs(a - b) <= 1e-9 * b for a, b in zip(found, wanted))

logging.disable()
prices = json.load(open(sys.argv[1]))
before = {key: litellm.model_cost[key] for key in prices if key in litellm.model_cost}
named = {key: (entry["litellm_provider"], entry.get("mode")) for key, entry in before.items()}
litellm.register_model(prices)
wrong, reckoned_with = [], {}
for key, entry in prices.items():
    is_by_token = entry.get("mode", "chat") in ("chat", "completion", "embedding")
    # LiteLLM keeps hours of its own, which the map has no prices for.
    if is_by_token and "off_peak_pricing" not in before.get(key, {}):
        for tier, size in ASKED:
            wanted = expected({"output_cost_per_token": 0, **entry}, tier, size)
            if wanted is not None:
                kind = f"{tier} {bool(size)}"
                reckoned_with[kind] = reckoned_with.get(kind, 0) + 1
                found = reckoned(key, entry, tier, size)
                if not is_same(found, wanted):
                    wrong.append([key, tier, size, found, wanted])
now = {key: (litellm.model_cost[key]["litellm_provider"], litellm.model_cost[key].get("mode")) for key in named}
renamed = [[key, named[key], now[key]] for key in named if named[key] != now[key]]
json.dump([reckoned_with, wrong, renamed], sys.stdout)
"""


MODES = ("batches", "flex", "priority")


def in_all_modes(model: str) -> OfferRecord:
    """Return an offer with other prices in each mode and for large prompts, as far as LiteLLM has keys for them."""
    sized = [("batch", 128), ("batch", 256), ("flex", 272), ("priority", 200), ("priority", 272)]
    conditions: list[tuple[Condition, ...]] = [
        (("prompt_tokens", ">=", 128_001),),
        *((("execution_mode", "=", mode),) for mode in ("batch", "flex", "priority")),
        *((("execution_mode", "=", mode), ("prompt_tokens", ">=", size * 1_000 + 1)) for mode, size in sized),
    ]
    dearer = [
        PriceRecord(meter=meter, amount=Decimal(f"{number}E-6"), conditions=condition)
        for number, condition in enumerate(conditions, start=2)
        for meter in ("input.text", "output.text")
    ]
    return offer_record(f"@openai/{model}", slug=model, host="openai", prices=(*PER_TOKEN, *dearer))


def test_litellm_reckons_with_the_prices_of_every_entry_and_asks_where_it_did(
    client: Client, bundled: Snapshot, tmp_path: Path
) -> None:
    conditional = entries(row(in_all_modes("gpt-5.4"), "portkey"), row(in_all_modes("unheard-of"), "portkey"))
    prices = orjson.loads(client.get(ADDRESS).content) | conditional
    (tmp_path / "prices.json").write_bytes(orjson.dumps(prices, default=float))

    reckoned_with, wrong, renamed = by_litellm(
        REGISTERED_WITH_LITELLM, str(tmp_path / "prices.json"), home=tmp_path, LITELLM_LOCAL_MODEL_COST_MAP="True"
    )

    assert (wrong, renamed) == ([], [])
    assert reckoned_with.pop("None False") > 500
    assert reckoned_with.keys() == {"None True", *(f"_{mode} {size}" for mode in MODES for size in (True, False))}


READ_BY_LITELLM = """
import json, sys
import litellm
from litellm.litellm_core_utils.get_model_cost_map import get_model_cost_map_source_info

def known(model):
    info = litellm.get_model_info(model)
    costs = litellm.cost_per_token(model=model, prompt_tokens=1000, completion_tokens=1000)
    return [info["litellm_provider"], info["max_input_tokens"], info["supports_function_calling"], sum(costs)]

fetched = get_model_cost_map_source_info()["source"], len(litellm.model_cost)
litellm.model_cost = {}
litellm.register_model(json.loads(sys.argv[1]))
json.dump([fetched, known("openrouter/deepseek/deepseek-r1"), known("gemini/gemini-2.5-pro")], sys.stdout)
"""


def test_litellm_fetches_the_map_and_reckons_with_it(client: Client, bundled: Snapshot, tmp_path: Path) -> None:
    answer = client.get(ADDRESS).content
    few = {key: orjson.loads(answer)[key] for key in ("openrouter/deepseek/deepseek-r1", "gemini/gemini-2.5-pro")}
    with serving() as address:
        fetched, deepseek, gemini = by_litellm(
            READ_BY_LITELLM,
            json.dumps(few),
            home=tmp_path,
            LITELLM_MODEL_COST_MAP_URL=f"{address}{ADDRESS}",
            # The bundled catalogues are smaller than half of what LiteLLM brings; it would take that for a loss.
            MODEL_COST_MAP_MAX_SHRINK_RATIO="0",
        )

    assert fetched == ["remote", len(orjson.loads(answer))]
    assert deepseek == ["openrouter", 163_840, True, pytest.approx(0.0032)]
    assert gemini[:1] + gemini[3:] == ["gemini", pytest.approx(0.01125)]
