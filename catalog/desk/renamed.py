"""What the pages of tags and makers share: the preview of a change, the history of a name, pages of a long list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.http import HttpResponse
from django.urls import reverse

from catalog.desk import done
from catalog.desk.pages import DeskPage, Values
from catalog.memory import following
from catalog.models import CurationAction, CurationItem
from catalog.publication.renaming import Preview, Renamed
from catalog.web import figures

_Row = TypeVar("_Row")
SHOWN = 100
"""The rows of one page of a list."""
HISTORY = 20
PATIENCE_SECONDS = 2.0

REASON: Mapping[str, Any] = {
    "name": "reason",
    "label": "Reason",
    "required": True,
    "hint": "Required. It is kept in the audit trail.",
}


def address(page: str, /, **query: str) -> str:
    """Return the address of a page of the desk with this query."""
    return f"{reverse(f'desk:{page}')}?{urlencode(query)}"


def paged(rows: Sequence[_Row], *, page: str, at: str, query: Mapping[str, str]) -> tuple[Sequence[_Row], Values]:
    """Return the rows of a page of a list (`page` is its number, as text), and the values of its pager."""
    last = max(1, -(-len(rows) // SHOWN))
    number = min(max(int(page), 1), last) if page.isdecimal() and len(page) < 6 else 1
    start = (number - 1) * SHOWN
    shown = rows[start : start + SHOWN]
    words = f"{start + 1:,} to {start + len(shown):,} of {len(rows):,}" if rows else "none"

    def way(other: int) -> str:
        return address(at, **query, page=str(other)) if 1 <= other <= last else ""

    return shown, {"words": words, "before": way(number - 1), "after": way(number + 1)}


def history(page: DeskPage, kind: str, subjects: Sequence[str]) -> list[Values]:
    """Return the last actions on these names, newest first, with whether this person may undo each."""
    items = (
        CurationItem.objects.filter(subject_kind=kind, subject__in=subjects)
        .select_related("action")
        .order_by("-action", "position")[:HISTORY]
    )
    undone = set(
        CurationAction.objects.filter(undoes__in=[item.action_id for item in items]).values_list("undoes", flat=True)
    )
    found: list[Values] = []
    for action, of_action in groupby(items, lambda item: item.action):
        is_undone = action.number in undone
        found.append(
            {
                "when": figures.moment_view(action.made_at),
                "who": action.actor,
                "what": "; ".join(map(_words, of_action)),
                "reason": action.reason,
                "number": action.number,
                "is_undone": is_undone,
                "may_undo": not is_undone and action.undoes_id is None and page.may(done.needed(action, page.user)),
            }
        )
    return found


_FIELDS = {"name": "name", "site_url": "site", "icon": "logo", "description": "description"}


def _words(item: CurationItem) -> str:
    """Return what an item of the audit trail changed, as one sentence without its end."""
    if item.field == "merged_into":
        return f"“{item.subject}” is served as “{item.after}”" if item.after else f"“{item.subject}” is itself again"
    field = _FIELDS.get(item.field, item.field)
    if item.after:
        return f"the {field} of “{item.subject}” is “{item.after}”"
    return f"the {field} of “{item.subject}” is as it was before curators"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of a name that a person is about to confirm."""

    title: str
    words: str
    """What it means, in one sentence."""
    verb: str
    """The first word of the button."""
    name: str
    """The name whose page leads here."""
    back: str
    """The address of that page."""
    form: Mapping[str, str]
    """The values that the confirmation sends again."""
    preview: Preview


def show_change(page: DeskPage, change: Change, *, reason: str, error: str, status: int) -> HttpResponse:
    """Show what a change would do, with the form that confirms it."""
    found = change.preview
    values = {
        "title": change.title,
        "words": change.words,
        "crumbs": [
            {"name": page.current.title(), "href": reverse(f"desk:{page.current}")},
            {"name": change.name, "href": change.back},
            {"name": "Preview", "href": ""},
        ],
        "back": change.back,
        "may_change": page.changes is None or page.may(page.changes),
        "hidden": {**change.form, "expected": str(found.offers)},
        "verdict": [
            {"name": "offer will change" if found.offers == 1 else "offers will change", "number": f"{found.offers:,}"}
        ],
        "examples": [{"offer": each.offer, "before": each.before, "after": each.after} for each in found.examples],
        "of": "The first of them." if found.offers > len(found.examples) else "",
        "reason": {**REASON, "value": reason},
        "error": error,
        "button": f"{change.verb}: change {figures.counted(found.offers, 'offer')}",
    }
    return page.show("desk/name_change.html", values, status)


def served(change: Renamed) -> None:
    """Wait until this process serves the change, so that the next page shows it; 2 seconds at most."""
    following.FOLLOWER.wait_for(change.action.revision_after, seconds=PATIENCE_SECONDS)
