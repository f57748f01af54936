"""The list of models that the formats of OpenRouter and of OpenAI show: one row for each model that is sold. Pure.

These clients parse the whole list or fail: one null in place of a required value, and they show none of its models.
So a model with missing facts stays out of the list.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson

from catalog import registry
from catalog.formats.openrouter_rows import OPENROUTER, Model, is_listable, model_of, seller_of
from catalog.memory import derived
from catalog.memory.rows import Row
from catalog.memory.selection import Selection
from catalog.memory.snapshot import ProviderRow, Snapshot
from catalog.memory.unhurried import unhurried
from catalog.parameters.endpoints import Query
from catalog.pricing import billing
from catalog.reports.canonical import models_of

Json = Any

NOT_FOUND = (
    "No model of this list has the id. What it leaves out, for want of a price per token or of a fact that "
    "its clients need, /catalog/resolve?id= finds."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    models: dict[str, Model]
    """The models by the id of their row, in the order of the ids."""
    by_slug: dict[str, Model]
    """The models by the slug of their canonical model."""
    sellers: list[Json]
    """The services that run the models; OpenRouter calls them providers."""
    made: Mapping[str, _Made]
    """Every canonical model that was considered, by its slug, including those that are not in the list."""


def list_body(snapshot: Snapshot, query: Query) -> bytes:
    """Return the rows of the models that the query asks for."""
    rows = [orjson.Fragment(model.body) for model in wanted(snapshot, query)]
    return orjson.dumps({"object": "list", "data": rows, "total_count": len(rows), "links": {"next": None}})


def row_body(snapshot: Snapshot, query: Query) -> bytes | None:
    """Return the row that the query's id means."""
    found = find(snapshot, query.id)
    return None if found is None else found.body


def wanted(snapshot: Snapshot, query: Query) -> Sequence[Model]:
    """Return the models that take the query's parameters and inputs. Without `output_modalities` they put out text."""
    values = query.values
    parameters, inputs = values.get("supported_parameters") or (), values.get("input_modalities") or ()
    outputs = values.get("output_modalities") or ("text",)
    return [
        model
        for model in listing_of(snapshot).models.values()
        if model.is_asked_for(supported_parameters=parameters, input_modalities=inputs, output_modalities=outputs)
    ]


def find(snapshot: Snapshot, asked: str) -> Model | None:
    """Return the row that an id means: a row's own id, or any unambiguous id or name of an offer of its model."""
    listing = listing_of(snapshot)
    plain = unquote(asked)  # some clients encode an id that their user has already encoded
    spellings = dict.fromkeys((asked, plain, plain.removesuffix(":free")))
    for spelling in spellings:
        if (found := listing.models.get(spelling)) is not None:
            return found
    for spelling in spellings:
        meant = models_of(snapshot).meant_by(spelling)
        if len(meant.models) == 1 and meant.is_sure:
            return listing.by_slug.get(meant.models[0])
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """What was computed from the offers of one canonical model."""

    rows: Sequence[Row]
    is_slug_taken: bool
    """Whether OpenRouter has an offer of another id that equals the model's slug."""
    model: Model | None
    sellers: frozenset[tuple[str, str]]


@derived.Once
def listing_of(snapshot: Snapshot, last: Listing | None) -> Listing:
    offers: dict[str, list[Row]] = defaultdict(list)
    openrouter: set[str] = set()
    for row in unhurried(Selection.of(snapshot).having("execution_mode", billing.STANDARD).rows):
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
        sellers=[_seller_row(snapshot, *seller) for seller in sorted(sellers)],
        made=made,
    )


def _made_of(slug: str, rows: Sequence[Row], *, is_slug_taken: bool) -> _Made:
    documents = [orjson.loads(row.document) for row in rows]
    return _Made(
        rows=rows,
        is_slug_taken=is_slug_taken,
        model=model_of(slug, rows, is_slug_taken=is_slug_taken) if is_listable(documents) else None,
        sellers=frozenset(map(seller_of, documents)),
    )


def _seller_row(snapshot: Snapshot, slug: str, name: str) -> Json:
    facts = snapshot.providers.get(registry.PROVIDERS.key(slug)) or ProviderRow()
    return {
        "name": name,
        "slug": slug,
        "privacy_policy_url": facts.privacy_url or None,
        "terms_of_service_url": facts.terms_url or None,
        "status_page_url": facts.status_page_url or None,
        "headquarters": facts.headquarters or None,
        "datacenters": None,
    }
