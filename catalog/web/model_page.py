"""The page of one model: where it is sold, what a workload costs there, how its price moved, and how to call it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.utils.encoding import iri_to_uri
from rapidfuzz import fuzz, process

from catalog.documents import rendering
from catalog.memory.rows import Row
from catalog.memory.selection import RELEVANCE, Selection
from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import Endpoint, Query
from catalog.pricing import money
from catalog.reports import asked, comparison
from catalog.reports.canonical import models_of
from catalog.reports.comparison import Compared
from catalog.web import (
    calls,
    figures,
    model_abilities,
    model_history,
    model_offers,
    model_words,
    offers,
    pages,
    sections,
    words,
)
from catalog.web.layout import page_answer
from catalog.web.parameters import ModelFilterSet
from catalog.web.standing import head_of, since_of, slug_of, standing_of
from front.answers import Answer

View = dict[str, Any]

MOST_NEAR = 5
LONGEST_NAME = 100
"""The number of characters of an unknown name that are compared with the known ones."""


def read_model_page(snapshot: Snapshot, query: Query) -> Answer:
    models = models_of(snapshot)
    if (merged := snapshot.redirects.get(query.id.casefold())) is not None:
        return _moved(merged, query)
    rows = models.rows_of(query.id) or _alone(snapshot, query.id)
    if not rows:
        meant = models.meant_by(query.id)
        if len(meant.models) == 1 and meant.is_sure:
            return _moved(meant.models[0], query)
        return _unknown(snapshot, query, [*meant.models, *meant.alike])
    slug = slug_of(rows[0])
    if slug != query.id:
        return _moved(slug, query)
    return _page(snapshot, query, slug, rows)


class ModelPage(pages.CatalogPage):
    endpoint = Endpoint(
        media_type=pages.HTML,
        is_cacheable=True,
        filterset=ModelFilterSet,
        answer=read_model_page,
        reads_tables=True,
    )


# --- pages that help -------------------------------------------------------------------------------------------------
def _alone(snapshot: Snapshot, asked_id: str) -> list[Row]:
    """Return the offer that belongs to no model, by `gateway/id`."""
    gateway, _, offer_id = asked_id.partition("/")
    return [row for row in snapshot.rows_of_id(offer_id) if row.gateway == gateway and row.identity is None]


def _moved(slug: str, query: Query) -> Answer:
    """Redirect to the page of the model. Not for ever: a curator may separate the models again."""
    text = query.filters.canonical()
    address = iri_to_uri(f"{offers.model_address(slug)}{'?' if text else ''}{text}")
    return Answer(301, (("Location", address), ("Cache-Control", pages.PUBLIC), *pages.HEADERS))


def _unknown(snapshot: Snapshot, query: Query, candidates: Sequence[str]) -> Answer:
    near = _nearest(snapshot, query.id, candidates)
    values = {"asked": query.id, "near": near, "q": query.id.rpartition("/")[2][:100], "code": 404}
    return page_answer(
        snapshot,
        query,
        "unknown_model.html",
        values,
        current="Models",
        title=f"There is no model {query.id[:100]}",
        description="No gateway sells a model of this name.",
        is_indexed=False,
        status=404,
        about=(),
    )


def _nearest(snapshot: Snapshot, text: str, candidates: Sequence[str]) -> list[View]:
    """Return the models whose names are nearest: those that the id may mean, those that a search finds, and those that
    are spelled alike."""
    standing = standing_of(snapshot)
    numbers = {model.slug: number for number, model in enumerate(standing.models)} if candidates else {}
    found = [numbers[slug] for slug in candidates if slug in numbers]
    words_of = text.rpartition("/")[2][:LONGEST_NAME]
    if words_of.strip():
        selection = Selection.of(snapshot).matching(words_of).sorted_by(RELEVANCE)
        for position in selection.positions:
            if len(set(found)) >= MOST_NEAR:
                break
            found.append(standing.number_of[position])
    if len(set(found)) < MOST_NEAR:
        spellings = [model.slug.casefold() for model in standing.models]
        alike = process.extract(
            text[:LONGEST_NAME].casefold(), spellings, scorer=fuzz.ratio, limit=MOST_NEAR, score_cutoff=60
        )
        found += [number for _, _, number in alike]
    near = []
    for number in list(dict.fromkeys(found))[:MOST_NEAR]:
        model = standing.models[number]
        rows = snapshot.index.rows
        near.append(
            {
                "slug": model.slug,
                "href": offers.model_address(model.slug),
                "price": model_words.price_sentence(rows[model.positions[0]]),
            }
        )
    return near


# --- the page --------------------------------------------------------------------------------------------------------
def _page(snapshot: Snapshot, query: Query, slug: str, rows: Sequence[Row]) -> Answer:
    quantities = asked.quantities(query.values, rows)
    sold = [row for row in rows if not row.is_withdrawn]
    compared = comparison.compared(sold or rows, asked.workload(quantities))
    head = head_of(sold or rows)
    document = offers.document_of(head.document)
    name = offers.name_of(head)
    maker = offers.maker(snapshot, head.provider_slug)
    history, is_complete = model_history.read_history(snapshot, rows)
    lead = model_words.lead_view(compared)
    gateways = sorted({row.gateway for row in sold})
    sold_at = f"{figures.counted(len(sold), 'offer')} at {figures.counted(len(gateways), 'gateway')}"
    sold_views = [model_offers.offer_view(snapshot, offer, compared) for offer in compared]
    values: View = {
        "slug": slug,
        "name": name,
        "maker": maker,
        "mark": offers.mark(head.maker, name),
        "crumbs": [
            {"name": "Models", "href": "/"},
            *([{"name": maker["name"], "href": maker["href"]}] if maker else []),
            {"name": name, "href": ""},
        ],
        "lead": lead,
        "gone": _gone(rows) if not sold else "",
        "facts": _facts(document, sold or rows),
        "weights": _weights(rows),
        "data": _data_links(slug, rows),
        "calculator": model_offers.calculator(query, quantities),
        "sold_at": sold_at,
        "why": model_offers.why_this_order(compared),
        "offers": sold_views,
        "places": model_offers.places_of(sold_views),
        "sum": model_offers.sum_view(compared, asked.workload(quantities)),
        "held": model_offers.held_views(sold),
        "history": model_history.history_view(query, history, compared, until=snapshot.published_at)
        if is_complete
        else None,
        "sections": sections.sections_of(snapshot, sold or rows),
        "matrix": model_abilities.matrix_view(sold or rows),
        "call": calls.call_views(query, compared, slug=slug, own_url=settings.INFERENCE_URL),
        "changes": model_history.change_views(history, rows, name=name, slug=slug),
        "about": _description(document),
        "compare": f"/compare?{urlencode({'ids': slug}, safe='/:@')}",
    }
    # Several makers have models of one name.
    by = f" by {maker['name']}" if maker and maker["name"].casefold() not in name.casefold() else ""
    title = f"{name}{by} price{_title_price(compared, gateways)}"
    plain = f"{name}: {lead['plain']} {sold_at.capitalize() if not sold else sold_at}."
    return page_answer(
        snapshot,
        query,
        "model.html",
        values,
        current="Models",
        title=title,
        description=plain,
        canonical=offers.model_address(slug),
        is_indexed=bool(sold) and not query.filters.canonical(),
        # Without its history the page is not whole: nobody keeps it.
        cache_control=pages.PUBLIC if is_complete else "no-store",
        alternates=(("application/json", f"/catalog/canonical/{offers.quoted(slug)}"),),
        json_ld=_json_ld(name, slug, maker, compared),
        about=gateways,
    )


def _title_price(compared: Sequence[Compared], gateways: Sequence[str]) -> str:
    best = next((offer.row for offer in compared if offer.row.tariff.per_million_input is not None), None)
    where = f" at {figures.counted(len(gateways), 'gateway')}" if gateways else ", no longer sold"
    if best is None:
        return where
    amount = best.tariff.per_million_input
    return f": {f'from ${figures.dollars(amount)} per 1M tokens' if amount else 'free'}{where}"


def _gone(rows: Sequence[Row]) -> str:
    ended = max(offers.document_of(row.document)["withdrawn_at"] for row in rows)
    return f"No gateway sells it since {figures.day(datetime.fromisoformat(ended))}. The last prices stay below."


def _facts(document: Mapping[str, Any], rows: Sequence[Row]) -> list[str]:
    architecture = document["architecture"]
    inputs, outputs = architecture["input_modalities"], architecture["output_modalities"]
    flow = f", {figures.listed(inputs)} to {figures.listed(outputs)}" if inputs and outputs else ""
    contexts = [size for row in rows if (size := offers.document_of(row.document)["context_length"])]
    since = min(since_of(row) for row in rows)
    return [
        f"{words.kind(document['model_type'])}{flow}",
        f"{max(contexts):,} tokens of context" if contexts else "context not published",
        f"first seen {figures.day_of_seconds(since)['text']}",
        *([f"knows until {document['knowledge_cutoff']}"] if document["knowledge_cutoff"] else []),
    ]


def _weights(rows: Sequence[Row]) -> str:
    found = [offers.document_of(row.document)["hugging_face_id"] for row in rows]
    named = next((each for each in found if each), None)
    return f"https://huggingface.co/{named}" if named and not set(named) & set(" <>\"'?#") else ""


def _data_links(slug: str, rows: Sequence[Row]) -> list[View]:
    first = rows[0].id
    feed = urlencode({"id": first}, safe="/:@")
    links = [("history", f"/catalog/models/{offers.quoted(first)}/history"), ("feed", f"/catalog/changes.atom?{feed}")]
    if rows[0].identity is not None:
        links.insert(0, ("JSON", f"/catalog/canonical/{offers.quoted(slug)}"))
    return [{"words": name, "href": href} for name, href in links]


def _description(document: Mapping[str, Any]) -> str:
    text: str = document["description"] or ""
    return "" if rendering.is_own_description(document) else text


# --- for machines ----------------------------------------------------------------------------------------------------
def _json_ld(name: str, slug: str, maker: View | None, compared: Sequence[Compared]) -> list[Any]:
    priced = [offer.row for offer in compared if offer.row.tariff.per_million_input and not offer.row.is_withdrawn]
    crumbs = [("Models", "/"), *([(maker["name"], maker["href"])] if maker else []), (name, offers.model_address(slug))]
    found: list[Any] = [
        {
            "@context": "https://schema.org",
            "@type": "BreadcrumbList",
            "itemListElement": [
                {"@type": "ListItem", "position": number, "name": text, "item": href}
                for number, (text, href) in enumerate(crumbs, start=1)
            ],
        }
    ]
    if priced:
        amounts = [row.tariff.per_million_input for row in priced if row.tariff.per_million_input]
        found.append(
            {
                "@context": "https://schema.org",
                "@type": "Product",
                "name": name,
                "sku": slug,
                **({"brand": {"@type": "Brand", "name": maker["name"]}} if maker else {}),
                "offers": {
                    "@type": "AggregateOffer",
                    "priceCurrency": "USD",
                    "lowPrice": money.plain(min(amounts)),
                    "highPrice": money.plain(max(amounts)),
                    "offerCount": len(priced),
                    "description": "US dollars per million input tokens",
                },
            }
        )
    return found
