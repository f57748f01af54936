"""A set of offers of one snapshot, narrowed and ordered by a client's query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

from pyroaring import BitMap

from catalog.memory.orders import SortValue
from catalog.memory.rows import SORT_VALUES, Row
from catalog.memory.search import Found
from catalog.memory.snapshot import Snapshot

SORTS = tuple(name for name in SORT_VALUES if name not in {"max_completion_tokens", "expires"})
"""The values that lists can be sorted by; a leading `-` reverses the order."""
RELEVANCE = "relevance"
"""The order of search results, the likeliest first. It cannot be reversed."""

POPULAR = "popular"
"""The order of models by how often they are asked for; unknown ones come last. It cannot be reversed."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Immutable: every method returns another selection."""

    snapshot: Snapshot
    members: BitMap
    """The positions of the offers. Callers must not change the bitmap: it may be the index's own."""
    sort: str = "id"
    found: Found | None = None
    """The search result of the query's text; `relevance` sorts by it."""

    @classmethod
    def of(cls, snapshot: Snapshot, *, status: str = "active") -> Selection:
        """Select offers by status (`active`, `withdrawn` or `all`), by id and gateway. Lists show the active ones."""
        index = snapshot.index
        return cls(snapshot, index.positions if status == "all" else index.having("status", status))

    def __len__(self) -> int:
        return len(self.members)

    def of_gateway(self, slug: str) -> Selection:
        return self if slug == "all" else self.having("gateway", slug)

    def of_provider(self, spelling: str) -> Selection:
        return self.having("provider", spelling)

    def of_canonical_models(self, slugs: Iterable[str]) -> Selection:
        """Keep offers of any of these models, in any case; the slug of a merged model redirects to its new model."""
        current = (self.snapshot.redirects.get(slug.casefold(), slug).casefold() for slug in slugs)
        return self.having_any("canonical_model", current)

    def having(self, name: str, value: str) -> Selection:
        """Keep the offers with this value of a facet (`rows.FACETS`), by the names of the snapshot."""
        return self._of(self.members & self.snapshot.having(name, value))

    def having_any(self, name: str, values: Iterable[str]) -> Selection:
        found = [self.snapshot.having(name, value) for value in values]
        return self._of(self.members & (found[0] if len(found) == 1 else BitMap.union(BitMap(), *found)))

    def matching(self, text: str) -> Selection:
        """Keep the offers that have all words of the text, or words of similar spelling (`search.py`)."""
        found = self.snapshot.index.search.find(text)
        return Selection(self.snapshot, self.members & found.positions, self.sort, found)

    def having_all(self, name: str, values: Iterable[str]) -> Selection:
        return reduce(lambda selection, value: selection.having(name, value), values, self)

    def at_least(self, name: str, value: SortValue) -> Selection:
        """Keep the offers with this value (`rows.SORT_VALUES`) or a higher one. Unknown values are in no range."""
        index = self.snapshot.index
        return self._of(index.orders[name].at_least(self.members, value, index.rows))

    def at_most(self, name: str, value: SortValue) -> Selection:
        index = self.snapshot.index
        return self._of(index.orders[name].at_most(self.members, value, index.rows))

    def below(self, name: str, value: SortValue) -> Selection:
        index = self.snapshot.index
        return self._of(index.orders[name].below(self.members, value, index.rows))

    def counts(self, name: str) -> dict[str, int]:
        """Count the offers by value of a facet; values without offers are left out."""
        values = sorted(self.snapshot.index.facets[name].items())
        counted = {value: offers.intersection_cardinality(self.members) for value, offers in values}
        return {value: count for value, count in counted.items() if count}

    def sorted_by(self, sort: str) -> Selection:
        """Sort by this value. Ties stay in the order of id and gateway in both directions, so the order is total."""
        return Selection(self.snapshot, self.members, sort, self.found)

    @property
    def rows(self) -> Sequence[Row]:
        """All offers of the selection, in its order."""
        return self.page(offset=0, limit=len(self))

    @property
    def positions(self) -> Iterable[int]:
        """The positions of all offers of the selection, in its order, found as they are asked for."""
        return self._positions(0, len(self))

    def begun(self, expected: int) -> Iterable[int]:
        """Return the same positions, in the way that finds the first `expected` of them soonest."""
        return self._positions(0, len(self), expected=expected)

    def page(self, *, offset: int, limit: int) -> Sequence[Row]:
        rows = self.snapshot.index.rows
        return [rows[position] for position in self._positions(offset, offset + limit)]

    def offset_after(self, place: tuple[str, str]) -> int:
        """Return how many members come up to this id and gateway, in that order. No such offer needs to exist."""
        next_position = self.snapshot.index.position_after(place)
        return len(self) if next_position is None else self.members.rank(next_position - 1)

    def _of(self, members: BitMap) -> Selection:
        """Return the selection with these members. `dataclasses.replace` takes longer than combining two bitmaps."""
        return Selection(self.snapshot, members, self.sort, self.found)

    def _positions(self, start: int, stop: int, *, expected: int | None = None) -> Iterable[int]:
        """Return the positions of the rows from `start` to `stop` in the selected order.

        `expected` is how many of them are asked for; default: all.
        """
        if self.sort == "id":
            return self.members[start:stop]  # positions are already in this order
        index = self.snapshot.index
        if self.sort == RELEVANCE and self.found:
            return index.search.page(self.found, self.members, start=start, stop=stop)
        if self.sort == POPULAR:
            return self.snapshot.popularity.picked(self.members, start=start, stop=stop)
        order = index.orders[self.sort.removeprefix("-")]
        is_falling = self.sort.startswith("-")
        return order.picked(
            index.rows, self.members, is_falling=is_falling, start=start, stop=stop, expected=expected or stop
        )
