"""The makers of models (the API's providers), and the page of each with its models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from catalog.memory import derived
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import Endpoint, NotFound, Query
from catalog.parameters.suggestions import did_you_mean
from catalog.reports.providers import figures as figures_of
from catalog.reports.providers import provider_keys
from catalog.web import figures, offers, pages
from catalog.web.layout import page_answer
from catalog.web.list_page import ListPage, list_answer
from catalog.web.parameters import ListFilterSet, NoPageParameters
from catalog.web.standing import standing_of
from front.answers import Answer

View = dict[str, Any]


def read_makers(snapshot: Snapshot, query: Query) -> Answer:
    found = makers_of(snapshot)
    values = {
        "makers": found,
        "crumbs": [{"name": "Models", "href": "/"}, {"name": "Makers", "href": ""}],
        "count": figures.counted(len(found), "maker"),
    }
    return page_answer(
        snapshot,
        query,
        "makers.html",
        values,
        current="Makers",
        title=f"{figures.counted(len(found), 'maker')} of AI models",
        description=f"{figures.counted(len(found), 'maker')} of AI models, each with its models, offers and prices.",
        alternates=(("application/json", "/catalog/providers"),),
    )


class Makers(pages.CatalogPage):
    endpoint = Endpoint(media_type=pages.HTML, is_cacheable=True, filterset=NoPageParameters, answer=read_makers)


def read_maker(snapshot: Snapshot, query: Query) -> Answer:
    key = snapshot.makers.key(query.id)
    if not snapshot.index.having("provider", key) & snapshot.index.having("status", "active"):
        meant = did_you_mean(query.id, [maker["slug"] for maker in makers_of(snapshot)])
        raise NotFound(f"There is no maker of this name{meant}" if meant else "There is no maker of this name.")
    report = figures_of(Selection.of(snapshot), key)
    if report.slug != query.id:
        text = query.filters.canonical()
        address = f"{offers.maker_address(report.slug)}{'?' if text else ''}{text}"
        return Answer(301, (("Location", address), ("Cache-Control", pages.PUBLIC), *pages.HEADERS))
    mine = Selection.of(snapshot).having("provider", key)
    models = standing_of(snapshot).count(mine.members)
    facts = [
        f"{figures.counted(models, 'model')} in {figures.counted(report.model_count, 'offer')}",
        f"at {figures.listed([offers.gateway_name(slug) for slug in report.source_gateways])}",
        *([f"in {report.headquarters}"] if report.headquarters else []),
    ]
    links = [
        ("site", report.site_url),
        ("Hugging Face", f"https://huggingface.co/{report.hugging_face}" if report.hugging_face else None),
        ("status", report.status_page_url),
        ("terms", report.terms_url),
        ("privacy", report.privacy_url),
    ]
    first = mine.rows[0]
    head: View = {
        "name": report.name,
        "mark": offers.mark(first.maker, report.name),
        "facts": facts,
        "links": [
            {"words": name, "href": href} for name, href in links if href and href.startswith(("https://", "http://"))
        ],
        "crumbs": [
            {"name": "Models", "href": "/"},
            {"name": "Makers", "href": "/makers"},
            {"name": report.name, "href": ""},
        ],
    }
    return list_answer(
        ListPage.of(snapshot, query, within=mine.members),
        "maker.html",
        current="Makers",
        more={"maker": head},
        left_out=("provider",),
        title=f"{report.name}: {figures.counted(models, 'AI model')} and what they cost",
        description=f"{report.name}: {facts[0]} {facts[1]}, with exact prices and their dates.",
    )


class Maker(pages.CatalogPage):
    endpoint = Endpoint(media_type=pages.HTML, is_cacheable=True, filterset=ListFilterSet, answer=read_maker)


@derived.Once
def makers_of(snapshot: Snapshot, last: Sequence[View] | None) -> Sequence[View]:
    """Return all makers, those with most models first."""
    active, standing = Selection.of(snapshot), standing_of(snapshot)
    found: list[View] = []
    for key in provider_keys(active):
        report = figures_of(active, key)
        mine = active.having("provider", key)
        prices = [
            amount for position in mine.members if (amount := snapshot.index.rows[position].tariff.per_million_input)
        ]
        found.append(
            {
                "slug": report.slug,
                "name": report.name,
                "href": offers.maker_address(report.slug),
                "mark": offers.mark(snapshot.makers.of(report.slug), report.name),
                "models": standing.count(mine.members),
                "offers": report.model_count,
                "gateways": figures.listed([offers.gateway_name(slug) for slug in report.source_gateways]),
                "least": figures.per_million_view(min(prices)) if prices else None,
                "most": figures.per_million_view(max(prices)) if len(set(prices)) > 1 else None,
            }
        )
    return sorted(found, key=lambda maker: (-maker["models"], maker["name"].casefold()))
