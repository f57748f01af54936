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
    ModalityNames,
    PastMoment,
    RevisionNumber,
    WholeNumber,
    Word,
    Words,
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
        "Tokens of text that go in, the cached ones among them; else 750000, for embeddings 1000000.", example=750_000
    )
    cached_percent = WholeNumber("The share of them that a cache answers.", least=0, most=100, default=0, example=50)
    output_tokens = _quantity("Tokens of text that come out; else 250000, for embeddings 0.", example=250_000)
    requests = _quantity(
        "Requests that these tokens are spread over, which tells how long a prompt is; 0 leaves it open.",
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

    id = Word("An id or a name of a model, in whatever spelling.", example="deepseek-r1", required=True)


class DropInFilterSet(SelectionFilterSet):
    """The parameters of `/api/v1/models`: those of OpenRouter's list that the catalogue supports."""

    supported_parameters = Words("Only models that take all of these parameters of a request.", example="tools")
    input_modalities = ModalityNames("Only models that all of these can go into.", example="image")
    output_modalities = ModalityNames(
        "Only models that any of these come out of; without it `text`, as at OpenRouter, and `all` for every model.",
        example="all",
    )


class HistoryFilterSet(SelectionFilterSet):
    """The parameters of `/catalog/models/{id}/history`."""

    gateway = gateway_parameter()
    as_of = PastMoment(
        "Everything as it stood then: a time, or the beginning of a day, in UTC unless it says otherwise.",
        example="2026-11-22T08:00:00Z",
    )
    limit = WholeNumber(
        "Prices and changes in the answer, at most so many of each.",
        least=1,
        most=LARGEST_LIMIT,
        default=DEFAULT_LIMIT,
        example=10,
    )
    offset = WholeNumber("Prices and changes to skip.", least=0, most=LARGEST_OFFSET, default=0, example=0)


class _WantedChangesFilterSet(SelectionFilterSet):
    gateway = gateway_parameter()
    id = Word("Only changes of offers of this id.", example="deepseek-ai/DeepSeek-R1")
    kind = ChangeKinds("Only changes of any of these kinds.", example="repriced")


class ChangeFilterSet(_WantedChangesFilterSet):
    """The parameters of `/catalog/changes`."""

    since_revision = RevisionNumber("Changes after this revision; without a beginning, all that are kept.", example=0)
    since = PastMoment("Changes from this time or day on, in UTC unless it says otherwise.", example="2026-11-22")
    cursor = ChangeCursor("Changes after this place: only as the `next` of an answer has it.", example="1-1")
    limit = WholeNumber(
        "The most changes in the answer.", least=1, most=LARGEST_LIMIT, default=DEFAULT_LIMIT, example=10
    )


class ChangeFeedFilterSet(_WantedChangesFilterSet):
    """The parameters of `/catalog/changes.atom`."""

    limit = WholeNumber("The most changes in the feed.", least=1, most=LARGEST_LIMIT, default=50, example=10)


class NoParameters(SelectionFilterSet):
    """For addresses that take no parameters."""


def nothing_asked(quantities: Mapping[str, int | None]) -> Iterator[ParameterProblem]:
    """Yield the problems of an empty workload: all offers cost 0 for it, so no offer is cheaper than another."""
    if quantities["input_tokens"] == quantities["output_tokens"] == 0 and not quantities["requests"]:
        for name in ("input_tokens", "output_tokens"):
            reason = "must be above 0 where nothing else is asked for, or it costs nothing anywhere"
            yield ParameterProblem(name, "0", reason)
