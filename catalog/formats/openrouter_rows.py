"""Makes the rows of OpenRouter's list from its offers, and the endpoints of a model from all offers of it. Pure.

No fact is invented to get an offer into an answer: clients read nothing of an answer if one required value is null. So
an offer that lacks a required fact is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from catalog import registry
from catalog.documents.encoding import stored_json
from catalog.memory.rows import Row
from catalog.memory.watching import Watch
from catalog.normalize import modalities
from catalog.pricing import money
from catalog.records import ModelType
from catalog.reports.comparison import Compared

Json = Any

OPENROUTER = "openrouter"
"""The gateway whose offers the list has."""
PRICING = (
    "prompt",
    "completion",
    "request",
    "image",
    "image_token",
    "image_output",
    "audio",
    "audio_output",
    "input_audio_cache",
    "web_search",
    "internal_reasoning",
    "input_cache_read",
    "input_cache_write",
    "input_cache_write_1h",
)
"""The keys of `pricing` that OpenRouter has too."""
DYNAMIC = {"prompt": "-1", "completion": "-1"}
"""How OpenRouter shows prices that are decided when a request runs."""
_NEEDED = (
    "context_length",
    "supported_parameters",
    "architecture.modality",
    "architecture.input_modalities",
    "architecture.output_modalities",
    "top_provider.is_moderated",
)
"""The fields that a row requires, besides a price of input and of output."""
_EMBEDDINGS = {"embedding": "embeddings"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A row of the list, and the facts that filters and orders use."""

    id: str
    row: Row
    body: bytes
    """The finished JSON of the row."""
    text: str
    """Where search words are found, in lower case."""
    author: str
    created: int
    context_length: int
    input_price: Decimal | None
    """In US dollars for a million tokens; None if it is decided when a request runs."""
    output_price: Decimal | None
    input_modalities: frozenset[str]
    output_modalities: frozenset[str]
    supported_parameters: frozenset[str]

    @property
    def average_price(self) -> Decimal | None:
        if self.input_price is None or self.output_price is None:
            return None
        return (self.input_price + self.output_price) / 2


def is_batch(offer_id: str) -> bool:
    """Whether the id is of a variant that takes only batch requests."""
    return "batch" in offer_id.casefold().split(":")[1:]


def model_of(row: Row) -> Model | None:
    """Return the row of one of OpenRouter's offers; None if the offer lacks a fact that the shape requires."""
    document = orjson.loads(row.document)
    pricing = _complete_pricing(document)
    if pricing is None or any(value_at(document, path) is None for path in _NEEDED):
        return None
    outputs = _outputs(document)
    shown = _row(document, pricing, outputs)
    is_speech = document["model_type"] == ModelType.TEXT_TO_SPEECH
    return Model(
        id=row.id,
        row=row,
        body=stored_json(shown),
        text=f"{row.id} {document['name']}".casefold(),
        author=row.id.partition("/")[0].removeprefix("~").casefold(),
        created=shown["created"],
        context_length=document["context_length"],
        input_price=_per_million(pricing["prompt"]),
        output_price=_per_million(pricing["completion"]),
        input_modalities=frozenset(document["architecture"]["input_modalities"]),
        output_modalities=frozenset(outputs) | ({"speech"} if is_speech else frozenset()),
        supported_parameters=frozenset(word.casefold() for word in document["supported_parameters"]),
    )


def endpoint_of(offer: Compared, watch: Watch | None = None) -> Json | None:
    """Return one gateway's offer as an endpoint; None if it lacks a fact that the shape requires.

    `watch` is what is observed of it. It is up to an hour old, so only the figure of a whole day is shown.
    """
    document, pricing = offer.document, _complete_pricing(offer.document)
    if pricing is None or document["context_length"] is None or document["supported_parameters"] is None:
        return None
    parameters = set(document["supported_parameters"])
    return facts_of(offer) | {
        "variant": variant_of(offer.row),
        "max_completion_tokens": document["top_provider"]["max_completion_tokens"],
        "max_prompt_tokens": None,
        "quantization": document["quantization"] or "unknown",
        "pricing": pricing,
        "native_tools": {},
        "service_tier": None,
        "supports_diarization": False,
        "supports_implicit_caching": "input_cache_read" in pricing and "input_cache_write" not in pricing,
        # Accepting `tool_choice` only proves its default; which other values work is not published in the list.
        "supports_tool_choice": {
            "auto": {"tools", "tool_choice"} <= parameters,
            "function": False,
            "none": False,
            "required": False,
        },
        "uptime_last_5m": None,
        "uptime_last_30m": None,
        "uptime_last_1d": watch.uptime_1d if watch is not None else None,
        "latency_last_30m": None,
        "throughput_last_30m": None,
    }


def facts_of(offer: Compared) -> dict[str, Json]:
    """Return the known facts about one gateway's offer. An unknown one is missing; `pricing` may be empty."""
    document = offer.document
    slug, name = seller_of(offer.row, document)
    facts = {
        "name": f"{name} | {document['id']}",
        "model_id": document["id"],
        "model_name": document["name"],
        "source_gateway": document["source_gateway"],
        "variant": variant_of(offer.row),
        "provider_name": name,
        "tag": slug,
        "max_completion_tokens": document["top_provider"]["max_completion_tokens"],
        "quantization": document["quantization"],
        "pricing": pricing_of(document),
        "context_length": document["context_length"],
        "supported_parameters": document["supported_parameters"],
        # 0 is "normal". Only OpenRouter measures the other states of its scale.
        "status": 0 if document["availability"] == "online" else None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def pricing_of(document: Json) -> dict[str, str]:
    """Return the known prices, but never the per-token conversion of an hourly rate."""
    shown = document["pricing"] if document["price_basis"] != "hourly" else {}
    return {key: shown[key] for key in PRICING if shown.get(key) is not None}


def seller_of(row: Row, document: Json) -> tuple[str, str]:
    """Return slug and name of the service that runs an offer: the gateway's host, else the gateway itself."""
    host = document["host"]
    if host is None:
        gateway = document["source_gateway"]
        return gateway, registry.GATEWAYS[gateway].name if gateway in registry.GATEWAYS else gateway
    return host, row.host_maker.name if row.host_maker else host


def created_of(document: Json) -> int:
    """Return when the model was created, else when the catalogue first had the offer, in Unix seconds."""
    if document["created"] is not None:
        return int(document["created"])
    return int(datetime.fromisoformat(document["first_seen"]).timestamp())


def variant_of(row: Row) -> str | None:
    return row.identity.variant or None if row.identity else None


def value_at(document: Json, path: str) -> Json:
    for part in path.split("."):
        document = document[part]
    return document


def _complete_pricing(document: Json) -> Mapping[str, str] | None:
    """Return the prices, of both input and output; None if one is unknown.

    Embeddings have 0 for their output, as OpenRouter writes it: they have no output tokens.
    """
    if document["price_status"] == "dynamic":
        return DYNAMIC
    pricing = pricing_of(document)
    if document["model_type"] == ModelType.EMBEDDINGS and pricing:
        pricing = {"completion": "0"} | pricing
    return pricing if {"prompt", "completion"} <= pricing.keys() else None


def _per_million(price: str) -> Decimal | None:
    return None if price == DYNAMIC["prompt"] else money.per_million(Decimal(price))


def _outputs(document: Json) -> list[str]:
    """Return the kinds of output in OpenRouter's words, as far as the catalogue can tell them apart."""
    transcribes = document["model_type"] == ModelType.SPEECH_TO_TEXT
    words = _EMBEDDINGS | ({"text": "transcription"} if transcribes else {})
    return [words.get(word, word) for word in document["architecture"]["output_modalities"]]


def _row(document: Json, pricing: Mapping[str, str], outputs: list[str]) -> dict[str, Json]:
    return {
        "id": document["id"],
        "object": "model",
        "owned_by": document["provider_slug"] or document["id"].partition("/")[0],
        "canonical_slug": document["canonical_slug"] or document["id"],
        "hugging_face_id": document["hugging_face_id"],
        "name": document["name"],
        "created": created_of(document),
        "description": document["description"],
        "context_length": document["context_length"],
        "architecture": _architecture(document["architecture"], outputs),
        "pricing": pricing,
        "top_provider": {
            name: document["top_provider"][name] for name in ("context_length", "max_completion_tokens", "is_moderated")
        },
        "per_request_limits": None,
        "supported_parameters": document["supported_parameters"],
        "supported_voices": None,
        "default_parameters": document["default_parameters"],
        "knowledge_cutoff": document["knowledge_cutoff"],
        "expiration_date": document["expires"],
        "links": {"details": f"/api/v1/models/{document['id']}/endpoints"},
    }


def _architecture(architecture: Json, outputs: list[str]) -> Json:
    """Leave out `tokenizer` if it is unknown: it is never null in OpenRouter's list."""
    inputs = architecture["input_modalities"]
    shown = {
        "modality": modalities.arrow(tuple(inputs), tuple(outputs)),
        "input_modalities": inputs,
        "output_modalities": outputs,
        "instruct_type": architecture["instruct_type"],
    }
    tokenizer = architecture["tokenizer"]
    return shown if tokenizer is None else shown | {"tokenizer": tokenizer}
