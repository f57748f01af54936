"""How the offers of a snapshot are found: where each stands, which share a fact, in which order they come. Pure.

Every offer has a *position*, a number that grows in the order of id and gateway. A set of offers is a Roaring bitmap of
positions, so that combining facts is arithmetic on bitmaps, and the pages of the usual order are slices of one. Other
orders are arrays of positions.

An `Index` never changes. `with_rows` makes the next one from it and shares whatever did not change: a publication that
changes a few offers of 100,000 costs copies of pointers, not a new index.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import merge
from itertools import chain, islice
from typing import Any, Self, TypeVar

import orjson
from pyroaring import BitMap

from catalog import registry
from catalog.serving.unhurried import unhurried

_Item = TypeVar("_Item")
Json = Any
Facet = tuple[str, str]
Facets = Mapping[str, Mapping[str, BitMap]]
SortValue = Any
"""Comparable with every other one of its order; None where it is unknown."""

# --- what offers are found by: a further filter or order begins with a line here -------------------------------------
FACETS: Mapping[str, Callable[[Json], Iterable[str]]] = {
    "gateway": lambda shown: [shown["source_gateway"]],
    "provider": lambda shown: [registry.PROVIDERS.key(shown["provider_slug"])] if shown["provider_slug"] else [],
    "model_type": lambda shown: [shown["model_type"]],
    "price_status": lambda shown: [shown["price_status"]],
    "price_basis": lambda shown: [shown["price_basis"]] if shown["price_basis"] else [],
    "price_tier": lambda shown: [shown["price_tier"]] if shown["price_tier"] else [],
    "availability": lambda shown: [shown["availability"]],
    "tags": lambda shown: (tag.lower() for tag in shown["tags"]),
    "status": lambda shown: ["active" if shown["withdrawn_at"] is None else "withdrawn"],
}
"""The facts that offers share, read from the document."""

SORT_VALUES: Mapping[str, Callable[[Json], SortValue]] = {
    "id": lambda shown: shown["id"],
    "name": lambda shown: shown["name"].casefold(),
}
"""What offers are ordered by, read from the document."""

# --- positions -------------------------------------------------------------------------------------------------------
SPACING = 4
"""Between two neighbours of a new index, so that offers that come later mostly find a place without moving any other.
No more: from one position in sixteen on, Roaring keeps sets as plain bits, which are ten times as fast to combine."""
REBUILD_SHARE = 8
"""When one offer of so many changed, a new index is cheaper than all the changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which model an offer is of, and why."""

    model: str
    """The slug of the canonical model."""
    variant: str
    """Empty for an offer of the model as it is."""
    rule: str
    evidence: str


_NO_MODEL = b'"canonical_model":null'


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One offer: its finished document, and what it is found by."""

    document: bytes
    identity: Identity | None
    id: str
    gateway: str
    provider_slug: str | None
    facets: tuple[Facet, ...]
    sort_values: tuple[SortValue, ...]
    """In the order of SORT_VALUES."""

    @classmethod
    def of(cls, document: bytes, identity: Identity | None = None) -> Self:
        """The model is told here, not where the document is made: a rule can move offers that no gateway touched."""
        if identity:
            document = document.replace(_NO_MODEL, b'"canonical_model":' + orjson.dumps(identity.model), 1)
        shown = orjson.loads(document)
        facets = dict.fromkeys(_facet(name, value) for name, values in FACETS.items() for value in values(shown))
        return cls(
            document=document,
            identity=identity,
            id=shown["id"],
            gateway=sys.intern(shown["source_gateway"]),
            provider_slug=shown["provider_slug"] and sys.intern(shown["provider_slug"]),
            facets=tuple(facets),
            sort_values=tuple(value(shown) for value in SORT_VALUES.values()),
        )


def _identity(row: Row) -> tuple[str, str]:
    return row.id, row.gateway


@lru_cache(maxsize=65_536)
def _facet(name: str, value: str) -> Facet:
    """Equal ones are one object: a hundred thousand offers share a few."""
    return name, value


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """All positions by one value. Ties stand by position in both directions, so that each order is total."""

    number: int
    """Of the value in `Row.sort_values`."""
    rising: array[int]
    falling_backwards: array[int]
    """By value, ties by falling position: read from its end it is the falling order."""
    unknown: BitMap
    """Without a value: last in both directions."""

    @classmethod
    def of(cls, rows: Mapping[int, Row], positions: Sequence[int], *, number: int) -> Self:
        def value(position: int) -> SortValue:
            return rows[position].sort_values[number]

        known = [position for position in unhurried(positions) if value(position) is not None]
        return cls(
            number=number,
            rising=array("I", _sorted(known, value)),
            falling_backwards=array("I", _sorted(known[::-1], value)),
            unknown=BitMap(positions) - BitMap(known),
        )

    def moved(self, changed: Iterable[int], *, before: Mapping[int, Row], after: Mapping[int, Row]) -> Order:
        """The order once the rows of these positions changed; `before` and `after` have the rows of all positions."""
        moving = [position for position in changed if self._differs(before.get(position), after[position])]
        if not moving:
            return self
        order = Order(
            number=self.number,
            rising=self.rising[:],
            falling_backwards=self.falling_backwards[:],
            unknown=self.unknown.copy(),
        )
        for position in unhurried(moving):
            if position in before:
                order._take_out(position, before)
        for position in unhurried(moving):
            order._put_in(position, after)
        return order

    def _differs(self, before: Row | None, after: Row) -> bool:
        return before is None or before.sort_values[self.number] != after.sort_values[self.number]

    def _take_out(self, position: int, rows: Mapping[int, Row]) -> None:
        if rows[position].sort_values[self.number] is None:
            self.unknown.remove(position)
        else:
            for order, place in self._places(position, rows):
                del order[place]

    def _put_in(self, position: int, rows: Mapping[int, Row]) -> None:
        if rows[position].sort_values[self.number] is None:
            self.unknown.add(position)
        else:
            for order, place in self._places(position, rows):
                order.insert(place, position)

    def _places(self, position: int, rows: Mapping[int, Row]) -> list[tuple[array[int], int]]:
        def rising(other: int) -> tuple[SortValue, int]:
            return rows[other].sort_values[self.number], other

        def falling(other: int) -> tuple[SortValue, int]:
            return rows[other].sort_values[self.number], -other

        return [
            (self.rising, bisect_left(self.rising, rising(position), key=rising)),
            (self.falling_backwards, bisect_left(self.falling_backwards, falling(position), key=falling)),
        ]

    def picked(
        self, rows: Mapping[int, Row], members: BitMap, *, is_falling: bool, start: int, stop: int
    ) -> Iterable[int]:
        """The members from `start` to `stop` in this order."""

        def value(position: int) -> SortValue:
            return rows[position].sort_values[self.number]

        unknown = members & self.unknown
        known = len(members) - len(unknown)
        # Few members are sorted; of many, a walk along the whole order soon meets enough. A step costs a sixth.
        if 6 * known * known < stop * len(rows):
            found: Iterable[int] = sorted(members - unknown, key=value, reverse=is_falling)
        else:
            whole = reversed(self.falling_backwards) if is_falling else iter(self.rising)
            found = filter(members.__contains__, whole)
        return islice(chain(found, unknown), start, stop)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Index:
    rows: Mapping[int, Row]
    """By position."""
    positions: BitMap
    """All of them."""
    positions_of_id: Mapping[str, tuple[int, ...]]
    facets: Facets
    orders: Mapping[str, Order]

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Self:
        """A new index of these offers, in whatever order they are given."""
        by_position = {SPACING * number: row for number, row in enumerate(_sorted(rows, _identity), start=1)}
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
        )

    def __len__(self) -> int:
        return len(self.rows)

    def having(self, name: str, value: str) -> BitMap:
        """The positions of the offers with this fact. Not to be changed."""
        return self.facets[name].get(value, _NONE)

    def position_of(self, row: Row) -> int | None:
        """Where the offer stands of which this may be another version."""
        for position in self.positions_of_id.get(row.id, ()):
            if self.rows[position].gateway == row.gateway:
                return position
        return None

    def with_rows(self, rows: Sequence[Row]) -> Index:
        """The index once these offers, known or new, are as these rows say; every other one stays."""
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
        )

    def _placed(self, rows: Iterable[Row]) -> dict[int, Row] | None:
        """New offers at positions between those that they stand between; None where there is no room left."""
        placed: dict[int, Row] = {}
        by_gap: dict[int, list[Row]] = defaultdict(list)
        for row in _sorted(rows, _identity):
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


def _sorted(items: Iterable[_Item], key: Callable[[_Item], Any]) -> Iterator[_Item]:
    """Sorted; ties stay as they stood. In runs, for one long sort would hold the interpreter all the while."""
    given = list(items)
    starts = range(0, len(given), 1_000)
    runs = [sorted(given[start : start + 1_000], key=key) for start in unhurried(starts)]
    return unhurried(merge(*runs, key=key))
