"""The canonical models in the shape of OpenAI's list, with further facts where they are known. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson

from catalog.documents.encoding import stored_json
from catalog.formats.openrouter_rows import created_of, facts_of, pricing_of, value_at
from catalog.memory import derived
from catalog.memory.rows import Row
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.memory.unhurried import unhurried
from catalog.parameters.endpoints import Query
from catalog.pricing import billing
from catalog.reports import comparison
from catalog.reports.canonical import models_of
from catalog.reports.comparison import Compared

Json = Any

NOT_FOUND = "No model that is sold has this id or name, or several have it."
OPEN_WEIGHTS = "featherless"
"""The gateway that offers thousands of fine-tuned models that no other one sells."""
_STANDARD = ("execution_mode", billing.STANDARD)
_FACTS = ("context_length", "supported_parameters", "default_parameters", "hugging_face_id", "knowledge_cutoff")
_NESTED: Mapping[str, Sequence[str]] = {
    "architecture": ("modality", "input_modalities", "output_modalities", "instruct_type", "tokenizer"),
    "top_provider": ("context_length", "max_completion_tokens", "is_moderated"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CanonicalModel:
    """A canonical model that some gateway sells now."""

    offers: Sequence[Row]
    """What the row was made of."""
    is_listed: bool
    """Whether the list has the model by default."""
    body: bytes
    """The finished JSON of the row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    by_slug: Mapping[str, CanonicalModel]
    """The models by their slugs, in the order of the slugs."""


@derived.Once
def listing_of(snapshot: Snapshot, last: Listing | None) -> Listing:
    offers: dict[str, list[Row]] = defaultdict(list)
    for row in unhurried(Selection.of(snapshot).rows):
        if row.identity is not None:
            offers[row.identity.model].append(row)
    known = last.by_slug if last is not None else {}
    by_slug: dict[str, CanonicalModel] = {}
    for slug, rows in unhurried(sorted(offers.items())):
        before = known.get(slug)
        by_slug[slug] = before if before is not None and before.offers == rows else _model_of(slug, rows)
    return Listing(by_slug=by_slug)


def list_body(snapshot: Snapshot, query: Query) -> bytes:
    """Return the models that are listed by default, or all of them."""
    is_all = query.values["all"] == "true"
    models = listing_of(snapshot).by_slug.values()
    rows = [orjson.Fragment(model.body) for model in models if is_all or model.is_listed]
    return orjson.dumps({"object": "list", "data": rows, "total_count": len(rows), "links": {"next": None}})


def row_body(snapshot: Snapshot, query: Query) -> bytes | None:
    """Return the model that the query's id means, whether it is listed or not."""
    by_slug = listing_of(snapshot).by_slug
    for asked in dict.fromkeys((query.id, unquote(query.id))):  # some clients encode an id that is already encoded
        if (found := by_slug.get(asked)) is not None:
            return found.body
        meant = models_of(snapshot).meant_by(asked)
        if len(meant.models) == 1 and meant.is_sure and (found := by_slug.get(meant.models[0])) is not None:
            return found.body
    return None


def _model_of(slug: str, rows: Sequence[Row]) -> CanonicalModel:
    ordinary = [row for row in rows if _STANDARD in row.facets]
    offers = comparison.compared(ordinary or rows, comparison.usual_workload(ordinary or rows))
    gateways = {row.gateway for row in ordinary}
    return CanonicalModel(
        offers=rows,
        is_listed=len(gateways) > 1 or bool(gateways - {OPEN_WEIGHTS}),
        body=stored_json(_row(slug, offers, has_prices=bool(ordinary))),
    )


def _row(slug: str, offers: Sequence[Compared], *, has_prices: bool) -> Json:
    """`offers` are sorted, the cheapest first. Of each fact the first known value is shown."""
    priced = _priced(offers)
    first = priced or offers[0]
    documents = [first.document, *(offer.document for offer in offers if offer is not first)]
    row: dict[str, Json] = {
        "id": slug,
        "object": "model",
        "created": _created(documents),
        "owned_by": _first_known(documents, "provider_slug") or slug.partition("/")[0],
        "canonical_slug": slug,
        "name": _first_known(documents, "name"),
        "description": _first_known(documents, "description"),
        **{name: _first_known(documents, name) for name in _FACTS},
        **{name: _known(documents, name, parts) for name, parts in _NESTED.items()},
        "expiration_date": first.document["expires"],
    }
    if has_prices:
        row["pricing"] = pricing_of(priced.document) if priced else None
        row["endpoints"] = [facts_of(offer) for offer in offers]
    return {name: value for name, value in row.items() if value not in (None, {})}


def _priced(offers: Iterable[Compared]) -> Compared | None:
    """Return the offer whose prices the row shows: the cheapest that is not a free tier, if there is one.

    A free tier is for trying a model: it allows a number of requests a day, then none. As the model's price, 0 would
    mislead.
    """
    comparable = [offer for offer in offers if offer.cost is not None]
    return next((offer for offer in comparable if not offer.row.id.endswith(":free")), next(iter(comparable), None))


def _created(documents: Sequence[Json]) -> int:
    """Return the first time that a gateway reports; if none does, when the catalogue first had an offer."""
    reported = (created_of(document) for document in documents if document["created"] is not None)
    first = next(reported, None)
    return min(map(created_of, documents)) if first is None else first


def _known(documents: Sequence[Json], name: str, parts: Iterable[str]) -> Json:
    values = {part: _first_known(documents, f"{name}.{part}") for part in parts}
    return {part: value for part, value in values.items() if value is not None}


def _first_known(documents: Iterable[Json], path: str) -> Json:
    """Return the first value at this path that is not null."""
    return next((value for document in documents if (value := value_at(document, path)) is not None), None)
