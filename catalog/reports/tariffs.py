"""The prices of the offers of a snapshot, read from their documents once, on first use.

Offers with equal prices share one `Tariff`, so the cost of a workload is computed once for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson
from pyroaring import BitMap

from catalog.documents.tariffs import tariff
from catalog.memory import derived
from catalog.memory.index import Index
from catalog.memory.snapshot import Snapshot
from catalog.memory.unhurried import unhurried
from catalog.pricing.tariffs import Tariff

# The part of a document with its prices and holds. Quotes within text would be escaped, so neither marker can occur
# earlier.
_FIRST, _BEHIND = b',"pricing":{', b',"architecture":{'


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariffs:
    by_position: Mapping[int, Tariff]
    by_text: Mapping[tuple[bytes, bool], Tariff]
    """The tariffs by their part of a document and by whether the offer outputs text."""


@derived.Once
def tariffs_of(held: Snapshot, last: Tariffs | None) -> Tariffs:
    known = last.by_text if last is not None else {}
    by_text: dict[tuple[bytes, bool], Tariff] = {}
    by_position: dict[int, Tariff] = {}
    without_text = _without_text(held.index)
    for position, row in unhurried(held.index.rows.items()):
        start = row.document.index(_FIRST) + 1
        text = row.document[start : row.document.index(_BEHIND, start)]
        key = text, position not in without_text
        found = by_text.get(key)
        if found is None:
            found = by_text[key] = known.get(key) or tariff(orjson.loads(b"{%b}" % text), puts_out_text=key[1])
        by_position[position] = found
    return Tariffs(by_position=by_position, by_text=by_text)


def _without_text(index: Index) -> BitMap:
    """Return the positions of offers whose outputs are known and do not include text."""
    outputs = index.facets["output_modalities"]
    return BitMap.union(BitMap(), *outputs.values()) - index.having("output_modalities", "text")
