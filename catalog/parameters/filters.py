"""The query parameters of the other endpoints, declared once.

The API reads them, and the OpenAPI document is generated from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from catalog.parameters.filterset import ParameterProblem, SelectionFilterSet
from catalog.parameters.kinds import (
    ChangeCursor,
    ChangeKinds,
    Ids,
    PastMoment,
    RevisionNumber,
    WholeNumber,
    Word,
)
from catalog.parameters.offer_filters import (
    DEFAULT_LIMIT,
    LARGEST_LIMIT,
    LARGEST_OFFSET,
    LARGEST_QUANTITY,
    gateway_parameter,
    limit_parameter,
    offset_parameter,
)

MOST_COMPARED = 10


class ProviderFilterSet(SelectionFilterSet):
    """The parameters of `/catalog/providers`."""

    gateway = gateway_parameter()
    limit = limit_parameter()
    offset = offset_parameter()


class OfferOfIdFilterSet(SelectionFilterSet):
    """The parameters of `/catalog/models/{id}`."""

    gateway = gateway_parameter()


def _quantity(label: str, *, example: int, default: int | None = None) -> WholeNumber:
    return WholeNumber(label, least=0, most=LARGEST_QUANTITY, default=default, example=example)


class WorkloadFilterSet(SelectionFilterSet):
    """The parameters of `/catalog/canonical/{slug}`: the workload to compare offers by.

    Their defaults depend on the offers.
    """

    input_tokens = _quantity(
        "Input tokens of text, including cached ones. Default: 750000, for embeddings 1000000.", example=750_000
    )
    cached_percent = WholeNumber(
        "The percentage of the input tokens that is read from a cache.", least=0, most=100, default=0, example=50
    )
    output_tokens = _quantity("Output tokens of text. Default: 250000, for embeddings 0.", example=250_000)
    requests = _quantity(
        "The number of requests that the tokens are divided among. It determines the prompt size; 0 leaves it open.",
        default=0,
        example=0,
    )

    def contradictions(self) -> Iterator[ParameterProblem]:
        yield from super().contradictions()
        yield from nothing_asked(self.values)


class CompareFilterSet(WorkloadFilterSet):
    """The parameters of `/catalog/compare`."""

    ids = Ids(
        "The models, each by its slug, by the id of an offer, by `gateway/id`, or by a name that only one model has.",
        most=MOST_COMPARED,
        example="deepseek-ai/DeepSeek-R1,Qwen/Qwen3-32B",
        required=True,
    )


class ResolveFilterSet(SelectionFilterSet):
    """The parameter of `/catalog/resolve`."""

    id = Word("An id or a name of a model, in any spelling.", example="deepseek-r1", required=True)


class HistoryFilterSet(SelectionFilterSet):
    """The parameters of `/catalog/models/{id}/history`."""

    gateway = gateway_parameter()
    as_of = PastMoment(
        "Show everything as it was at this time. A date means its beginning; the default time zone is UTC.",
        example="2026-11-22T08:00:00Z",
    )
    limit = WholeNumber(
        "The maximum number of prices in the answer, and of changes.",
        least=1,
        most=LARGEST_LIMIT,
        default=DEFAULT_LIMIT,
        example=10,
        is_filled_in=True,
    )
    offset = WholeNumber(
        "The number of prices to skip, and of changes.", least=0, most=LARGEST_OFFSET, default=0, example=0
    )


class _WantedChangesFilterSet(SelectionFilterSet):
    gateway = gateway_parameter()
    id = Word("Only changes of offers with this id.", example="deepseek-ai/DeepSeek-R1")
    kind = ChangeKinds("Only changes of any of these kinds.", example="repriced")


class ChangeFilterSet(_WantedChangesFilterSet):
    """The parameters of `/catalog/changes`."""

    since_revision = RevisionNumber("Changes after this revision. Default: all changes that are kept.", example=0)
    since = PastMoment("Changes from this time or date on; the default time zone is UTC.", example="2026-11-22")
    cursor = ChangeCursor("Changes after this place, as the `next` of an answer gives it.", example="1-1")
    limit = WholeNumber(
        "The maximum number of changes in the answer.",
        least=1,
        most=LARGEST_LIMIT,
        default=DEFAULT_LIMIT,
        example=10,
        is_filled_in=True,
    )


class StreamFilterSet(SelectionFilterSet):
    """The parameter of `/catalog/changes/stream`."""

    since_revision = RevisionNumber(
        "Revisions after this one. Default: those that are published from now on.", example=0
    )


class ChangeFeedFilterSet(_WantedChangesFilterSet):
    """The parameters of `/catalog/changes.atom`."""

    limit = WholeNumber(
        "The maximum number of changes in the feed.",
        least=1,
        most=LARGEST_LIMIT,
        default=50,
        example=10,
        is_filled_in=True,
    )


class NoParameters(SelectionFilterSet):
    """For addresses that take no parameters."""


def nothing_asked(quantities: Mapping[str, int | None]) -> Iterator[ParameterProblem]:
    """Yield the problems of an empty workload: all offers cost 0 for it, so no offer is cheaper than another."""
    if quantities["input_tokens"] == quantities["output_tokens"] == 0 and not quantities["requests"]:
        for name in ("input_tokens", "output_tokens"):
            reason = "must be above 0 if the workload has nothing else: an empty workload costs 0 everywhere"
            yield ParameterProblem(name, "0", reason)
