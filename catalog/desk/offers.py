"""The list of offers for curators: found by what is served and by what curators did, and chosen for a change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from catalog.desk import offers_found, offers_saved
from catalog.desk.offers_filters import DeskFilterSet
from catalog.desk.pages import DeskPage, Item, Values
from catalog.desk.roles import Action
from catalog.memory.rows import Row
from catalog.memory.snapshot import Snapshot
from catalog.models import Override
from catalog.web import figures, listing, offers
from catalog.web.list_page import CONTEXTS
from catalog.web.listing import Asked, Listed
from catalog.web.parameters import Superfluous

NO_CHIP = frozenset({"q", "sort", "page", "choose", "show"})
CONTROLS = NO_CHIP - {"sort", "show"} | {
    *("status", "curated", "stale", "ending", "field", "context_length_min", "prompt_price_min", "prompt_price_max"),
    *(facet.name for facet in listing.FACETS),
}
"""The parameters that have a control in the form. The others that were given stay as hidden fields."""
NOT_SAVED = frozenset({"sort", "page", "choose", "show", "status"})
"""What a saved filter does not have: requests choose it themselves."""
STATUS_WORDS = {"all": "any", "active": "served", "withdrawn": "withdrawn or hidden", "hidden": "hidden by a curator"}
MOST_TAGS = 4


class OffersPage(DeskPage):
    address = "offers/"
    name = "offers"
    title = "Offers"

    def get(self, request: HttpRequest) -> HttpResponse:
        try:
            filters = offers_found.read_filters(request.GET)
        except Superfluous as found:
            return self.go("offers", query=found.query)
        seen = offers_found.seen_by(self.user)
        asked = offers_found.asked(seen.snapshot, filters)
        return self.show("desk/offers.html", {**self._list(asked), "behind": seen.behind, **self._views(filters)})

    def post(self, request: HttpRequest) -> HttpResponse:
        """Keep or forget a view of this person."""
        done = offers_saved.change(request.session, request.POST.dict())
        return self.go("offers", query=offers_saved.canonical(request.POST.get("query", "")), said=done)

    def _list(self, asked: Asked) -> Values:
        filters = _filters(asked)
        found = listing.listed(asked)
        bulk = self.way(Item("", "bulk")) if self.may(Action.BULK) else ""
        return {
            "action": reverse("desk:offers"),
            "q": filters.values["q"] or "",
            "total": figures.counted(found.total, "offer"),
            "count": found.total,
            "rows": _rows(asked.snapshot, found),
            "heads": _heads(filters),
            "facets": listing.facets(asked),
            "contexts": _contexts(filters.values["context_length_min"]),
            "price_min": _text(filters, "prompt_price_min"),
            "price_max": _text(filters, "prompt_price_max"),
            "statuses": _choices(filters, "status", STATUS_WORDS),
            "curators": _curators(filters),
            "hidden": _hidden(filters),
            "chips": _chips(asked.snapshot, filters),
            "clear": reverse("desk:offers"),
            "pager": _pager(filters, found),
            "is_all": filters.values["choose"] == "all",
            "first_page": _address(filters, page=1),
            "choose_all": _address(filters, choose="all", page=1),
            "choose_some": _address(filters, choose=""),
            "bulk": bulk,
            "query": filters.query,
        }

    def _views(self, filters: DeskFilterSet) -> Values:
        current, action = filters.query, reverse("desk:offers")
        saved = offers_saved.views(self.request.session)
        views = [*offers_saved.USUAL, *saved]
        return {
            "views": [
                {"name": name, "href": f"{action}?{query}", "is_current": query == current} for name, query in views
            ],
            "may_keep": bool(current) and current not in {query for _, query in views},
            "is_kept": current in {query for _, query in saved},
            "filter_way": self._way_to_filter(filters),
        }

    def _way_to_filter(self, filters: DeskFilterSet) -> str:
        """Return where this list becomes a saved filter for everybody; empty if it asks what only the desk knows."""
        given = {name for name, value in filters.values.items() if value != filters.default(name)}
        is_ours = filters.asks_curators or filters.values["curated"] or given & {"moved", "view"}
        if is_ours or not given - NOT_SAVED or not self.may(Action.SAVED_FILTERS):
            return ""
        expression = filters.canonical(
            page=1, choose="", status=filters.default("status"), sort=filters.default("sort")
        )
        return self.way(Item("", "view_new"), query=urlencode({"expression": expression}))


# --- rows ------------------------------------------------------------------------------------------------------------
def _rows(snapshot: Snapshot, found: Listed) -> list[Values]:
    rows = [snapshot.index.rows[entry.lead] for entry in found.entries]
    keys = offers_found.keys_of_rows(rows)
    overrides = _overrides(list(keys.values()))
    return [_row(snapshot, row, keys.get((row.gateway, row.id)), overrides) for row in rows]


def _overrides(keys: Sequence[int]) -> Mapping[int, Sequence[Override]]:
    found: dict[int, list[Override]] = defaultdict(list)
    for override in Override.objects.filter(offer__in=keys).only("offer", "field", "is_stale", "expires_at"):
        found[override.offer_id].append(override)
    return found


def _row(snapshot: Snapshot, row: Row, key: int | None, overrides: Mapping[int, Sequence[Override]]) -> Values:
    document = offers.document_of(row.document)
    maker = offers.maker(snapshot, row.provider_slug)
    tags: list[str] = document["tags"]
    return {
        **offers.offer_row(snapshot, row),
        "key": key,
        "href": reverse("desk:offer", args=[key]) if key else "",
        "name": document["name"],
        "gateway": offers.gateway_name(row.gateway),
        "maker": maker["name"] if maker else "",
        "tags": ", ".join(tags[:MOST_TAGS]) + (f" and {len(tags) - MOST_TAGS} more" if len(tags) > MOST_TAGS else ""),
        "states": _states(document, overrides.get(key, ()) if key else ()),
    }


def _states(document: Mapping[str, Any], overrides: Sequence[Override]) -> list[Values]:
    """Return the words for what is special about an offer, each with its shape."""
    now = timezone.now()
    found = []
    if document.get("is_hidden"):
        found.append({"word": "hidden", "kind": "unknown"})
    elif document["withdrawn_at"]:
        found.append({"word": "withdrawn", "kind": "unknown"})
    if document["holds"]:
        found.append({"word": "price held", "kind": "held"})
    if overrides:
        is_stale = any(each.is_stale for each in overrides)
        word = "curated, gateway moved" if is_stale else "curated"
        found.append({"word": word, "kind": "stale" if is_stale else ""})
    if any(each.expires_at and each.expires_at < now + offers_found.SOON for each in overrides):
        found.append({"word": "ends soon", "kind": "stale"})
    if document.get("is_featured"):
        found.append({"word": "featured", "kind": ""})
    return found


# --- the form --------------------------------------------------------------------------------------------------------
def _filters(asked: Asked) -> DeskFilterSet:
    assert isinstance(asked.filters, DeskFilterSet)  # noqa: S101  for the type checker
    return asked.filters


def _address(filters: DeskFilterSet, **changes: Any) -> str:
    text = filters.canonical(**changes)
    return f"{reverse('desk:offers')}?{text}" if text else reverse("desk:offers")


def _text(filters: DeskFilterSet, name: str) -> str:
    value = filters.values[name]
    return "" if value is None else filters.parameters()[name].spelled(value)


def _choices(filters: DeskFilterSet, name: str, words: Mapping[str, str]) -> list[Values]:
    default = filters.default(name)
    return [
        {"value": "" if value == default else value, "text": text, "chosen": filters.values[name] == value}
        for value, text in words.items()
    ]


def _curators(filters: DeskFilterSet) -> list[Values]:
    ticks = {"curated": "curated", "stale": "gateway moved since", "ending": "ends within 7 days"}
    return [
        {"name": name, "label": label, "is_chosen": filters.values[name] in {True, "true"}}
        for name, label in ticks.items()
    ]


def _contexts(chosen: int | None) -> list[Values]:
    sizes = sorted({*CONTEXTS, *([chosen] if chosen else [])})
    any_size = {"value": "", "label": "any", "is_chosen": not chosen}
    return [any_size, *({"value": size, "label": f"{size:,}", "is_chosen": size == chosen} for size in sizes)]


def _hidden(filters: DeskFilterSet) -> list[Values]:
    return [
        {"name": name, "value": filters.parameters()[name].spelled(value)}
        for name, value in filters.values.items()
        if (name not in CONTROLS or _is_beside(name, value)) and value is not None and value != filters.default(name)
    ]


def _is_beside(name: str, value: Any) -> bool:
    """Whether a control cannot show the value: offers without overrides, and fields of overrides."""
    return name == "field" or (name == "curated" and value == "false")


def _chips(snapshot: Snapshot, filters: DeskFilterSet) -> list[Values]:
    found = []
    for name, value in filters.values.items():
        parameter = filters.parameters()[name]
        if name in NO_CHIP or value is None or value == filters.default(name):
            continue
        for each in value if isinstance(value, list) else [value]:
            rest = [other for other in value if other != each] or None if isinstance(value, list) else parameter.default
            found.append(
                {"text": _chip(snapshot, filters, name, each), "href": _address(filters, **{name: rest}, page=1)}
            )
    return found


CHIPS = {
    "curated=true": "curated",
    "curated=false": "not curated",
    "stale=true": "gateway moved since",
    "ending=true": "ends within 7 days",
}


def _chip(snapshot: Snapshot, filters: DeskFilterSet, name: str, value: Any) -> str:
    spelled = value if isinstance(value, str) else filters.parameters()[name].spelled(value)
    if name == "status":
        return STATUS_WORDS[spelled]
    title = "overridden" if name == "field" else listing.TITLES.get(name, name.replace("_", " "))
    label = spelled.replace("_", " ") if name == "field" else listing.label(snapshot, name, value)
    return CHIPS.get(f"{name}={spelled}", f"{title}: {spelled if name.endswith(('min', 'max')) else label}")


_HEADS = (
    ("name", "Offer", "name"),
    ("context_length", "Context", "-context_length"),
    ("prompt_price", "Input", "prompt_price"),
    ("completion_price", "Output", "completion_price"),
)


def _heads(filters: DeskFilterSet) -> dict[str, Values]:
    sort: str = filters.values["sort"]
    heads = {}
    for value, words, first in _HEADS:
        is_sorted = sort.removeprefix("-") == value
        other = value if sort.startswith("-") else f"-{value}"
        sorted_ = ("descending" if sort.startswith("-") else "ascending") if is_sorted else ""
        href = _address(filters, sort=other if is_sorted else first, page=1)
        heads[value] = {"words": words, "href": href, "sorted": sorted_}
    return heads


def _pager(filters: DeskFilterSet, found: Listed) -> Values:
    words = f"{found.first:,} to {found.last:,} of {found.total:,}" if found.entries else ""
    return {
        "words": words,
        "before": _address(filters, page=found.page - 1) if found.page > 1 else "",
        "after": _address(filters, page=found.page + 1) if found.page < found.pages else "",
    }
