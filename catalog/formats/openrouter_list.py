"""OpenRouter's list of models: its offers, and nothing else. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import orjson

from catalog.formats import openrouter_rows
from catalog.formats.entries import Entries, entries_of
from catalog.formats.openrouter_rows import OPENROUTER, Model, endpoint_of, is_batch, seller_of
from catalog.memory import derived
from catalog.memory.rows import Row
from catalog.memory.selection import Selection
from catalog.memory.snapshot import ProviderRow, Snapshot
from catalog.parameters.endpoints import Query, after
from catalog.pricing import billing
from catalog.reports import comparison
from catalog.reports.canonical import models_of

Json = Any

NOT_FOUND = (
    "OpenRouter's list has no model of this id: OpenRouter does not sell it, or a fact that the list requires is not "
    "known."
)
DEFAULT_LIMIT = 500
"""The limit of a page, as at OpenRouter."""
DAY_SECONDS = 24 * 60 * 60
_OF_MODEL = ("id", "name", "created", "description")
"""The fields of a row that OpenRouter's answer about a model's endpoints has unchanged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    models: Mapping[str, Model]
    """The rows by their ids, in the order of the ids."""
    by_slug: Mapping[str, Model]
    """By the slug of a canonical model: its row; if it has several, the one that is no variant."""
    made: Entries[Model | None]


@derived.Once
def listing_of(snapshot: Snapshot, last: Listing | None) -> Listing:
    offers = Selection.of(snapshot).of_gateway(OPENROUTER)
    made = entries_of(snapshot, last.made if last else None, openrouter_rows.model_of, selection=offers)
    found = (model for _, model in made.values() if model is not None and not is_batch(model.id))
    models = {model.id: model for model in sorted(found, key=lambda model: model.id)}
    by_slug: dict[str, Model] = {}
    for model in sorted(models.values(), key=lambda model: (openrouter_rows.variant_of(model.row) or "", model.id)):
        if model.row.identity is not None:
            by_slug.setdefault(model.row.identity.model, model)
    return Listing(models=models, by_slug=by_slug, made=made)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sellers:
    rows: Sequence[Json]
    """The services that run the models; OpenRouter calls them providers."""
    made: Entries[tuple[str, str]]


@derived.Once
def sellers_of(snapshot: Snapshot, last: Sellers | None) -> Sellers:
    made = entries_of(snapshot, last.made if last else None, lambda row: seller_of(row, orjson.loads(row.document)))
    return Sellers(
        rows=[_seller_row(snapshot, *seller) for seller in sorted({each for _, each in made.values()})], made=made
    )


# --- the list --------------------------------------------------------------------------------------------------------


def list_body(snapshot: Snapshot, query: Query) -> bytes:
    """Return a page of the rows that the query asks for; all of them if it has neither limit nor offset."""
    found = wanted(snapshot, query)
    limit, offset = query.values["limit"], query.values["offset"]
    page, following = found, None
    if limit is not None or offset is not None:
        limit, offset = limit or DEFAULT_LIMIT, offset or 0
        page = found[offset : offset + limit]
        if offset + limit < len(found):
            following = query.address(limit=limit, offset=offset + limit)
    rows = [orjson.Fragment(model.body) for model in page]
    return orjson.dumps({"object": "list", "data": rows, "total_count": len(found), "links": {"next": following}})


def wanted(snapshot: Snapshot, query: Query) -> Sequence[Model]:
    """Return the rows that match the query, in its order. Without `output_modalities` they put out text."""
    values = query.values
    tests = [_TESTS[name](value) for name, value in values.items() if value is not None and name in _TESTS]
    tests.append(_puts_out(values["output_modalities"] or ("text",)))
    now = int(snapshot.published_at.timestamp())
    for name, sign in (("min_age_days", 1), ("max_age_days", -1)):
        if (days := values[name]) is not None:
            tests.append(_is_aged(now - days * DAY_SECONDS, sign))
    found = [model for model in listing_of(snapshot).models.values() if all(test(model) for test in tests)]
    return found if values["sort"] is None else sorted(found, key=_ORDERS[values["sort"]])


_Test = Callable[[Model], bool]


def _has_words(text: str) -> _Test:
    words = text.casefold().split()
    return lambda model: all(word in model.text for word in words)


def _is_at_least(read: Callable[[Model], Decimal | int | None], least: Decimal) -> _Test:
    return lambda model: (value := read(model)) is not None and value >= least


def _is_at_most(read: Callable[[Model], Decimal | int | None], most: Decimal) -> _Test:
    return lambda model: (value := read(model)) is not None and value <= most


def _puts_out(wanted: Iterable[str]) -> _Test:
    words = frozenset(wanted)
    return lambda model: "all" in words or not model.output_modalities.isdisjoint(words)


def _is_aged(created: int, sign: int) -> _Test:
    return lambda model: sign * model.created <= sign * created


_TESTS: Mapping[str, Callable[[Any], _Test]] = {
    "q": _has_words,
    "context": lambda least: _is_at_least(lambda model: model.context_length, least),
    "min_price": lambda least: _is_at_least(lambda model: model.input_price, least),
    "max_price": lambda most: _is_at_most(lambda model: model.input_price, most),
    "min_output_price": lambda least: _is_at_least(lambda model: model.output_price, least),
    "max_output_price": lambda most: _is_at_most(lambda model: model.output_price, most),
    "model_authors": lambda authors: lambda model: model.author in authors,
    "input_modalities": lambda words: lambda model: model.input_modalities.issuperset(words),
    "supported_parameters": lambda words: lambda model: model.supported_parameters.issuperset(words),
}
"""By parameter: makes the test of a row from the parameter's value."""


def _by_price(sign: int) -> Callable[[Model], Any]:
    """Order by the average price; a price that is decided when a request runs comes last."""

    def key(model: Model) -> tuple[bool, Decimal]:
        average = model.average_price
        return average is None, sign * (average or Decimal(0))

    return key


_ORDERS: Mapping[str, Callable[[Model], Any]] = {
    "pricing-low-to-high": _by_price(1),
    "pricing-high-to-low": _by_price(-1),
    "context-high-to-low": lambda model: -model.context_length,
    "newest": lambda model: -model.created,
}
"""Rows that are equal in an order stay in the order of their ids."""


# --- one model -------------------------------------------------------------------------------------------------------


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


is_made = after(listing_of, models_of)
"""Whether the rows exist, and the names by which they are found."""


def has_few_offers(snapshot: Snapshot, query: Query) -> bool:
    """Whether few offers are compared, and the rows exist."""
    if not is_made(snapshot, query):
        return False
    found = find(snapshot, query.id)
    return found is None or len(_offers_of(snapshot, found)) <= comparison.QUICK_OFFERS


def row_body(snapshot: Snapshot, query: Query) -> bytes | None:
    """Return the row that the query's id means."""
    found = find(snapshot, query.id)
    return None if found is None else found.body


def endpoints_body(snapshot: Snapshot, query: Query) -> bytes | None:
    """Return all offers of the model, cheapest first, without those that lack a fact that the shape requires."""
    found = find(snapshot, query.id)
    if found is None:
        return None
    rows = _offers_of(snapshot, found)
    compared = comparison.compared(rows, comparison.usual_workload(rows))
    endpoints = [endpoint_of(offer, snapshot.watches.get((offer.row.gateway, offer.row.id))) for offer in compared]
    row = orjson.loads(found.body)
    shown = {name: row[name] for name in _OF_MODEL} | {
        "architecture": {"tokenizer": None} | row["architecture"],
        "endpoints": [endpoint for endpoint in endpoints if endpoint is not None],
    }
    return orjson.dumps({"data": shown})


def _offers_of(snapshot: Snapshot, found: Model) -> list[Row]:
    """Return the offers of the row's model that take ordinary requests, and the row's own offer."""
    if found.row.identity is None:
        return [found.row]
    ordinary = {("status", "active"), ("execution_mode", billing.STANDARD)}
    rows = models_of(snapshot).rows_of(found.row.identity.model)
    return [row for row in rows if row is found.row or ordinary <= set(row.facets)]


def _seller_row(snapshot: Snapshot, slug: str, name: str) -> Json:
    facts = snapshot.providers.get(snapshot.makers.key(slug)) or ProviderRow()
    return {
        "name": name,
        "slug": slug,
        "privacy_policy_url": facts.privacy_url or None,
        "terms_of_service_url": facts.terms_url or None,
        "status_page_url": facts.status_page_url or None,
        "headquarters": facts.headquarters or None,
        "datacenters": None,
    }
