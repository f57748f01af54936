"""Offers as CSV (RFC 4180): one row each, with the same columns for all offers.

The columns follow the schema of an offer in the OpenAPI document. Nested fields are dotted (`pricing.prompt`), lists of
words are joined by `|`, and values without a flat form are JSON. Unknown or empty values are empty cells.

Programs get the texts unchanged. A spreadsheet would run a text that begins like a formula, and the texts come from
gateways. So a guarded table has an apostrophe before such a text, and before a text that begins with an apostrophe. A
reader removes one leading apostrophe.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from io import StringIO
from itertools import chain, islice
from typing import Any

import orjson
from rest_framework.fields import BooleanField, CharField, DictField, Field, ListField
from rest_framework.serializers import ListSerializer, Serializer

from catalog.api.answers import PART_ROWS
from catalog.api.shapes.offers import OfferSerializer
from catalog.memory.unhurried import unhurried

Json = Any

_FORMULA_BEGINS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""The first characters of formulas; the last four are `=+-@` in full width, which some spreadsheets read alike."""
_GUARDED = (*_FORMULA_BEGINS, "'")


@dataclass(frozen=True, slots=True)
class Column:
    path: tuple[str, ...]
    text: Callable[[Json], str]
    """Writes a value that is not null."""

    @property
    def name(self) -> str:
        return ".".join(self.path)

    def cell(self, document: Json) -> str:
        for part in self.path:
            if document is None:
                return ""
            document = document.get(part)
        return "" if document is None else self.text(document)


def table(documents: Iterable[bytes], *, is_guarded: bool = False) -> Iterator[bytes]:
    """Yield the table part by part, beginning with its header. No spreadsheet runs a cell of a guarded one.

    There are pauses in between: a table takes half a second for 20,000 offers.
    """
    header = [column.name for column in columns()]
    rows = chain([header], _rows(unhurried(documents), is_guarded=is_guarded))
    while part := list(islice(rows, PART_ROWS)):
        yield _written(part)


def _rows(documents: Iterable[bytes], *, is_guarded: bool) -> Iterator[list[str]]:
    for document in map(orjson.loads, documents):
        cells = [column.cell(document) for column in columns()]
        yield list(map(guarded, cells)) if is_guarded else cells


def _written(rows: Iterable[list[str]]) -> bytes:
    written = StringIO(newline="")
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()


@lru_cache(maxsize=1)
def columns() -> tuple[Column, ...]:
    return tuple(_columns(OfferSerializer()))


def guarded(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula; a reader removes one leading apostrophe."""
    return f"'{text}" if text.startswith(_GUARDED) else text


def _columns(serializer: Serializer[Any], *above: str) -> Iterator[Column]:
    for name, field in serializer.fields.items():
        if isinstance(field, Serializer):
            yield from _columns(field, *above, name)
        else:
            yield Column((*above, name), _writer(field))


def _writer(field: Field[Any, Any, Any, Any]) -> Callable[[Json], str]:
    match field:
        case BooleanField():
            return lambda value: "true" if value else "false"
        case ListField(child=CharField()):
            return lambda words: "|".join(map(_escaped, words))
        case ListField() | DictField() | ListSerializer():
            return lambda value: "" if value == [] else orjson.dumps(value).decode()
    return str


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("|", "\\|")
