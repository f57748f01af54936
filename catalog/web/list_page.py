"""A page with a list of models: its form, its table, and the ways out if nothing is found."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from pyroaring import BitMap

from catalog import registry
from catalog.memory import derived
from catalog.memory.selection import POPULAR
from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import Query
from catalog.records import ModelType
from catalog.web import figures, listing
from catalog.web.layout import page_answer
from catalog.web.listing import Asked, Entry, Listed
from catalog.web.parameters import KNOWN, ListFilterSet
from catalog.web.standing import standing_of
from catalog.web.templates import part, render_part
from front.answers import Answer

View = dict[str, Any]

CONTEXTS = (32_768, 131_072, 200_000, 1_000_000)
NEW_DAYS = 7
NEAR_PAGES = 2
MOST_FACETS = 200
"""The most groups of checkboxes that are kept as HTML, 2 MB."""
MOST_RENDERED = 2_000
"""The most rows that are kept as HTML, 3 MB."""
_OWN_CONTROLS = frozenset(
    {
        "q",
        "page",
        "context_length_min",
        "prompt_price_min",
        "prompt_price_max",
        *(facet.name for facet in listing.FACETS),
    }
)
"""The parameters that have a control in the form. The others that were given stay as hidden fields."""
_NO_CHIP = frozenset({"q", "show", "sort", "page"})
_INDEXED = frozenset({"provider", "model_type", "price"})
"""Lists by one of these are worth an index of a search engine; others are too many."""


@dataclass(frozen=True)
class ListPage:
    """A request for a list."""

    query: Query
    asked: Asked

    @classmethod
    def of(cls, snapshot: Snapshot, query: Query, *, within: BitMap | None = None) -> ListPage:
        if not isinstance(query.filters, ListFilterSet):
            raise TypeError("a list has the parameters of a list")
        return cls(query, Asked(snapshot, query.filters, within))

    @property
    def filters(self) -> ListFilterSet:
        return self.asked.filters

    @cached_property
    def given(self) -> dict[str, Any]:
        """The filters that the reader chose."""
        return {
            name: value
            for name, value in self.filters.values.items()
            if name not in _NO_CHIP and value != self.filters.default(name)
        }

    @property
    def is_narrowed(self) -> bool:
        return bool(self.given) or self.filters.values["q"] is not None or self.filters.values["page"] > 1

    def address(self, **changes: Any) -> str:
        """Return the address of this list with other values of these parameters."""
        text = self.filters.canonical(**changes)
        return f"{self.query.path}?{text}" if text else self.query.path

    def text(self, name: str) -> str:
        value = self.filters.values[name]
        return "" if value is None else self.filters.parameters()[name].spelled(value)

    def words(self, name: str, value: Any) -> list[str]:
        """Return the words of a filter's value or values."""
        return (
            [listing.label(self.asked.snapshot, name, each) for each in value]
            if isinstance(value, list)
            else [self.text(name)]
        )


def list_answer(
    page: ListPage,
    template: str,
    *,
    current: str,
    more: Mapping[str, Any],
    left_out: Collection[str] = (),
    title: str = "",
    description: str = "",
) -> Answer:
    """Return a page with a list of models, its filters and its pages. `left_out` are facets that it has no use for."""
    asked, filters = page.asked, page.filters
    found = listing.listed(asked)
    in_words = _in_words(page)
    values: View = {
        "hero": None,
        "q": filters.values["q"] or "",
        "action": page.query.path,
        "intents": [*intents(asked.snapshot), *_popular(asked.snapshot)],
        "rows": _rows(asked.snapshot, found),
        "total": found.total,
        "status": figures.counted(found.total, "offer" if asked.shows_offers else "model"),
        "order": ORDERS.get(filters.values["sort"], ""),
        "heads": _heads(page),
        "facets": _facets(page, left_out),
        "chips": _chips(page),
        "clear": page.query.path,
        "hidden": _hidden(page),
        "switch": _switch(page),
        "pages": _pages(page, found),
        "ways": [] if found.total else _ways_out(page),
        "asked": in_words,
        "same": _same(page) if asked.within is None else [],
        **more,
    }
    gateways = figures.counted(len(registry.GATEWAYS), "gateway")
    if in_words and not title:
        title = f"{found.total:,} AI models: {in_words}"
        description = f"{found.total:,} AI models, {in_words}, with exact prices at {gateways}."
    models = figures.counted(found.total, "AI model")
    return page_answer(
        asked.snapshot,
        page.query,
        template,
        values,
        current=current,
        title=title or "What does an AI model cost, and where?",
        description=description or f"{models} at {gateways} with exact prices per million tokens and the date of each.",
        canonical=page.address(sort=KNOWN, page=1, show="models"),
        is_indexed=bool(found.total)
        and found.page == 1
        and filters.values["q"] is None
        and set(page.given) <= _INDEXED,
        alternates=tuple((kind, each["href"]) for each in values["same"] if (kind := _TYPES.get(each["words"]))),
    )


_TYPES = {"JSON": "application/json", "CSV": "text/csv"}


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


def _popular(snapshot: Snapshot) -> list[View]:
    """Return a link to the order by popularity, if that is known of any model."""
    known = len(snapshot.popularity.scores)
    return [{"name": "Most asked for", "href": f"/?sort={POPULAR}", "count": f"{known:,}"}] if known else []


def _count(snapshot: Snapshot, text: str) -> str:
    asked = Asked(snapshot, ListFilterSet(QueryDict(text)))
    return f"{asked.count(asked.selection().members):,}"


# --- the form --------------------------------------------------------------------------------------------------------
def _hidden(page: ListPage) -> list[View]:
    filters = page.filters
    given = {**page.given, **{name: filters.values[name] for name in ("show", "sort")}}
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


def _chips(page: ListPage) -> list[View]:
    """Return the filters that are chosen, each with the address without it."""
    return [
        {
            "title": listing.TITLES.get(name, name.replace("_", " ")),
            "label": shown,
            "href": address,
            "is_void": is_void,
        }
        for name, shown, address, is_void in _each_given(page)
    ]


def _each_given(page: ListPage) -> list[tuple[str, str, str, bool]]:
    """Return each chosen value: parameter, words, the address without it, and whether no offer has it."""
    found = []
    index = page.asked.snapshot.index
    for name, value in page.given.items():
        parameter = page.filters.parameters()[name]
        if isinstance(value, list):
            for each in value:
                rest = [other for other in value if other != each] or None
                of = parameter.of if parameter.of in index.facets else None
                is_void = of is not None and not page.asked.snapshot.having(of, each)
                found.append(
                    (
                        name,
                        listing.label(page.asked.snapshot, name, each),
                        page.address(**{name: rest}, page=1),
                        is_void,
                    )
                )
        else:
            shown = f"{value:,}" if isinstance(value, int) and name.startswith("context") else parameter.spelled(value)
            address = page.address(**{name: parameter.default}, page=1)
            found.append((name, shown, address, False))
    return found


def _ways_out(page: ListPage) -> list[View]:
    """Return what would be found without each of the filters."""
    ways = []
    for name, value in page.given.items():
        number = page.asked.count(page.asked.selection(without={name}).members)
        title = listing.TITLES.get(name, name.replace("_", " "))
        address = page.address(**{name: page.filters.parameters()[name].default}, page=1)
        ways.append((f"without “{title}: {', '.join(page.words(name, value))}”", address, number))
    if page.filters.values["q"] is not None:
        number = page.asked.count(page.asked.selection(without={"q"}).members)
        ways.append(("without the search", page.address(q=None, sort=KNOWN, page=1), number))
    known = len(standing_of(page.asked.snapshot).models)
    useful = [way for way in ways if way[2]] or [("all models", "/", known)]
    return [
        {"words": words, "href": address, "count": figures.counted(number, "model")}
        for words, address, number in useful
    ]


def _in_words(page: ListPage) -> str:
    """Return what was asked: `matching “gemma 4”, gateway Chutes`."""
    text = page.filters.values["q"]
    parts = [f"matching “{text}”"] if text is not None else []
    for name, value in page.given.items():
        title = listing.TITLES.get(name, name.replace("_", " "))
        parts.append(f"{title} {' or '.join(page.words(name, value))}")
    return ", ".join(parts)


@derived.Once
def _rendered_facets(snapshot: Snapshot, last: dict[str, str] | None) -> dict[str, str]:
    """Groups of checkboxes that were rendered before: they are equal on all pages and in all orders of a list."""
    return {}


def _facets(page: ListPage, left_out: Collection[str]) -> str:
    """Return the groups of checkboxes as HTML."""
    rendered = _rendered_facets(page.asked.snapshot)
    if len(rendered) > MOST_FACETS:
        rendered.clear()
    key = f"{page.query.path}?{page.filters.canonical(page=1, sort=KNOWN)}"
    if key not in rendered:
        values = {
            "facets": listing.facets(page.asked, left_out=left_out),
            "contexts": _contexts(page.filters.values["context_length_min"]),
            "price_min": page.text("prompt_price_min"),
            "price_max": page.text("prompt_price_max"),
        }
        rendered[key] = render_part("facets.html", values)
    return part(rendered[key])


@derived.Once
def _rendered(snapshot: Snapshot, last: dict[Entry, str] | None) -> dict[Entry, str]:
    """Rows that were rendered before. Most lists begin with the same models."""
    return {}


def _rows(snapshot: Snapshot, found: Listed) -> str:
    """Return the rows of the table as HTML."""
    rendered = _rendered(snapshot)
    if len(rendered) > MOST_RENDERED:
        rendered.clear()
    rows = []
    for entry in found.entries:
        row = rendered.get(entry)
        if row is None:
            row = rendered[entry] = render_part("row.html", {"row": listing.view_of(snapshot, entry)})
        rows.append(row)
    return part("".join(rows))


# --- the table -------------------------------------------------------------------------------------------------------
ORDERS = {
    KNOWN: "sold at most gateways first, then newest",
    "relevance": "best match first",
    "popular": "most asked for first",
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


def _heads(page: ListPage) -> dict[str, View]:
    sort: str = page.filters.values["sort"]
    heads = {}
    for value, words_, first in _HEADS:
        is_sorted = sort.removeprefix("-") == value
        falling = sort.startswith("-") or (is_sorted and value == KNOWN)
        other = value if sort.startswith("-") else f"-{value}"
        heads[value] = {
            "words": words_,
            "href": page.address(sort=other if is_sorted and value != KNOWN else first, page=1),
            "sorted": ("descending" if falling else "ascending") if is_sorted else "",
        }
    return heads


def _switch(page: ListPage) -> list[View]:
    shown = page.filters.values["show"]
    return [
        {"words": name.capitalize(), "href": page.address(show=name, page=1), "is_current": name == shown}
        for name in ("models", "offers")
    ]


def _pages(page: ListPage, found: Listed) -> View:
    last = found.pages
    near = range(max(1, found.page - NEAR_PAGES), min(last, found.page + NEAR_PAGES) + 1)
    numbers = sorted({1, last, *near})
    links = [
        {"number": f"{number:,}", "href": page.address(page=number), "is_current": number == found.page}
        for number in numbers
    ]
    return {
        "links": links if last > 1 else [],
        "next": page.address(page=found.page + 1) if found.page < last else "",
        "before": page.address(page=found.page - 1) if found.page > 1 else "",
        "span": f"{found.first:,} to {found.last:,} of {found.total:,}" if found.entries else "",
        "beyond": found.total > 0 and not found.entries,
        "first": page.address(page=1),
    }


_ONLY_ON_PAGES = frozenset({"show", "page", "price", "moved", "gateway", "sort"})


def _same(page: ListPage) -> list[View]:
    """Return the addresses of the same as data, as far as the API can ask it."""
    filters = page.filters
    given = {name: value for name, value in page.given.items() if name not in _ONLY_ON_PAGES}
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
