"""The query parameters of lists of offers, declared once: type, bounds, help text, and how each narrows a selection.

The API reads them, and the OpenAPI document is generated from them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, ClassVar

from catalog import registry
from catalog.documents import rendering
from catalog.memory.facets import COUNTED
from catalog.memory.selection import POPULAR, RELEVANCE, SORTS, Selection
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
    Switch,
    Tags,
    UsDollars,
    WholeNumber,
    YesNo,
)
from catalog.parameters.pages import Cursor
from catalog.parameters.views import View
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
    return WholeNumber(
        "The maximum number of rows in the answer.",
        least=1,
        most=LARGEST_LIMIT,
        default=DEFAULT_LIMIT,
        example=10,
        is_filled_in=True,
    )


def offset_parameter() -> WholeNumber:
    return WholeNumber("The number of rows to skip.", least=0, most=LARGEST_OFFSET, default=0, example=0)


def _tokens(label: str, *, narrow: str, of: str, example: int) -> WholeNumber:
    return WholeNumber(label, least=0, most=MOST_TOKENS, narrow=narrow, of=of, example=example)


class FactFilterSet(SelectionFilterSet):
    """The parameters about facts of offers.

    All filters apply at once. An offer with an unknown value is outside every range of that value.
    """

    q = SearchText(
        "Search words. Each must match a word, or the beginning of one, in the id, name, provider, tags or "
        "description. If nothing matches, similarly spelled words of names match too.",
        narrow="matching",
        example="deepseek r1",
    )
    gateway = gateway_parameter()
    provider = Providers(
        "Only models of any of these providers, by slug or alias, case-insensitive.",
        narrow="having_any",
        of="provider",
        example="deepseek-ai",
    )
    host = Names(
        "Only offers that any of these hosts runs, if the gateway routes to other hosts.",
        narrow="having_any",
        of="host",
        example="deepinfra",
    )
    model_type = ModelTypes(
        "Only models of any of these types, case-insensitive; a hyphen may replace a space, as in `image-generation`.",
        narrow="having_any",
        of="model_type",
        example="LLM",
    )
    tags = Tags(
        "Only offers that have all of these tags. A renamed tag finds what is served in its place.",
        narrow="having_all",
        of="tags",
        example="hot",
    )
    tags_any = Tags("Only offers that have any of these tags.", narrow="having_any", of="tags", example="hot,new")
    input_modalities = ModalityNames(
        "Only models that accept any of these as input.", narrow="having_any", of="input_modalities", example="image"
    )
    output_modalities = ModalityNames(
        "Only models that produce any of these. `embeddings` means `embedding`, `speech` means `audio`, "
        "`transcription` means `text`; `model_type=speech-to-text` finds the models that transcribe.",
        narrow="having_any",
        of="output_modalities",
        example="text",
    )
    modality = Modalities(
        "Only models with any of these notations of all their inputs and outputs.",
        narrow="having_any",
        of="modality",
        example="text+image->text",
    )
    supported_parameters = Names(
        "Only offers that accept all of these request parameters.",
        narrow="having_all",
        of="supported_parameters",
        example="tools",
    )
    context_length_min = _tokens(
        "The minimum context length, in tokens.", narrow="at_least", of="context_length", example=32768
    )
    context_length_max = _tokens(
        "The maximum context length, in tokens.", narrow="at_most", of="context_length", example=131072
    )
    max_completion_tokens_min = _tokens(
        "Only offers that allow at least this many tokens in one answer.",
        narrow="at_least",
        of="max_completion_tokens",
        example=8192,
    )
    prompt_price_min = UsDollars(
        "The minimum price in US dollars per million input tokens; finds only offers that are billed by token.",
        narrow="at_least",
        of="prompt_price",
        example="0.1",
    )
    prompt_price_max = UsDollars(
        "The maximum price in US dollars per million input tokens; finds only offers that are billed by token.",
        narrow="at_most",
        of="prompt_price",
        example="0.5",
    )
    completion_price_min = UsDollars(
        "The minimum price in US dollars per million output tokens; finds only offers that are billed by token.",
        narrow="at_least",
        of="completion_price",
        example="0.1",
    )
    completion_price_max = UsDollars(
        "The maximum price in US dollars per million output tokens; finds only offers that are billed by token.",
        narrow="at_most",
        of="completion_price",
        example="1.5",
    )
    hourly_rate_min = UsDollars(
        "The minimum price in US dollars per hour of an instance, however the offer is billed.",
        narrow="at_least",
        of="hourly_rate",
        example="2",
    )
    hourly_rate_max = UsDollars(
        "The maximum price in US dollars per hour of an instance, however the offer is billed.",
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
        "Only offers with any of these price statuses.",
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
        "Only offers that are sold in any of these modes; `standard` excludes batch offers, and variants of an "
        "unknown kind.",
        choices=billing.EXECUTION_MODES,
        narrow="having_any",
        of="execution_mode",
        example="standard",
    )
    is_free = YesNo(
        "`true`: only offers that are known to be free; `false`: only offers that are known to cost something. Offers "
        "with an unknown or dynamic price are neither.",
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
        "Only models created at this time or later; the default time zone is UTC.",
        narrow="at_least",
        of="created",
        example="2025-01-01",
    )
    created_before = Moment(
        "Only models created before this time, not at it.", narrow="below", of="created", example="2026-01-01T00:00:00Z"
    )
    first_seen_after = Moment(
        "Only offers that the catalogue first listed at this time or later.",
        narrow="at_least",
        of="first_seen",
        example="2025-01-01",
    )
    expires_before = Moment(
        "Only offers that will be sold no longer from a day that begins before this time.",
        narrow="below",
        of="expires",
        example="2027-01-01",
    )
    canonical_model = Names(
        "Only offers of any of these models, by slug, case-insensitive. A merged model's slug finds the model that it "
        "was merged into.",
        narrow="of_canonical_models",
        example="deepseek-ai/DeepSeek-R1",
    )
    variant = Names(
        "Only offers that are any of these variants of their model.", narrow="having_any", of="variant", example="free"
    )
    hugging_face_id = Names(
        "Only models with any of these Hugging Face repositories, case-insensitive.",
        narrow="having_any",
        of="hugging_face_id",
        example="deepseek-ai/DeepSeek-R1",
    )
    is_featured = YesNo(
        "`true`: only offers that a curator recommends; `false`: only the others.",
        yes="featured",
        no="plain",
        of="is_featured",
        example=False,
    )
    source = AnyOf(
        "Only offers that were read from any of these sources.",
        choices=[source.value for source in Source],
        narrow="having_any",
        of="source",
        example="bundled",
    )


class ExpressionFilterSet(FactFilterSet):
    """The parameters of which saved filters are made. They name no other saved filter, no order and no page."""

    gateway = AnyOf(
        "Only offers of any of these gateways.", choices=registry.GATEWAYS, narrow="having_any", of="gateway"
    )


VIEW = View(
    "Only offers of this saved filter; `/catalog/views` lists them. All other parameters narrow it further, and "
    "none replaces a part of it.",
    expressions=ExpressionFilterSet,
    example="cheap-tools",
)


class NarrowingFilterSet(FactFilterSet):
    """The parameters of every endpoint that selects a set of offers."""

    view = VIEW
    status = OneOf(
        "Offers that are listed now, offers that are no longer listed because their gateway withdrew them or a curator "
        "hid them, or both.",
        choices=("active", "withdrawn", "all"),
        default="active",
        example="all",
    )

    def narrowed(self, selection: Selection, *, without: Collection[str] = ()) -> Selection:
        """Narrow all offers of the requested status, not only those of the given selection."""
        beginning = Selection.of(selection.snapshot, status=self.values["status"])
        return super().narrowed(beginning, without=without)


class TableFilterSet(NarrowingFilterSet):
    """The parameters of `/catalog/export.csv`."""

    spreadsheet = Switch(
        "`true`: guard against formulas, for a file that a spreadsheet opens. A cell that would begin with a character "
        "such as `=`, `+`, `-`, `@`, or with an apostrophe, has an apostrophe before it. By default no value is "
        "changed.",
        example=True,
    )


class OfferFilterSet(NarrowingFilterSet):
    """The parameters of `/catalog/models`."""

    sort = OneOf(
        "The order; a leading `-` reverses it. Unknown values come last in both directions, equal ones are ordered by "
        "id and gateway. `relevance`, the best match first, requires `q`, and is the default with it. `popular` has "
        "the models first that this service is asked for most; the order changes at most once a day.",
        choices=[*(sign + name for name in SORTS for sign in ("", "-")), RELEVANCE, POPULAR],
        default="id",
        narrow="sorted_by",
        example="name",
    )
    fields = AnyOf(
        "Only these top-level fields of each offer, in the order of the document.",
        choices=rendering.FIELDS,
        example="id,name,pricing",
    )
    facets = AnyOf(
        "Count the offers by each value of these facts. The filters on a fact do not apply to its own counts.",
        choices=COUNTED,
        example="provider,model_type",
    )
    limit = limit_parameter()
    offset = offset_parameter()
    cursor = Cursor(
        "Where to continue a walk along all offers: `start`, or the `next_cursor` of the previous page. It cannot be "
        "combined with another order than `id`, or with an offset.",
        example="start",
    )
    depending: ClassVar[tuple[str, ...]] = ("sort",)

    def default(self, name: str) -> Any:
        is_search = name == "sort" and self.values["q"] is not None and self.values["cursor"] is None
        return RELEVANCE if is_search else super().default(name)

    def contradictions(self) -> Iterator[ParameterProblem]:
        yield from super().contradictions()
        if self.values["sort"] == RELEVANCE and self.values["q"] is None:
            yield self.problem("sort", "requires q: relevance orders what a search finds")
        if self.values["cursor"] is not None:
            if self.values["sort"] != "id":
                yield self.problem(
                    "sort", "must be id, or missing, if cursor is given: a cursor walks by id and gateway"
                )
            if self.values["offset"]:
                yield self.problem(
                    "offset", "must be missing if cursor is given: the cursor determines where to continue"
                )
