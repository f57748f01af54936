"""The fields that curators can set: how each value is checked, written as text, and put into a record. Pure.

A value is JSON, in the form in which it was entered. In text, such as a cell of a CSV file, it is one string, and for
prices a unit next to it.
"""

from __future__ import annotations

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from catalog.normalize import modalities, text
from catalog.pricing import meters, money
from catalog.records import ModelType, OfferRecord, PriceRecord

Json = Any
MOST_TOKENS = 10**12
MOST_WORDS = 30
"""The maximum number of tags or modalities in one value."""

UNITS: Mapping[str, Callable[[object], money.Rate]] = {
    "usd_per_million_tokens": money.usd_per_million_tokens,
    **{f"usd_per_{unit}": partial(money.usd_per, unit) for unit in money.Unit},
}
"""The units in which a curator may enter a price."""


@dataclass(frozen=True, slots=True)
class Field(ABC):
    name: str
    """Its name in forms, files and the audit trail; that of the API if the API has one value for it."""

    @abstractmethod
    def checked(self, value: Json) -> Json:
        """Return the cleaned value. Raises ValueError with a reason that names the problem."""

    @abstractmethod
    def put(self, record: OfferRecord, value: Json) -> OfferRecord:
        """Return the record with a checked value."""

    @abstractmethod
    def of(self, record: OfferRecord) -> Json:
        """Return what the record has, as JSON for people; None if it is unknown."""

    def served(self, record: OfferRecord, curated: Mapping[str, Json]) -> Json:
        """Return what is served, as JSON for people. `record` has the curated values already."""
        return self.of(record)

    def basis(self, record: OfferRecord, value: Json) -> Json:
        """Return what of the gateway's record a checked value replaces: if it changes, the value is stale."""
        return self.of(record)

    def parsed(self, cell: str, unit: str = "") -> Json:
        """Return the value that a text means, which `checked` then checks. Raises ValueError."""
        self._refuse_unit(unit)
        return cell

    def text(self, value: Json) -> tuple[str, str]:
        """Return a checked value as text and unit: what `parsed` reads."""
        return str(value), ""

    def _refuse_unit(self, unit: str) -> None:
        if unit.strip():
            raise ValueError(f"{self.name} has no unit")


class Name(Field):
    def checked(self, value: Json) -> str:
        return text.line(value, longest=text.MAX_NAME)

    def put(self, record: OfferRecord, value: Json) -> OfferRecord:
        return replace(record, name=value)

    def of(self, record: OfferRecord) -> str:
        return record.name


class Description(Field):
    def checked(self, value: Json) -> str:
        if isinstance(value, str) and len(value) > text.MAX_PROSE:
            raise ValueError(f"has {len(value)} characters; at most {text.MAX_PROSE} are allowed")
        if (found := text.prose(value)) is None:
            raise ValueError("must not be empty")
        return "\n".join(found.splitlines())

    def put(self, record: OfferRecord, value: Json) -> OfferRecord:
        return replace(record, description=value)

    def of(self, record: OfferRecord) -> str | None:
        return record.description


class Type(Field):
    def checked(self, value: Json) -> str:
        asked = value.strip().casefold().replace("-", " ") if isinstance(value, str) else value
        found = next((kind for kind in ModelType if kind.casefold().replace("-", " ") == asked), None)
        if found is None:
            raise ValueError(f"must be one of {', '.join(ModelType)}")
        return found.value

    def put(self, record: OfferRecord, value: Json) -> OfferRecord:
        return replace(record, model_type=ModelType(value))

    def of(self, record: OfferRecord) -> str:
        return record.model_type.value


class Tags(Field):
    """The value is `{"add": [...], "remove": [...]}`, as text `+hot,-popular`."""

    def checked(self, value: Json) -> Json:
        _require_keys(self.name, value, "add", "remove")
        if not all(isinstance(tags, list | tuple) for tags in value.values()):
            raise ValueError("tags to add and to remove must be lists")
        added, removed = (_tags(value[way]) for way in ("add", "remove"))
        if both := sorted(set(added) & set(removed)):
            raise ValueError(f"{', '.join(both)} cannot be added and removed at once")
        if not added and not removed:
            raise ValueError("name at least one tag to add or to remove")
        return {"add": added, "remove": removed}

    def put(self, record: OfferRecord, value: Json) -> OfferRecord:
        kept = [tag for tag in record.tags if tag.lower() not in value["remove"]]
        return replace(record, tags=tuple(dict.fromkeys([*kept, *value["add"]])))

    def of(self, record: OfferRecord) -> list[str]:
        return list(record.tags)

    def basis(self, record: OfferRecord, value: Json) -> list[str]:
        """Return those of the value's tags that the gateway has: its other tags come and go."""
        reported = {tag.lower() for tag in record.tags}
        return [tag for tag in (*value["add"], *value["remove"]) if tag in reported]

    def parsed(self, cell: str, unit: str = "") -> Json:
        self._refuse_unit(unit)
        found: dict[str, list[str]] = {"+": [], "-": []}
        for word in split_words(cell):
            if word[0] not in found:
                raise ValueError(f"each tag needs a sign: +{word} to add it, or -{word} to remove it")
            found[word[0]].append(word[1:])
        return {"add": found["+"], "remove": found["-"]}

    def text(self, value: Json) -> tuple[str, str]:
        signed = [*(f"+{tag}" for tag in value["add"]), *(f"-{tag}" for tag in value["remove"])]
        return joined_words(signed), ""


@dataclass(frozen=True, slots=True)
class Modalities(Field):
    """The value is a list of the catalogue's words for kinds of input or output."""

    attribute: str

    def checked(self, value: Json) -> list[str]:
        if not isinstance(value, list | tuple) or not value:
            raise ValueError(f"{self.name} must be a list of words, such as text and image")
        found = list(modalities.canonical(_tags(value)))
        if unknown := sorted(set(found) - KINDS):
            raise ValueError(f"{', '.join(unknown)}: {self.name} can be {', '.join(sorted(KINDS))}")
        return found

    def put(self, record: OfferRecord, value: Json) -> OfferRecord:
        changed: dict[str, Any] = {self.attribute: tuple(value)}
        return replace(record, **changed)

    def of(self, record: OfferRecord) -> list[str] | None:
        found = getattr(record, self.attribute)
        return None if found is None else list(found)

    def parsed(self, cell: str, unit: str = "") -> Json:
        self._refuse_unit(unit)
        return split_words(cell)

    def text(self, value: Json) -> tuple[str, str]:
        return joined_words(value), ""


KINDS = frozenset({"audio", "embedding", "file", "image", "rerank", "text", "video"})
"""The kinds of input and output that a curator may name."""


class Tokens(Field):
    """A number of tokens."""

    def checked(self, value: Json) -> int:
        digits = str(value).strip().replace(",", "") if isinstance(value, str) or type(value) is int else ""
        if not (digits.isascii() and digits.isdigit() and len(digits) <= len(str(MOST_TOKENS))):
            raise ValueError("must be a whole number of tokens")
        if not 1 <= int(digits) <= MOST_TOKENS:
            raise ValueError(f"must be between 1 and {MOST_TOKENS:,}")
        return int(digits)

    def put(self, record: OfferRecord, value: Json) -> OfferRecord:
        return replace(record, context_length=value)

    def of(self, record: OfferRecord) -> int | None:
        return record.context_length


@dataclass(frozen=True, slots=True)
class Price(Field):
    """The value is `{"amount": "0.25", "unit": "usd_per_million_tokens"}`, the amount as it was typed."""

    meter: str

    def checked(self, value: Json) -> Json:
        _require_keys(self.name, value, "amount", "unit")
        self.price(value)
        return {"amount": str(value["amount"]).strip(), "unit": value["unit"]}

    def price(self, value: Json) -> PriceRecord:
        """Return the price of a value. Raises ValueError if amount, unit and field do not fit together."""
        if value["unit"] not in list(UNITS):  # a list, because a value that is not text may be unhashable
            raise ValueError(f"the unit must be one of {', '.join(self.units)}")
        return meters.price(self.meter, UNITS[value["unit"]](value["amount"]))

    @property
    def units(self) -> Sequence[str]:
        """The units that fit the meter; the usual one is the first."""
        unit = meters.METERS[self.meter].unit
        return ("usd_per_million_tokens", "usd_per_token") if unit is money.Unit.TOKEN else (f"usd_per_{unit}",)

    def put(self, record: OfferRecord, value: Json) -> OfferRecord:
        price = self.price(value)
        return replace(
            record,
            prices=(*(other for other in record.prices if other.meter != self.meter), price),
            unclear=tuple(other for other in record.unclear if other.meter != self.meter),
            # A zero from a curator means free, and a price from a curator is a fixed one.
            zero_is_free=record.zero_is_free or not price.amount,
            is_dynamic=False,
        )

    def of(self, record: OfferRecord) -> str | None:
        amount = record.amount(self.meter)
        return None if amount is None else money.plain(amount)

    def parsed(self, cell: str, unit: str = "") -> Json:
        if not unit.strip():
            raise ValueError(f"{self.name} needs a unit: {' or '.join(self.units)}")
        return {"amount": cell, "unit": unit.strip()}

    def text(self, value: Json) -> tuple[str, str]:
        return value["amount"], value["unit"]


class Switch(Field):
    """A statement that is either made or not; there is no upstream value."""

    def checked(self, value: Json) -> bool:
        if value is True or (isinstance(value, str) and value.strip().casefold() in {"true", "yes"}):
            return True
        raise ValueError(f"{self.name} must be true; clear it to take it back")

    def put(self, record: OfferRecord, value: Json) -> OfferRecord:
        return record

    def of(self, record: OfferRecord) -> bool:
        return False

    def served(self, record: OfferRecord, curated: Mapping[str, Json]) -> bool:
        return self.name in curated

    def text(self, value: Json) -> tuple[str, str]:
        return "true", ""


TAGS, HIDDEN, FEATURED = "tags", "is_hidden", "is_featured"
PRICES: Mapping[str, Price] = {
    meter.pricing_key: Price(meter.pricing_key, meter.name) for meter in meters.METERS.values()
}
"""The fields of prices, by the meter's key in `pricing`."""
FIELDS: Mapping[str, Field] = {
    field.name: field
    for field in (
        Name("name"),
        Description("description"),
        Type("model_type"),
        Tags(TAGS),
        Modalities("input_modalities", "input_modalities"),
        Modalities("output_modalities", "output_modalities"),
        Tokens("context_length"),
        *PRICES.values(),
        Switch(HIDDEN),
        Switch(FEATURED),
    )
}


def field_of(name: str) -> Field:
    """Raises ValueError if curators cannot set the field."""
    if name not in FIELDS:
        raise ValueError(f"{text.shortened(name)} is not a curated field; those are {', '.join(FIELDS)}")
    return FIELDS[name]


def split_words(cell: str) -> list[str]:
    """Return the words of a comma-separated text; one that contains a comma is in quotation marks."""
    try:
        rows = list(csv.reader(io.StringIO(cell), skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise ValueError(f"must be words separated by commas: {error}") from error
    return [word.strip() for row in rows for word in row if word.strip()]


def joined_words(words: Iterable[str]) -> str:
    """Return the text that `split_words` reads."""
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow(words)
    return written.getvalue()


def _tags(words: Iterable[object]) -> list[str]:
    found = list(dict.fromkeys(text.line(word, longest=text.MAX_TAG).lower() for word in words))
    if len(found) > MOST_WORDS:
        raise ValueError(f"at most {MOST_WORDS} words are allowed at once")
    return found


def _require_keys(name: str, value: Json, *keys: str) -> None:
    if not isinstance(value, dict) or value.keys() != set(keys):
        raise ValueError(f"the value of {name} must be {' and '.join(keys)}")
