"""LiteLLM's map of models and prices.

LiteLLM takes a missing price for 0. So the map contains an offer only if LiteLLM's keys can express all of the prices
for its ordinary use, and all of these are known: an unknown price would be free there.
A held price is left out, because the published one may be long out of date. If LiteLLM would then bill 0, or bill long
prompts like short ones, the whole offer is left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from catalog import registry
from catalog.documents import reading
from catalog.documents.encoding import stored_json
from catalog.formats.contract import Format, Route
from catalog.formats.entries import Entries, entries_of
from catalog.formats.shapes import count, mapping, price, record, text
from catalog.memory import derived
from catalog.memory.rows import Row
from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import Query
from catalog.pricing import billing, meters
from catalog.pricing.costing import HeldKey
from catalog.pricing.meters import METERS
from catalog.records import Condition

Json = Any
_Entry = tuple[str, orjson.Fragment]

GATEWAYS: Mapping[str, str] = {
    slug: gateway.foreign_names["litellm"]
    for slug, gateway in registry.GATEWAYS.items()
    if "litellm" in gateway.foreign_names
}
"""LiteLLM's names of the gateways that users call with a key of their own."""
HOSTS: Mapping[str, str] = {
    "ai21": "ai21",
    "anthropic": "anthropic",
    "cerebras": "cerebras",
    "cohere": "cohere_chat",
    "dashscope": "dashscope",
    "deepinfra": "deepinfra",
    "deepseek": "deepseek",
    "fireworks-ai": "fireworks_ai",
    "google": "gemini",
    "groq": "groq",
    "mistral-ai": "mistral",
    "moonshot": "moonshot",
    "nebius": "nebius",
    "novita-ai": "novita",
    "openai": "openai",
    "perplexity-ai": "perplexity",
    "sambanova": "sambanova",
    "together-ai": "together_ai",
    "x-ai": "xai",
    "z-ai": "zai",
}
"""LiteLLM's names of the hosts that Portkey routes to. Offers of other hosts are not in the map."""
_BARE = {"ai21", "anthropic", "cohere", "cohere_chat", "openai", "text-completion-openai"}
"""Providers whose models LiteLLM lists by their bare ids."""
_COMPLETING: Mapping[str, str] = {
    "@cohere/command-nightly": "cohere",
    "@openai/babbage-002": "text-completion-openai",
    "@openai/davinci-002": "text-completion-openai",
    "@openai/gpt-3.5-turbo-instruct": "text-completion-openai",
    "@openai/gpt-3.5-turbo-instruct-0914": "text-completion-openai",
}
"""Offers of completion models, which continue a text instead of chatting. LiteLLM names their providers differently."""

_MODES = {
    "LLM": "chat",
    "Embeddings": "embedding",
    "Image Generation": "image_generation",
    "Text to Speech": "audio_speech",
    "Speech to Text": "audio_transcription",
}
_COSTS = {
    "prompt": "input_cost_per_token",
    "completion": "output_cost_per_token",
    "input_cache_read": "cache_read_input_token_cost",
    "input_cache_write": "cache_creation_input_token_cost",
    "input_cache_write_1h": "cache_creation_input_token_cost_above_1hr",
    "internal_reasoning": "output_cost_per_reasoning_token",
    "audio": "input_cost_per_audio_token",
    "audio_output": "output_cost_per_audio_token",
    "image_token": "input_cost_per_image_token",
    "image_output": "output_cost_per_image_token",
}
_CONDITIONAL = ("prompt", "completion", "input_cache_read", "input_cache_write")
"""Prices for which LiteLLM supports conditions."""
_FALLING_BACK = {"input_cache_read", "input_cache_write", "input_cache_write_1h", "internal_reasoning"}
"""Prices that LiteLLM replaces by the one of ordinary input or output if they are missing."""
_EXECUTION_MODES = {"batch": "_batches", "flex": "_flex", "priority": "_priority"}
_SIZES_READ = {"_flex": {"_above_272k_tokens"}, "_priority": {"_above_200k_tokens", "_above_272k_tokens"}}
"""The prompt sizes for which LiteLLM has prices in these modes; batches have prices from any size on."""
_BY_PARAMETER = {
    "tools": "supports_function_calling",
    "tool_choice": "supports_tool_choice",
    "parallel_tool_calls": "supports_parallel_function_calling",
    "structured_outputs": "supports_response_schema",
    "reasoning": "supports_reasoning",
    "web_search_options": "supports_web_search",
}
_BY_INPUT = {
    "image": "supports_vision",
    "audio": "supports_audio_input",
    "video": "supports_video_input",
    "file": "supports_pdf_input",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceMap:
    body: bytes
    """The whole map as JSON."""
    entries: Entries[_Entry | None]
    """The key and value of each offer, or None if it is not in the map."""


_MODEL = record(
    {"litellm_provider": text("LiteLLM's name of the provider."), "input_cost_per_token": price("US dollars.")},
    optional={
        "mode": text("The interface that the model answers, if it is known."),
        "output_cost_per_token": price("US dollars."),
        "max_input_tokens": count("The context length, in tokens."),
        "max_output_tokens": count("The most tokens of one answer."),
        "max_tokens": count("The same as `max_output_tokens`."),
    },
) | {"additionalProperties": {"type": ["number", "boolean", "string"]}}


class LiteLLM(Format):
    slug = "litellm"
    name = "LiteLLM"
    docs_url = "https://docs.litellm.ai/docs/completion/token_usage"
    routes = (
        Route(
            path="model_prices.json",
            prefixes=("/litellm",),
            operation_id="read_litellm_prices",
            summary="LiteLLM's map of models and prices",
            shape=mapping(
                _MODEL, description="By LiteLLM's name of the model: prices in US dollars, limits and abilities."
            ),
        ),
    )

    def answer(self, route: Route, snapshot: Snapshot, query: Query) -> bytes:
        return map_of(snapshot).body


@derived.Once
def map_of(snapshot: Snapshot, last: PriceMap | None) -> PriceMap:
    entries = entries_of(snapshot, None if last is None else last.entries, _entry_of)
    listed = dict(entry for _, entry in entries.values() if entry is not None)
    # Longer ids first: once `litellm.register_model` knows `o1-mini`, it takes `o1-mini-2024-09-12` for that model, and
    # would overwrite the price of `o1-mini` with the other one.
    return PriceMap(body=stored_json({key: listed[key] for key in sorted(listed, reverse=True)}), entries=entries)


def _entry_of(row: Row) -> _Entry | None:
    document = orjson.loads(row.document)
    provider, held = _provider(document), reading.held_keys(document)
    if provider is None or not _is_expressible(document) or any(_is_needed(*price) for price in held):
        return None
    document["pricing"] = _without(held, document["pricing"])
    key = document["slug"] if provider in _BARE else f"{provider}/{_model(document)}"
    return key, orjson.Fragment(stored_json(_entry(document, provider)))


def _provider(document: Json) -> str | None:
    if (completing := _COMPLETING.get(document["id"])) is not None:
        return completing
    host = document["host"]
    found = GATEWAYS.get(document["source_gateway"]) if host is None else HOSTS.get(host)
    return "cohere" if found == "cohere_chat" and document["model_type"] == "Embeddings" else found


def _model(document: Json) -> str:
    """Return the id without the host."""
    return str(document["slug"] if document["host"] is not None else document["id"])


def _is_expressible(document: Json) -> bool:
    """Whether LiteLLM would bill what the gateway does: per token, with all prices known, and no further charge."""
    pricing, mode = document["pricing"], _MODES.get(document["model_type"])
    sides = ("prompt",) if mode == "embedding" else ("prompt", "completion")
    return (
        mode is not None
        and document["price_basis"] == "token"
        and all(pricing.get(side) is not None for side in sides)
        and pricing.get("request") in {None, "0"}
        # LiteLLM would bill the default price where ours is unclear.
        and not _has_unclear(document)
    )


def _has_unclear(document: Json) -> bool:
    """Whether a price is null although it is charged. `completion` of an embedding is null too, but is not charged."""
    unclear = {(price.meter, price.conditions) for price in reading.unclear_prices(document)}
    return bool(unclear - {(meters.OUTPUT_TEXT, ())})


def _is_needed(meter: str, conditions: Sequence[Condition]) -> bool:
    """Whether LiteLLM would bill a wrong amount without this price."""
    key = METERS[meter].pricing_key
    if conditions:
        return key in _CONDITIONAL and [dimension for dimension, _, _ in conditions] == [billing.PROMPT_TOKENS]
    return key == "request" or key in _COSTS.keys() - _FALLING_BACK


def _without(held: Collection[HeldKey], pricing: Json) -> Json:
    """Return the prices of a document without the held ones."""

    def believed(prices: Json, conditions: Sequence[Condition]) -> Json:
        keys = {METERS[meter].pricing_key for meter, when in held if when == conditions}
        return {key: value for key, value in prices.items() if key not in keys}

    overrides = [
        believed(override, tuple(map(tuple, override["conditions"]))) for override in pricing.get("overrides", ())
    ]
    return believed(pricing, ()) | {"overrides": overrides}


def _entry(document: Json, provider: str) -> Json:
    context, most = document["context_length"], document["top_provider"]["max_completion_tokens"]
    facts = {
        "litellm_provider": provider,
        "mode": _mode(document),
        "max_input_tokens": context,
        "max_output_tokens": most,
        "max_tokens": most if most is not None else context,
        "deprecation_date": document["expires"],
    }
    known = {name: value for name, value in facts.items() if value is not None}
    return known | dict(_costs(document["pricing"])) | dict(_abilities(document))


def _mode(document: Json) -> str | None:
    """Return which of a provider's interfaces LiteLLM calls.

    Return None if no source reports it: some of the hosts' models support only `responses` or `realtime`. LiteLLM knows
    many of them, and would send them chat requests if the map declared `chat`.
    """
    if document["id"] in _COMPLETING:
        return "completion"
    mode = _MODES[document["model_type"]]
    return None if mode == "chat" and document["host"] is not None else mode


def _costs(pricing: Json) -> Iterator[tuple[str, orjson.Fragment]]:
    for key, name in _COSTS.items():
        if pricing.get(key) is not None:
            yield name, _number(pricing[key])
    for override in pricing.get("overrides", ()):
        suffix = _suffix(override["conditions"])
        for key in _CONDITIONAL if suffix else ():
            if override.get(key) is not None:
                yield _COSTS[key] + str(suffix), _number(override[key])


def _suffix(conditions: Json) -> str | None:
    """Return LiteLLM's suffix for conditions; None if it has none, as for hours of the day, or does not read it."""
    match conditions:  # sorted: the mode comes before the size
        case [[billing.PROMPT_TOKENS, ">=", int(tokens)]]:
            return _above(tokens)
        case [[billing.EXECUTION_MODE, "=", mode]]:
            return _EXECUTION_MODES.get(mode)
        case [[billing.EXECUTION_MODE, "=", mode], [billing.PROMPT_TOKENS, ">=", int(tokens)]]:
            size, word = _above(tokens), _EXECUTION_MODES.get(mode)
            return f"{size}{word}" if word == "_batches" or size in _SIZES_READ.get(str(word), ()) else None
    return None


def _above(tokens: int) -> str:
    """Convert "from" to "above", which LiteLLM uses."""
    thousands, rest = divmod(tokens - 1, 1_000)
    return f"_above_{tokens - 1}_tokens" if rest else f"_above_{thousands}k_tokens"


def _abilities(document: Json) -> Iterator[tuple[str, bool]]:
    """Yield the abilities that are known. A missing ability is left out, because no source denies it."""
    architecture = document["architecture"]
    found = {
        *(_BY_PARAMETER.get(name) for name in document["supported_parameters"] or ()),
        *(_BY_INPUT.get(name) for name in architecture["input_modalities"] or ()),
        "supports_audio_output" if "audio" in (architecture["output_modalities"] or ()) else None,
        "supports_prompt_caching" if "input_cache_read" in document["pricing"] else None,
    }
    return ((name, True) for name in sorted(filter(None, found)))


def _number(text: str) -> orjson.Fragment:
    """Write the exact digits of the price as a JSON number, without converting it to a float."""
    return orjson.Fragment(text)
