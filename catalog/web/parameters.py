"""The query parameters of the pages: those of the API, under the same names, and a few for reading.

Pages forgive what people cannot help: a form sends its empty fields, and links from other sites carry the parameters of
trackers. Both are redirected away. Everything else is as strict as in the API.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import urlencode

from pyroaring import BitMap

from catalog import registry
from catalog.memory.selection import POPULAR, RELEVANCE, Selection
from catalog.parameters import filters
from catalog.parameters.filterset import InvalidParameters, ParameterProblem, SelectionFilterSet, Sent
from catalog.parameters.kinds import AnyOf, Ids, OneOf, Switch, WholeNumber, Word
from catalog.parameters.offer_filters import NarrowingFilterSet
from catalog.web import words

TRACKING = frozenset(
    (
        *("fbclid", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "msclkid", "yclid", "twclid", "ttclid", "igshid"),
        *("igsh", "li_fat_id", "mc_cid", "mc_eid", "_ga", "_gl", "_hsenc", "_hsmi", "mkt_tok", "oly_anon_id"),
        *("oly_enc_id", "vero_id", "wickedid", "epik", "ref", "ref_src", "s_cid"),
    )
)
"""Parameters that other sites add to links, to follow who opens them. Beside these, everything that begins `utm_`."""
_TRACKING = re.compile(r"utm_\w+", re.ASCII | re.IGNORECASE)

PAGE_ROWS = 50
LAST_PAGE = 20_000
KNOWN = "known"
"""The order of the first page: sold at most gateways, then newest."""
MOST_COMPARED = 5


class Superfluous(InvalidParameters):
    """The query has parts without a meaning; `query` is the rest."""

    def __init__(self, query: str) -> None:
        super().__init__([ParameterProblem("", "", "has parameters without a meaning")])
        self.query = query


class PageFilterSet(SelectionFilterSet):
    """The parameters of a page. Raise Superfluous if some are empty, or only follow the reader."""

    def __init__(self, data: Sent) -> None:
        given = [(name, text) for name, texts in data.lists() for text in texts]
        kept = [(name, text) for name, text in given if text.strip() and not is_tracking(name)]
        if len(kept) < len(given):
            raise Superfluous(urlencode(kept))
        super().__init__(data)


def is_tracking(name: str) -> bool:
    return name.lower() in TRACKING or _TRACKING.fullmatch(name) is not None


class NoPageParameters(PageFilterSet):
    """For pages that take no parameters."""


class Prices(AnyOf):
    """Several ways to be priced; an offer needs one of them."""

    narrows = True

    def filter(self, selection: Selection, value: Iterable[str]) -> Selection:
        found = (members_priced(selection, each) for each in value)
        return replace(selection, members=selection.members & BitMap.union(BitMap(), *found))


def members_priced(selection: Selection, price: str) -> BitMap:
    """Return the positions of all offers that are priced so (a key of `words.PRICES`)."""
    name = "price_basis" if price in {"token", "hourly", "unit"} else "price_status"
    return selection.snapshot.index.having(name, price)


class Moved(OneOf):
    """Offers whose price fell or rose lately, which no facet of the index knows."""

    narrows = True

    def __init__(self, label: str) -> None:
        super().__init__(label, choices=("fell", "rose"), default="")

    def filter(self, selection: Selection, value: str) -> Selection:
        index = selection.snapshot.index
        moved = BitMap()
        for (gateway, model_id), move in selection.snapshot.moves.items() if value else ():
            if move.has_fallen if value == "fell" else move.has_risen:
                at = index.positions_of_id.get(model_id, ())
                moved.update(position for position in at if index.rows[position].gateway == gateway)
        return replace(selection, members=selection.members & moved) if value else selection


class ListFilterSet(PageFilterSet, NarrowingFilterSet):
    """The parameters of the list of models, and of pages that have such a list."""

    gateway = AnyOf(
        "Only offers of any of these gateways.", choices=registry.GATEWAYS, narrow="having_any", of="gateway"
    )
    price = Prices("Only offers that are priced in any of these ways.", choices=words.PRICES, of="price")
    moved = Moved("Only offers whose price fell, or rose, within 30 days.")
    show = OneOf("Rows of models, or of single offers.", choices=("models", "offers"), default="models")
    sort = OneOf(
        "The order; a leading `-` reverses it. Unknown values come last in both directions.",
        choices=(
            KNOWN,
            RELEVANCE,
            POPULAR,
            *(
                sign + name
                for name in (
                    "name",
                    "context_length",
                    "prompt_price",
                    "completion_price",
                    "hourly_rate",
                    "created",
                    "first_seen",
                )
                for sign in ("", "-")
            ),
        ),
        default=KNOWN,
        narrow="sorted_by",
    )
    page = WholeNumber("The page, counted from 1.", least=1, most=LAST_PAGE, default=1)
    depending: ClassVar[tuple[str, ...]] = ("sort",)

    def default(self, name: str) -> Any:
        is_search = name == "sort" and self.values["q"] is not None
        return RELEVANCE if is_search else super().default(name)

    def contradictions(self) -> Iterator[ParameterProblem]:
        yield from super().contradictions()
        if self.values["sort"] == RELEVANCE and self.values["q"] is None:
            yield self.problem("sort", "requires q: relevance orders what a search finds")


def _quantity(label: str, *, default: int | None) -> WholeNumber:
    return WholeNumber(label, least=0, most=10**15, default=default)


class ModelFilterSet(PageFilterSet, filters.WorkloadFilterSet):
    """The parameters of a model's page: the workload, and which price its chart shows."""

    chart = OneOf("The price that the chart shows.", choices=("input", "output", "hourly"), default="input")
    call = OneOf(
        "The gateway whose call is shown; `here` is this service.", choices=("", "here", *registry.GATEWAYS), default=""
    )


class ComparePageFilterSet(PageFilterSet):
    """The parameters of the comparison: models, and the workload of a month."""

    ids = Ids("The models, each by its slug or by any name that only one model has.", most=MOST_COMPARED)
    add = Word("One more model.")
    remove = Word("A model to leave out.")
    requests = _quantity("The number of requests a month.", default=None)
    input_tokens = _quantity("Input tokens of one request.", default=None)
    output_tokens = _quantity("Output tokens of one request.", default=None)
    cached_percent = WholeNumber(
        "The percentage of the input tokens that is read from a cache.", least=0, most=100, default=0
    )
    differences = Switch("Only the rows in which the models differ.")


class MakersFilterSet(PageFilterSet):
    """The parameters of the list of makers."""

    page = WholeNumber("The page, counted from 1.", least=1, most=LAST_PAGE, default=1)


class ChangesPageFilterSet(PageFilterSet):
    """The parameters of the page of changes."""

    show = OneOf("Which changes.", choices=("all", "fell", "rose", "added", "removed", "changed"), default="all")
    gateway = AnyOf("Only changes at any of these gateways.", choices=registry.GATEWAYS)
    before = WholeNumber("Revisions before this one.", least=1, most=10**15)
