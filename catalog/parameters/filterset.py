"""Reads the query parameters of one request, and reports all of their problems at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, ClassVar, Protocol, Self
from urllib.parse import quote_plus

import django_filters

from access.redaction import without_keys
from catalog.memory.selection import Selection
from catalog.parameters.kinds import Parameter
from catalog.parameters.suggestions import did_you_mean

MOST_PROBLEMS = 100
"""The most problems that one error lists. The rest is counted, so that a short request gets no answer of a megabyte."""
_ENDS = (("_min", "_max"), ("_after", "_before"))


@dataclass(frozen=True, slots=True)
class ParameterProblem:
    parameter: str
    value: str
    reason: str
    """Continues a sentence that begins with the parameter: `must be between 1 and 1000`."""

    @property
    def sentence(self) -> str:
        return f"{self.parameter} {self.reason}"

    @classmethod
    def shown(cls, parameter: str, value: str, reason: str) -> Self:
        """Return the problem with what the client sent shortened to what a reader needs, and without API keys."""
        return cls(_shown(parameter), _shown(value), without_keys(reason.encode("utf-8", "replace").decode()))


@dataclass(frozen=True, slots=True)
class UnknownName(ParameterProblem):
    """A name that the endpoint does not know. The reason begins with what the name is for: `unknown parameter; …`."""

    @property
    def sentence(self) -> str:
        unknown, separator, rest = self.reason.partition(";")
        return f'{unknown} "{self.parameter}"{separator}{rest}'


class Sent(Protocol):
    """The parameters of a request: what `QueryDict` has, and a quicker class of `catalog.routes`."""

    def lists(self) -> Iterable[tuple[str, Sequence[str]]]:
        """Return each name with all its values."""
        ...

    def __contains__(self, name: object, /) -> bool: ...


class InvalidParameters(Exception):
    def __init__(self, problems: Sequence[ParameterProblem], *, unlisted: int = 0) -> None:
        self.problems = problems[:MOST_PROBLEMS]
        self.unlisted = unlisted + len(problems) - len(self.problems)
        sentences = [problem.sentence for problem in self.problems]
        super().__init__("; ".join([*sentences, f"and {self.unlisted:,} more"] if self.unlisted else sentences))


class SelectionFilterSet(django_filters.FilterSet):
    """Reads the parameters of one request, and rejects unknown, repeated, empty and invalid ones, all in one error.

    Only the parameters that are present are cleaned: building a form of every declared one costs far more than
    answering (3.6 ms with 44 of them).
    """

    depending: ClassVar[tuple[str, ...]] = ()
    """The parameters whose default depends on others."""

    def __init__(self, data: Sent) -> None:
        declared = self._declared()
        self.values: dict[str, Any] = declared.defaults.copy()
        problems: list[ParameterProblem] = []
        for name, texts in data.lists():
            self._read(name, texts, problems)
        for name in declared.required:
            if name not in data:
                problems.append(ParameterProblem(name, "", "is required"))
        for name in self.depending:
            if name not in data:
                self.values[name] = self.default(name)
        if problems := problems or list(self.contradictions()):
            raise InvalidParameters(problems)
        self._given = [name for name in declared.defaults if name in data or name in self.depending]

    def contradictions(self) -> Iterator[ParameterProblem]:
        """Yield the problems of parameters that are valid alone but not together, here ranges with swapped ends."""
        for low, high in self._declared().ranges:
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

    @classmethod
    def _declared(cls) -> _Declared:
        filterset: Any = cls  # for mypy, the class of a class is not hashable
        return _declared_by(filterset)

    def default(self, name: str) -> Any:
        """Return the value that applies if the parameter is missing, given the other parameters."""
        return self.parameters()[name].default

    def narrowed(self, selection: Selection, *, without: Collection[str] = ()) -> Selection:
        """Apply all parameters to the selection, except those in `without`."""
        for name, parameter in self._declared().narrowing:
            value = self.values[name]
            if value is not None and name not in without:
                selection = parameter.filter(selection, value)
        return selection

    def filters_on(self, facet: str) -> set[str]:
        """Return the parameters that narrow by this facet."""
        return {name for name, parameter in self.parameters().items() if facet in {name, parameter.of}}

    def canonical(self, **changes: Any) -> str:
        """Return the canonical query string, equal for all orders and spellings of this request.

        `changes` replace the values of these parameters.
        """
        pairs = self._pairs
        if changes:
            pairs = {name: pair for name, pair in pairs.items() if name not in changes} | self._pairs_of(changes)
        return "&".join([pairs[name] for name in sorted(pairs)])

    @cached_property
    def _pairs(self) -> dict[str, str]:
        return self._pairs_of({name: self.values[name] for name in self._given})

    def _pairs_of(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Return the pairs of a query string by name, without those that have their default value."""
        parameters = self.parameters()
        return {
            name: f"{name}={quote_plus(parameters[name].spelled(value))}"
            for name, value in values.items()
            if value != self.default(name)
        }

    def _read(self, name: str, texts: Sequence[str], problems: list[ParameterProblem]) -> None:
        parameter = self.parameters().get(name)
        if parameter is None:
            problems.append(UnknownName.shown(name, texts[0], self._unknown_parameter(name, problems)))
        elif parameter.takes_several:
            words = [word.strip() for text in texts for word in text.split(",")]
            self.values[name] = [_cleaned(name, parameter, word, problems) for word in words]
        elif len(texts) > 1:
            problems.append(ParameterProblem.shown(name, texts[-1], "must be given only once"))
        else:
            self.values[name] = _cleaned(name, parameter, texts[0], problems)

    def _unknown_parameter(self, name: str, earlier: Sequence[ParameterProblem]) -> str:
        """Return the reason. Only the first one of an error lists the known parameters, because they can be many."""
        if len(earlier) >= MOST_PROBLEMS:
            return "unknown parameter"  # it is only counted
        known = self.parameters()
        suggestion = did_you_mean(name, known)
        if any(isinstance(problem, UnknownName) for problem in earlier):
            return f"unknown parameter{suggestion}"
        takes = f"endpoint takes {', '.join(known) or 'none'}"
        return f"unknown parameter{suggestion} This {takes}" if suggestion else f"unknown parameter; this {takes}"


@dataclass(frozen=True, slots=True)
class _Declared:
    """What follows from the declared parameters of a filter set, whatever is sent."""

    defaults: dict[str, Any]
    required: Sequence[str]
    narrowing: Sequence[tuple[str, Parameter]]
    ranges: Sequence[tuple[str, str]]


@cache
def _declared_by(filterset: type[SelectionFilterSet]) -> _Declared:
    parameters = filterset.parameters()
    return _Declared(
        defaults={name: parameter.default for name, parameter in parameters.items()},
        required=[name for name, parameter in parameters.items() if parameter.required],
        narrowing=[(name, parameter) for name, parameter in parameters.items() if parameter.narrows],
        ranges=_ranges(tuple(parameters)),
    )


def _ranges(names: tuple[str, ...]) -> Sequence[tuple[str, str]]:
    """Return the pairs of parameters that are the two ends of one range."""
    ends = [(name, f"{name.removesuffix(low)}{high}") for name in names for low, high in _ENDS if name.endswith(low)]
    return [(low, high) for low, high in ends if high in names]


def _cleaned(name: str, parameter: Parameter, value: str, problems: list[ParameterProblem]) -> Any:
    try:
        if not value.strip():
            raise ValueError("must not be empty")
        if "\x00" in value:
            raise ValueError("must not contain a NUL character")
        if "\ufffd" in value:  # Django replaces bytes that are not UTF-8 by this character
            raise ValueError("must be UTF-8 text")
        if len(value) > parameter.longest:
            raise ValueError(f"must have at most {parameter.longest} characters")
        return parameter.parse(value)
    except ValueError as error:
        if len(problems) < MOST_PROBLEMS:
            problems.append(ParameterProblem.shown(name, value, str(error)))
        else:  # it is only counted, and a suggestion for each of thousands of words would take seconds
            problems.append(ParameterProblem(name, "", "is invalid"))


def _shown(sent: str) -> str:
    clean = without_keys(sent.encode("utf-8", "replace").decode())
    return clean if len(clean) <= 100 else f"{clean[:100]}…"
