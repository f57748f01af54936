"""The query parameters of each endpoint, declared once: type, bounds, help, and what each does to a selection.

The API reads them, and the OpenAPI document is generated from them.
"""

from __future__ import annotations

from catalog import registry
from catalog.serving.parameters import (
    ChangeCursor,
    ChangeKinds,
    Ids,
    ModelTypes,
    OneOf,
    PastMoment,
    ProviderName,
    RevisionNumber,
    SelectionFilterSet,
    Tags,
    WholeNumber,
    Word,
    Words,
)
from catalog.serving.selection import SORTS

DEFAULT_LIMIT, LARGEST_LIMIT, LARGEST_OFFSET = 250, 1_000, 1_000_000
LARGEST_QUANTITY = 10**15
MOST_COMPARED = 10


def _gateway() -> OneOf:
    return OneOf(
        "Only offers of this gateway.",
        choices=(*registry.GATEWAYS, "all"),
        default="all",
        narrow="of_gateway",
        example="chutes",
    )


def _limit() -> WholeNumber:
    return WholeNumber("Rows in the answer.", least=1, most=LARGEST_LIMIT, default=DEFAULT_LIMIT, example=10)


def _offset() -> WholeNumber:
    return WholeNumber("Rows to skip.", least=0, most=LARGEST_OFFSET, default=0, example=0)


class NarrowingFilterSet(SelectionFilterSet):
    """Which offers: the parameters of every endpoint that is about a set of them."""

    gateway = _gateway()
    provider = ProviderName(
        "Only models of this provider, by its slug or an alias of it, in upper or lower case.",
        narrow="of_provider",
        example="deepseek-ai",
    )
    model_type = ModelTypes("Only models of any of these types.", narrow="of_model_types", example=["LLM"])
    tags = Tags("Only offers that have all of these tags.", narrow="with_all_tags", example=["hot"])


class OfferFilterSet(NarrowingFilterSet):
    """The parameters of `/catalog/models`."""

    sort = OneOf(
        "The order; a leading `-` turns it round.",
        choices=[sign + name for name in SORTS for sign in ("", "-")],
        default="id",
        narrow="sorted_by",
        example="name",
    )
    limit = _limit()
    offset = _offset()


class ProviderFilterSet(SelectionFilterSet):
    """The parameters of `/catalog/providers`."""

    gateway = _gateway()
    limit = _limit()
    offset = _offset()


class OfferOfIdFilterSet(SelectionFilterSet):
    """The parameters of `/catalog/models/{id}`."""

    gateway = _gateway()


def _quantity(label: str, *, default: int, example: int) -> WholeNumber:
    return WholeNumber(label, least=0, most=LARGEST_QUANTITY, default=default, example=example)


class WorkloadFilterSet(SelectionFilterSet):
    """The parameters of `/catalog/canonical/{slug}`: what the offers are to be compared by."""

    input_tokens = _quantity("Tokens of text that go in, the cached ones among them.", default=750_000, example=750_000)
    cached_percent = WholeNumber(
        "The share of them that is read from a cache.", least=0, most=100, default=0, example=50
    )
    output_tokens = _quantity("Tokens of text that come out.", default=250_000, example=250_000)
    requests = _quantity(
        "Requests that these tokens are spread over, which tells how long a prompt is; 0 leaves it open.",
        default=0,
        example=0,
    )


class CompareFilterSet(WorkloadFilterSet):
    """The parameters of `/catalog/compare`; `ids` is needed."""

    ids = Ids(
        "The models, each by its slug, by the id of an offer, by `gateway/id`, or by a name that only one model has.",
        most=MOST_COMPARED,
        example=["deepseek-ai/DeepSeek-R1", "Qwen/Qwen3-32B"],
    )


class ResolveFilterSet(SelectionFilterSet):
    """The parameter of `/catalog/resolve`, which is needed."""

    id = Word("An id or a name of a model, in whatever spelling.", example="deepseek-r1")


class DropInFilterSet(SelectionFilterSet):
    """The parameters of `/api/v1/models`: those of OpenRouter's own list that the catalogue can answer."""

    supported_parameters = Words(
        "Only models that take all of these parameters of a request.", example=["tools", "reasoning"]
    )
    input_modalities = Words("Only models that all of these can go into.", example=["image"])
    output_modalities = Words(
        "Only models that any of these come out of; without it `text`, as at OpenRouter, and `all` for every model.",
        example=["all"],
    )


class HistoryFilterSet(SelectionFilterSet):
    """The parameters of `/catalog/models/{id}/history`."""

    gateway = _gateway()
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
    gateway = _gateway()
    id = Word("Only changes of offers of this id.", example="deepseek-ai/DeepSeek-R1")
    kind = ChangeKinds("Only changes of any of these kinds.", example=["repriced"])


class ChangeFilterSet(_WantedChangesFilterSet):
    """The parameters of `/catalog/changes`."""

    since_revision = RevisionNumber("Changes after this revision; without a beginning, all that are kept.", example=0)
    since = PastMoment("Changes from this time or day on, in UTC unless it says otherwise.", example="2026-11-22")
    cursor = ChangeCursor("Changes after this place: only as the `next` of an answer has it.", example="57-1234")
    limit = WholeNumber(
        "The most changes in the answer.", least=1, most=LARGEST_LIMIT, default=DEFAULT_LIMIT, example=10
    )


class ChangeFeedFilterSet(_WantedChangesFilterSet):
    """The parameters of `/catalog/changes.atom`."""

    limit = WholeNumber("The most changes in the feed.", least=1, most=LARGEST_LIMIT, default=50, example=10)


class NoParameters(SelectionFilterSet):
    """For addresses that take none."""
