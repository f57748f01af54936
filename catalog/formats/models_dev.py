"""models.dev's list of providers and models, which opencode, Cline and tokenlens read.

- These clients take a missing cost for 0. So an offer is in the list only if all of its prices are known, and prices of
  cached tokens are always present: those without a price of their own are billed as ordinary input.
- opencode hides a model without an output limit; models.dev's schema requires that, the release date and the abilities.
  An offer without one of these facts is left out.
- A tier's `size` is the largest prompt at the lower price: our condition `prompt_tokens >= 200001` is the size 200000.
- The list has a provider for each gateway whose API clients of OpenAI can call. `env` is the variable of its key.

Schema: https://github.com/anomalyco/models.dev/blob/dev/packages/core/src/schema.ts
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from catalog import registry
from catalog.adapter.contract import Gateway
from catalog.documents.encoding import stored_json
from catalog.formats import shapes
from catalog.formats.contract import Format, Route
from catalog.formats.entries import Entries, entries_of
from catalog.formats.standard_prices import (
    BASE,
    Cell,
    Entry,
    LeftOut,
    Reason,
    StandardPrices,
    entry_of,
    per_million,
    standard_prices,
)
from catalog.memory import derived
from catalog.memory.rows import Row
from catalog.memory.snapshot import Snapshot
from catalog.memory.unhurried import unhurried
from catalog.parameters.endpoints import Query
from catalog.pricing import meters

Json = Any

PACKAGES: Mapping[str, str] = {"openrouter": "@openrouter/ai-sdk-provider"}
"""The packages of the AI SDK that speak a gateway's own protocol."""
COMPATIBLE = "@ai-sdk/openai-compatible"
_MODALITIES = {"text": "text", "image": "image", "audio": "audio", "video": "video", "file": "pdf"}
_COSTS = {
    "input": meters.INPUT_TEXT,
    "output": meters.OUTPUT_TEXT,
    "reasoning": meters.OUTPUT_REASONING,
    "cache_read": meters.INPUT_TEXT_CACHE_READ,
    "cache_write": meters.INPUT_TEXT_CACHE_WRITE,
    "input_audio": meters.INPUT_AUDIO,
    "output_audio": meters.OUTPUT_AUDIO,
}
_ALWAYS = ("input", "output", "cache_read", "cache_write")
_LONG_PROMPT = 200_000
"""The size of the tier that older clients read, as `context_over_200k`."""

_PRICES = {
    "input": shapes.price("US dollars per million tokens."),
    "output": shapes.price("US dollars per million tokens."),
    "cache_read": shapes.price("Of tokens that are read from a cache; the price of the input if there is no other."),
    "cache_write": shapes.price("Of tokens that are written to a cache; the price of the input if there is no other."),
}
_MORE_PRICES = {name: shapes.price("Present if it is another price.") for name in _COSTS if name not in _ALWAYS}
_MODALITY = {"type": "string", "enum": sorted(_MODALITIES.values())}
_DAY = "date"
SHAPES: Mapping[str, Json] = {
    "ModelsDevCost": shapes.record(_PRICES, optional=_MORE_PRICES),
    "ModelsDevTier": shapes.record(
        {
            **_PRICES,
            "tier": shapes.record(
                {
                    "type": shapes.constant("context"),
                    "size": shapes.count("The prices apply to larger prompts, for all of their tokens."),
                }
            ),
        },
        optional=_MORE_PRICES,
    ),
    "ModelsDevModel": shapes.record(
        {
            "id": shapes.text("The gateway's id of the offer."),
            "name": shapes.text("For people."),
            "description": shapes.text("The gateway's text."),
            "attachment": shapes.flag("Whether anything but text goes in."),
            "reasoning": shapes.flag("Whether requests may ask for reasoning."),
            "tool_call": shapes.flag("Whether requests may have tools."),
            "structured_output": shapes.flag("Whether requests may have a schema of the output."),
            "temperature": shapes.flag("Whether requests may have a temperature."),
            "release_date": shapes.text("The day that the gateway reports.", format=_DAY),
            "last_updated": shapes.text("The same day: no later one is reported.", format=_DAY),
            "modalities": shapes.record({"input": shapes.array(_MODALITY), "output": shapes.array(_MODALITY)}),
            "open_weights": shapes.flag("Whether a repository of the weights is known."),
            "limit": shapes.record({"context": shapes.count("Tokens."), "output": shapes.count("Tokens.")}),
            "cost": shapes.record(
                _PRICES,
                optional={
                    **_MORE_PRICES,
                    "tiers": shapes.array(shapes.ref("ModelsDevTier"), "Prices of longer prompts."),
                    "context_over_200k": shapes.ref("ModelsDevCost"),
                },
            ),
        },
        optional={
            "knowledge": shapes.text("The day up to which it knows the world.", format=_DAY),
            "reasoning_options": shapes.array({}, "Always empty: it is not known how to control the reasoning."),
        },
    ),
}
_PROVIDER = shapes.record(
    {
        "id": shapes.text("The gateway."),
        "env": shapes.words("The environment variable that has the key of the gateway."),
        "npm": shapes.text("The package of the AI SDK that calls the gateway."),
        "api": shapes.text("The base address of the gateway's API."),
        "name": shapes.text("For people."),
        "doc": shapes.text("The gateway's documentation."),
        "models": shapes.mapping(shapes.ref("ModelsDevModel"), description="By id."),
    }
)


class ModelsDev(Format):
    slug = "models_dev"
    name = "models.dev"
    docs_url = "https://github.com/anomalyco/models.dev"
    routes = (
        Route(
            path="api.json",
            prefixes=("/models.dev",),
            operation_id="read_models_dev",
            summary="models.dev's list of providers and models",
            shape=shapes.mapping(_PROVIDER, description="By gateway."),
        ),
    )
    shapes = SHAPES

    def answer(self, route: Route, snapshot: Snapshot, query: Query) -> bytes:
        return models_of(snapshot).body


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    body: bytes
    entries: Entries[Entry]


@derived.Once
def models_of(snapshot: Snapshot, last: Models | None) -> Models:
    entries = entries_of(snapshot, None if last is None else last.entries, _entry_of)
    models: dict[str, dict[str, orjson.Fragment]] = {slug: {} for slug in registry.GATEWAYS}
    for row, entry in unhurried(entries.values()):
        if isinstance(entry, orjson.Fragment):
            models[row.gateway][row.id] = entry
    listed = {slug: _provider(registry.GATEWAYS[slug], found) for slug, found in models.items() if found}
    return Models(body=stored_json(listed), entries=entries)


def left_out(snapshot: Snapshot) -> dict[tuple[str, str], Reason]:
    """Return why offers that are billed by tokens are not in the list, by gateway and id."""
    entries = models_of(snapshot).entries.values()
    return {(row.gateway, row.id): entry for row, entry in entries if isinstance(entry, Reason)}


def _provider(gateway: Gateway, models: Mapping[str, orjson.Fragment]) -> Json:
    return {
        "id": gateway.slug,
        "env": [f"{gateway.slug.upper()}_API_KEY"],
        "npm": PACKAGES.get(gateway.slug, COMPATIBLE),
        "api": gateway.completions_url,
        "name": gateway.name,
        "doc": gateway.docs_url,
        "models": models,
    }


def _entry_of(row: Row) -> Entry:
    return entry_of(row, _model)


def _model(document: Json) -> Json:
    """Raises LeftOut."""
    prices = standard_prices(document, expressible=_COSTS.values())
    modalities = {"input": _words(document, "input_modalities"), "output": _words(document, "output_modalities")}
    parameters, created = document["supported_parameters"], document["created"]
    limit = {"context": document["context_length"], "output": document["top_provider"]["max_completion_tokens"]}
    if None in (parameters, created, *limit.values()) or "text" not in modalities["output"]:
        raise LeftOut(Reason.FACTS)
    day, reasons = datetime.fromtimestamp(created, UTC).date(), "reasoning" in parameters
    return {
        "id": document["id"],
        "name": document["name"],
        "description": document["description"],
        "attachment": set(modalities["input"]) != {"text"},
        "reasoning": reasons,
        **({"reasoning_options": []} if reasons else {}),
        "tool_call": "tools" in parameters,
        "structured_output": "structured_outputs" in parameters,
        "temperature": "temperature" in parameters,
        **({"knowledge": document["knowledge_cutoff"]} if document["knowledge_cutoff"] else {}),
        "release_date": day,
        "last_updated": day,
        "modalities": modalities,
        "open_weights": document["hugging_face_id"] is not None,
        "limit": limit,
        "cost": _cost(prices, reasons=reasons),
    }


def _words(document: Json, side: str) -> list[str]:
    """Return the modalities of a side in models.dev's words. Raises LeftOut if one has no word or none is known."""
    words = document["architecture"][side]
    if not words or not _MODALITIES.keys() >= set(words):
        raise LeftOut(Reason.FACTS)
    return [_MODALITIES[word] for word in words]


def _cost(prices: StandardPrices, *, reasons: bool) -> Json:
    """Raises LeftOut."""
    if prices.times:
        raise LeftOut(Reason.CONDITION)
    if meters.OUTPUT_TEXT not in prices.priced:
        raise LeftOut(Reason.UNKNOWN)
    if meters.OUTPUT_REASONING in prices.priced and not reasons:
        raise LeftOut(Reason.METER)  # the schema allows a price of reasoning only for models that reason
    tiers = {tokens - 1: dict(_amounts(prices, (tokens, None))) for tokens in prices.sizes}
    cost = dict[str, Json](_amounts(prices, BASE))
    if tiers:
        cost["tiers"] = [amounts | {"tier": {"type": "context", "size": size}} for size, amounts in tiers.items()]
    if _LONG_PROMPT in tiers:
        cost["context_over_200k"] = tiers[_LONG_PROMPT]
    return cost


def _amounts(prices: StandardPrices, cell: Cell) -> Iterator[tuple[str, Json]]:
    for name, meter in _COSTS.items():
        if name in _ALWAYS or meter in prices.priced:
            yield name, per_million(prices.amount(meter, cell))
