"""LiteLLM with the service's price map in place of its own; the address is in LITELLM_MODEL_COST_MAP_URL."""

from __future__ import annotations

import httpx
import litellm


def compare_prices(address, folder):
    """Return the size of the map, and the models for which LiteLLM computes another cost than the map has."""
    prices = httpx.get(f"{address}/litellm/model_prices.json").json()
    known = [key for key in prices if key in litellm.model_cost]
    wrong = {}
    for key in known:
        entry = prices[key]
        if entry.get("mode") != "chat":
            continue
        provider = entry["litellm_provider"]
        costs = litellm.cost_per_token(
            key.removeprefix(f"{provider}/"), custom_llm_provider=provider, prompt_tokens=1_000, completion_tokens=1_000
        )
        wanted = [entry[f"{side}_cost_per_token"] * 1_000 for side in ("input", "output")]
        if any(abs(cost - each) > 1e-9 * each for cost, each in zip(costs, wanted, strict=True)):
            wrong[key] = [costs, wanted]
    return {"models": len(prices), "known": len(known), "wrong": wrong}


def read_a_model(address, folder):
    return litellm.get_model_info("openrouter/deepseek/deepseek-r1")
