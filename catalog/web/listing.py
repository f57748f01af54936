"""The list of models, or of single offers, that a query selects: one page of it, and what can be chosen beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pyroaring import BitMap

from catalog import registry
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import Query
from catalog.web import figures, offers, words
from catalog.web.parameters import KNOWN, PAGE_ROWS, ListFilterSet, members_priced
from catalog.web.standing import Known, Standing, standing_of

View = dict[str, Any]

MOST_CHOICES = 8
"""The most values of a facet on a page. The rest are found by the search, or on a page of their own."""
QUICK_OFFERS = 5_000
"""Up to this many offers are selected, counted and shown within a few milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The models or offers that a query selects."""

    total: int
    rows: Sequence[View]
    page: int

    @property
    def first(self) -> int:
        return (self.page - 1) * PAGE_ROWS + 1 if self.rows else 0

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1 if self.rows else 0

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PAGE_ROWS))


@dataclass(frozen=True, slots=True)
class Facet:
    """A fact that the list is filtered by, as a group of checkboxes."""

    name: str
    """The parameter."""
    title: str
    values: tuple[str, ...] = ()
    """The values to choose from, in their order; empty: the most frequent ones."""
    narrows_itself: bool = False
    """Whether each further value leaves fewer offers. The counts are then those beside the values that are chosen."""


FACETS = (
    Facet("gateway", "Gateway"),
    Facet("price", "Price", values=tuple(words.PRICES)),
    Facet("model_type", "Kind"),
    Facet("input_modalities", "Takes"),
    Facet("supported_parameters", "Can", values=words.FILTERED_ABILITIES, narrows_itself=True),
    Facet("provider", "Maker"),
)
_OF_FACET = {"price": None}


def selected(snapshot: Snapshot, filters: ListFilterSet) -> Selection:
    return filters.narrowed(Selection.of(snapshot))


def listed(selection: Selection, filters: ListFilterSet) -> Listed:
    """Return the page that the parameters ask for."""
    page = filters.values["page"]
    offset = (page - 1) * PAGE_ROWS
    if filters.values["show"] == "offers":
        rows = selection.snapshot.index.rows
        order = selection.positions if selection.sort != KNOWN else _known_offers(selection)
        chosen = [rows[position] for position in islice(order, offset, offset + PAGE_ROWS)]
        shown = [offers.offer_row(selection.snapshot, row) for row in chosen]
        return Listed(total=len(selection), rows=shown, page=page)
    total, models = _models(selection, standing_of(selection.snapshot), offset=offset)
    return Listed(total=total, rows=[_row(selection, *found) for found in models], page=page)


def _known_offers(selection: Selection) -> Iterable[int]:
    """Return the offers in the order of their models."""
    standing = standing_of(selection.snapshot)
    members = selection.members
    for number in standing.numbers(members):
        yield from (position for position in standing.models[number].positions if position in members)


def _models(selection: Selection, standing: Standing, *, offset: int) -> tuple[int, list[tuple[Known, int]]]:
    """Return how many models there are, and those of the page with the offer that leads each."""
    members = selection.members
    if selection.sort == KNOWN:
        numbers = standing.numbers(members)
        models = [standing.models[number] for number in numbers[offset : offset + PAGE_ROWS]]
        return len(numbers), [(model, _cheapest(model, members)) for model in models]
    led: dict[int, int] = {}
    for position in selection.positions:
        led.setdefault(standing.number_of[position], position)
        if len(led) == offset + PAGE_ROWS:
            break
    found = list(led.items())[offset:]
    return standing.count(members), [(standing.models[number], position) for number, position in found]


def _cheapest(model: Known, members: BitMap) -> int:
    return next(position for position in model.positions if position in members)


def _row(selection: Selection, model: Known, lead: int) -> View:
    snapshot = selection.snapshot
    rows = snapshot.index.rows
    chosen = [rows[position] for position in model.positions if position in selection.members]
    return offers.list_row(
        snapshot,
        rows[lead],
        head=rows[model.head],
        rows=chosen,
        slug=model.slug,
        sold=f"{figures.counted(model.gateways, 'gateway')}, {figures.counted(len(model.positions), 'offer')}",
        since=model.since,
    )


# --- what can be chosen ----------------------------------------------------------------------------------------------
def facets(snapshot: Snapshot, query: Query) -> list[View]:
    """Return the groups of checkboxes, each value with the number of rows that it alone leads to."""
    return [_facet(snapshot, query, facet) for facet in FACETS]


def count(selection: Selection, filters: ListFilterSet) -> int:
    """Return the number of rows of a selection."""
    if filters.values["show"] == "offers":
        return len(selection)
    return standing_of(selection.snapshot).count(selection.members)


def _facet(snapshot: Snapshot, query: Query, facet: Facet) -> View:
    filters = query.filters
    assert isinstance(filters, ListFilterSet)  # noqa: S101  # only these pages have facets
    chosen = list(filters.values[facet.name] or ())
    without = () if facet.narrows_itself else filters.filters_on(facet.name)
    beside = filters.narrowed(Selection.of(snapshot), without=without)
    counts = {value: _count(beside, filters, facet.name, value) for value in _values(beside, facet, chosen)}
    shown = [
        {
            "value": spelled(facet.name, value),
            "label": label(facet.name, value),
            "count": f"{number:,}",
            "is_chosen": value in chosen,
        }
        for value, number in counts.items()
        if number or value in chosen
    ]
    size = len(beside.counts(facet.name)) if facet.name == "provider" else len(shown)
    return {"name": facet.name, "title": facet.title, "values": shown, "more": size if size > len(shown) else 0}


def _values(beside: Selection, facet: Facet, chosen: Sequence[str]) -> list[str]:
    if facet.values:
        return list(facet.values)
    frequent = sorted(beside.counts(facet.name).items(), key=lambda pair: -pair[1])
    most = MOST_CHOICES if facet.name == "provider" else MOST_CHOICES + 4
    values = [value for value, _ in frequent[:most]]
    return [*values, *(value for value in chosen if value not in values)]


def _count(beside: Selection, filters: ListFilterSet, name: str, value: str) -> int:
    index = beside.snapshot.index
    having = members_priced(beside, value) if name == "price" else index.having(name, value)
    members = beside.members & having
    return len(members) if filters.values["show"] == "offers" else standing_of(beside.snapshot).count(members)


# --- words of values -------------------------------------------------------------------------------------------------
TITLES = {facet.name: facet.title.lower() for facet in FACETS} | {
    "context_length_min": "context at least",
    "prompt_price_min": "input at least US$",
    "prompt_price_max": "input at most US$",
    "completion_price_min": "output at least US$",
    "completion_price_max": "output at most US$",
    "created_after": "made since",
    "first_seen_after": "listed since",
    "moved": "price",
    "is_free": "free",
    "canonical_model": "model",
    "output_modalities": "gives",
}


def label(name: str, value: Any) -> str:
    """Return the words for a value of a parameter."""
    if name == "gateway":
        return offers.gateway_name(value)
    if name == "price":
        return words.PRICES[value]
    if name == "model_type":
        return words.kind(value)
    if name == "supported_parameters":
        return words.ABILITIES.get(value, value)
    if name == "provider":
        known = registry.PROVIDERS.of(value)
        return known.name if known else str(value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def spelled(name: str, value: str) -> str:
    known = registry.PROVIDERS.of(value) if name == "provider" else None
    return known.slug if known else value
