"""Models in the shape that OpenRouter gives its list, for clients that people already have. Pure over a snapshot.

Clients of that list read it whole or not at all: one null where they expect a value, and none of its models is there.
So a model that too little is known of stays out of the list; nothing is made up to get it in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import orjson

from catalog import registry
from catalog.pricing import billing
from catalog.serving import comparison, derived
from catalog.serving.canonical import models_of
from catalog.serving.comparison import Compared
from catalog.serving.index import Row
from catalog.serving.selection import Selection
from catalog.serving.snapshot import ProviderRow, Snapshot
from catalog.serving.unhurried import unhurried

Json = Any

OPENROUTER = "openrouter"
"""The gateway whose ids and words the clients of this list expect."""
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
"""What a row cannot do without, beside a price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A row of the list."""

    id: str
    body: bytes
    """Its finished JSON."""
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
        """Takes all of the parameters, all of the inputs, and gives one of the outputs; `all` is any output."""
        return (
            self.supported_parameters.issuperset(supported_parameters)
            and self.input_modalities.issuperset(input_modalities)
            and ("all" in output_modalities or not self.output_modalities.isdisjoint(output_modalities))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    models: dict[str, Model]
    """By the id of the row, in its order."""
    by_slug: dict[str, Model]
    """By the slug of the canonical model."""
    sellers: list[Json]
    """Who serves the models: OpenRouter calls them providers."""
    made: Mapping[str, _Made]
    """All that was looked at, by the slug of the canonical model."""


def find(held: Snapshot, asked: str) -> Model | None:
    """The row that an id means: its own, or that of any offer of its model, in whatever spelling is clear."""
    listing = listing_of(held)
    plain = unquote(asked)  # some clients encode an id that their user has encoded already
    spellings = dict.fromkeys((asked, plain, plain.removesuffix(":free")))
    for spelling in spellings:
        if (found := listing.models.get(spelling)) is not None:
            return found
    for spelling in spellings:
        meant = models_of(held).meant_by(spelling)
        if len(meant.models) == 1 and meant.is_sure:
            return listing.by_slug.get(meant.models[0])
    return None


def endpoints(model: Model) -> Json:
    """What OpenRouter tells of a model beside who serves it."""
    row = orjson.loads(model.body)
    return {name: row[name] for name in ("id", "name", "created", "description", "architecture", "endpoints")}


# --- making it -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """What was made of the offers of one canonical model."""

    rows: Sequence[Row]
    is_slug_taken: bool
    """Whether OpenRouter has an offer of another id that is the model's slug."""
    model: Model | None
    sellers: frozenset[tuple[str, str]]


@derived.Once
def listing_of(held: Snapshot, last: Listing | None) -> Listing:
    offers: dict[str, list[Row]] = defaultdict(list)
    openrouter: set[str] = set()
    for row in unhurried(Selection.of(held).having("execution_mode", billing.STANDARD).rows):
        if row.identity is not None:
            offers[row.identity.model].append(row)
        if row.gateway == OPENROUTER:
            openrouter.add(row.id)
    known = last.made if last is not None else {}
    made: dict[str, _Made] = {}
    for slug, rows in unhurried(offers.items()):
        before, is_slug_taken = known.get(slug), slug in openrouter
        if before is not None and before.rows == rows and before.is_slug_taken == is_slug_taken:
            made[slug] = before
        else:
            made[slug] = _made_of(slug, rows, is_slug_taken=is_slug_taken)
    by_slug = {slug: each.model for slug, each in made.items() if each.model is not None}
    sellers = frozenset[tuple[str, str]]().union(*(each.sellers for each in made.values()))
    return Listing(
        models={model.id: model for model in sorted(by_slug.values(), key=lambda model: model.id)},
        by_slug=by_slug,
        sellers=[_told_of_seller(held, *seller) for seller in sorted(sellers)],
        made=made,
    )


def _made_of(slug: str, rows: Sequence[Row], *, is_slug_taken: bool) -> _Made:
    documents = [orjson.loads(row.document) for row in rows]
    return _Made(
        rows=rows,
        is_slug_taken=is_slug_taken,
        model=_model(slug, rows, is_slug_taken=is_slug_taken) if _is_listable(documents) else None,
        sellers=frozenset(map(_seller, documents)),
    )


def _is_listable(documents: Sequence[Json]) -> bool:
    """Before anything is compared, which takes far longer."""
    return any(document["price_basis"] == "token" for document in documents) and all(
        _told(documents, path) is not None for path in _NEEDED
    )


def _model(slug: str, rows: Sequence[Row], *, is_slug_taken: bool) -> Model | None:
    """The row of a model; None where no offer of it can be compared by what its tokens cost."""
    offers = comparison.compared(rows, comparison.usual_workload(rows))
    if (priced := _priced(offers)) is None:
        return None
    main = _main(offers, priced)
    # What the main offer does not tell, the others may.
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
    """The offer whose prices stand in the row: the cheapest that is no free tier, if there is one.

    A free tier is for trying a model: so many requests a day, then none. As the model's price, 0 would mislead.
    """
    comparable = [offer for offer in offers if offer.cost is not None]
    return next((offer for offer in comparable if not _is_free_tier(offer)), next(iter(comparable), None))


def _main(offers: Sequence[Compared], priced: Compared) -> Compared:
    """The offer whose id and words the row has: OpenRouter's of the model as it is, else the one of the prices.

    OpenRouter's free tier only where the price is that of a free tier too, or its id would promise another one.
    """
    own = [
        offer for offer in offers if offer.row.gateway == OPENROUTER and _is_free_tier(offer) <= _is_free_tier(priced)
    ]
    return min(own, key=lambda offer: (_variant(offer.row) or "", offer.row.id), default=priced)


def _is_free_tier(offer: Compared) -> bool:
    return offer.row.id.endswith(":free")


def _id(main: Compared, slug: str, *, is_slug_taken: bool) -> str:
    """OpenRouter's id where it sells the model, for clients send it on; else the slug, if no other row may have it."""
    if main.row.gateway == OPENROUTER:
        return main.row.id
    return slug if not is_slug_taken else f"{main.row.gateway}/{main.row.id}"


def _row(model_id: str, slug: str, documents: Sequence[Json]) -> Json:
    main = documents[0]
    return {
        "id": model_id,
        "object": "model",
        "owned_by": _told(documents, "provider_slug") or slug.partition("/")[0],
        "canonical_slug": slug,
        "hugging_face_id": _told(documents, "hugging_face_id"),
        "name": main["name"],
        "created": _created(documents),
        "description": main["description"],
        "context_length": _told(documents, "context_length"),
        "architecture": _architecture(documents),
        "top_provider": {
            name: _told(documents, f"top_provider.{name}")
            for name in ("context_length", "max_completion_tokens", "is_moderated")
        },
        "per_request_limits": None,
        "supported_parameters": _told(documents, "supported_parameters"),
        "default_parameters": _told(documents, "default_parameters"),
        "knowledge_cutoff": _told(documents, "knowledge_cutoff"),
        "expiration_date": main["expires"],
        "links": {"details": f"/api/v1/models/{model_id}/endpoints"},
    }


def _created(documents: Iterable[Json]) -> int:
    """Unix seconds: when the model was made, else when the catalogue first had an offer of it. Both are facts."""
    told = _told(documents, "created")
    if told is not None:
        return int(told)
    return int(min(datetime.fromisoformat(document["first_seen"]) for document in documents).timestamp())


def _architecture(documents: Iterable[Json]) -> Json:
    """Without `tokenizer` where it is unknown: it is never null at OpenRouter."""
    names = ("modality", "input_modalities", "output_modalities", "instruct_type", "tokenizer")
    told = {name: _told(documents, f"architecture.{name}") for name in names}
    return {name: value for name, value in told.items() if value is not None or name == "instruct_type"}


def _endpoint(offer: Compared) -> Json:
    """One gateway's offer. What is unknown is null where OpenRouter has nulls, and else left out."""
    document = offer.document
    slug, name = _seller(document)
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
        "pricing": _pricing(document),
        "uptime_last_5m": None,
        "uptime_last_30m": None,
        "uptime_last_1d": None,
        "latency_last_30m": None,
        "throughput_last_30m": None,
    }
    told = {
        "context_length": document["context_length"],
        "supported_parameters": document["supported_parameters"],
        # 0 is "normal"; the other states of OpenRouter's scale are measured by it alone.
        "status": 0 if document["availability"] == "online" else None,
    }
    return endpoint | {name: value for name, value in told.items() if value is not None}


def _pricing_of_row(document: Json) -> Json:
    """With both sides, which OpenRouter's list always has: it writes 0 for the output of a model for embeddings.

    Only such a model has no price of its output here, for any other would have no cost.
    """
    return {"completion": "0"} | _pricing(document)


def _pricing(document: Json) -> Json:
    """What is known of the prices. Never the conversion of an hourly rate."""
    told = document["pricing"] if document["price_basis"] != "hourly" else {}
    return {key: told[key] for key in PRICING if told.get(key) is not None}


def _seller(document: Json) -> tuple[str, str]:
    """Slug and name of who serves an offer: the host that the gateway leads to, else the gateway itself."""
    host = document["host"]
    if host is None:
        gateway = document["source_gateway"]
        return gateway, registry.GATEWAYS[gateway].name if gateway in registry.GATEWAYS else gateway
    known = registry.PROVIDERS.of(host)
    return host, known.name if known else host


def _told_of_seller(held: Snapshot, slug: str, name: str) -> Json:
    told = held.providers.get(registry.PROVIDERS.key(slug)) or ProviderRow()
    return {
        "name": name,
        "slug": slug,
        "privacy_policy_url": told.privacy_url or None,
        "terms_of_service_url": told.terms_url or None,
        "status_page_url": told.status_page_url or None,
        "headquarters": told.headquarters or None,
        "datacenters": None,
    }


def _variant(row: Row) -> str | None:
    return row.identity.variant or None if row.identity else None


def _told(documents: Iterable[Json], path: str) -> Json:
    """The first that is known."""
    for value in documents:
        for part in path.split("."):
            value = value[part]
        if value is not None:
            return value
    return None
