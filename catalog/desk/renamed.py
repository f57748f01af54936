"""What the pages of tags and of makers share: the history of one name, undoing, and pages of a long list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.http import Http404
from django.urls import reverse

from catalog.desk.pages import DeskPage, Problem, Values
from catalog.desk.roles import Action
from catalog.memory import following
from catalog.models import CurationAction, CurationItem
from catalog.publication.audit import Actor
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
                "may_undo": not is_undone and action.undoes_id is None and _may_undo(page, action),
            }
        )
    return found


def _may_undo(page: DeskPage, action: CurationAction) -> bool:
    return page.may(Action.UNDO_OWN if action.actor_number == page.user.pk else Action.UNDO_OTHERS)


_FIELDS = {"name": "name", "site_url": "site", "icon": "logo", "description": "description"}


def _words(item: CurationItem) -> str:
    """Return what an item of the audit trail changed, as one sentence without its end."""
    if item.field == "merged_into":
        return f"“{item.subject}” is served as “{item.after}”" if item.after else f"“{item.subject}” is itself again"
    field = _FIELDS.get(item.field, item.field)
    if item.after:
        return f"the {field} of “{item.subject}” is “{item.after}”"
    return f"the {field} of “{item.subject}” is as it was before curators"


def verdict(preview: Preview) -> list[Values]:
    return [
        {"name": "offer will change" if preview.offers == 1 else "offers will change", "number": f"{preview.offers:,}"}
    ]


def example_views(preview: Preview) -> list[Values]:
    return [{"offer": each.offer, "before": each.before, "after": each.after} for each in preview.examples]


def served(done: Renamed) -> None:
    """Wait until this process serves the change, so that the next page shows it; 2 seconds at most."""
    following.FOLLOWER.wait_for(done.action.revision_after, seconds=PATIENCE_SECONDS)


def undo(
    page: DeskPage, kind: str, act: Callable[[CurationAction, Actor], Renamed], refused: type[ValueError]
) -> CurationAction:
    """Undo the action that the form names, if it is of this kind and this person may. Return it."""
    number = page.request.POST.get("action", "")
    found = CurationAction.objects.filter(pk=int(number), kind=kind).first() if _is_number(number) else None
    if found is None:
        raise Http404("There is no such action.")
    page.require(Action.UNDO_OWN if found.actor_number == page.user.pk else Action.UNDO_OTHERS)
    try:
        served(act(found, Actor.of(page.user)))
    except refused as error:
        raise Problem("Not undone.", f"Nothing was changed: {error}.") from error
    return found


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 16
