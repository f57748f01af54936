"""A set of offers of one snapshot, narrowed and ordered by what a client asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from catalog import registry
from catalog.serving.snapshot import Row, Snapshot

SORTS: dict[str, Callable[[Row], str]] = {"id": lambda row: row.id, "name": lambda row: row.name.casefold()}
"""What lists can be sorted by; a leading `-` turns the order round."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Immutable: every method gives another selection."""

    snapshot: Snapshot
    rows: Sequence[Row]

    @classmethod
    def of(cls, snapshot: Snapshot) -> Selection:
        """The offers that lists show: all that are not withdrawn, by id and gateway."""
        return cls(snapshot, [row for row in snapshot.rows if not row.is_withdrawn])

    def __len__(self) -> int:
        return len(self.rows)

    def of_gateway(self, slug: str) -> Selection:
        return self if slug == "all" else self._where(lambda row: row.gateway == slug)

    def of_provider(self, spelling: str) -> Selection:
        key = registry.PROVIDERS.key(spelling)
        return self._where(lambda row: row.provider_key == key)

    def of_model_types(self, model_types: Iterable[str]) -> Selection:
        wanted = frozenset(model_types)
        return self._where(lambda row: row.model_type in wanted)

    def with_all_tags(self, tags: Iterable[str]) -> Selection:
        wanted = frozenset(tag.lower() for tag in tags)
        return self._where(lambda row: wanted <= row.tags)

    def sorted_by(self, sort: str) -> Selection:
        """Equal values stay in the order of id and gateway, in both directions, so that the order is total."""
        key = SORTS[sort.removeprefix("-")]
        rows = sorted(self.rows, key=lambda row: (row.id, row.gateway))
        return Selection(self.snapshot, sorted(rows, key=key, reverse=sort.startswith("-")))

    def page(self, *, offset: int, limit: int) -> Sequence[Row]:
        return self.rows[offset : offset + limit]

    def _where(self, predicate: Callable[[Row], bool]) -> Selection:
        return Selection(self.snapshot, [row for row in self.rows if predicate(row)])
