"""Kinds of query parameters, and how those of one request are read: django-filter's FilterSets without a model.

What a filter narrows is a `Selection`, not an ORM queryset.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar, Self
from urllib.parse import urlencode

import django_filters
from django.http import QueryDict

from catalog import registry
from catalog.changes import Kind
from catalog.normalize import dates, modalities, money
from catalog.records import ModelType
from catalog.serving import search_words
from catalog.serving.selection import Selection

Json = Any
LONGEST_VALUE = 300
_ENDS = (("_min", "_max"), ("_after", "_before"))


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
    """One query parameter. `narrow` names the method of Selection to call; without it the view reads the value.

    `of` is the facet or the order that the method is to look at, where it is one for several.
    """

    schema: ClassVar[Json] = {"type": "string"}
    takes_several = False
    longest = LONGEST_VALUE
    default: Any = None

    def __init__(
        self, label: str, *, narrow: str | None = None, of: str | None = None, example: str | int | None = None
    ) -> None:
        super().__init__(label=label)
        self.narrow = narrow
        self.of = of
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
        if self.narrow is None:
            return selection
        narrowed: Selection = getattr(selection, self.narrow)(*([self.of] if self.of else []), value)
        return narrowed


class Word(Parameter):
    """Any text; one that matches nothing is no error."""

    def openapi(self) -> Json:
        return {"type": "string", "minLength": 1, "maxLength": LONGEST_VALUE}


class SearchText(Word):
    """Words that are looked for; what stands between them and their case do not matter."""

    def spelled(self, value: str) -> str:
        return " ".join(search_words.asked(value)) or value  # of signs alone there is nothing to spell


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
    def __init__(self, label: str, *, least: int, most: int, default: int | None = None, **options: Any) -> None:
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
        default = {} if self.default is None else {"default": self.default}
        return {"type": "integer", "minimum": self.least, "maximum": self.most, **default}


class YesNo(Parameter):
    """True or false of a fact, each of which is one value of a facet; an unknown fact is neither."""

    def __init__(self, label: str, *, yes: str, no: str, **options: Any) -> None:
        super().__init__(label, narrow="having", **options)
        self.meanings = {"true": yes, "false": no}

    def parse(self, value: str) -> str:
        if value not in self.meanings:
            raise ValueError("must be one of true, false")
        return self.meanings[value]

    def spelled(self, value: str) -> str:
        return "true" if value == self.meanings["true"] else "false"

    def openapi(self) -> Json:
        return {"type": "boolean"}


class UsDollars(Parameter):
    """An amount, as exact as prices are."""

    pattern = r"[0-9]{1,9}(\.[0-9]{1,24})?"

    def parse(self, value: str) -> Decimal:
        if not re.fullmatch(self.pattern, value, re.ASCII):
            raise ValueError(
                "must be a decimal number such as 0.15, of at most 9 digits and 24 decimals, without sign and exponent"
            )
        return Decimal(value)

    def spelled(self, value: Decimal) -> str:
        return money.plain(value)

    def openapi(self) -> Json:
        return {"type": "string", "pattern": f"^{self.pattern}$"}


class Moment(Parameter):
    """A time, or the beginning of a day, in UTC unless it says otherwise; as Unix seconds.

    Parts of a second are rounded up, as no fact of the catalogue has them.
    In a query string `+` is a space, so a zone that was not encoded arrives with one.
    """

    pattern = r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[-+]\d\d:\d\d)?)?"

    def parse(self, value: str) -> Any:
        text = value.upper().replace(" ", "+")
        if re.fullmatch("-?[0-9]{1,12}", text, re.ASCII):
            if dates.MIN_UNIX_SECONDS <= int(text) <= dates.MAX_UNIX_SECONDS:
                return int(text)
        elif re.fullmatch(self.pattern, text, re.ASCII):
            with suppress(ValueError):
                # A zone may lead out of the first and the last year, where there is nothing to be found.
                return max(dates.MIN_UNIX_SECONDS, min(dates.seconds_of(text), dates.MAX_UNIX_SECONDS))
        raise ValueError("must be a date such as 2026-01-31, a time such as 2026-01-31T08:00:00Z, or Unix seconds")

    def openapi(self) -> Json:
        forms = [{"type": "string", "format": form} for form in ("date", "date-time")]
        return {
            "anyOf": [*forms, {"type": "integer", "minimum": dates.MIN_UNIX_SECONDS, "maximum": dates.MAX_UNIX_SECONDS}]
        }


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
        return {"type": "string", "pattern": "^[0-9]{1,15}-[0-9]{1,15}$"}


class PastMoment(Moment):
    """A time that has been."""

    def parse(self, value: str) -> datetime:
        moment = datetime.fromtimestamp(super().parse(value), UTC)
        if moment > datetime.now(UTC):
            raise ValueError("must not lie in the future")
        return moment

    def spelled(self, value: datetime) -> str:
        return dates.iso(value)

    def openapi(self) -> Json:
        return {"anyOf": [{"type": "string", "format": form} for form in ("date", "date-time")]}


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


class Names(Words):
    """Several names, in whatever case."""

    def parse(self, value: str) -> str:
        return value.casefold()


class Providers(Words):
    """Several providers, each by any of its spellings."""

    def parse(self, value: str) -> str:
        return registry.PROVIDERS.key(value)


class Modalities(Words):
    """Several notations such as `text+image->text`, in whatever order each side is written.

    In a query string `+` is a space, so both are read.
    """

    def parse(self, value: str) -> str:
        sides = (re.split(r"[+ ]+", side.strip(" +")) for side in value.split("->"))
        return "->".join("+".join(modalities.canonical(side)) for side in sides)


class AnyOf(Words):
    """Any of a closed set."""

    def __init__(self, label: str, *, choices: Iterable[str], **options: Any) -> None:
        super().__init__(label, **options)
        self.choices = tuple(choices)

    def parse(self, value: str) -> str:
        if value not in self.choices:
            raise ValueError(f"must be one of {', '.join(self.choices)}")
        return value

    def openapi(self) -> Json:
        return {"type": "array", "items": {"type": "string", "enum": list(self.choices)}}


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

    depending: ClassVar[tuple[str, ...]] = ()
    """The parameters whose default depends on others."""

    def __init__(self, data: QueryDict) -> None:
        self.values: dict[str, Any] = {name: parameter.default for name, parameter in self.parameters().items()}
        problems: list[ParameterProblem] = []
        for name, texts in data.lists():
            self._read(name, texts, problems)
        for name in self.depending:
            if name not in data:
                self.values[name] = self.default(name)
        if problems := problems or list(self.contradictions()):
            raise InvalidParameters(problems)

    def contradictions(self) -> Iterator[ParameterProblem]:
        """What is wrong with parameters together, each of which is right: here a range that ends before it begins."""
        for low, high in _ranges(tuple(self.parameters())):
            least, most = self.values[low], self.values[high]
            if least is not None and most is not None and least > most:
                for name, reason in ((low, f"must not be above {high}"), (high, f"must not be below {low}")):
                    yield self.problem(name, reason)

    def problem(self, name: str, reason: str) -> ParameterProblem:
        return ParameterProblem.shown(name, self.parameters()[name].spelled(self.values[name]), reason)

    @classmethod
    def parameters(cls) -> Mapping[str, Parameter]:
        found: Mapping[str, Parameter] = cls.base_filters
        return found

    def default(self, name: str) -> Any:
        """What holds where the parameter is not given beside these others."""
        return self.parameters()[name].default

    def narrowed(self, selection: Selection, *, without: Collection[str] = ()) -> Selection:
        """What all parameters leave of it, except those without which it is asked for."""
        for name, value in self.values.items():
            if value is not None and name not in without:
                selection = self.parameters()[name].filter(selection, value)
        return selection

    def filters_on(self, facet: str) -> set[str]:
        """The parameters that narrow by this facet."""
        return {name for name, parameter in self.parameters().items() if facet in {name, parameter.of}}

    def canonical(self, **changes: Any) -> str:
        """The one query of all that ask the same, whatever their order and spelling; with these values instead."""
        parameters, asked = self.parameters(), (self.values | changes).items()
        given = [(name, parameters[name].spelled(value)) for name, value in asked if value != self.default(name)]
        return urlencode(sorted(given))

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


@cache
def _ranges(names: tuple[str, ...]) -> Sequence[tuple[str, str]]:
    """The pairs of parameters that are the two ends of one range."""
    ends = [(name, f"{name.removesuffix(low)}{high}") for name in names for low, high in _ENDS if name.endswith(low)]
    return [(low, high) for low, high in ends if high in names]


def _cleaned(name: str, parameter: Parameter, value: str, problems: list[ParameterProblem]) -> Any:
    try:
        if not value.strip():
            raise ValueError("must not be empty")
        if "\x00" in value:
            raise ValueError("must not contain a NUL character")
        if "\ufffd" in value:  # what Django puts in the place of bytes that are no UTF-8
            raise ValueError("must be UTF-8 text")
        if len(value) > parameter.longest:
            raise ValueError(f"must have at most {parameter.longest} characters")
        return parameter.parse(value)
    except ValueError as error:
        problems.append(ParameterProblem.shown(name, value, str(error)))


def _shown(sent: str) -> str:
    clean = sent.encode("utf-8", "replace").decode()
    return clean if len(clean) <= 100 else f"{clean[:100]}…"
