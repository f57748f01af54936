"""Kinds of query parameters, and how those of one request are read: django-filter's FilterSets without a model.

What a filter narrows is a `Selection`, not an ORM queryset.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Self
from urllib.parse import urlencode

import django_filters
from django.http import QueryDict

from catalog import registry
from catalog.changes import Kind
from catalog.records import ModelType
from catalog.serving.selection import Selection

Json = Any
LONGEST_VALUE = 300


@dataclass(frozen=True, slots=True)
class ParameterProblem:
    parameter: str
    value: str
    reason: str

    @classmethod
    def shown(cls, parameter: str, value: str, reason: str) -> Self:
        """Repeats what was sent, but never more of it than a reader needs."""
        return cls(_shown(parameter), _shown(value), reason.encode("utf-8", "replace").decode())


class InvalidParameters(Exception):
    def __init__(self, problems: Sequence[ParameterProblem]) -> None:
        super().__init__("; ".join(f"{problem.parameter} {problem.reason}" for problem in problems))
        self.problems = problems


class Parameter(django_filters.Filter):
    """One query parameter. `narrow` names the method of Selection to call; without it the view reads the value."""

    schema: ClassVar[Json] = {"type": "string"}
    takes_several = False
    default: Any = None

    def __init__(self, label: str, *, narrow: str | None = None, example: Any = None) -> None:
        super().__init__(label=label)
        self.narrow = narrow
        self.example = example

    def parse(self, value: str) -> Any:
        """The value that a text means. Raises ValueError with a reason that reads on after the parameter's name."""
        return value

    def spelled(self, value: Any) -> str:
        """The one spelling of all that mean the same; `parse` reads it again."""
        return str(value)

    def openapi(self) -> Json:
        return self.schema

    def filter(self, selection: Selection, value: Any) -> Selection:
        return selection if self.narrow is None else getattr(selection, self.narrow)(value)


class Word(Parameter):
    """Any text; one that matches nothing is no error."""

    def openapi(self) -> Json:
        return {"type": "string", "minLength": 1, "maxLength": LONGEST_VALUE}


class ProviderName(Word):
    """A provider, by any of its spellings."""

    def spelled(self, value: str) -> str:
        return registry.PROVIDERS.key(value)


class OneOf(Parameter):
    """One of a closed set."""

    def __init__(self, label: str, *, choices: Iterable[str], default: str, **options: Any) -> None:
        super().__init__(label, **options)
        self.choices = tuple(choices)
        self.default = default

    def parse(self, value: str) -> str:
        if value not in self.choices:
            raise ValueError(f"must be one of {', '.join(self.choices)}")
        return value

    def openapi(self) -> Json:
        return {"type": "string", "enum": list(self.choices), "default": self.default}


class WholeNumber(Parameter):
    def __init__(self, label: str, *, least: int, most: int, default: int, **options: Any) -> None:
        super().__init__(label, **options)
        self.least, self.most, self.default = least, most, default

    def parse(self, value: str) -> int:
        if not re.fullmatch(r"-?[0-9]+", value, re.ASCII):
            raise ValueError("must be a whole number")
        # Python refuses to convert thousands of digits, so their number is judged first.
        if len(value) > len(str(self.most)) or not self.least <= int(value) <= self.most:
            raise ValueError(f"must be between {self.least} and {self.most}")
        return int(value)

    def openapi(self) -> Json:
        return {"type": "integer", "minimum": self.least, "maximum": self.most, "default": self.default}


class RevisionNumber(Parameter):
    """The number of a revision; whether there is such a one is for the view to say."""

    def parse(self, value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,15}", value, re.ASCII):
            raise ValueError("must be the number of a revision")
        return int(value)

    def openapi(self) -> Json:
        return {"type": "integer", "minimum": 0}


class ChangeCursor(Parameter):
    """A place in the feed of changes: a revision and a number within it."""

    def parse(self, value: str) -> tuple[int, int]:
        if not re.fullmatch(r"[0-9]{1,15}-[0-9]{1,15}", value, re.ASCII):
            raise ValueError("must be the cursor of a `next`, as it stood there")
        revision, _, number = value.partition("-")
        return int(revision), int(number)

    def spelled(self, value: tuple[int, int]) -> str:
        return "-".join(map(str, value))

    def openapi(self) -> Json:
        return {"type": "string", "pattern": "^[0-9]{1,15}-[0-9]{1,15}$", "examples": ["1-1"]}


class PastMoment(Parameter):
    """A time, or the beginning of a day, in UTC unless it says otherwise; to the second, as times are shown."""

    def parse(self, value: str) -> datetime:
        try:
            given = datetime.fromisoformat(value.strip())
            moment = given.astimezone(UTC) if given.tzinfo else given.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            raise ValueError("must be a date or a time, such as 2026-11-22 or 2026-11-22T08:00:00Z") from None
        if moment > datetime.now(UTC):
            raise ValueError("must not lie in the future")
        return moment.replace(microsecond=0)

    def spelled(self, value: datetime) -> str:
        return value.isoformat().replace("+00:00", "Z")

    def openapi(self) -> Json:
        formats = [{"format": "date-time"}, {"format": "date"}]
        return {"type": "string", "anyOf": formats, "examples": ["2025-10-08T12:00:00Z", "2025-10-08"]}


class Words(Parameter):
    """Several texts, comma-separated or by giving the parameter again."""

    takes_several = True

    def spelled(self, value: Iterable[str]) -> str:
        return ",".join(sorted(set(value)))

    def openapi(self) -> Json:
        return {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": LONGEST_VALUE}}


class Ids(Words):
    """Several ids, each once, in the order in which the answer is to have them."""

    def __init__(self, label: str, *, most: int, **options: Any) -> None:
        super().__init__(label, **options)
        self.most = most

    def spelled(self, value: Iterable[str]) -> str:
        return ",".join(value)

    def openapi(self) -> Json:
        return super().openapi() | {"maxItems": self.most}


class Tags(Words):
    """Several tags, in whatever case."""

    def parse(self, value: str) -> str:
        return value.lower()


class ModelTypes(Words):
    """Several model types, as `Image Generation` or `image-generation`."""

    known: ClassVar[Mapping[str, str]] = {kind.lower().replace(" ", "-"): kind.value for kind in ModelType}

    def parse(self, value: str) -> str:
        found = self.known.get(value.lower().replace(" ", "-"))
        if found is None:
            raise ValueError(f"must be one of {', '.join(self.known.values())}")
        return found

    def openapi(self) -> Json:
        return {"type": "array", "items": {"type": "string", "enum": [*self.known.values(), *self.known]}}


class ChangeKinds(Words):
    """Several kinds of changes."""

    def parse(self, value: str) -> str:
        if value not in list(Kind):
            raise ValueError(f"must be one of {', '.join(Kind)}")
        return value

    def openapi(self) -> Json:
        return {"type": "array", "items": {"type": "string", "enum": [kind.value for kind in Kind]}}


class SelectionFilterSet(django_filters.FilterSet):
    """Reads the parameters of one request; an unknown, repeated, empty or wrong one is refused, all of them at once.

    Only the parameters that are present are cleaned: building a form of every declared one costs far more than
    answering (3.6 ms with 44 of them).
    """

    def __init__(self, data: QueryDict) -> None:
        self.values: dict[str, Any] = {name: parameter.default for name, parameter in self.parameters().items()}
        problems: list[ParameterProblem] = []
        for name, texts in data.lists():
            self._read(name, texts, problems)
        if problems:
            raise InvalidParameters(problems)

    @classmethod
    def parameters(cls) -> Mapping[str, Parameter]:
        found: Mapping[str, Parameter] = cls.base_filters
        return found

    def narrowed(self, selection: Selection) -> Selection:
        for name, parameter in self.parameters().items():
            if self.values[name] is not None:
                selection = parameter.filter(selection, self.values[name])
        return selection

    def canonical(self, **changes: Any) -> str:
        """The one query of all that ask the same, whatever their order and spelling; with these values instead."""
        asked = self.values | changes
        given = [
            (name, parameter.spelled(asked[name]))
            for name, parameter in sorted(self.parameters().items())
            if asked[name] != parameter.default
        ]
        return urlencode(given)

    def _read(self, name: str, texts: Sequence[str], problems: list[ParameterProblem]) -> None:
        parameter = self.parameters().get(name)
        if parameter is None:
            known = ", ".join(self.parameters())
            reason = f"is not a parameter here; {f'those are {known}' if known else 'there are none'}"
            problems.append(ParameterProblem.shown(name, texts[0], reason))
        elif parameter.takes_several:
            words = [word.strip() for text in texts for word in text.split(",")]
            self.values[name] = [_cleaned(name, parameter, word, problems) for word in words]
        elif len(texts) > 1:
            problems.append(ParameterProblem.shown(name, texts[-1], "is given more than once"))
        else:
            self.values[name] = _cleaned(name, parameter, texts[0], problems)


def _cleaned(name: str, parameter: Parameter, value: str, problems: list[ParameterProblem]) -> Any:
    try:
        if not value.strip():
            raise ValueError("must not be empty")
        if "\x00" in value:
            raise ValueError("must not contain a NUL character")
        if "\ufffd" in value:  # what Django puts in the place of bytes that are no UTF-8
            raise ValueError("must be UTF-8 text")
        if len(value) > LONGEST_VALUE:
            raise ValueError(f"must have at most {LONGEST_VALUE} characters")
        return parameter.parse(value)
    except ValueError as error:
        problems.append(ParameterProblem.shown(name, value, str(error)))


def _shown(sent: str) -> str:
    clean = sent.encode("utf-8", "replace").decode()
    return clean if len(clean) <= 100 else f"{clean[:100]}…"
