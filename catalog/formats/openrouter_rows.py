"""Makes the row of one model from its offers, in the shape of OpenRouter's list. Pure.

No fact is invented to get a model into the list: clients show none of its models if one value is null.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from catalog import registry
from catalog.memory.rows import Row
from catalog.reports import comparison
from catalog.reports.comparison import Compared

Json = Any

OPENROUTER = "openrouter"
"""The gateway whose ids and terms the clients of this list expect."""
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
_NEEDED = (
    "context_length",
    "supported_parameters",
    "architecture.modality",
    "architecture.input_modalities",
    "architecture.output_modalities",
    "top_provider.is_moderated",
)
"""The fields that a row requires, besides a price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A row of the list."""

    id: str
    body: bytes
    """The finished JSON of the row."""
    input_modalities: frozenset[str]
    output_modalities: frozenset[str]
    supported_parameters: frozenset[str]

    def is_asked_for(
        self,
        *,
        supported_parameters: Collection[str],
        input_modalities: Collection[str],
        output_modalities: Collection[str],
    ) -> bool:
        """Whether the model takes all of the parameters and inputs, and gives one of the outputs; `all` means any."""
        return (
            self.supported_parameters.issuperset(supported_parameters)
            and self.input_modalities.issuperset(input_modalities)
            and ("all" in output_modalities or not self.output_modalities.isdisjoint(output_modalities))
        )


def is_listable(documents: Sequence[Json]) -> bool:
    """Whether the offers have the required fields. Checked before the comparison, which takes far longer."""
    return any(document["price_basis"] == "token" for document in documents) and all(
        _first_known(documents, path) is not None for path in _NEEDED
    )


def model_of(slug: str, rows: Sequence[Row], *, is_slug_taken: bool) -> Model | None:
    """Return the row of a model; None if none of its offers can be compared by token prices."""
    offers = comparison.compared(rows, comparison.usual_workload(rows))
    if (priced := _priced(offers)) is None:
        return None
    main = _main(offers, priced)
    # The first known value wins: other offers fill in what the main offer lacks.
    documents = [main.document, *(offer.document for offer in offers if offer is not main)]
    row = _row(_id(main, slug, is_slug_taken=is_slug_taken), slug, documents) | {
        "pricing": _pricing_of_row(priced.document),
        "endpoints": [_endpoint(offer) for offer in offers],
    }
    return Model(
        id=row["id"],
        body=orjson.dumps(row),
        input_modalities=frozenset(row["architecture"]["input_modalities"]),
        output_modalities=frozenset(row["architecture"]["output_modalities"]),
        supported_parameters=frozenset(row["supported_parameters"]),
    )


def _priced(offers: Iterable[Compared]) -> Compared | None:
    """Return the offer whose prices the row shows: the cheapest that is not a free tier, if there is one.

    A free tier is for trying a model: it allows a number of requests a day, then none. As the model's price, 0 would
    mislead.
    """
    comparable = [offer for offer in offers if offer.cost is not None]
    return next((offer for offer in comparable if not _is_free_tier(offer)), next(iter(comparable), None))


def _main(offers: Sequence[Compared], priced: Compared) -> Compared:
    """Return the offer whose id and texts the row shows: OpenRouter's, if possible without a variant, else `priced`.

    OpenRouter's free tier is chosen only if the price is a free tier's too, or its id would promise another price.
    """
    own = [
        offer for offer in offers if offer.row.gateway == OPENROUTER and _is_free_tier(offer) <= _is_free_tier(priced)
    ]
    return min(own, key=lambda offer: (_variant(offer.row) or "", offer.row.id), default=priced)


def _is_free_tier(offer: Compared) -> bool:
    return offer.row.id.endswith(":free")


def _id(main: Compared, slug: str, *, is_slug_taken: bool) -> str:
    """Return OpenRouter's id if it sells the model, as clients send the id on; else the slug, unless it is taken."""
    if main.row.gateway == OPENROUTER:
        return main.row.id
    return slug if not is_slug_taken else f"{main.row.gateway}/{main.row.id}"


def _row(model_id: str, slug: str, documents: Sequence[Json]) -> Json:
    main = documents[0]
    return {
        "id": model_id,
        "object": "model",
        "owned_by": _first_known(documents, "provider_slug") or slug.partition("/")[0],
        "canonical_slug": slug,
        "hugging_face_id": _first_known(documents, "hugging_face_id"),
        "name": main["name"],
        "created": _created(documents),
        "description": main["description"],
        "context_length": _first_known(documents, "context_length"),
        "architecture": _architecture(documents),
        "top_provider": {
            name: _first_known(documents, f"top_provider.{name}")
            for name in ("context_length", "max_completion_tokens", "is_moderated")
        },
        "per_request_limits": None,
        "supported_parameters": _first_known(documents, "supported_parameters"),
        "default_parameters": _first_known(documents, "default_parameters"),
        "knowledge_cutoff": _first_known(documents, "knowledge_cutoff"),
        "expiration_date": main["expires"],
        "links": {"details": f"/api/v1/models/{model_id}/endpoints"},
    }


def _created(documents: Iterable[Json]) -> int:
    """Return when the model was created, else when the catalogue first had an offer of it, in Unix seconds.

    Both are facts.
    """
    created = _first_known(documents, "created")
    if created is not None:
        return int(created)
    return int(min(datetime.fromisoformat(document["first_seen"]) for document in documents).timestamp())


def _architecture(documents: Iterable[Json]) -> Json:
    """Leave out `tokenizer` if it is unknown: it is never null at OpenRouter."""
    names = ("modality", "input_modalities", "output_modalities", "instruct_type", "tokenizer")
    known = {name: _first_known(documents, f"architecture.{name}") for name in names}
    return {name: value for name, value in known.items() if value is not None or name == "instruct_type"}


def _endpoint(offer: Compared) -> Json:
    """Return one gateway's offer. Unknown values are null where OpenRouter allows null, and are left out otherwise."""
    document = offer.document
    slug, name = seller_of(document)
    endpoint = {
        "name": f"{name} | {document['id']}",
        "model_id": document["id"],
        "model_name": document["name"],
        "source_gateway": document["source_gateway"],
        "variant": _variant(offer.row),
        "provider_name": name,
        "tag": slug,
        "max_completion_tokens": document["top_provider"]["max_completion_tokens"],
        "max_prompt_tokens": None,
        "quantization": document["quantization"] or "unknown",
        "pricing": pricing_of(document),
        "uptime_last_5m": None,
        "uptime_last_30m": None,
        "uptime_last_1d": None,
        "latency_last_30m": None,
        "throughput_last_30m": None,
    }
    maybe_missing = {
        "context_length": document["context_length"],
        "supported_parameters": document["supported_parameters"],
        # 0 is "normal". Only OpenRouter measures the other states of its scale.
        "status": 0 if document["availability"] == "online" else None,
    }
    return endpoint | {name: value for name, value in maybe_missing.items() if value is not None}


def _pricing_of_row(document: Json) -> Json:
    """Return prices of both input and output, as OpenRouter's list always does: embeddings have 0 for their output.

    Only an embedding model can lack an output price here, because any other model would have no cost.
    """
    return {"completion": "0"} | pricing_of(document)


def pricing_of(document: Json) -> Json:
    """Return the known prices, but never the per-token conversion of an hourly rate."""
    shown = document["pricing"] if document["price_basis"] != "hourly" else {}
    return {key: shown[key] for key in PRICING if shown.get(key) is not None}


def seller_of(document: Json) -> tuple[str, str]:
    """Return slug and name of the service that runs an offer: the gateway's host, else the gateway itself."""
    host = document["host"]
    if host is None:
        gateway = document["source_gateway"]
        return gateway, registry.GATEWAYS[gateway].name if gateway in registry.GATEWAYS else gateway
    known = registry.PROVIDERS.of(host)
    return host, known.name if known else host


def _variant(row: Row) -> str | None:
    return row.identity.variant or None if row.identity else None


def _first_known(documents: Iterable[Json], path: str) -> Json:
    """Return the first value at this path that is not null."""
    for value in documents:
        for part in path.split("."):
            value = value[part]
        if value is not None:
            return value
    return None
