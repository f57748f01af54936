"""The page of one model: where it is sold, what a workload costs there, how its price moved, and how to call it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.utils.encoding import iri_to_uri
from rapidfuzz import fuzz, process

from catalog import registry
from catalog.documents import rendering
from catalog.history.models import Interval, ModelHistory, history_of_offers
from catalog.memory.rows import Row
from catalog.memory.selection import RELEVANCE, Selection
from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import Endpoint, Query
from catalog.pricing import meters, money, schedules
from catalog.pricing.costing import Bill
from catalog.reports import asked, comparison
from catalog.reports.canonical import models_of
from catalog.reports.comparison import Compared
from catalog.web import calls, change_words, charts, figures, offers, pages, words
from catalog.web.layout import page_answer
from catalog.web.parameters import ModelFilterSet
from catalog.web.standing import since_of, slug_of, standing_of
from front.answers import Answer

logger = logging.getLogger(__name__)

View = dict[str, Any]

MOST_CHANGES = 10
MOST_NEAR = 5
LONGEST_NAME = 100
"""The number of characters of an unknown name that are compared with the known ones."""
MOST_LINES = 8
"""The most lines of the chart; the table below it has all prices."""
CHARTS: Mapping[str, tuple[str, str]] = {
    "input": (meters.INPUT_TEXT, "Input"),
    "output": (meters.OUTPUT_TEXT, "Output"),
    "hourly": (meters.COMPUTE_HOUR, "By the hour"),
}
PRESETS = (
    ("chat", {"input_tokens": 750_000, "output_tokens": 250_000, "cached_percent": 0}),
    ("summarising", {"input_tokens": 950_000, "output_tokens": 50_000, "cached_percent": 0}),
    ("coding agent", {"input_tokens": 8_000_000, "output_tokens": 2_000_000, "cached_percent": 80}),
    ("a million of each", {"input_tokens": 1_000_000, "output_tokens": 1_000_000, "cached_percent": 0}),
)
"""Workloads to begin with."""


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
                "price": price_sentence(rows[model.positions[0]]),
            }
        )
    return near


def price_sentence(row: Row) -> str:
    """Return the price of an offer in a few words: `from 0.43 in, 1.74 out`."""
    price = offers.price_view(row)
    if price["state"] != "tokens":
        return f"{price['amount']['text']} {price['words']}" if "amount" in price else str(price["words"])
    input_, output = (price[side].get("text") or price[side]["word"] for side in ("input", "output"))
    return "free" if input_ == output == "free" else f"from {input_} in, {output} out"


# --- the page --------------------------------------------------------------------------------------------------------
def _page(snapshot: Snapshot, query: Query, slug: str, rows: Sequence[Row]) -> Answer:
    quantities = asked.quantities(query.values, rows)
    sold = [row for row in rows if not row.is_withdrawn]
    compared = comparison.compared(sold or rows, asked.workload(quantities))
    head = _head(sold or rows)
    document = offers.document_of(head.document)
    name = offers.name_of(head)
    maker = offers.maker(snapshot, head.provider_slug)
    history, is_complete = _history(snapshot, rows)
    lead = _lead(compared)
    gateways = sorted({row.gateway for row in sold})
    sold_at = f"{figures.counted(len(sold), 'offer')} at {figures.counted(len(gateways), 'gateway')}"
    sold_views = [_offer(snapshot, offer, compared) for offer in compared]
    values: View = {
        "slug": slug,
        "name": name,
        "maker": maker,
        "mark": offers.mark(head.provider_slug, name),
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
        "calculator": _calculator(query, quantities),
        "sold_at": sold_at,
        "why": _why(compared),
        "offers": sold_views,
        "places": _places(sold_views),
        "sum": _sum(compared, asked.workload(quantities)),
        "held": _held(sold),
        "history": _history_view(query, history, compared, until=snapshot.published_at) if is_complete else None,
        "matrix": _matrix(sold or rows),
        "call": calls.call_views(query, sold, compared),
        "changes": _changes(history, rows, name=name, slug=slug),
        "about": _description(document),
        "compare": f"/compare?ids={slug}",
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
        alternates=(("application/json", f"/catalog/canonical/{slug}"),),
        json_ld=_json_ld(name, slug, maker, compared),
        about=gateways,
    )


def _head(rows: Sequence[Row]) -> Row:
    def prominence(row: Row) -> tuple[bool, int, str]:
        gateway = registry.GATEWAYS.get(row.gateway)
        is_variant = row.identity is not None and bool(row.identity.variant)
        return is_variant, gateway.rank if gateway else 1_000, row.id

    return min(rows, key=prominence)


def _lead(compared: Sequence[Compared]) -> View:
    """Return the sentence that matters: the least price, who asks it, and what others ask."""
    tokens = [offer for offer in compared if offer.row.tariff.per_million_input is not None and offer.cost is not None]
    hourly = [offer.row for offer in compared if offer.row.tariff.basis == "hourly"]
    if tokens:
        best = tokens[0]
        same = [offer for offer in tokens if _token_prices(offer.row) == _token_prices(best.row)]
        prices = _token_prices(best.row)
        highest = max(tokens, key=lambda offer: offer.cost or 0)
        others = "" if highest in same else "The dearest asks {} and {}.".format(*_price_words(highest.row))
        words_ = _price_words(best.row)
        sellers = list(dict.fromkeys(offers.gateway_name(offer.row.gateway) for offer in same))
        plain = f"from {words_[0]} in and {words_[1]} out, in US dollars per 1M tokens, at {figures.listed(sellers)}."
        return {
            "state": "free" if not any(prices) else "tokens",
            "input": words_[0],
            "output": words_[1],
            "sellers": sellers,
            "others": " ".join(filter(None, [others, _hourly_words(hourly)])),
            "plain": plain,
        }
    if hourly:
        sentence = _hourly_words(hourly)
        return {"state": "words", "others": sentence, "plain": sentence}
    best_row = compared[0].row
    sentence = {
        "unknown": "No gateway publishes its price.",
        "dynamic": "Its price varies: the gateway decides it for each request.",
    }.get(best_row.tariff.status, "")
    if not sentence:
        sentence = f"It costs {price_sentence(best_row)} at {offers.gateway_name(best_row.gateway)}, in US dollars."
    return {"state": "words", "others": sentence, "plain": sentence}


def _token_prices(row: Row) -> tuple[Decimal | None, Decimal | None]:
    return row.tariff.per_million_input, row.tariff.per_million_output


def _price_words(row: Row) -> tuple[str, str]:
    input_, output = (
        words.NOT_PUBLISHED if amount is None else figures.dollars(amount) if amount else "free"
        for amount in _token_prices(row)
    )
    return input_, output


def _hourly_words(rows: Sequence[Row]) -> str:
    found = [row for row in rows if row.tariff.hourly_rate is not None]
    if not found:
        return ""
    best = min(found, key=lambda row: row.tariff.hourly_rate or 0)
    rate = best.tariff.hourly_rate or Decimal(0)
    shown = figures.dollars(rate) if rate else "nothing"
    return f"{offers.gateway_name(best.gateway)} bills {shown} by the hour of an instance, in US dollars."


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
    address = offers.model_address(slug).removeprefix("/models/")
    first = offers.model_address(rows[0].id).removeprefix("/models/")
    links = [("history", f"/catalog/models/{first}/history"), ("feed", f"/catalog/changes.atom?id={first}")]
    if rows[0].identity is not None:
        links.insert(0, ("JSON", f"/catalog/canonical/{address}"))
    return [{"words": name, "href": href} for name, href in links]


def _description(document: Mapping[str, Any]) -> str:
    text: str = document["description"] or ""
    return "" if rendering.is_own_description(document) else text


# --- the offers ------------------------------------------------------------------------------------------------------
def _calculator(query: Query, quantities: Mapping[str, int]) -> View:
    shown = {name: quantities[name] for name in ("input_tokens", "output_tokens", "cached_percent")}
    presets = [
        {
            "name": name,
            "href": f"{query.path}?{query.filters.canonical(**preset)}".rstrip("?"),
            "is_current": all(shown[key] == value for key, value in preset.items()),
        }
        for name, preset in PRESETS
    ]
    return {"values": shown, "presets": presets, "action": query.path}


def _offer(snapshot: Snapshot, offer: Compared, compared: Sequence[Compared]) -> View:
    row, document = offer.row, offers.document_of(offer.row.document)
    least = compared[0].cost
    view: View = {
        "gateway": offers.gateway_name(row.gateway),
        "href": f"/gateways/{row.gateway}",
        "host": document["host"] or "",
        "variant": (row.identity.variant if row.identity else "") or "",
        "id": row.id,
        "price": offers.price_view(row),
        "cached": _base_price(row, meters.INPUT_TEXT_CACHE_READ),
        "context": f"{document['context_length']:,}" if document["context_length"] else "",
        "availability": document["availability"],
        "read": _read(snapshot, row, document),
        "cost": None if offer.cost is None else figures.dollars_view(offer.cost),
        "relation": "",
        "is_least": offer.cost is not None and offer.cost == least,
        "reason": "" if offer.cost is not None else _reason(offer),
        "tiers": _tiers(document),
        "is_withdrawn": row.is_withdrawn,
        "quantization": document["quantization"] or "",
        "expires": document["expires"] or "",
    }
    if offer.cost is not None and least is not None and offer.cost > least:
        more = figures.dollars(offer.cost - least)
        view["relation"] = f"{figures.ratio(offer.cost, least)} the least" if least else f"{more} more"
        if least and offer.cost / least < Decimal("1.005"):
            view["relation"] = f"{more} more"
    return view


def _base_price(row: Row, meter: str) -> View | None:
    for price in row.tariff.prices:
        if price.meter == meter and not price.conditions:
            return figures.per_million_view(money.per_million(price.amount)) if price.amount else {"word": "free"}
    return None


def _read(snapshot: Snapshot, row: Row, document: Mapping[str, Any]) -> View:
    """Return when the offer's facts were read, or the date of the bundled list."""
    if document["recorded_at"]:
        return {"words": "list of", "text": figures.day(date.fromisoformat(document["recorded_at"])), "iso": ""}
    seller = snapshot.sellers.get(row.gateway)
    if seller is None or seller.last_success_at is None:
        return {"words": "", "text": "", "iso": ""}
    moment = figures.moment_view(seller.last_success_at)
    return {"words": "read", "text": moment["text"], "iso": moment["iso"]}


def _reason(offer: Compared) -> str:
    tariff = offer.row.tariff
    if offer.row.is_withdrawn:
        return "no longer sold"
    if tariff.status == "dynamic":
        return "varies"
    return {"hourly": "by the hour", "unit": "by other units"}.get(tariff.basis or "", "") or (
        "no price" if tariff.status == "unknown" else offer.reasons[0] if offer.reasons else "no price"
    )


def _tiers(document: Mapping[str, Any]) -> list[str]:
    """Return what each condition changes: `input 0.90, output 4.30 where prompt_tokens >= 200001`."""
    sentences = []
    for entry in document["pricing"].get("overrides", ()):
        where = schedules.where(tuple(map(tuple, entry["conditions"])))
        shown = []
        for meter in meters.METERS.values():
            if (amount := entry.get(meter.pricing_key)) is not None and meter.unit == "token":
                shown.append(f"{words.METERS[meter.name]} {figures.dollars(Decimal(amount).scaleb(6))}")
        if shown:
            sentences.append(f"{', '.join(dict.fromkeys(shown))}{where}")
    return sentences


def _why(compared: Sequence[Compared]) -> str:
    """Return why the offers are in this order."""
    costed = [offer for offer in compared if offer.cost is not None]
    if not costed:
        return "No offer has a price that this workload can be calculated with."
    if len(costed) == 1:
        return "One offer can be calculated for this workload."
    first, second = costed[:2]
    if first.cost == second.cost:
        same = sum(offer.cost == first.cost for offer in costed)
        return f"{same} offers cost the same for this workload; they are in the order of their names."
    prices = [_token_prices(offer.row) for offer in (first, second)]
    if prices[0] == prices[1]:
        return (
            "The first two offers share input and output prices. Another price, such as that of cached input, decides."
        )
    parts = []
    for side, (one, other) in zip(("input", "output"), zip(*prices, strict=True), strict=True):
        if one is not None and other is not None and one != other:
            verb = "cheaper" if one < other else "dearer"
            parts.append(f"its {side} is {verb} by {figures.dollars(abs(one - other))} per 1M tokens")
    return f"The first offer leads the second: {figures.listed(parts)}." if parts else ""


def _places(rows: Sequence[View]) -> View:
    """Return the class of each column of the table of offers."""
    tokens = [row["price"] for row in rows if row["price"]["state"] == "tokens"]
    return {
        "input": figures.places(price["input"] for price in tokens),
        "output": figures.places(price["output"] for price in tokens),
        "cached": figures.places(row["cached"] for row in rows),
        "cost": figures.places(row["cost"] for row in rows),
    }


def _sum(compared: Sequence[Compared], workload: Any) -> View | None:
    """Return each line of the cheapest offer's bill."""
    if not compared or compared[0].cost is None:
        return None
    best = compared[0]
    bill: Bill = best.row.tariff.bill(workload)
    lines: list[View] = [
        {
            "name": figures.first_upper(words.METERS.get(line.meter, line.meter)),
            "quantity": f"{line.quantity:,f}"
            if line.quantity != line.quantity.to_integral_value()
            else f"{int(line.quantity):,}",
            "price": _unit_price(line.meter, line.unit_price),
            "amount": figures.dollars_view(line.amount),
            "where": schedules.where(line.conditions),
            "is_held": line.is_held,
        }
        for line in bill.lines
    ]
    return {
        "seller": offers.seller(best.row),
        "lines": lines,
        "total": figures.dollars_view(best.cost) if best.cost is not None else None,
        "notes": [_sentence(note) for note in best.notes],
        "places": figures.places(line["amount"] for line in lines),
        "price_places": figures.places(line["price"] for line in lines),
    }


def _unit_price(meter: str, amount: Decimal) -> View:
    unit = meters.METERS[meter].unit
    if unit in words.IN_MILLIONS:
        return figures.per_million_view(money.per_million(amount))
    return figures.dollars_view(amount)


def _sentence(note: str) -> str:
    return f"{figures.first_upper(note)}."


def _held(rows: Sequence[Row]) -> list[View]:
    """Return the prices that a gateway reports and that a curator has not accepted yet."""
    found = []
    for row in rows:
        for hold in offers.document_of(row.document)["holds"]:
            unit = meters.METERS[hold["meter"]].unit
            scale = 6 if unit in words.IN_MILLIONS else 0
            served = hold["served"]
            found.append(
                {
                    "seller": offers.seller(row),
                    "name": figures.first_upper(words.METERS.get(hold["meter"], hold["meter"])),
                    "served": figures.dollars(Decimal(served).scaleb(scale)) if served is not None else "",
                    "reported": figures.dollars(Decimal(hold["reported"]).scaleb(scale)),
                    "unit": words.UNITS[unit][0],
                    "since": figures.minute(datetime.fromisoformat(hold["since"])),
                    "reason": _sentence(hold["reason"].rstrip(".")),
                }
            )
    return found


# --- history ---------------------------------------------------------------------------------------------------------
def _history(snapshot: Snapshot, rows: Sequence[Row]) -> tuple[ModelHistory, bool]:
    """Return the model's history, and whether the database gave it."""
    try:
        found = history_of_offers(
            [(row.gateway, row.id) for row in rows],
            meters=[meter for meter, _ in CHARTS.values()],
            until=snapshot.published_at,
            revision=snapshot.revision,
            most_changes=MOST_CHANGES,
        )
    except (DatabaseError, InterfaceError):
        logger.warning("The history of a model cannot be read; its page is shown without", exc_info=True)
        return ModelHistory(prices=(), changes=()), False
    return found, True


def _history_view(query: Query, history: ModelHistory, compared: Sequence[Compared], *, until: datetime) -> View | None:
    """Return the chart of one price and the same as a table."""
    has = {name: [each for each in history.prices if each.meter == meter] for name, (meter, _) in CHARTS.items()}
    known = [name for name in CHARTS if has[name]]
    if not known:
        return None
    chosen = query.values["chart"] if query.values["chart"] in known else known[0]
    sellers = {(offer.row.gateway, offer.row.id): offer for offer in compared}
    names = _names(sellers)
    lines = _lines(has[chosen], names, until=until, is_million=chosen != "hourly")
    order = {name: number for number, name in enumerate(names.values())}
    lines.sort(key=lambda line: (line.last.end < until, line.last.amount, order.get(line.name, 0)))
    shown = lines[:MOST_LINES]
    table: list[View] = [
        {
            "begin": figures.moment_view(each.begin),
            "end": figures.day(each.end) if each.end else "today",
            "seller": names.get(each.offer, f"{offers.gateway_name(each.offer[0])}, {each.offer[1]}"),
            "amount": _amount_view(each, is_million=chosen != "hourly"),
            "said": "a curator" if each.is_curated else "the gateway",
        }
        for each in has[chosen]
    ]
    unit = "US$ per 1M tokens" if chosen != "hourly" else "US$ per hour of an instance"
    return {
        "unit": unit,
        "name": CHARTS[chosen][1],
        "switch": [
            {
                "words": CHARTS[name][1],
                "href": _chart_address(query, name),
                "is_current": name == chosen,
            }
            for name in known
        ],
        "chart": charts.chart(shown, until=until),
        "in_words": f"{CHARTS[chosen][1]} price, {unit}. {charts.in_words(shown)}",
        "left_out": len(lines) - len(shown),
        "table": table,
        "places": figures.places(row["amount"] for row in table),
    }


def _chart_address(query: Query, name: str) -> str:
    text = query.filters.canonical(chart=name)
    return f"{query.path}?{text}#history" if text else f"{query.path}#history"


def _names(sellers: Mapping[tuple[str, str], Compared]) -> dict[tuple[str, str], str]:
    """Return a name for each offer: its seller, with the id where a seller has several."""
    plain = {key: offers.seller(offer.row) for key, offer in sellers.items()}
    counted: dict[str, int] = {}
    for name in plain.values():
        counted[name] = counted.get(name, 0) + 1
    return {key: name if counted[name] == 1 else f"{name}, {_short_id(key[1])}" for key, name in plain.items()}


def _short_id(offer_id: str) -> str:
    return offer_id.rpartition("/")[2]


def _lines(
    intervals: Sequence[Interval], names: Mapping[tuple[str, str], str], *, until: datetime, is_million: bool
) -> list[charts.Line]:
    steps: dict[tuple[str, str], list[charts.Step]] = {}
    for each in reversed(intervals):
        amount = money.per_million(each.amount) if is_million else each.amount
        steps.setdefault(each.offer, []).append(charts.Step(begin=each.begin, end=each.end or until, amount=amount))
    return [
        charts.Line(
            name=names.get(offer, f"{offers.gateway_name(offer[0])}, {_short_id(offer[1])}"), steps=_whole(found)
        )
        for offer, found in steps.items()
    ]


def _whole(steps: Sequence[charts.Step]) -> list[charts.Step]:
    """Join neighbours of one amount: the same price may have been confirmed by somebody else."""
    joined: list[charts.Step] = []
    for step in sorted(steps, key=lambda step: step.begin):
        if joined and joined[-1].amount == step.amount and joined[-1].end == step.begin:
            joined[-1] = replace(joined[-1], end=step.end)
        else:
            joined.append(step)
    return joined


def _amount_view(each: Interval, *, is_million: bool) -> View:
    if not each.amount:
        return {"word": "free"}
    return figures.per_million_view(money.per_million(each.amount)) if is_million else figures.dollars_view(each.amount)


def _changes(history: ModelHistory, rows: Sequence[Row], *, name: str, slug: str) -> list[View]:
    hosts = {(row.gateway, row.id): offers.document_of(row.document)["host"] for row in rows}
    return [
        change_words.change_view(change, name=name, slug=slug, host=hosts.get((change.gateway, change.id)))
        for change in history.changes
    ]


# --- capabilities ----------------------------------------------------------------------------------------------------
def _matrix(rows: Sequence[Row]) -> View:
    """Return what the model can do at each gateway, as far as the gateway says."""
    by_gateway: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_gateway.setdefault(row.gateway, []).append(offers.document_of(row.document))
    gateways = [slug for slug in registry.GATEWAYS if slug in by_gateway] or list(by_gateway)
    lines = []
    for parameter, label in words.ABILITIES.items():
        cells = [_can(by_gateway[slug], parameter) for slug in gateways]
        lines.append({"name": figures.first_upper(label), "cells": cells})
    for label, path in _SIZES:
        sizes = [[size for document in by_gateway[slug] if (size := _at(document, path))] for slug in gateways]
        lines.append({"name": label, "cells": [f"{max(found):,}" if found else words.NOT_PUBLISHED for found in sizes]})
    differing = sum(len({cell for cell in line["cells"] if cell != words.NOT_PUBLISHED}) > 1 for line in lines)
    silent = [
        offers.gateway_name(slug)
        for number, slug in enumerate(gateways)
        if all(line["cells"][number] == words.NOT_PUBLISHED for line in lines[:-2])
    ]
    sentence = f"The gateways differ in {differing} of {len(lines)}." if differing else "The gateways do not differ."
    if len(gateways) == 1:
        sentence = ""
    if silent:
        sentence += f" {figures.listed(silent)} publish{'es' if len(silent) == 1 else ''} no parameters."
    return {"gateways": [offers.gateway_name(slug) for slug in gateways], "lines": lines, "sentence": sentence.strip()}


_SIZES = (
    ("Longest answer, tokens", ("top_provider", "max_completion_tokens")),
    ("Context, tokens", ("context_length",)),
)


def _at(document: Any, path: Sequence[str]) -> Any:
    for part in path:
        document = document[part]
    return document


def _can(documents: Sequence[Mapping[str, Any]], parameter: str) -> str:
    published = [
        document["supported_parameters"] for document in documents if document["supported_parameters"] is not None
    ]
    if not published:
        return words.NOT_PUBLISHED
    return "yes" if any(parameter in names for names in published) else "no"


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
