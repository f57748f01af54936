"""Kinds of query parameters: how each is parsed, spelled and documented.

They are django-filter Filters without a model: they narrow a `Selection`, not an ORM queryset.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

import django_filters

from catalog import registry
from catalog.documents.differences import Kind
from catalog.memory import search_words
from catalog.memory.selection import Selection
from catalog.normalize import dates, modalities
from catalog.parameters.suggestions import did_you_mean
from catalog.pricing import money
from catalog.records import ModelType

Json = Any
LONGEST_VALUE = 300
TEXT: Json = {
    "type": "string",
    "minLength": 1,
    "maxLength": LONGEST_VALUE,
    "pattern": r"^[^\u0000\ufffd]*[^\s\u0000\ufffd][^\u0000\ufffd]*$",
}
"""Text that is not blank and has no character that every parameter refuses."""
_WHOLE_NUMBER = re.compile(r"-?[0-9]+")
_CHANGE_CURSOR = "[1-9][0-9]{0,14}-[1-9][0-9]{0,14}"  # no change has revision 0 or offer 0, so no answer contains them


class Parameter(django_filters.Filter):
    """One query parameter. `narrow` names the method of Selection to call; without it, the view reads the value.

    `of` is the facet or the order that the method uses, if the method serves several.
    """

    schema: ClassVar[Json] = {"type": "string"}
    takes_several = False
    longest = LONGEST_VALUE
    default: Any = None

    def __init__(
        self,
        label: str,
        *,
        narrow: str | None = None,
        of: str | None = None,
        example: str | int | bool | None = None,
        required: bool = False,
        is_filled_in: bool = False,
    ) -> None:
        super().__init__(label=label)
        self.narrow = narrow
        self.of = of
        self.example = example
        """The example in the form of the schema; for a list, comma-separated text."""
        self.required = required
        self.is_filled_in = is_filled_in or required
        """Whether the docs page begins with the example: only if it goes with all other values."""

    @property
    def narrows(self) -> bool:
        """Whether the value narrows a selection."""
        return self.narrow is not None

    def parse(self, value: str) -> Any:
        """Parse a text. Raise ValueError with a reason that continues a sentence after the parameter's name."""
        return value

    def spelled(self, value: Any) -> str:
        """Return the canonical spelling of the value, which `parse` accepts."""
        return str(value)

    def openapi(self) -> Json:
        return self.schema

    def filter(self, selection: Selection, value: Any) -> Selection:
        if self.narrow is None:
            return selection
        narrowed: Selection = getattr(selection, self.narrow)(*([self.of] if self.of else []), value)
        return narrowed


def _one_of(choices: Iterable[str], value: str) -> str:
    """Return the choice that a text means, ignoring case. Raise ValueError if there is none."""
    return _chosen(_folded(choices), value)


def _folded(choices: Iterable[str]) -> Mapping[str, str]:
    return {choice.casefold(): choice for choice in choices}


def _chosen(known: Mapping[str, str], value: str) -> str:
    """Return what `known` has for a text, ignoring case. Raise ValueError if it has nothing."""
    if (found := known.get(value.casefold())) is None:
        raise _NoChoice(value, known.values())
    return found


class _NoChoice(ValueError):
    """A text is none of the choices. Its message is made when it is read, because the suggestion takes long."""

    def __init__(self, value: str, choices: Collection[str]) -> None:
        super().__init__(value)
        self.value, self.choices = value, choices

    def __str__(self) -> str:
        return f"must be one of {', '.join(self.choices)}{did_you_mean(self.value, self.choices)}"


class Word(Parameter):
    """Any text. A text that matches nothing is not an error."""

    def openapi(self) -> Json:
        return TEXT


class SearchText(Word):
    """Search words. Separators and case do not matter."""

    def spelled(self, value: str) -> str:
        return " ".join(search_words.asked(value)) or value  # a text of only punctuation has no words to spell


class OneOf(Parameter):
    """One of a closed set, in any case."""

    def __init__(self, label: str, *, choices: Iterable[str], default: str, **options: Any) -> None:
        super().__init__(label, **options)
        self.choices = tuple(choices)
        self.default = default
        self._known = _folded(self.choices)

    def parse(self, value: str) -> str:
        return _chosen(self._known, value)

    def openapi(self) -> Json:
        return {"type": "string", "enum": list(self.choices), "default": self.default}


class WholeNumber(Parameter):
    def __init__(self, label: str, *, least: int, most: int, default: int | None = None, **options: Any) -> None:
        super().__init__(label, **options)
        self.least, self.most, self.default = least, most, default

    def parse(self, value: str) -> int:
        if not _WHOLE_NUMBER.fullmatch(value):
            raise ValueError("must be a whole number")
        # Python refuses to convert thousands of digits, so their number is checked first, without leading zeros.
        if len(value.lstrip("-0")) > len(str(self.most)) or not self.least <= int(value) <= self.most:
            raise ValueError(f"must be between {self.least} and {self.most}")
        return int(value)

    def openapi(self) -> Json:
        default = {} if self.default is None else {"default": self.default}
        return {"type": "integer", "minimum": self.least, "maximum": self.most, **default}


class Switch(Parameter):
    """On or off. The view reads the value."""

    schema = {"type": "boolean", "default": False}
    default: Any = False
    meanings: Mapping[str, Any] = {"true": True, "false": False}

    def parse(self, value: str) -> Any:
        return self.meanings[_one_of(self.meanings, value)]

    def spelled(self, value: Any) -> str:
        return "true" if value == self.meanings["true"] else "false"


class YesNo(Switch):
    """True or false, each mapped to one value of a facet. An unknown fact is neither."""

    schema = {"type": "boolean"}
    default = None

    def __init__(self, label: str, *, yes: str, no: str, **options: Any) -> None:
        super().__init__(label, narrow="having", **options)
        self.meanings = {"true": yes, "false": no}


class UsDollars(Parameter):
    """An amount with the precision of prices."""

    pattern = r"[0-9]{1,9}(\.[0-9]{1,24})?"

    def parse(self, value: str) -> Decimal:
        if not re.fullmatch(self.pattern, value, re.ASCII):
            raise ValueError(
                "must be a decimal number such as 0.15, with at most 9 digits and 24 decimals, without sign or exponent"
            )
        return Decimal(value)

    def spelled(self, value: Decimal) -> str:
        return money.plain(value)

    def openapi(self) -> Json:
        return {"type": "string", "pattern": f"^{self.pattern}$"}


class Moment(Parameter):
    """A time, or the start of a day, as Unix seconds. It is in UTC unless it has a zone.

    Parts of a second are rounded up, as no fact of the catalogue has them. Unix seconds have at least nine digits: a
    client that sends 2025 or 20250101 means a year or a day, and would get the first months of 1970.
    In a query string `+` is a space, so a zone that was not encoded arrives with a space.
    """

    least_seconds = 100_000_000
    """A time in March 1973. Earlier times must be written as a date or a time."""

    pattern = r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[-+]\d\d:\d\d)?)?"

    def parse(self, value: str) -> Any:
        text = value.upper().replace(" ", "+")
        if re.fullmatch("[1-9][0-9]{8,11}", text, re.ASCII):
            if int(text) <= dates.MAX_UNIX_SECONDS:
                return int(text)
        elif re.fullmatch(self.pattern, text, re.ASCII):
            with suppress(ValueError):
                # A zone may move the time out of the first or last year, where no offers exist.
                return max(dates.MIN_UNIX_SECONDS, min(dates.seconds_of(text), dates.MAX_UNIX_SECONDS))
        raise ValueError(
            "must be a date such as 2026-01-31, a time such as 2026-01-31T08:00:00Z, or Unix seconds of at least nine "
            "digits; a year alone or a date without hyphens is not accepted"
        )

    def spelled(self, value: Any) -> str:
        return str(value) if value >= self.least_seconds else dates.iso(datetime.fromtimestamp(value, UTC))

    def openapi(self) -> Json:
        forms = [{"type": "string", "format": form} for form in ("date", "date-time")]
        return {
            "anyOf": [*forms, {"type": "integer", "minimum": self.least_seconds, "maximum": dates.MAX_UNIX_SECONDS}]
        }


class RevisionNumber(Parameter):
    """The number of a revision. The view checks whether the revision exists."""

    def parse(self, value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,15}", value, re.ASCII):
            raise ValueError("must be a revision number")
        return int(value)

    def openapi(self) -> Json:
        return {"type": "integer", "minimum": 0}


class ChangeCursor(Parameter):
    """A place in the feed of changes: a revision and a number within it."""

    def parse(self, value: str) -> tuple[int, int]:
        if not re.fullmatch(_CHANGE_CURSOR, value, re.ASCII):
            raise ValueError("must be the cursor in the `next` of an answer, unchanged")
        revision, _, number = value.partition("-")
        return int(revision), int(number)

    def spelled(self, value: tuple[int, int]) -> str:
        return "-".join(map(str, value))

    def openapi(self) -> Json:
        return {"type": "string", "pattern": f"^{_CHANGE_CURSOR}$"}


class PastMoment(Moment):
    """A past time. Parts of a second are dropped, because times are shown without them."""

    def parse(self, value: str) -> datetime:
        moment = datetime.fromtimestamp(super().parse(re.sub(r"\.\d{1,9}", "", value)), UTC)
        if moment > datetime.now(UTC):
            raise ValueError("must not be in the future")
        return moment

    def spelled(self, value: datetime) -> str:
        return dates.iso(value)

    def openapi(self) -> Json:
        return {"anyOf": [{"type": "string", "format": form} for form in ("date", "date-time")]}


class Words(Parameter):
    """Several texts, comma-separated or by repeating the parameter."""

    takes_several = True

    def spelled(self, value: Iterable[str]) -> str:
        return ",".join(sorted(set(value)))

    def openapi(self) -> Json:
        return {"type": "array", "minItems": 1, "items": TEXT}


class Ids(Words):
    """Several distinct ids, in the order that the answer uses."""

    def __init__(self, label: str, *, most: int, **options: Any) -> None:
        super().__init__(label, **options)
        self.most = most

    def spelled(self, value: Iterable[str]) -> str:
        return ",".join(value)

    def openapi(self) -> Json:
        return super().openapi() | {"maxItems": self.most, "uniqueItems": True}


class Tags(Words):
    """Several tags, in any case."""

    def parse(self, value: str) -> str:
        return value.lower()


class Names(Words):
    """Several names, in any case."""

    def parse(self, value: str) -> str:
        return value.casefold()


class ModalityNames(Words):
    """Several modalities, in any case, in the terms of the catalogue or of a gateway."""

    def parse(self, value: str) -> str:
        [word] = modalities.canonical([value])
        return word


class Providers(Words):
    """Several providers, each by any of its spellings."""

    def parse(self, value: str) -> str:
        return registry.PROVIDERS.key(value)


class Modalities(Words):
    """Several notations such as `text+image->text`. Each side may be in any order.

    In a query string `+` is a space, so both are accepted.
    """

    def parse(self, value: str) -> str:
        sides = (re.split(r"[+ ]+", side.strip(" +")) for side in value.split("->"))
        return "->".join("+".join(modalities.canonical(side)) for side in sides)


class AnyOf(Words):
    """Any of a closed set, in any case."""

    def __init__(self, label: str, *, choices: Iterable[str], **options: Any) -> None:
        super().__init__(label, **options)
        self.choices = tuple(choices)
        self._known = _folded(self.choices)

    def parse(self, value: str) -> str:
        return _chosen(self._known, value)

    def openapi(self) -> Json:
        return {"type": "array", "minItems": 1, "items": {"type": "string", "enum": list(self.choices)}}


class ModelTypes(Words):
    """Several model types, as `Image Generation` or `image-generation`. The first one is documented.

    The second one, and any other case, would make two values of generated clients that have the same name.
    """

    known: ClassVar[Mapping[str, str]] = {kind.lower().replace(" ", "-"): kind.value for kind in ModelType}

    def parse(self, value: str) -> str:
        found = self.known.get(value.lower().replace(" ", "-"))
        return _one_of(self.known.values(), value) if found is None else found

    def openapi(self) -> Json:
        return {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "enum": [*self.known.values()]},
        }


class ChangeKinds(Words):
    """Several kinds of changes."""

    def parse(self, value: str) -> str:
        return _one_of([kind.value for kind in Kind], value)

    def openapi(self) -> Json:
        return {"type": "array", "minItems": 1, "items": {"type": "string", "enum": [kind.value for kind in Kind]}}
