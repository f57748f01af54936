"""Indexes the offers of a snapshot: their positions, the facts they share, and their orders. Pure.

Every offer has a *position*, a number that grows in the order of id and gateway. A set of offers is a Roaring bitmap of
positions. So combining facts is arithmetic on bitmaps, and the pages of the default order are slices of one bitmap.
Other orders are arrays of positions.

An `Index` never changes. `with_rows` makes the next one from it and shares everything that did not change: a
publication that changes a few offers of 100,000 costs copies of pointers, not a new index.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from pyroaring import BitMap

from catalog.memory.orders import Order
from catalog.memory.rows import FACETS, SORT_VALUES, Facet, Row
from catalog.memory.search import Search, Terms
from catalog.memory.unhurried import sorted_unhurriedly, unhurried

Document = Mapping[str, Any]
Facets = Mapping[str, Mapping[str, BitMap]]

SPACING = 4
"""The gap between two neighbours of a new index, so that most later offers find a place without moving any other.

A larger gap would make sets sparser. From a density of one position in sixteen on, Roaring stores them as plain bits,
which are ten times as fast to combine.
"""
REBUILD_SHARE = 8
"""If more than one offer in this many changed, a new index is cheaper than applying all the changes."""


def _identity(row: Row) -> tuple[str, str]:
    return row.id, row.gateway


class IndexBuilder:
    """Collects offers, which may come in any order, and makes a new index of them. It keeps no parsed document."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._terms = Terms()

    def add(self, row: Row, document: Document) -> None:
        self._terms.add(len(self._rows), row, document)
        self._rows.append(row)

    def index(self) -> Index:
        numbers = sorted_unhurriedly(range(len(self._rows)), lambda number: _identity(self._rows[number]))
        position_of = array("I", bytes(4 * len(self._rows)))
        rows: dict[int, Row] = {}
        for place, number in enumerate(numbers, start=1):
            position_of[number] = SPACING * place
            rows[SPACING * place] = self._rows[number]
        positions = list(rows)
        return Index(
            rows=rows,
            positions=BitMap(positions),
            positions_of_id=_positions_of_id(rows),
            facets=_facets(rows),
            orders={name: Order.of(rows, positions, number=n) for n, name in enumerate(SORT_VALUES)},
            search=Search.of(rows, self._terms, positions=position_of),
        )


def _positions_of_id(rows: Mapping[int, Row]) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for position, row in unhurried(rows.items()):
        found[row.id] = (*found.get(row.id, ()), position)
    return found


def _facets(rows: Mapping[int, Row]) -> Facets:
    members: dict[Facet, array[int]] = defaultdict(lambda: array("I"))
    for position, row in unhurried(rows.items()):
        for facet in row.facets:
            members[facet].append(position)
    facets: dict[str, dict[str, BitMap]] = {name: {} for name in FACETS}
    for (name, value), found in unhurried(members.items()):
        facets[name][value] = BitMap(found)
    return facets


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Index:
    rows: Mapping[int, Row]
    """The rows by position."""
    positions: BitMap
    """The positions of all rows."""
    positions_of_id: Mapping[str, tuple[int, ...]]
    facets: Facets
    orders: Mapping[str, Order]
    search: Search

    @staticmethod
    def of(rows: Iterable[Row]) -> Index:
        """Make a new index of these offers, which may come in any order."""
        builder = IndexBuilder()
        for row in unhurried(rows):
            builder.add(row, orjson.loads(row.document))
        return builder.index()

    def __len__(self) -> int:
        return len(self.rows)

    def having(self, name: str, value: str) -> BitMap:
        """Return the positions of the offers with this fact. Callers must not change the bitmap."""
        return self.facets[name].get(value, _NONE)

    def rows_of_id(self, offer_id: str) -> list[Row]:
        """Return the offers of this id, by gateway."""
        return [self.rows[position] for position in self.positions_of_id.get(offer_id, ())]

    def position_of(self, row: Row) -> int | None:
        """Return the position of the offer with the id and gateway of this row, or None."""
        for position in self.positions_of_id.get(row.id, ()):
            if self.rows[position].gateway == row.gateway:
                return position
        return None

    def position_after(self, identity: tuple[str, str]) -> int | None:
        """Return the position of the first offer whose id and gateway come after these, or None."""
        place = bisect_right(self.positions, identity, key=lambda position: _identity(self.rows[position]))
        return self.positions[place] if place < len(self) else None

    def with_rows(self, rows: Sequence[Row]) -> Index:
        """Return the index after these rows replace or add their offers; all other offers stay the same."""
        changed: dict[int, Row] = {}
        new: list[Row] = []
        for row in unhurried(rows):
            position = self.position_of(row)
            if position is None:
                new.append(row)
            else:
                changed[position] = row
        placed = self._placed(new)
        if placed is None or len(rows) * REBUILD_SHARE > len(self):
            return Index.of([*new, *(changed.get(position, row) for position, row in self.rows.items())])
        changed |= placed
        after = {**self.rows, **changed}
        return Index(
            rows=after,
            positions=self.positions | BitMap(placed),
            positions_of_id=self._with_ids(placed),
            facets=self._with_facets(changed),
            orders={name: order.moved(changed, before=self.rows, after=after) for name, order in self.orders.items()},
            search=self.search.with_rows(changed, before=self.rows, after=after),
        )

    def _placed(self, rows: Iterable[Row]) -> dict[int, Row] | None:
        """Place new offers at free positions between their neighbours; return None if there is no room left."""
        placed: dict[int, Row] = {}
        by_gap: dict[int, list[Row]] = defaultdict(list)
        for row in sorted_unhurriedly(rows, _identity):
            gap = bisect_left(self.positions, _identity(row), key=lambda position: _identity(self.rows[position]))
            by_gap[gap].append(row)
        for gap, here in by_gap.items():
            low = self.positions[gap - 1] if gap else 0
            high = self.positions[gap] if gap < len(self) else low + SPACING * (len(here) + 1)
            if high - low <= len(here):
                return None
            for number, row in enumerate(here, start=1):
                placed[low + (high - low) * number // (len(here) + 1)] = row
        return placed

    def _with_ids(self, placed: Mapping[int, Row]) -> Mapping[str, tuple[int, ...]]:
        if not placed:
            return self.positions_of_id
        ids = dict(self.positions_of_id)
        for position, row in placed.items():
            ids[row.id] = tuple(sorted((*ids.get(row.id, ()), position)))
        return ids

    def _with_facets(self, changed: Mapping[int, Row]) -> Facets:
        left, joined = defaultdict[Facet, BitMap](BitMap), defaultdict[Facet, BitMap](BitMap)
        for position, row in unhurried(changed.items()):
            before, after = set(self.rows[position].facets if position in self.rows else ()), set(row.facets)
            for facet in before - after:
                left[facet].add(position)
            for facet in after - before:
                joined[facet].add(position)
        touched = left.keys() | joined.keys()
        facets = dict(self.facets)
        for name in {name for name, _ in touched}:
            facets[name] = dict(facets[name])
        for name, value in unhurried(touched):
            values: Any = facets[name]
            values[value] = (self.having(name, value) - left[name, value]) | joined[name, value]
            if not values[value]:
                del values[value]
        return facets


_NONE = BitMap()
