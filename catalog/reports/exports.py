"""The order of offers in the exports that programs read as tables.

Such programs infer the type of each field from some of the rows. polars uses the first 100 of NDJSON or CSV: if they do
not have a field, it fails at a later row, or drops the field from its object silently. pandas infers the types of a CSV
for each piece of it, and warns if they differ.

So each piece begins with its *examples*: a few offers that together have every field, with every kind of value that it
has in the export. All other offers follow by id and gateway.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, TypeAlias

import orjson
from pyroaring import BitMap

from catalog.memory import derived
from catalog.memory.rows import Row
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.memory.unhurried import unhurried

Json = Any

PIECE_ROWS = 8_192
"""The number of rows for which pandas infers the types of a CSV together, if it has 64 to 127 columns."""

_IN_LIST = "[]"
_is_number = re.compile(r"[0-9]+(\.[0-9]+)?").fullmatch

Shape: TypeAlias = "str | frozenset[tuple[str, Shape]]"
"""The kind of a value; of an object or a list, the names of its fields or `[]`, each with the shapes of the values."""
TypedField = tuple[str, str]
"""The path of a field and the kind of its value: `pricing.prompt` and `fraction`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shapes:
    by_document: Mapping[bytes, Shape]
    """Equal shapes are one object: thousands of offers share a few hundred."""
    members: Mapping[TypedField, BitMap]
    """The positions of the offers by what they have."""


def rows(selection: Selection) -> Sequence[Row]:
    """Return all offers of the selection, in the order of tables."""
    members = _shapes_of(selection.snapshot).members
    left = selection.members
    examples = []
    for _ in range(0, len(selection), PIECE_ROWS):
        examples.append(_examples(members, left))
        left = left - examples[-1]
    others = iter(left)
    pieces = (chain(found, islice(others, max(0, PIECE_ROWS - len(found)))) for found in examples)
    positions = chain(chain.from_iterable(pieces), others)
    return [selection.snapshot.index.rows[position] for position in positions]


def _examples(members: Mapping[TypedField, BitMap], among: BitMap) -> BitMap:
    """Choose offers that together have every typed field of `among`.

    Rare fields choose first. For the others, an offer that has no rarer field is preferred, so that the next pieces get
    examples of the rare ones too.
    """
    having = ((len(found), field, found) for field, all_found in members.items() if (found := all_found & among))
    chosen, rarer = BitMap(), BitMap()
    for _, _, found in sorted(having):
        if not found.intersect(chosen):
            chosen.add(((found - rarer) or found).min())
        rarer |= found
    return chosen


@derived.Once
def _shapes_of(snapshot: Snapshot, last: Shapes | None) -> Shapes:
    known = last.by_document if last is not None else {}
    by_document: dict[bytes, Shape] = {}
    shared: dict[Shape, Shape] = {}
    positions: dict[Shape, list[int]] = defaultdict(list)
    for position, row in unhurried(snapshot.index.rows.items()):
        shape = known.get(row.document) or _shape(orjson.loads(row.document))
        shape = by_document[row.document] = shared.setdefault(shape, shape)
        positions[shape].append(position)
    return Shapes(by_document=by_document, members=_members(positions))


def _members(positions: Mapping[Shape, Iterable[int]]) -> Mapping[TypedField, BitMap]:
    members: dict[TypedField, BitMap] = defaultdict(BitMap)
    for shape, found in unhurried(positions.items()):
        bitmap = BitMap(found)
        for field in _typed_fields(shape):
            members[field] |= bitmap
    return members


def _shape(value: Json) -> Shape:
    if isinstance(value, str):
        return _kind_of_text(value)
    if isinstance(value, dict):
        return frozenset([(name, _shape(inner)) for name, inner in value.items()])
    if isinstance(value, list):
        return frozenset([(_IN_LIST, _shape(inner)) for inner in value])
    return type(value).__name__


def _kind_of_text(text: str) -> str:
    """Return how a reader of CSV would take the text."""
    if "0" <= text[:1] <= "9" and (number := _is_number(text)):
        return "fraction" if number[1] else "whole number"
    return "text"


def _typed_fields(shape: Shape, *above: str) -> Iterator[TypedField]:
    if isinstance(shape, str):
        yield ".".join(above), shape
    else:
        for name, inner in shape:
            yield from _typed_fields(inner, *above, name)
