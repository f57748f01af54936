"""A set of offers of one snapshot, narrowed and ordered by what a client asks for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pyroaring import BitMap

from catalog import registry
from catalog.serving.index import SORT_VALUES, Row
from catalog.serving.snapshot import Snapshot

SORTS = tuple(SORT_VALUES)
"""What lists can be sorted by; a leading `-` turns the order round."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Immutable: every method gives another selection."""

    snapshot: Snapshot
    members: BitMap
    """Positions. Not to be changed: it may be the index's own."""
    sort: str = "id"

    @classmethod
    def of(cls, snapshot: Snapshot) -> Selection:
        """The offers that lists show: all that are not withdrawn, by id and gateway."""
        return cls(snapshot, snapshot.index.having("status", "active"))

    def __len__(self) -> int:
        return len(self.members)

    def of_gateway(self, slug: str) -> Selection:
        return self if slug == "all" else self.having("gateway", slug)

    def of_provider(self, spelling: str) -> Selection:
        return self.having("provider", registry.PROVIDERS.key(spelling))

    def of_model_types(self, model_types: Iterable[str]) -> Selection:
        return self.having_any("model_type", model_types)

    def with_all_tags(self, tags: Iterable[str]) -> Selection:
        selection = self
        for tag in tags:
            selection = selection.having("tags", tag.lower())
        return selection

    def having(self, name: str, value: str) -> Selection:
        """Those with this value of a facet (`index.FACETS`)."""
        return replace(self, members=self.members & self.snapshot.index.having(name, value))

    def having_any(self, name: str, values: Iterable[str]) -> Selection:
        wanted = BitMap.union(BitMap(), *(self.snapshot.index.having(name, value) for value in values))
        return replace(self, members=self.members & wanted)

    def counts(self, name: str) -> dict[str, int]:
        """How many have each value of a facet; values that none has are left out."""
        values = sorted(self.snapshot.index.facets[name].items())
        counted = {value: offers.intersection_cardinality(self.members) for value, offers in values}
        return {value: count for value, count in counted.items() if count}

    def sorted_by(self, sort: str) -> Selection:
        """Equal values stay in the order of id and gateway, in both directions, so that the order is total."""
        return replace(self, sort=sort)

    @property
    def rows(self) -> Sequence[Row]:
        """All of them."""
        return self.page(offset=0, limit=len(self))

    def page(self, *, offset: int, limit: int) -> Sequence[Row]:
        rows = self.snapshot.index.rows
        return [rows[position] for position in self._positions(offset, offset + limit)]

    def _positions(self, start: int, stop: int) -> Iterable[int]:
        """Those of the rows from `start` to `stop` in the order asked for."""
        if self.sort == "id":
            return self.members[start:stop]  # the order of the positions themselves
        index = self.snapshot.index
        order = index.orders[self.sort.removeprefix("-")]
        return order.picked(index.rows, self.members, is_falling=self.sort.startswith("-"), start=start, stop=stop)
