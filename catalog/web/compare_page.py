"""The comparison of up to five models for a workload of a month."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from itertools import chain
from typing import Any
from urllib.parse import urlencode

from catalog.memory.rows import Row
from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import Endpoint, Query
from catalog.pricing import meters, money, workloads
from catalog.reports import comparison, side_by_side
from catalog.reports.canonical import Models, models_of
from catalog.reports.comparison import Compared
from catalog.reports.side_by_side import ComparedModel, Span
from catalog.web import figures, offers, pages, words
from catalog.web.layout import page_answer
from catalog.web.parameters import MOST_COMPARED, ComparePageFilterSet
from catalog.web.standing import head_of, slug_of, standing_of
from front.answers import Answer

View = dict[str, Any]

PRESETS = (
    ("chat", {"requests": 10_000, "input_tokens": 1_200, "output_tokens": 300, "cached_percent": 30}),
    ("summarise documents", {"requests": 2_000, "input_tokens": 20_000, "output_tokens": 500, "cached_percent": 0}),
    ("coding agent", {"requests": 20_000, "input_tokens": 30_000, "output_tokens": 1_000, "cached_percent": 80}),
    ("embed a library", {"requests": 100_000, "input_tokens": 500, "output_tokens": 0, "cached_percent": 0}),
)
"""Workloads of a month to begin with; the first applies if none is given."""
MOST_SUGGESTED = 60


def read_compare_page(snapshot: Snapshot, query: Query) -> Answer:
    models = models_of(snapshot)
    named, problems = _named(models, query)
    is_edited = query.values["add"] is not None or query.values["remove"] is not None
    if is_edited and not problems:
        return _settled(query, named)
    quantities = _quantities(query)
    rows = [models.rows_of(slug) for slug in named]
    values: View = {
        "ids": ",".join(named),
        "chosen": [{"slug": slug} for slug in named],
        "problems": problems,
        "asked_add": query.values["add"] or "",
        "workload": _workload_view(query, quantities),
        "differences": query.values["differences"],
        "table": _table(snapshot, query, named, rows, quantities) if named else None,
        "suggested": _suggested(snapshot),
        "examples": _examples(snapshot),
        "most": MOST_COMPARED,
        "crumbs": [{"name": "Models", "href": "/"}, {"name": "Compare", "href": ""}],
        "json": _json_address(named, quantities) if named else "",
    }
    heads = values["table"]["heads"] if values["table"] else []
    names = [head["name"] for head in heads]
    title = f"{figures.listed(names)} compared" if names else "Compare AI models"
    return page_answer(
        snapshot,
        query,
        "compare.html",
        values,
        current="Compare",
        title=title,
        description=(
            values["table"]["sentence"] if names else "What up to five AI models cost for your workload, side by side."
        ),
        canonical=f"/compare?{urlencode({'ids': ','.join(named)}, safe='/,:@')}" if named else "/compare",
        is_indexed=not named,
        status=400 if problems else 200,
        alternates=(("application/json", values["json"]),) if named else (),
        about=sorted({row.gateway for row in chain.from_iterable(rows)}),
    )


class ComparePage(pages.CatalogPage):
    endpoint = Endpoint(
        media_type=pages.HTML,
        is_cacheable=True,
        filterset=ComparePageFilterSet,
        answer=read_compare_page,
    )


# --- which models ----------------------------------------------------------------------------------------------------
def _named(models: Models, query: Query) -> tuple[list[str], list[View]]:
    """Return the slugs of the models that are compared, and what is wrong with the names that mean none."""
    found: list[str] = []
    problems: list[View] = []
    asked = [*(query.values["ids"] or ()), *([query.values["add"]] if query.values["add"] is not None else [])]
    for name in asked:
        if rows := models.rows_of(name):  # a slug means its own model, even if another model has the name too
            if (slug := slug_of(rows[0])) not in found:
                found.append(slug)
            continue
        meant = models.meant_by(name)
        if len(meant.models) == 1 and meant.is_sure:
            if meant.models[0] not in found:
                found.append(meant.models[0])
            continue
        near = [*meant.models, *meant.alike][:5]
        problems.append({"asked": name, "near": [{"slug": slug} for slug in near]})
    found = [slug for slug in found if slug != query.values["remove"]]
    if len(found) > MOST_COMPARED:
        problems.append({"asked": found[MOST_COMPARED], "near": [], "is_too_many": True})
        found = found[:MOST_COMPARED]
    return found, problems


def _settled(query: Query, named: Sequence[str]) -> Answer:
    """Redirect to the address of the comparison itself, after a model was added or taken out."""
    text = query.filters.canonical(ids=list(named) or None, add=None, remove=None)
    address = f"{query.path}?{text}" if text else query.path
    return Answer(302, (("Location", address), ("Cache-Control", pages.PUBLIC), *pages.HEADERS))


def _suggested(snapshot: Snapshot) -> list[str]:
    """Return the slugs that the field offers while one types: those of the best-known models."""
    return [model.slug for model in standing_of(snapshot).models[:MOST_SUGGESTED]]


def _examples(snapshot: Snapshot) -> list[View]:
    """Return a comparison to begin with: the three models that most gateways sell."""
    best = [model.slug for model in standing_of(snapshot).models[:3]]
    return [{"href": f"/compare?{urlencode({'ids': ','.join(best)}, safe='/,:@')}", "names": best}] if best else []


# --- the workload ----------------------------------------------------------------------------------------------------
def _quantities(query: Query) -> dict[str, int]:
    """Return what the reader states; the first preset has what is missing."""
    usual = PRESETS[0][1]
    return {
        name: usual[name] if (value := query.values[name]) is None else value
        for name in ("requests", "input_tokens", "output_tokens")
    } | {"cached_percent": _cached(query)}


def _cached(query: Query) -> int:
    is_stated = any(query.values[name] is not None for name in ("requests", "input_tokens", "output_tokens"))
    value: int = query.values["cached_percent"]
    return value if is_stated or value else PRESETS[0][1]["cached_percent"]


def _workload_view(query: Query, quantities: Mapping[str, int]) -> View:
    tokens_in, tokens_out = (quantities["requests"] * quantities[name] for name in ("input_tokens", "output_tokens"))
    presets = [
        {
            "name": name,
            "href": f"{query.path}?{query.filters.canonical(**preset)}",
            "is_current": dict(preset) == dict(quantities),
        }
        for name, preset in PRESETS
    ]
    return {
        "values": quantities,
        "presets": presets,
        "sentence": f"{tokens_in:,} tokens in and {tokens_out:,} out each month.",
    }


def _workload(quantities: Mapping[str, int]) -> workloads.Workload:
    tokens_in = quantities["requests"] * quantities["input_tokens"]
    return workloads.Workload(
        input_tokens=tokens_in,
        cached_input_tokens=Decimal(tokens_in * quantities["cached_percent"]).scaleb(-2),
        output_tokens=quantities["requests"] * quantities["output_tokens"],
        requests=quantities["requests"] or None,
    )


def _json_address(named: Sequence[str], quantities: Mapping[str, int]) -> str:
    asked = {
        "ids": ",".join(named),
        "input_tokens": quantities["requests"] * quantities["input_tokens"],
        "output_tokens": quantities["requests"] * quantities["output_tokens"],
        "cached_percent": quantities["cached_percent"],
        "requests": quantities["requests"],
    }
    return f"/catalog/compare?{urlencode(asked, safe='/,:@')}"


# --- the table -------------------------------------------------------------------------------------------------------
def _table(
    snapshot: Snapshot, query: Query, named: Sequence[str], rows: Sequence[Sequence[Row]], quantities: Mapping[str, int]
) -> View:
    workload = _workload(quantities)
    models = side_by_side.side_by_side(rows, workload)
    least = min((model.cost.least for model in models if model.cost is not None), default=None)
    costed = [comparison.compared([row for row in found if not row.is_withdrawn] or found, workload) for found in rows]
    heads = [_head(snapshot, query, slug, found, model) for slug, found, model in zip(named, rows, models, strict=True)]
    groups: list[View] = [
        {"title": "", "lines": [_line(*each, count=len(models)) for each in _cost_lines(models, costed)]},
        {
            "title": "Prices, US$ per 1M tokens",
            "lines": [_line(*each, count=len(models)) for each in _price_lines(models, costed)],
        },
        {"title": "What it can do", "lines": [_line(*each, count=len(models)) for each in _ability_lines(models)]},
    ]
    if query.values["differences"]:
        groups = [group | {"lines": [line for line in group["lines"] if not line["is_same"]]} for group in groups]
    return {
        "heads": heads,
        "costs": [_cost(model, least, models) for model in models],
        "groups": [group for group in groups if group["lines"]],
        "columns": len(models) + 1,
        "sentence": _sentence(heads, models, quantities),
    }


def _head(snapshot: Snapshot, query: Query, slug: str, rows: Sequence[Row], model: ComparedModel) -> View:
    named = head_of(rows)
    name = offers.name_of(named)
    maker = offers.maker(snapshot, named.provider_slug)
    return {
        "slug": slug,
        "name": name,
        "href": offers.model_address(slug),
        "mark": offers.mark(named.maker, name),
        "maker": maker["name"] if maker else "",
        "remove": f"{query.path}?{query.filters.canonical(remove=slug, add=None)}",
        "is_gone": all(row.is_withdrawn for row in rows),
    }


def _cost(model: ComparedModel, least: Decimal | None, models: Sequence[ComparedModel]) -> View:
    """Return what the workload costs with a model, in proportion to the dearest of them."""
    if model.cost is None or least is None:
        return {"amount": None, "why": _first_reason(model.reasons)}
    amount = model.cost.least
    most = max((other.cost.least for other in models if other.cost is not None), default=amount)
    share = amount / most * 100 if most else Decimal(0)
    relation = "" if amount == least else figures.ratio(amount, least) + " the least" if least else "the least is free"
    return {
        "amount": figures.dollars_view(amount),
        "is_least": amount == least,
        "relation": relation,
        "width": f"{share.quantize(Decimal('0.1'))}%",
    }


def _first_reason(reasons: Sequence[str]) -> str:
    return f"No cost: {reasons[0]}." if reasons else "No cost."


Cells = list[str]


def _cost_lines(models: Sequence[ComparedModel], costed: Sequence[Sequence[Compared]]) -> list[tuple[str, Cells]]:
    dearest = [figures.dollars(model.cost.most) if model.cost else words.NOT_PUBLISHED for model in models]
    return [
        (
            "Cheapest at",
            [offers.seller(found[0].row) if found and found[0].cost is not None else "nobody" for found in costed],
        ),
        ("Dearest gateway, US$", dearest),
        ("Not compared", [_left_out(found) for found in costed]),
    ]


def _left_out(found: Sequence[Compared]) -> str:
    """Return which gateways have offers without a cost, and why."""
    reasons: dict[str, list[str]] = {}
    for offer in found:
        if offer.cost is None:
            tariff = offer.row.tariff
            why = {"hourly": "by the hour", "unit": "by other units"}.get(tariff.basis or "") or words.PRICES.get(
                tariff.status, "no price"
            )
            if tariff.status == "priced" and tariff.basis == "token":
                why = "lacks a price"
            reasons.setdefault(why, []).append(offers.gateway_name(offer.row.gateway))
    return (
        ". ".join(f"{figures.listed(list(dict.fromkeys(names)))}: {why}" for why, names in reasons.items()) or "nothing"
    )


def _price_lines(models: Sequence[ComparedModel], costed: Sequence[Sequence[Compared]]) -> list[tuple[str, Cells]]:
    return [
        ("Input", [_span(model.price_per_million.input) for model in models]),
        ("Output", [_span(model.price_per_million.output) for model in models]),
        ("Cached input", [_cached_price(found) for found in costed]),
        ("An instance, US$ per hour", [_hourly_rate(found) for found in costed]),
    ]


def _span(span: Span | None) -> str:
    if span is None:
        return words.NOT_PUBLISHED
    least = figures.dollars(span.least) if span.least else "free"
    return least if span.least == span.most else f"{least} to {figures.dollars(span.most)}"


def _hourly_rate(found: Sequence[Compared]) -> str:
    rates = [offer.row.tariff.hourly_rate for offer in found if offer.row.tariff.basis == "hourly"]
    known = [rate for rate in rates if rate is not None]
    return _span(Span(least=min(known), most=max(known)) if known else None)


def _cached_price(found: Sequence[Compared]) -> str:
    amounts = [
        price.amount
        for offer in found
        for price in offer.row.tariff.prices
        if price.meter == meters.INPUT_TEXT_CACHE_READ and not price.conditions
    ]
    if not amounts:
        return words.NOT_PUBLISHED
    return _span(Span(least=money.per_million(min(amounts)), most=money.per_million(max(amounts))))


def _ability_lines(models: Sequence[ComparedModel]) -> list[tuple[str, Cells]]:
    lines: list[tuple[str, Callable[[ComparedModel], str]]] = [
        ("Kind", lambda model: words.kind(model.model_type) if model.model_type else words.NOT_PUBLISHED),
        ("Context, tokens", lambda model: _count(model.context_length)),
        ("Longest answer, tokens", lambda model: _count(model.max_completion_tokens)),
        ("Takes", lambda model: _words(model.input_modalities)),
        ("Gives", lambda model: _words(model.output_modalities)),
        *((figures.first_upper(label), partial(_can, parameter)) for parameter, label in words.ABILITIES.items()),
        ("Knowledge until", lambda model: model.knowledge_cutoff or words.NOT_PUBLISHED),
        (
            "Sold at",
            lambda model: (
                f"{figures.counted(len(model.gateways), 'gateway')}, {figures.counted(model.offers, 'offer')}"
            ),
        ),
    ]
    return [(name, [value(model) for model in models]) for name, value in lines]


def _count(number: int | None) -> str:
    return f"{number:,}" if number else words.NOT_PUBLISHED


def _words(values: Sequence[str] | None) -> str:
    return ", ".join(values) if values else words.NOT_PUBLISHED


def _can(parameter: str, model: ComparedModel) -> str:
    if model.supported_parameters is None:
        return words.NOT_PUBLISHED
    return "yes" if parameter in model.supported_parameters else "no"


def _line(name: str, cells: Cells, *, count: int) -> View:
    return {
        "name": name,
        "cells": [{"text": cell, "class": _cell_class(cell)} for cell in cells],
        "is_same": count > 1 and len(set(cells)) == 1,
    }


def _cell_class(cell: str) -> str:
    return {words.NOT_PUBLISHED: "np", "no": "no", "yes": "yes", "nothing": "np", "nobody": "np"}.get(cell, "")


def _sentence(heads: Sequence[View], models: Sequence[ComparedModel], quantities: Mapping[str, int]) -> str:
    costs = [
        f"{head['name']} costs ${figures.dollars(model.cost.least)}"
        for head, model in zip(heads, models, strict=True)
        if model.cost is not None
    ]
    tokens = quantities["requests"] * quantities["input_tokens"]
    return f"For {tokens:,} input tokens a month: {figures.listed(costs)}." if costs else "No cost is known."
