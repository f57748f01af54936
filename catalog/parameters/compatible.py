"""The query parameters of the formats, which clients of other services send.

Such clients send parameters that this service does not have. These are ignored and named in a response header; a wrong
value of a parameter that the service has is refused like everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from django.http import QueryDict

from access.redaction import without_keys
from catalog.parameters.filterset import ParameterProblem, SelectionFilterSet
from catalog.parameters.kinds import Json, Names, OneOf, Parameter, UsDollars, WholeNumber, Word
from catalog.parameters.offer_filters import LARGEST_LIMIT, LARGEST_OFFSET, MOST_TOKENS

MOST_NAMES = 20
"""The most names that the header has."""
LONGEST_NAME = 40
"""The most characters of a name in the header."""
_NO_TOKEN = re.compile(r"[^!#$%&'*+.^_`|~0-9A-Za-z-]")
"""What the token of a header (RFC 9110) may not contain."""
LONGEST_AGE_DAYS = 100_000


class CompatibleFilterSet(SelectionFilterSet):
    """Ignores unknown parameters and keeps their names. By itself it has no parameters."""

    def __init__(self, data: QueryDict) -> None:
        self.ignored: set[str] = set()
        super().__init__(data)

    def _read(self, name: str, texts: Sequence[str], problems: list[ParameterProblem]) -> None:
        if name in self.parameters():
            super()._read(name, texts, problems)
        if self.values.get(name) is None:
            self.ignored.add(name)


def header_of(ignored: Iterable[str]) -> str:
    """Return the names as the value of a header: sorted, as tokens, limited in number and length; maybe empty."""
    shown = {_NO_TOKEN.sub("_", without_keys(name)[:LONGEST_NAME]) for name in ignored}
    return ", ".join(sorted(shown - {""})[:MOST_NAMES])


class ListOrder(Parameter):
    """An order of OpenRouter's list. Those that need facts that the catalogue does not have are ignored."""

    unanswerable = (
        "most-popular",
        "top-weekly",
        "throughput-high-to-low",
        "latency-low-to-high",
        "intelligence-high-to-low",
        "coding-high-to-low",
        "agentic-high-to-low",
        "design-arena-elo-high-to-low",
    )
    choices = ("pricing-low-to-high", "pricing-high-to-low", "context-high-to-low", "newest")

    def parse(self, value: str) -> str | None:
        if value.casefold() in self.unanswerable:
            return None
        if value.casefold() not in self.choices:
            raise ValueError(f"must be one of {', '.join(self.choices)}")
        return value.casefold()

    def openapi(self) -> Json:
        return {"type": "string", "enum": list(self.choices)}


class OpenRouterModalities(Names):
    """Several modalities in OpenRouter's words, which distinguish more kinds of output than the catalogue's."""

    def parse(self, value: str) -> str:
        word = value.casefold()
        return "embeddings" if word == "embedding" else word


def _price(label: str) -> UsDollars:
    return UsDollars(f"{label}, in US dollars for a million tokens.", example="0.5")


def _days(label: str) -> WholeNumber:
    return WholeNumber(
        f"{label}, in days before the revision was published.", least=0, most=LONGEST_AGE_DAYS, example=365
    )


class OpenRouterFilterSet(CompatibleFilterSet):
    """The parameters of `/api/v1/models`: those of OpenRouter's list that the catalogue can answer."""

    q = Word("Only models whose id or name contains all of these words.", example="deepseek")
    sort = ListOrder(
        "The order of the rows; prices are compared by the average of both. Unknown values come last. Default: by id.",
        example="newest",
    )
    limit = WholeNumber(
        "The maximum number of rows. Default: 500 if `offset` is present, otherwise the whole list.",
        least=1,
        most=LARGEST_LIMIT,
        example=50,
    )
    offset = WholeNumber("The number of rows to skip.", least=0, most=LARGEST_OFFSET, example=0)
    supported_parameters = Names("Only models that accept all of these request parameters.", example="tools")
    input_modalities = OpenRouterModalities("Only models that accept all of these as input.", example="image")
    output_modalities = OpenRouterModalities(
        "Only models that produce any of these; `all` selects every model. Default: `text`, as at OpenRouter.",
        example="all",
    )
    context = WholeNumber("The minimum context length, in tokens.", least=0, most=MOST_TOKENS, example=100_000)
    min_price = _price("The minimum price of input")
    max_price = _price("The maximum price of input")
    min_output_price = _price("The minimum price of output")
    max_output_price = _price("The maximum price of output")
    model_authors = Names("Only models of any of these authors, as in the ids.", example="deepseek")
    min_age_days = _days("The minimum age")
    max_age_days = _days("The maximum age")


class OpenAIFilterSet(CompatibleFilterSet):
    """The parameters of `/v1/models`."""

    all = OneOf(
        "`true` adds the models that only Featherless sells.",
        choices=("true", "false"),
        default="false",
        example="true",
    )
