"""Indexes the offers of a snapshot: their positions, the facts they share, and their orders. Pure.

Every offer has a *position*, a number that grows in the order of id and gateway. A set of offers is a Roaring bitmap of
positions. So combining facts is arithmetic on bitmaps, and the pages of the default order are slices of one bitmap.
Other orders are arrays of positions.

An `Index` never changes. `with_rows` makes the next one from it and shares everything that did not change: a
publication that changes a few offers of 100,000 costs copies of pointers, not a new index.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Self

import orjson
from pyroaring import BitMap

from catalog import registry
from catalog.documents import reading
from catalog.memory.orders import Order, SortValue
from catalog.memory.search import Search
from catalog.memory.unhurried import sorted_unhurriedly, unhurried
from catalog.normalize import dates

Json = Any
Facet = tuple[str, str]
Facets = Mapping[str, Mapping[str, BitMap]]

# --- what offers are found by: add a line here for each new filter or order ------------------------------------------
_amount = lru_cache(maxsize=8_192)(Decimal)
_seconds = lru_cache(maxsize=8_192)(dates.seconds_of)


def _token_price(shown: Json, side: str) -> Decimal | None:
    """Return US dollars per million tokens, for the price without conditions.

    If prices depend on the time of day, the windows that cover most of the day apply.
    """
    told = shown["price_per_million"] or {}
    return _amount(told[side]) if told.get(side) is not None else None


def _folded(*values: str | None) -> list[str]:
    return [value.casefold() for value in values if value is not None]


FACETS: Mapping[str, Callable[[Json], Iterable[str]]] = {
    "gateway": lambda shown: [shown["source_gateway"]],
    "provider": lambda shown: [registry.PROVIDERS.key(shown["provider_slug"])] if shown["provider_slug"] else [],
    "host": lambda shown: _folded(shown["host"]),
    "model_type": lambda shown: [shown["model_type"]],
    "tags": lambda shown: (tag.lower() for tag in shown["tags"]),
    "modality": lambda shown: _folded(shown["architecture"]["modality"]),
    "input_modalities": lambda shown: _folded(*shown["architecture"]["input_modalities"] or ()),
    "output_modalities": lambda shown: _folded(*shown["architecture"]["output_modalities"] or ()),
    "supported_parameters": lambda shown: _folded(*shown["supported_parameters"] or ()),
    "price_status": lambda shown: [shown["price_status"]],
    "price_basis": lambda shown: _folded(shown["price_basis"]),
    "price_tier": lambda shown: _folded(shown["price_tier"]),
    "execution_mode": lambda shown: _folded(reading.execution_mode_of(shown)),
    "availability": lambda shown: [shown["availability"]],
    "source": lambda shown: [shown["source"]],
    "quantization": lambda shown: _folded(shown["quantization"]),
    "status": lambda shown: ["active" if shown["withdrawn_at"] is None else "withdrawn"],
    "canonical_model": lambda shown: _folded(shown["canonical_model"]),
    "variant": lambda shown: _folded(shown.get("variant")),
    "hugging_face_id": lambda shown: _folded(shown["hugging_face_id"]),
}
"""The facts that offers share, read from the document."""

SORT_VALUES: Mapping[str, Callable[[Json], SortValue]] = {
    "id": lambda shown: shown["id"],
    "name": lambda shown: shown["name"].casefold(),
    "created": lambda shown: shown["created"],
    "prompt_price": lambda shown: _token_price(shown, "input"),
    "completion_price": lambda shown: _token_price(shown, "output"),
    "hourly_rate": lambda shown: _amount(rate) if (rate := shown["pricing"].get("hourly_rate")) is not None else None,
    "context_length": lambda shown: shown["context_length"],
    "first_seen": lambda shown: _seconds(shown["first_seen"]),
    "max_completion_tokens": lambda shown: shown["top_provider"]["max_completion_tokens"],
    "expires": lambda shown: _seconds(shown["expires"]) if shown["expires"] is not None else None,
}
"""The values that offers are sorted and filtered by, from the document. Money is US dollars, times are Unix seconds."""

# --- positions -------------------------------------------------------------------------------------------------------
SPACING = 4
"""The gap between two neighbours of a new index, so that most later offers find a place without moving any other.

A larger gap would make sets sparser. From a density of one position in sixteen on, Roaring stores them as plain bits,
which are ten times as fast to combine.
"""
REBUILD_SHARE = 8
"""If more than one offer in this many changed, a new index is cheaper than applying all the changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which model an offer belongs to, and why."""

    model: str
    """The slug of the canonical model."""
    variant: str
    """Empty for a standard offer of the model."""
    rule: str
    evidence: str


_NO_MODEL, _NO_VARIANT = b'"canonical_model":null', b'"variant":null'


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One offer: its finished document, and the values that it is found by."""

    document: bytes
    identity: Identity | None
    id: str
    gateway: str
    provider_slug: str | None
    names: tuple[str, ...]
    """The names that people and other services use for it, besides its id."""
    permanent: str | None
    """The gateway's permanent name of the model, if it differs from the id."""
    facets: tuple[Facet, ...]
    sort_values: tuple[SortValue, ...]
    """The values in the order of SORT_VALUES."""

    @classmethod
    def of(cls, document: bytes, identity: Identity | None = None) -> Self:
        """Make the row of a document.

        Model and variant are written into the document here, not when it is rendered: a rule can move offers that no
        gateway changed.
        """
        if identity:
            document = document.replace(_NO_MODEL, b'"canonical_model":' + orjson.dumps(identity.model), 1)
            document = document.replace(_NO_VARIANT, b'"variant":' + orjson.dumps(identity.variant or None), 1)
        shown = orjson.loads(document)
        facets = dict.fromkeys(_facet(name, value) for name, values in FACETS.items() for value in values(shown))
        return cls(
            document=document,
            identity=identity,
            id=shown["id"],
            gateway=sys.intern(shown["source_gateway"]),
            provider_slug=shown["provider_slug"] and sys.intern(shown["provider_slug"]),
            names=tuple(_names(shown)),
            permanent=shown["canonical_slug"] if shown["canonical_slug"] not in {shown["id"], shown["slug"]} else None,
            facets=tuple(facets),
            sort_values=tuple(value(shown) for value in SORT_VALUES.values()),
        )


def _names(shown: Json) -> Iterator[str]:
    if shown["canonical_slug"] != shown["id"] and "/" in shown["canonical_slug"]:  # without a provider it is ambiguous
        yield shown["canonical_slug"]
    if shown["host"] is not None:
        yield shown["id"].removeprefix("@")
        if shown["provider_slug"] and "/" not in shown["slug"]:
            yield f"{shown['provider_slug']}/{shown['slug']}"


def _identity(row: Row) -> tuple[str, str]:
    return row.id, row.gateway


@lru_cache(maxsize=65_536)
def _facet(name: str, value: str) -> Facet:
    """Return equal facets as one object, because a hundred thousand offers share a few."""
    return name, value


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
