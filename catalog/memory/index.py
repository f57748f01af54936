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
from typing import Any, Self

from pyroaring import BitMap

from catalog.memory.orders import Order
from catalog.memory.rows import FACETS, SORT_VALUES, Facet, Row
from catalog.memory.search import Search
from catalog.memory.unhurried import sorted_unhurriedly, unhurried

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

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Self:
        """Make a new index of these offers, which may come in any order."""
        by_position = {SPACING * number: row for number, row in enumerate(sorted_unhurriedly(rows, _identity), start=1)}
        positions = list(by_position)
        positions_of_id: dict[str, tuple[int, ...]] = {}
        members: dict[Facet, array[int]] = defaultdict(lambda: array("I"))
        for position, row in unhurried(by_position.items()):
            positions_of_id[row.id] = (*positions_of_id.get(row.id, ()), position)
            for facet in row.facets:
                members[facet].append(position)
        facets: dict[str, dict[str, BitMap]] = {name: {} for name in FACETS}
        for (name, value), found in unhurried(members.items()):
            facets[name][value] = BitMap(found)
        return cls(
            rows=by_position,
            positions=BitMap(positions),
            positions_of_id=positions_of_id,
            facets=facets,
            orders={name: Order.of(by_position, positions, number=n) for n, name in enumerate(SORT_VALUES)},
            search=Search.of(by_position),
        )

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
