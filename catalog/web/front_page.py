"""The first page: the question, the search, six ways in, and the table at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict

from catalog import registry
from catalog.memory import derived
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import Endpoint, Query
from catalog.parameters.filterset import SelectionFilterSet
from catalog.records import ModelType
from catalog.reports.statistics import nearest_rank
from catalog.web import figures, listing, pages
from catalog.web.layout import page_answer
from catalog.web.listing import Listed
from catalog.web.parameters import KNOWN, ListFilterSet
from catalog.web.standing import standing_of
from front.answers import Answer

View = dict[str, Any]

CONTEXTS = (32_768, 131_072, 200_000, 1_000_000)
NEW_DAYS = 7
NEAR_PAGES = 2
_OWN_CONTROLS = frozenset(
    {"q", "page", "context_length_min", "prompt_price_min", "prompt_price_max", *(facet.name for facet in listing.FACETS)}
)
"""The parameters that have a control in the form. The others that were given stay as hidden fields."""
_NO_CHIP = frozenset({"q", "show", "sort", "page"})


def read_front_page(snapshot: Snapshot, query: Query) -> Answer:
    return list_answer(snapshot, query, "models.html")


class FrontPage(pages.CatalogPage):
    endpoint = Endpoint(
        media_type=pages.HTML, is_cacheable=True, filterset=ListFilterSet, answer=read_front_page
    )


def list_answer(snapshot: Snapshot, query: Query, template: str, **more: Any) -> Answer:
    """Return a page with a list of models, its filters and its pages."""
    filters = query.filters
    assert isinstance(filters, ListFilterSet)  # noqa: S101  # the endpoints say so
    selection = listing.selected(snapshot, filters)
    found = listing.listed(selection, filters)
    values: View = {
        "hero": None if _is_narrowed(filters) else _hero(snapshot),
        "q": filters.values["q"] or "",
        "action": query.path,
        "intents": intents(snapshot),
        "listed": _listed(found),
        "status": _status(found, filters),
        "order": ORDERS.get(filters.values["sort"], ""),
        "heads": _heads(query),
        "facets": listing.facets(snapshot, query),
        "chips": _chips(snapshot, query),
        "clear": query.path,
        "hidden": _hidden(filters),
        "contexts": _contexts(filters.values["context_length_min"]),
        "price_min": _text(filters, "prompt_price_min"),
        "price_max": _text(filters, "prompt_price_max"),
        "switch": _switch(query),
        "pages": _pages(query, found),
        "ways": _ways_out(snapshot, query) if not found.total else [],
        "asked": _in_words(filters),
        "same": _same(filters, found),
        **more,
    }
    is_worth_index = not filters.canonical(page=1) or set(_given(filters)) <= {"provider", "model_type", "price"}
    title, description = _title(snapshot, filters, found)
    return page_answer(
        snapshot,
        query,
        template,
        values,
        current="Models",
        title=more.get("title", title),
        description=more.get("description", description),
        canonical=_address(query, sort=KNOWN, page=1, show="models"),
        is_indexed=is_worth_index and found.page == 1 and bool(found.total),
    )


# --- the head --------------------------------------------------------------------------------------------------------
@derived.Once
def _ladder(snapshot: Snapshot, last: Sequence[View] | None) -> Sequence[View]:
    """Return how the input prices of all offers are distributed, each the price of some offer."""
    rows = snapshot.index.rows
    counted: dict[Any, int] = {}
    for position in Selection.of(snapshot).members:
        amount = rows[position].tariff.per_million_input
        if amount:
            counted[amount] = counted.get(amount, 0) + 1
    if not counted:
        return ()
    names = ("cheapest", "a quarter cost at most", "half cost at most", "three quarters", "dearest")
    amounts = nearest_rank(counted, (0, 25, 50, 75, 100))
    return [
        {"name": name, "amount": figures.per_million_view(amount)} for name, amount in zip(names, amounts, strict=True)
    ]


def _hero(snapshot: Snapshot) -> View:
    standing, active = standing_of(snapshot), Selection.of(snapshot)
    gateways = figures.counted(len(active.counts("gateway")), "gateway")
    models, sold = figures.counted(len(standing.models), "model"), figures.counted(len(active), "offer")
    return {"sentence": f"{models} in {sold} at {gateways}. Exact prices, each with its date.", "ladder": _ladder(snapshot)}


@derived.Once
def intents(snapshot: Snapshot, last: Sequence[View] | None) -> Sequence[View]:
    """Return the six questions that most people come with, as links with the number of models each finds."""
    since = f"{snapshot.published_at - timedelta(days=NEW_DAYS):%Y-%m-%d}"
    asked = (
        ("Free", "price=free"),
        ("Cheapest chat", f"model_type={ModelType.LLM}&price=token&sort=prompt_price"),
        ("Sees images", "input_modalities=image&model_type=LLM"),
        ("1M context", "context_length_min=1000000"),
        ("New this week", f"created_after={since}&sort=-created"),
        ("Price fell", "moved=fell"),
    )
    return [{"name": name, "href": f"/?{text}", "count": _count(snapshot, text)} for name, text in asked]


def _count(snapshot: Snapshot, text: str) -> str:
    filters = ListFilterSet(QueryDict(text))
    return f"{listing.count(listing.selected(snapshot, filters), filters):,}"


def _title(snapshot: Snapshot, filters: SelectionFilterSet, found: Listed) -> tuple[str, str]:
    gateways = figures.counted(len(registry.GATEWAYS), "gateway")
    asked = _in_words(filters)
    if not asked:
        models = figures.counted(found.total, "AI model")
        return (
            "What does an AI model cost, and where?",
            f"{models} at {gateways} with exact prices per million tokens and the date of each.",
        )
    return f"{found.total:,} AI models: {asked}", f"{found.total:,} AI models, {asked}, with exact prices at {gateways}."


# --- the form --------------------------------------------------------------------------------------------------------
def _given(filters: SelectionFilterSet) -> dict[str, Any]:
    """Return the filters that the reader chose."""
    return {
        name: value
        for name, value in filters.values.items()
        if name not in _NO_CHIP and value != filters.default(name)
    }


def _is_narrowed(filters: SelectionFilterSet) -> bool:
    return bool(_given(filters)) or filters.values["q"] is not None or filters.values["page"] > 1


def _text(filters: SelectionFilterSet, name: str) -> str:
    value = filters.values[name]
    return "" if value is None else filters.parameters()[name].spelled(value)


def _hidden(filters: SelectionFilterSet) -> list[View]:
    given = {**_given(filters), **{name: filters.values[name] for name in ("show", "sort")}}
    return [
        {"name": name, "value": filters.parameters()[name].spelled(value)}
        for name, value in given.items()
        if name not in _OWN_CONTROLS and value != filters.default(name)
    ]


def _contexts(chosen: int | None) -> list[View]:
    sizes = sorted({*CONTEXTS, *([chosen] if chosen else [])})
    return [
        {"value": "", "label": "any", "is_chosen": not chosen},
        *({"value": size, "label": f"{size:,}", "is_chosen": size == chosen} for size in sizes),
    ]


def _chips(snapshot: Snapshot, query: Query) -> list[View]:
    """Return the filters that are chosen, each with the address without it."""
    return [
        {
            "title": listing.TITLES.get(name, name.replace("_", " ")),
            "label": shown,
            "href": address,
            "is_void": is_void,
        }
        for name, shown, address, is_void in _each_given(snapshot, query)
    ]


def _each_given(snapshot: Snapshot, query: Query) -> list[tuple[str, str, str, bool]]:
    """Return each chosen value: parameter, words, the address without it, and whether no offer has it."""
    found = []
    index = snapshot.index
    for name, value in _given(query.filters).items():
        parameter = query.filters.parameters()[name]
        if isinstance(value, list):
            for each in value:
                rest = [other for other in value if other != each] or None
                of = parameter.of if parameter.of in index.facets else None
                is_void = of is not None and not index.having(of, each)
                found.append((name, listing.label(name, each), _address(query, **{name: rest}, page=1), is_void))
        else:
            shown = f"{value:,}" if isinstance(value, int) and name.startswith("context") else parameter.spelled(value)
            address = _address(query, **{name: parameter.default}, page=1)
            found.append((name, shown, address, False))
    return found


def _ways_out(snapshot: Snapshot, query: Query) -> list[View]:
    """Return what would be found without each of the filters."""
    filters = query.filters
    ways = []
    for name, value in _given(filters).items():
        rest = filters.narrowed(Selection.of(snapshot), without={name})
        number = listing.count(rest, filters)  # type: ignore[arg-type]  # the endpoint says so
        title = listing.TITLES.get(name, name.replace("_", " "))
        each = [listing.label(name, one) for one in value] if isinstance(value, list) else [_text(filters, name)]
        address = _address(query, **{name: filters.parameters()[name].default}, page=1)
        ways.append(
            {
                "words": f"without “{title}: {', '.join(each)}”",
                "href": address,
                "count": figures.counted(number, "model"),
            }
        )
    if filters.values["q"] is not None:
        rest = filters.narrowed(Selection.of(snapshot), without={"q"})
        number = listing.count(rest, filters)  # type: ignore[arg-type]  # the endpoint says so
        address = _address(query, q=None, sort=KNOWN, page=1)
        ways.append({"words": "without the search", "href": address, "count": figures.counted(number, "model")})
    return [way for way in ways if way["count"] != "0 models"] or [
        {"words": "all models", "href": query.path, "count": figures.counted(len(standing_of(snapshot).models), "model")}
    ]


def _in_words(filters: SelectionFilterSet) -> str:
    """Return what was asked: `matching “gemma 4”, gateway Chutes`."""
    parts = [f"matching “{filters.values['q']}”"] if filters.values["q"] is not None else []
    for name, value in _given(filters).items():
        title = listing.TITLES.get(name, name.replace("_", " "))
        each = [listing.label(name, one) for one in value] if isinstance(value, list) else [_text(filters, name)]
        parts.append(f"{title} {' or '.join(each)}")
    return ", ".join(parts)


# --- the table -------------------------------------------------------------------------------------------------------
ORDERS = {
    KNOWN: "sold at most gateways first, then newest",
    "relevance": "best match first",
    "name": "by name",
    "-name": "by name, backwards",
    "context_length": "shortest context first",
    "-context_length": "longest context first",
    "prompt_price": "cheapest input first",
    "-prompt_price": "dearest input first",
    "completion_price": "cheapest output first",
    "-completion_price": "dearest output first",
    "hourly_rate": "cheapest hour first",
    "-hourly_rate": "dearest hour first",
    "created": "oldest first",
    "-created": "newest first",
    "first_seen": "longest listed first",
    "-first_seen": "newly listed first",
}
_HEADS = (
    ("name", "Model", "name"),
    ("context_length", "Context", "-context_length"),
    ("prompt_price", "Input", "prompt_price"),
    ("completion_price", "Output", "completion_price"),
    (KNOWN, "Sold at", KNOWN),
    ("created", "First seen", "-created"),
)
"""The heads that sort: the value, the words, and the order of the first click."""


def _heads(query: Query) -> dict[str, View]:
    sort: str = query.values["sort"]
    heads = {}
    for value, words_, first in _HEADS:
        is_sorted = sort.removeprefix("-") == value
        falling = sort.startswith("-") or (is_sorted and value == KNOWN)
        other = value if sort.startswith("-") else f"-{value}"
        heads[value] = {
            "words": words_,
            "href": _address(query, sort=other if is_sorted and value != KNOWN else first, page=1),
            "sorted": ("descending" if falling else "ascending") if is_sorted else "",
        }
    return heads


def _listed(found: Listed) -> View:
    return {"rows": list(found.rows), "total": found.total}


def _status(found: Listed, filters: SelectionFilterSet) -> str:
    return figures.counted(found.total, "offer" if filters.values["show"] == "offers" else "model")


def _switch(query: Query) -> list[View]:
    shown = query.values["show"]
    return [
        {"words": name.capitalize(), "href": _address(query, show=name, page=1), "is_current": name == shown}
        for name in ("models", "offers")
    ]


def _pages(query: Query, found: Listed) -> View:
    last = found.pages
    near = range(max(1, found.page - NEAR_PAGES), min(last, found.page + NEAR_PAGES) + 1)
    numbers = sorted({1, last, *near})
    links = [
        {"number": f"{number:,}", "href": _address(query, page=number), "is_current": number == found.page}
        for number in numbers
    ]
    return {
        "links": links if last > 1 else [],
        "next": _address(query, page=found.page + 1) if found.page < last else "",
        "before": _address(query, page=found.page - 1) if found.page > 1 else "",
        "span": f"{found.first:,} to {found.last:,} of {found.total:,}" if found.rows else "",
        "beyond": found.total > 0 and not found.rows,
        "first": _address(query, page=1),
    }


_ONLY_ON_PAGES = frozenset({"show", "page", "price", "moved", "gateway", "sort"})


def _same(filters: SelectionFilterSet, found: Listed) -> list[View]:
    """Return the addresses of the same as data, as far as the API can ask it."""
    given = {name: value for name, value in _given(filters).items() if name not in _ONLY_ON_PAGES}
    if filters.values["q"] is not None:
        given["q"] = filters.values["q"]
    texts = {name: filters.parameters()[name].spelled(value) for name, value in given.items()}
    gateways, price = filters.values["gateway"] or [], filters.values["price"] or []
    if len(gateways) == 1:
        texts["gateway"] = gateways[0]
    for name in ("price_basis", "price_status"):
        known = {"token", "hourly", "unit"} if name == "price_basis" else {"free", "dynamic", "unknown"}
        if price and set(price) <= known:
            texts[name] = ",".join(price)
    is_exact = (
        len(gateways) < 2
        and (not price or "price_basis" in texts or "price_status" in texts)
        and filters.values["moved"] == ""
    )
    if not is_exact:
        return []
    query = urlencode(sorted(texts.items()))
    beside = f"?{query}" if query else ""
    return [
        {"words": "JSON", "href": f"/catalog/models{beside}"},
        {"words": "CSV", "href": f"/catalog/export.csv{beside}"},
        {"words": "Atom", "href": "/catalog/changes.atom"},
        {"words": "API", "href": "/catalog/docs"},
    ]


def _address(query: Query, **changes: Any) -> str:
    text = query.filters.canonical(**changes)
    return f"{query.path}?{text}" if text else query.path
