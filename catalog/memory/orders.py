"""Orders the offers of an index by one value, and finds those whose value is in a range. Pure."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, islice
from typing import Any, Protocol, Self, TypeVar

from pyroaring import BitMap

from catalog.memory.unhurried import sorted_unhurriedly, unhurried

BLOCK = 1_024

_Item = TypeVar("_Item")
SortValue = Any
"""Comparable with all other values of its order; None if unknown."""


class Sortable(Protocol):
    """The part of an offer that an order uses."""

    @property
    def sort_values(self) -> tuple[SortValue, ...]: ...


Rows = Mapping[int, Sortable]
"""Offers by position."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """All positions by one value. Ties are ordered by position in both directions, so that each order is total."""

    number: int
    """The index of the value in `sort_values`."""
    rising: array[int]
    falling_backwards: array[int]
    """By value, with ties by falling position. Read from its end, it is the falling order."""
    ranks: array[int]
    """The place of each position in `rising`. Ranks are integers, so they compare faster than the values themselves."""
    blocks: Sequence[BitMap]
    """The positions of `rising` in blocks of BLOCK. Ranges are unions of blocks."""
    unknown: BitMap
    """The positions without a value: last in both directions, and in no range."""

    @classmethod
    def of(cls, rows: Rows, positions: Sequence[int], *, number: int) -> Self:
        values = {
            position: value
            for position in unhurried(positions)
            if (value := rows[position].sort_values[number]) is not None
        }
        return cls._of(
            array("I", sorted_unhurriedly(values, values.__getitem__)),
            array("I", sorted_unhurriedly(reversed(values), values.__getitem__)),
            BitMap(positions) - BitMap(values),
            number=number,
            size=1 + max(rows, default=0),
        )

    @classmethod
    def _of(cls, rising: array[int], falling_backwards: array[int], unknown: BitMap, *, number: int, size: int) -> Self:
        ranks, blocks = array("I", bytes(4 * size)), []
        for start in unhurried(range(0, len(rising), BLOCK)):
            block = rising[start : start + BLOCK]
            blocks.append(BitMap(block))
            for place, position in enumerate(block, start):
                ranks[position] = place
        return cls(
            number=number,
            rising=rising,
            falling_backwards=falling_backwards,
            ranks=ranks,
            blocks=blocks,
            unknown=unknown,
        )

    def moved(self, changed: Iterable[int], *, before: Rows, after: Rows) -> Order:
        """Return the order after the rows of these positions changed.

        `before` and `after` contain the rows of all positions.
        """
        moving = [position for position in changed if self._differs(before.get(position), after[position])]
        if not moving:
            return self
        orders = self.rising[:], self.falling_backwards[:]
        for position in unhurried(moving):
            if position in before and self._value(position, before) is not None:
                for order, place in zip(orders, self._places(orders, position, before), strict=True):
                    del order[place]
        for position in unhurried(moving):
            if self._value(position, after) is not None:
                for order, place in zip(orders, self._places(orders, position, after), strict=True):
                    order.insert(place, position)
        unknown = (self.unknown - BitMap(moving)) | BitMap(at for at in moving if self._value(at, after) is None)
        return self._of(*orders, unknown, number=self.number, size=1 + max(after))

    def _differs(self, before: Sortable | None, after: Sortable) -> bool:
        return before is None or before.sort_values[self.number] != after.sort_values[self.number]

    def _value(self, position: int, rows: Rows) -> SortValue:
        return rows[position].sort_values[self.number]

    def _places(self, orders: tuple[array[int], array[int]], position: int, rows: Rows) -> tuple[int, int]:
        def rising(other: int) -> tuple[SortValue, int]:
            return self._value(other, rows), other

        def falling(other: int) -> tuple[SortValue, int]:
            return self._value(other, rows), -other

        return (
            bisect_left(orders[0], rising(position), key=rising),
            bisect_left(orders[1], falling(position), key=falling),
        )

    def picked(
        self, rows: Rows, members: BitMap, *, is_falling: bool, start: int, stop: int, expected: int
    ) -> Iterable[int]:
        """Return the members from `start` to `stop` in this order, of which about `expected` are asked for."""
        unknown = members & self.unknown
        known = len(members) - len(unknown)
        # Few members are sorted. For many, a walk along the whole order soon finds enough; one step costs half as much.
        if 2 * known * known < expected * len(self.rising):
            few = sorted((members - unknown).to_array(), key=self.ranks.__getitem__)
            ties = groupby(reversed(few), key=lambda at: self._value(at, rows))
            found = chain.from_iterable(reversed(list(tied)) for _, tied in ties) if is_falling else iter(few)
        else:
            whole = reversed(self.falling_backwards) if is_falling else iter(self.rising)
            found = filter(members.__contains__, whole)
        return islice(chain(found, unknown), start, stop)

    def at_least(self, members: BitMap, value: SortValue, rows: Rows) -> BitMap:
        """Return the members with this value or a higher one."""
        return self._cut(members, bisect_left(self.rising, value, key=lambda at: self._value(at, rows)), is_above=True)

    def at_most(self, members: BitMap, value: SortValue, rows: Rows) -> BitMap:
        """Return the members with this value or a lower one."""
        place = bisect_right(self.rising, value, key=lambda at: self._value(at, rows))
        return self._cut(members, place, is_above=False)

    def below(self, members: BitMap, value: SortValue, rows: Rows) -> BitMap:
        """Return the members with a lower value than this."""
        return self._cut(members, bisect_left(self.rising, value, key=lambda at: self._value(at, rows)), is_above=False)

    def _cut(self, members: BitMap, place: int, *, is_above: bool) -> BitMap:
        """Return the members from this place of the rising order on, or before it. Computed from the shorter part."""
        low_is_shorter = 2 * place < len(self.rising)
        block = place // BLOCK
        if low_is_shorter:
            shorter = BitMap.union(BitMap(self.rising[block * BLOCK : place]), *self.blocks[:block])
        else:
            rest = self.rising[place : (block + 1) * BLOCK]
            shorter = BitMap.union(BitMap(rest), *self.blocks[block + 1 :])
        return members & shorter if low_is_shorter != is_above else members - self.unknown - shorter
