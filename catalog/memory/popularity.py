"""The order of offers by how often their models are asked for. Pure.

Another app counts that, and it may be missing: then no model has a score, and all of them are equal.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Self

from pyroaring import BitMap

from catalog.memory.index import Index
from catalog.memory.rows import Row
from catalog.memory.unhurried import sorted_unhurriedly, unhurried

Scores = Mapping[str, float]
"""By the slug of a model; an offer without a model has `gateway/id`. A missing score is unknown."""


@dataclass(frozen=True, slots=True, eq=False)
class Popularity:
    """An order of the positions of one index. Offers without a score are equal, and come last."""

    scores: Scores = field(default_factory=dict)
    order: array[int] = field(default_factory=lambda: array("I"))
    """The positions of the offers with a score, the highest first; equal ones by id and gateway."""
    known: BitMap = field(default_factory=BitMap)
    """The same positions as a set."""

    @classmethod
    def of(cls, index: Index, scores: Scores) -> Self:
        if not scores:
            return cls()
        found = {at: score for at, row in unhurried(index.rows.items()) if (score := scores.get(_slug(row)))}
        order = array("I", sorted_unhurriedly(found, lambda position: (-found[position], position)))
        return cls(scores, order, BitMap(order))

    def picked(self, members: BitMap, *, start: int, stop: int) -> Iterable[int]:
        """Return the members from `start` to `stop` in this order."""
        few = members & self.known
        ranked = filter(few.__contains__, self.order) if few else ()
        return islice(chain(ranked, members - few), start, stop)


def _slug(row: Row) -> str:
    return row.identity.model if row.identity is not None else f"{row.gateway}/{row.id}"
