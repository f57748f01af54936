"""Overrides as CSV: one line for each value of an offer. Pure.

The columns are `gateway,id,field,value,unit,reason,expires_at`, in any order. The text of a value is that of
`fields.Field.text`, with its unit in a column of its own. An override is cleared by an empty value with the word
`clear` as its unit: an empty value alone is refused, because a spreadsheet loses values more easily than units.

A text that begins with a sign that spreadsheets take for a formula is written with one apostrophe before it, and read
without exactly that one. Amounts never have one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as default
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from catalog.normalize import text
from catalog.pricing import money
from catalog.publication.fields import Field, Price, Tokens, field_of, joined_words

Json = Any

COLUMNS = ("gateway", "id", "field", "value", "unit", "reason", "expires_at")
"""The columns that a file must have."""
FOR_READERS = ("upstream", "served_now", "will_be_served")
"""Columns of exports that only inform: they may be in a file, and are not read."""
CLEAR = "clear"
"""The unit of a line that clears an override."""
MOST_ROWS = 10_000
MOST_BYTES = 5 * 1024 * 1024
MOST_REASON = 20_000
SIGNS = ("=", "+", "-", "@", "\t", "\r", "'")
"""A text that begins with one of these is written with an apostrophe before it."""
_MILLION = "usd_per_million_tokens"


class UnusableFile(ValueError):
    """The file as a whole cannot be read; the message gives the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One value that a file asks for."""

    number: int
    """The line of the file in which it begins, counted from 1."""
    gateway: str
    id: str
    field: str
    value: Json
    """The checked value; None if the override is cleared."""
    reason: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BadLine:
    number: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.number}: {self.reason}"


@dataclass(slots=True)
class Sheet:
    """What a file asks for."""

    lines: list[Line] = default(default_factory=list)
    bad: list[BadLine] = default(default_factory=list)
    """If there are any, nothing of the file may be carried out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of an export. The values are JSON; `more` has texts for the columns that only inform."""

    gateway: str
    id: str
    field: str
    value: Json
    """As it is stored; None if the override is to be cleared."""
    reason: str = ""
    expires_at: datetime | None = None
    more: Mapping[str, Json] = default(default_factory=dict)
    """By the name of the column: what the gateway reports or what is served, as `Field.of` returns it."""


# --- reading ---------------------------------------------------------------------------------------------------------
def read(content: bytes) -> Sheet:
    """Read a file. Raises UnusableFile; lines that cannot be used are in `bad` of the result."""
    if len(content) > MOST_BYTES:
        raise UnusableFile(f"has {len(content):,} bytes; at most {MOST_BYTES:,} are allowed")
    lines = _Lines(_decoded(content))
    header = lines.header()
    sheet = Sheet()
    first: dict[tuple[str, str, str], int] = {}
    for count, (number, cells) in enumerate(lines, 1):
        if count > MOST_ROWS:
            raise UnusableFile(f"has more than {MOST_ROWS:,} rows")
        try:
            line = _line(number, _by_name(header, cells))
            key = line.gateway, line.id, line.field
            if (earlier := first.setdefault(key, number)) != number:
                raise ValueError(f"{line.field} of {line.gateway} {line.id} is in line {earlier} already")
            sheet.lines.append(line)
        except ValueError as error:
            sheet.bad.append(BadLine(number, str(error)))
    if not sheet.lines and not sheet.bad:
        raise UnusableFile("has no rows below its header")
    return sheet


class _Lines:
    """The rows of a text that are not empty, each with the number of the line in which it begins."""

    def __init__(self, content: str) -> None:
        first = content.partition("\n")[0]
        self._reader = csv.reader(
            io.StringIO(content, newline=""),
            delimiter=";" if ";" in first and "," not in first else ",",
            strict=True,
        )

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        return self

    def __next__(self) -> tuple[int, list[str]]:
        while True:
            begins = self._reader.line_num + 1
            try:
                cells = next(self._reader)
            except csv.Error as error:
                raise UnusableFile(f"is not CSV from line {begins} on: {error}") from error
            if any(cell.strip() for cell in cells):
                return begins, cells

    def header(self) -> Sequence[str]:
        """Return the names of the columns. Raises UnusableFile, which names all that are wrong."""
        _, cells = next(self, (0, []))
        names = [cell.strip().casefold() for cell in cells]
        known = {*COLUMNS, *FOR_READERS}
        wrong = {
            "unknown": [name or "(empty)" for name in names if name not in known],
            "missing": [name for name in COLUMNS if name not in names],
            "more than once": sorted({name for name in names if name in known and names.count(name) > 1}),
        }
        if found := [f"{what}: {_listed(columns)}" for what, columns in wrong.items() if columns]:
            raise UnusableFile(f"has a wrong header ({'; '.join(found)}); its columns must be {', '.join(COLUMNS)}")
        return names


def _listed(names: Sequence[str]) -> str:
    return ", ".join(text.shortened(text.printable(name, longest=60)) for name in names[:20])


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnusableFile("is UTF-16; save it as “CSV UTF-8”")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnusableFile(f"is not UTF-8: line {line} has the byte 0x{content[error.start]:02x}") from error


def _by_name(header: Sequence[str], cells: Sequence[str]) -> Mapping[str, str]:
    if len(cells) != len(header):
        raise ValueError(f"has {len(cells)} cells; the header has {len(header)}")
    return dict(zip(header, cells, strict=True))


def _line(number: int, cells: Mapping[str, str]) -> Line:
    """Raises ValueError with a reason that names the column."""
    gateway, model_id = (_required(name, without_guard(cells[name])) for name in ("gateway", "id"))
    about = field_of(_required("field", without_guard(cells["field"])))
    return Line(
        number=number,
        gateway=gateway,
        id=model_id,
        field=about.name,
        value=_value(about, cells["value"], cells["unit"].strip()),
        reason=_reason(without_guard(cells["reason"])),
        expires_at=_moment(cells["expires_at"].strip()),
    )


def _required(name: str, cell: str) -> str:
    if not cell.strip():
        raise ValueError(f"{name} is required")
    if not text.is_storable(cell):
        raise ValueError(f"{name} contains a character that cannot be stored")
    return cell.strip()


def _value(about: Field, cell: str, unit: str) -> Json:
    if unit.casefold() == CLEAR:
        if cell.strip():
            raise ValueError(f"{about.name} has a value and is cleared at once; leave one of them empty")
        return None
    if not cell.strip():
        raise ValueError(
            f"the value of {about.name} is empty; write {CLEAR} in the column unit if its override is to be cleared"
        )
    try:
        return about.checked(about.parsed(cell if _is_amount(about) else without_guard(cell), unit))
    except ValueError as error:
        raise ValueError(f"{error}" if about.name in str(error) else f"{about.name} {error}") from error


def _reason(cell: str) -> str:
    if not text.is_storable(cell):
        raise ValueError("reason contains a character that cannot be stored")
    if len(cell) > MOST_REASON:
        raise ValueError(f"reason has {len(cell):,} characters; at most {MOST_REASON:,} are allowed")
    return cell.strip()


def _moment(cell: str) -> datetime | None:
    """Return the time in UTC, which is the time zone of a text without one. A day is its beginning."""
    if not cell:
        return None
    try:
        found = datetime.fromisoformat(cell)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("expires_at must be a day or a time, such as 2027-01-31 or 2027-01-31T12:00:00Z") from error


# --- writing ---------------------------------------------------------------------------------------------------------
def write(entries: Iterable[Entry], *, more: Sequence[str] = ("upstream",)) -> Iterator[str]:
    """Yield the lines of a file that `read` accepts. `more` are columns that only inform."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow((*COLUMNS, *more))
    for entry in entries:
        writer.writerow(_cells(entry, more))
        yield _emptied(buffer)
    yield _emptied(buffer)


def _emptied(buffer: io.StringIO) -> str:
    found = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return found


def _cells(entry: Entry, more: Sequence[str]) -> Sequence[str]:
    about = field_of(entry.field)
    value, unit = ("", CLEAR) if entry.value is None else about.text(entry.value)
    guard = str if _is_amount(about) else with_guard
    return (
        with_guard(entry.gateway),
        with_guard(entry.id),
        entry.field,
        guard(value),
        unit,
        with_guard(entry.reason),
        "" if entry.expires_at is None else entry.expires_at.astimezone(UTC).isoformat(),
        *(guard(cell_of(about, entry.more.get(name), unit)) for name in more),
    )


def cell_of(about: Field, shown: Json, unit: str = "") -> str:
    """Return what `Field.of` returned as text; prices in the unit of their line, by default in the usual one."""
    if shown is None:
        return ""
    if isinstance(shown, bool):
        return "true" if shown else "false"
    if isinstance(about, Price):
        usual = unit if unit in about.units else about.units[0]
        return money.plain(money.per_million(Decimal(shown))) if usual == _MILLION else str(shown)
    return joined_words(shown) if isinstance(shown, list) else str(shown)


def _is_amount(about: Field) -> bool:
    return isinstance(about, Price | Tokens)


def with_guard(cell: str) -> str:
    """Return the text so that no spreadsheet takes it for a formula."""
    return f"'{cell}" if cell.startswith(SIGNS) else cell


def without_guard(cell: str) -> str:
    """Return the text that `with_guard` has written. An apostrophe before any other character belongs to the text."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(SIGNS) else cell
