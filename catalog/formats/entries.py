"""One entry for each offer of a snapshot, for formats that list offers. What did not change is not made again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from catalog.memory.rows import Row
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.memory.unhurried import unhurried
from catalog.pricing import billing

_Entry = TypeVar("_Entry")
Entries = Mapping[int, tuple[Row, _Entry]]
"""By position: an offer and its entry."""


def entries_of(
    snapshot: Snapshot,
    known: Entries[_Entry] | None,
    make: Callable[[Row], _Entry],
    *,
    selection: Selection | None = None,
) -> Entries[_Entry]:
    """Return the entries of the selection; default: of the offers that take ordinary requests.

    `known` are the entries of the last snapshot.
    """
    chosen = Selection.of(snapshot).having("execution_mode", billing.STANDARD) if selection is None else selection
    entries: dict[int, tuple[Row, _Entry]] = {}
    for position in unhurried(chosen.members):
        row, before = snapshot.index.rows[position], (known or {}).get(position)
        entries[position] = before if before is not None and before[0] is row else (row, make(row))
    return entries
