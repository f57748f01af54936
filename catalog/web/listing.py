"""The list of models, or of single offers, that a query selects: one page of it, and what can be chosen beside it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from itertools import islice
from typing import Any, NamedTuple

from pyroaring import BitMap

from catalog.memory import derived
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.web import figures, offers, words
from catalog.web.parameters import KNOWN, PAGE_ROWS, ListFilterSet, members_priced
from catalog.web.standing import Standing, standing_of

View = dict[str, Any]

MOST_COUNTED = 1_000
"""The most groups of counts that are kept, 10 MB."""
MOST_CHOICES = 8
"""The most values of a facet on a page. The rest are found by the search, or on a page of their own."""


class Entry(NamedTuple):
    """A row of a list, as positions. Equal entries of one snapshot are equal rows, so they are rendered once."""

    lead: int
    """The offer whose price the row shows."""
    number: int = -1
    """The number of the model; -1 for a row that is one offer."""
    chosen: tuple[int, ...] = ()
    """The offers of the model that were asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The models or offers that a query selects."""

    total: int
    entries: Sequence[Entry]
    """The rows of the page."""
    page: int

    @property
    def first(self) -> int:
        return (self.page - 1) * PAGE_ROWS + 1 if self.entries else 0

    @property
    def last(self) -> int:
        return self.first + len(self.entries) - 1 if self.entries else 0

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
    Facet("availability", "State", values=("online", "cold", "offline")),
    Facet("provider", "Maker"),
)


@dataclass(frozen=True)
class Asked:
    """What a reader asks of a list, and of which offers."""

    snapshot: Snapshot
    filters: ListFilterSet
    within: BitMap | None = None
    """The positions that the page is about; None: all."""

    @cached_property
    def selected(self) -> Selection:
        """What the parameters select."""
        return self.selection()

    def beside(self, facet: Facet) -> Selection:
        """Return what the parameters select without those on this facet."""
        filters = self.filters
        names = {name for name in filters.filters_on(facet.name) if filters.values[name] != filters.default(name)}
        return self.selection(without=names) if names and not facet.narrows_itself else self.selected

    def selection(self, *, without: Collection[str] = ()) -> Selection:
        """Return what the parameters select, except those in `without`."""
        found = self.filters.narrowed(Selection.of(self.snapshot), without=without)
        return found if self.within is None else replace(found, members=found.members & self.within)

    @property
    def shows_offers(self) -> bool:
        return bool(self.filters.values["show"] == "offers")

    def count(self, members: BitMap) -> int:
        """Return the number of rows that these offers are."""
        return len(members) if self.shows_offers else standing_of(self.snapshot).count(members)


def listed(asked: Asked) -> Listed:
    """Return the page that the parameters ask for."""
    selection, filters = asked.selected, asked.filters
    page = filters.values["page"]
    offset = (page - 1) * PAGE_ROWS
    if asked.shows_offers:
        order = selection.begun(offset + PAGE_ROWS) if selection.sort != KNOWN else _known_offers(selection)
        chosen = islice(order, offset, offset + PAGE_ROWS)
        return Listed(total=len(selection), entries=[Entry(position) for position in chosen], page=page)
    total, entries = _models(selection, standing_of(selection.snapshot), offset=offset)
    return Listed(total=total, entries=entries, page=page)


def _known_offers(selection: Selection) -> Iterable[int]:
    """Return the offers in the order of their models."""
    standing = standing_of(selection.snapshot)
    members = selection.members
    for number in standing.numbers(members):
        yield from (position for position in standing.models[number].positions if position in members)


def _models(selection: Selection, standing: Standing, *, offset: int) -> tuple[int, list[Entry]]:
    """Return how many models there are, and the rows of the page."""
    members = selection.members
    if selection.sort == KNOWN:
        numbers = standing.numbers(members)
        shown = numbers[offset : offset + PAGE_ROWS]
        return len(numbers), [_entry(standing, number, members) for number in shown]
    led: dict[int, int] = {}
    # Most models have one offer, so not many more offers than rows are asked for.
    for position in selection.begun(2 * (offset + PAGE_ROWS)):
        led.setdefault(standing.number_of[position], position)
        if len(led) == offset + PAGE_ROWS:
            break
    found = list(led.items())[offset:]
    return standing.count(members), [_entry(standing, number, members, lead=lead) for number, lead in found]


def _entry(standing: Standing, number: int, members: BitMap, *, lead: int | None = None) -> Entry:
    """Return the row of a model. It leads with its cheapest offer, unless the order leads with another."""
    chosen = tuple(position for position in standing.models[number].positions if position in members)
    return Entry(chosen[0] if lead is None else lead, number, chosen)


def view_of(snapshot: Snapshot, entry: Entry) -> View:
    """Return what a row shows."""
    rows = snapshot.index.rows
    if entry.number < 0:
        return offers.offer_row(snapshot, rows[entry.lead])
    model = standing_of(snapshot).models[entry.number]
    return offers.list_row(
        snapshot,
        rows[entry.lead],
        head=rows[model.head],
        rows=[rows[position] for position in entry.chosen],
        slug=model.slug,
        sold=f"{figures.counted(model.gateways, 'gateway')}, {figures.counted(len(model.positions), 'offer')}",
        since=model.since,
    )


# --- what can be chosen ----------------------------------------------------------------------------------------------
@derived.Once
def _counted(snapshot: Snapshot, last: dict[bytes, list[View]] | None) -> dict[bytes, list[View]]:
    """Groups of checkboxes that were counted before. Bounds that select the same offers have the same counts."""
    return {}


def facets(asked: Asked, *, left_out: Collection[str] = ()) -> list[View]:
    """Return the groups of checkboxes, each value with the number of rows that it alone leads to."""
    shown = [(facet, asked.beside(facet)) for facet in FACETS if facet.name not in left_out]
    known, key = _counted(asked.snapshot), _key(asked, shown)
    if len(known) > MOST_COUNTED:
        known.clear()
    if key not in known:
        known[key] = [_facet(asked, facet, beside) for facet, beside in shown]
    return known[key]


def _key(asked: Asked, shown: Sequence[tuple[Facet, Selection]]) -> bytes:
    """Return a digest of all that the counts depend on."""
    digest = blake2b(repr([asked.shows_offers, [asked.filters.values[facet.name] for facet, _ in shown]]).encode())
    members = {id(beside.members): beside.members for _, beside in shown}
    order = {number: place for place, number in enumerate(members)}
    digest.update(repr([(facet.name, order[id(beside.members)]) for facet, beside in shown]).encode())
    for each in members.values():
        digest.update(each.serialize())
    return digest.digest()


def _facet(asked: Asked, facet: Facet, beside: Selection) -> View:
    given = asked.filters.values[facet.name] or ()
    chosen = list(dict.fromkeys(asked.snapshot.current(facet.name, value) for value in given))
    counts = {value: _count(asked, beside, facet.name, value) for value in _values(beside, facet, chosen)}
    shown = [
        {
            "value": spelled(asked.snapshot, facet.name, value),
            "label": label(asked.snapshot, facet.name, value),
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
        return list(dict.fromkeys([*facet.values, *chosen]))
    frequent = sorted(beside.counts(facet.name).items(), key=lambda pair: -pair[1])
    most = MOST_CHOICES if facet.name == "provider" else MOST_CHOICES + 4
    values = [value for value, _ in frequent[:most]]
    return [*values, *(value for value in chosen if value not in values)]


def _count(asked: Asked, beside: Selection, name: str, value: str) -> int:
    having = members_priced(beside, value) if name == "price" else beside.snapshot.index.having(name, value)
    return asked.count(beside.members & having)


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


def label(snapshot: Snapshot, name: str, value: Any) -> str:
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
        known = snapshot.makers.of(value)
        return known.name if known else str(value)
    if name == "tags" and (now := snapshot.current(name, value)) != value:
        return f"{now} (was {value})"
    return f"{value:,}" if isinstance(value, int) else str(value)


def spelled(snapshot: Snapshot, name: str, value: str) -> str:
    known = snapshot.makers.of(value) if name == "provider" else None
    return known.slug if known else value
