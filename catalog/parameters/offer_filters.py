"""The query parameters of lists of offers, declared once: type, bounds, help text, and how each narrows a selection.

The API reads them, and the OpenAPI document is generated from them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, ClassVar

from catalog import registry
from catalog.documents import rendering
from catalog.memory.facets import COUNTED
from catalog.memory.selection import RELEVANCE, SORTS, Selection
from catalog.parameters.filterset import ParameterProblem, SelectionFilterSet
from catalog.parameters.kinds import (
    AnyOf,
    Modalities,
    ModalityNames,
    ModelTypes,
    Moment,
    Names,
    OneOf,
    Providers,
    SearchText,
    Tags,
    UsDollars,
    WholeNumber,
    YesNo,
)
from catalog.parameters.pages import Cursor
from catalog.pricing import billing
from catalog.records import Availability, Source

DEFAULT_LIMIT, LARGEST_LIMIT, LARGEST_OFFSET = 250, 1_000, 1_000_000
LARGEST_QUANTITY = 10**15
MOST_TOKENS = 10**12


def gateway_parameter() -> OneOf:
    return OneOf(
        "Only offers of this gateway.",
        choices=(*registry.GATEWAYS, "all"),
        default="all",
        narrow="of_gateway",
        example=[*registry.GATEWAYS][-1],
    )


def limit_parameter() -> WholeNumber:
    return WholeNumber("Rows in the answer.", least=1, most=LARGEST_LIMIT, default=DEFAULT_LIMIT, example=10)


def offset_parameter() -> WholeNumber:
    return WholeNumber("Rows to skip.", least=0, most=LARGEST_OFFSET, default=0, example=0)


def _tokens(label: str, *, narrow: str, of: str, example: int) -> WholeNumber:
    return WholeNumber(label, least=0, most=MOST_TOKENS, narrow=narrow, of=of, example=example)


class NarrowingFilterSet(SelectionFilterSet):
    """The parameters of every endpoint that selects a set of offers.

    All filters apply at once. An offer with an unknown value is outside every range of that value.
    """

    q = SearchText(
        "Words in the id, name, provider, tags or description, all of which must be met: by a word, by the beginning "
        "of one, or, if nothing has that, by one of a name that is spelled nearly so.",
        narrow="matching",
        example="deepseek r1",
    )
    gateway = gateway_parameter()
    provider = Providers(
        "Only models of any of these providers, by slug or by an alias, in upper or lower case.",
        narrow="having_any",
        of="provider",
        example="deepseek-ai",
    )
    host = Names(
        "Only offers that any of these runs, where the gateway routes to others.",
        narrow="having_any",
        of="host",
        example="deepinfra",
    )
    model_type = ModelTypes("Only models of any of these types.", narrow="having_any", of="model_type", example="LLM")
    tags = Tags("Only offers that have all of these tags.", narrow="having_all", of="tags", example="hot")
    tags_any = Tags("Only offers that have any of these tags.", narrow="having_any", of="tags", example="hot,new")
    input_modalities = ModalityNames(
        "Only models that take any of these in.", narrow="having_any", of="input_modalities", example="image"
    )
    output_modalities = ModalityNames(
        "Only models that give any of these out. `embeddings` is `embedding`, `speech` is `audio`, `transcription` is "
        "`text`; `model_type=speech-to-text` has the models that transcribe.",
        narrow="having_any",
        of="output_modalities",
        example="text",
    )
    modality = Modalities(
        "Only models with any of these notations of all that goes in and out.",
        narrow="having_any",
        of="modality",
        example="text+image->text",
    )
    supported_parameters = Names(
        "Only offers whose requests may have all of these parameters.",
        narrow="having_all",
        of="supported_parameters",
        example="tools",
    )
    context_length_min = _tokens("Tokens of context, at least.", narrow="at_least", of="context_length", example=32768)
    context_length_max = _tokens("Tokens of context, at most.", narrow="at_most", of="context_length", example=131072)
    max_completion_tokens_min = _tokens(
        "Tokens of one answer that the offer allows, at least.",
        narrow="at_least",
        of="max_completion_tokens",
        example=8192,
    )
    prompt_price_min = UsDollars(
        "US dollars per million input tokens, at least; only offers that are billed by token.",
        narrow="at_least",
        of="prompt_price",
        example="0.1",
    )
    prompt_price_max = UsDollars(
        "US dollars per million input tokens, at most; only offers that are billed by token.",
        narrow="at_most",
        of="prompt_price",
        example="0.5",
    )
    completion_price_min = UsDollars(
        "US dollars per million output tokens, at least; only offers that are billed by token.",
        narrow="at_least",
        of="completion_price",
        example="0.1",
    )
    completion_price_max = UsDollars(
        "US dollars per million output tokens, at most; only offers that are billed by token.",
        narrow="at_most",
        of="completion_price",
        example="1.5",
    )
    hourly_rate_min = UsDollars(
        "US dollars per hour of an instance, at least; by whatever the offer is billed.",
        narrow="at_least",
        of="hourly_rate",
        example="2",
    )
    hourly_rate_max = UsDollars(
        "US dollars per hour of an instance, at most; by whatever the offer is billed.",
        narrow="at_most",
        of="hourly_rate",
        example="6",
    )
    price_tier = AnyOf(
        "Only offers in any of these tiers of the hourly rate.",
        choices=("free", "budget", "standard", "premium", "enterprise"),
        narrow="having_any",
        of="price_tier",
        example="budget",
    )
    price_status = AnyOf(
        "Only offers of whose price any of this is known.",
        choices=("priced", "free", "dynamic", "unknown"),
        narrow="having_any",
        of="price_status",
        example="priced",
    )
    price_basis = AnyOf(
        "Only offers that are billed by any of these.",
        choices=("token", "hourly", "unit"),
        narrow="having_any",
        of="price_basis",
        example="token",
    )
    execution_mode = AnyOf(
        "Only offers that are sold in any of these modes; `standard` leaves out batch offers, and variants of a kind "
        "that is not known.",
        choices=billing.EXECUTION_MODES,
        narrow="having_any",
        of="execution_mode",
        example="standard",
    )
    is_free = YesNo(
        "`true`: only offers that are known to be free; `false`: only those that are known to cost something. Offers "
        "whose price is unknown or decided at run time are neither.",
        yes="free",
        no="priced",
        of="price_status",
        example=True,
    )
    availability = AnyOf(
        "Only offers in any of these states.",
        choices=[state.value for state in Availability],
        narrow="having_any",
        of="availability",
        example="unknown",
    )
    created_after = Moment(
        "Only models made at this time (UTC unless it says otherwise) or later.",
        narrow="at_least",
        of="created",
        example="2025-01-01",
    )
    created_before = Moment(
        "Only models made before this time, not at it.", narrow="below", of="created", example="2026-01-01T00:00:00Z"
    )
    first_seen_after = Moment(
        "Only offers that the catalogue first had at this time or later.",
        narrow="at_least",
        of="first_seen",
        example="2025-01-01",
    )
    expires_before = Moment(
        "Only offers that will no longer be sold from some day on that begins before this time.",
        narrow="below",
        of="expires",
        example="2027-01-01",
    )
    canonical_model = Names(
        "Only offers of any of these models, by slug in upper or lower case; the slug of a model that was merged into "
        "another leads on to it.",
        narrow="of_canonical_models",
        example="deepseek-ai/DeepSeek-R1",
    )
    variant = Names(
        "Only offers that are any of these variants of their model.", narrow="having_any", of="variant", example="free"
    )
    hugging_face_id = Names(
        "Only models with any of these repositories of weights, in upper or lower case.",
        narrow="having_any",
        of="hugging_face_id",
        example="deepseek-ai/DeepSeek-R1",
    )
    source = AnyOf(
        "Only offers that were read here.",
        choices=[source.value for source in Source],
        narrow="having_any",
        of="source",
        example="bundled",
    )
    status = OneOf(
        "Offers that their gateways list now, those that they no longer do, or both.",
        choices=("active", "withdrawn", "all"),
        default="active",
        example="all",
    )

    def narrowed(self, selection: Selection, *, without: Collection[str] = ()) -> Selection:
        """Narrow all offers of the requested status, not only those of the given selection."""
        beginning = Selection.of(selection.snapshot, status=self.values["status"])
        return super().narrowed(beginning, without=without)


class OfferFilterSet(NarrowingFilterSet):
    """The parameters of `/catalog/models`."""

    sort = OneOf(
        "The order; a leading `-` turns it round. Unknown values come last in both directions, equal ones by id and "
        "gateway. `relevance`, the likeliest first, needs `q`, and is the order with it where no other is asked for.",
        choices=[*(sign + name for name in SORTS for sign in ("", "-")), RELEVANCE],
        default="id",
        narrow="sorted_by",
        example="name",
    )
    fields = AnyOf(
        "Only these top-level fields of each offer, in the usual order.",
        choices=rendering.FIELDS,
        example="id,name,pricing",
    )
    facets = AnyOf(
        "Count the offers by each value of these facts; each as if the filters on that very fact were not there.",
        choices=COUNTED,
        example="provider,model_type",
    )
    limit = limit_parameter()
    offset = offset_parameter()
    cursor = Cursor(
        "Where a walk along all offers goes on: `start`, or the `next_cursor` of the page before. With another order "
        "than by `id`, or with an offset, it is refused.",
        example="start",
    )
    depending: ClassVar[tuple[str, ...]] = ("sort",)

    def default(self, name: str) -> Any:
        is_search = name == "sort" and self.values["q"] is not None and self.values["cursor"] is None
        return RELEVANCE if is_search else super().default(name)

    def contradictions(self) -> Iterator[ParameterProblem]:
        yield from super().contradictions()
        if self.values["sort"] == RELEVANCE and self.values["q"] is None:
            yield self.problem("sort", "needs q: it is the order of what is found")
        if self.values["cursor"] is not None:
            if self.values["sort"] != "id":
                yield self.problem("sort", "must be id, or left out, with a cursor: it walks by id and gateway")
            if self.values["offset"]:
                yield self.problem("offset", "must be left out with a cursor, which says where to go on")
