"""The query parameters of the desk's list of offers: those of the site's list, and what only curators ask."""

from __future__ import annotations

from collections.abc import Collection

from catalog.memory.selection import RELEVANCE, SORTS, Selection
from catalog.parameters.kinds import AnyOf, OneOf, Switch
from catalog.parameters.offer_filters import NarrowingFilterSet
from catalog.publication.fields import FIELDS
from catalog.web.parameters import ListFilterSet

STATUSES = ("all", "active", "withdrawn", "hidden")


class DeskFilterSet(ListFilterSet):
    """The parameters of the desk's list. By default it finds hidden and withdrawn offers too."""

    status = OneOf(
        "Offers that are listed now, that their gateway withdrew, that a curator hid, or all of them.",
        choices=STATUSES,
        default="all",
    )
    show = OneOf("Rows are single offers.", choices=("offers",), default="offers")
    curated = OneOf("Offers with an override, or without any.", choices=("true", "false"), default="")
    stale = Switch("Only offers whose gateway changed a value that an override replaces.")
    ending = Switch("Only offers with an override that ends within seven days.")
    field = AnyOf("Only offers with an override of any of these fields.", choices=tuple(FIELDS))
    choose = OneOf("Choose all offers that the list finds.", choices=("all",), default="")

    sort = OneOf(
        "The order; a leading `-` reverses it. Unknown values come last in both directions.",
        choices=(RELEVANCE, *(sign + name for name in SORTS for sign in ("", "-"))),
        default="name",
        narrow="sorted_by",
    )

    def narrowed(self, selection: Selection, *, without: Collection[str] = ()) -> Selection:
        """Narrow all offers of the requested status. Hidden ones are withdrawn too; `within` keeps only them."""
        asked = self.values["status"]
        beginning = Selection.of(selection.snapshot, status="withdrawn" if asked == "hidden" else asked)
        return super(NarrowingFilterSet, self).narrowed(beginning, without=without)

    @property
    def asks_curators(self) -> bool:
        """Whether the query asks something that only the tables know."""
        values = self.values
        is_asked = values["curated"] == "true" or values["stale"] or values["ending"] or values["field"]
        return bool(is_asked) or values["status"] == "hidden"

    @property
    def query(self) -> str:
        """The query string of all offers that the list finds, whichever page of it is shown."""
        return self.canonical(choose="", page=1)
