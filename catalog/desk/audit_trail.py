"""The audit trail: all actions, and each with its items, its reason, its digest, and the way to undo it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from catalog.curation import undo
from catalog.desk import done, values
from catalog.desk.pages import DeskPage, Values
from catalog.desk.undoing import stored_words
from catalog.models import CurationAction, CurationItem
from catalog.normalize import text
from catalog.publication.audit import Kind, Subject
from catalog.web import figures

Json = Any
ROWS = 50
"""The actions, and the items of an action, that a page shows."""
KEPT_SHOWN = 200
DAYS = {"": "at any time", "1": "within a day", "7": "within 7 days", "30": "within 30 days", "90": "within 90 days"}
MOST_NUMBER = 10**15


class Trail(DeskPage):
    """The list of actions, newest first."""

    address = "audit/"
    name = "audit"
    title = "Audit trail"

    def get(self, request: HttpRequest) -> HttpResponse:
        given = {name: request.GET.get(name, "").strip() for name in ("kind", "actor", "days")}
        found = _narrowed(given)
        before = _whole(request.GET.get("before", ""))
        page = list(done.annotated(found.filter(number__lt=before) if before else found)[: ROWS + 1])
        total = found.count()
        shown = {
            "heading": figures.counted(total, "action"),
            "filters": _fields(given),
            "chips": _chips(given),
            "actions": [done.view(action, self.user) for action in page[:ROWS]],
            "pager": {
                "words": figures.counted(total, "action") if total else "",
                "before": _address(given) if before else "",
                "after": _address(given, before=page[ROWS - 1].number) if len(page) > ROWS else "",
            },
            "is_narrowed": any(given.values()),
        }
        return self.show("desk/audit.html", shown)


class Action(DeskPage):
    """One action."""

    address = "audit/<int:number>/"
    name = "audit_action"
    current = "audit"

    def get(self, request: HttpRequest, number: int) -> HttpResponse:
        action = self._action(number)
        start = min(_whole(request.GET.get("from", "")) or 1, action.count or 1)
        items = list(action.items.filter(position__gte=start).order_by("position")[:ROWS])
        first = getattr(action, "subject", None)
        undone_by = action.undone_by.first()
        may_undo = done.may(action, self.user) and undone_by is None
        shown = {
            "title": f"Action {action.number:,}",
            "heading": f"{figures.first_upper(done.words(action, first))}",
            "who": action.actor,
            "when": figures.moment_view(action.made_at),
            "reason": action.reason,
            "facts": _facts(action),
            "undone_by": _link(undone_by),
            "undoes": _link(action.undoes),
            "rows": [_row(item) for item in items],
            "span": _span(action, start, len(items)),
            "pager": _pager(action, start),
            "kept": _kept(action),
            "undo": reverse("desk:undo", args=[action.number]) if may_undo else "",
            "undo_button": f"Undo {figures.counted(action.count, 'change')}",
            "undo_reason": {"name": "reason", "label": "Reason, for the audit trail", "required": True},
        }
        return self.show("desk/audit_action.html", shown)

    def _action(self, number: int) -> CurationAction:
        found = None
        if number < MOST_NUMBER:
            found = done.annotated(CurationAction.objects.filter(number=number).select_related("undoes")).first()
        if found is None:
            raise Http404(f"There is no action {number}.")
        return found


# --- the list --------------------------------------------------------------------------------------------------------
def _narrowed(given: Mapping[str, str]) -> QuerySet[CurationAction]:
    """Return the actions that the filters ask for. A value that no action can have finds none."""
    found = CurationAction.objects.order_by("-number")
    if given["kind"]:
        found = found.filter(kind=given["kind"]) if given["kind"] in Kind.values else found.none()
    if given["actor"]:
        found = found.filter(actor=given["actor"]) if text.is_storable(given["actor"]) else found.none()
    if given["days"] in DAYS and given["days"]:
        found = found.filter(made_at__gte=timezone.now() - timedelta(days=int(given["days"])))
    return found


def _fields(given: Mapping[str, str]) -> list[Values]:
    kinds = {"": "all", **{kind.value: str(kind.label) for kind in Kind}}
    actors = CurationAction.objects.order_by("actor").values_list("actor", flat=True).distinct()[:200]
    people = {"": "everyone", **{name: name for name in actors}}
    if given["actor"]:
        people.setdefault(given["actor"], given["actor"])
    return [
        _choice("kind", "About", kinds, given),
        _choice("actor", "By", people, given),
        _choice("days", "Made", DAYS, given),
    ]


def _choice(name: str, label: str, options: Mapping[str, str], given: Mapping[str, str]) -> Values:
    shown = [{"value": value, "text": words, "chosen": value == given[name]} for value, words in options.items()]
    return {"name": name, "label": label, "options": shown}


def _chips(given: Mapping[str, str]) -> list[Values]:
    words = {
        "kind": dict(Kind.choices).get(given["kind"], given["kind"]),
        "actor": f"by {given['actor']}",
        "days": DAYS.get(given["days"], given["days"]),
    }
    return [{"text": str(words[name]), "href": _address({**given, name: ""})} for name, value in given.items() if value]


def _address(given: Mapping[str, str], **more: object) -> str:
    query = urlencode({name: value for name, value in {**given, **more}.items() if value})
    return f"{reverse('desk:audit')}?{query}" if query else reverse("desk:audit")


def _whole(entered: str) -> int | None:
    is_number = entered.isascii() and entered.isdigit() and len(entered) < len(str(MOST_NUMBER))
    return int(entered) if is_number else None


# --- one action ------------------------------------------------------------------------------------------------------
def _facts(action: CurationAction) -> list[Values]:
    found = [
        {"name": "Kind", "text": str(action.get_kind_display())},
        {"name": "Account", "text": f"{action.actor}, number {action.actor_number}"}
        if action.actor_number
        else {"name": "Made by", "text": f"{action.actor}, a task or the command line"},
        _revision(action),
    ]
    if action.selection:
        found.append({"name": "Selection", "text": action.selection, "is_id": True})
    if action.source_sha256:
        found.append({"name": "SHA-256 of the file", "text": action.source_sha256, "is_id": True})
    return [*found, {"name": "Digest", "text": action.digest, "is_id": True}]


def _revision(action: CurationAction) -> Values:
    if action.revision_after == action.revision_before:
        return {"name": "Revision", "text": f"{action.revision_after:,}; nothing that is served changed"}
    return {
        "name": "Revision",
        "text": f"{action.revision_after:,}, its changes",
        "href": f"/changes?before={action.revision_after + 1}",
    }


def _link(action: CurationAction | None) -> Values | None:
    if action is None:
        return None
    return {
        "text": f"action {action.number:,}",
        "who": action.actor,
        "href": reverse("desk:audit_action", args=[action.number]),
        "when": figures.moment_view(action.made_at),
    }


def _row(item: CurationItem) -> Values:
    gateway, _, model_id = item.subject.partition(" ") if item.subject_kind == Subject.OFFER else ("", "", item.subject)
    return {
        "gateway": gateway,
        "id": model_id,
        "field": values.short_name_of(item.field) if item.subject_kind == Subject.OFFER else item.field,
        "unit": values.unit_of(item.field) if item.subject_kind == Subject.OFFER else "",
        "before": stored_words(item, item.before),
        "after": stored_words(item, item.after),
        "was": _served(item, item.served_before),
        "now": _served(item, item.served_after),
        "moved": values.moved(item.field, item.served_before, item.served_after)
        if item.subject_kind == Subject.OFFER
        else "",
    }


def _served(item: CurationItem, served: Json) -> str:
    return values.shown(item.field, served) if item.subject_kind == Subject.OFFER else str(served or "")


def _span(action: CurationAction, start: int, shown: int) -> str:
    if shown == action.count:
        return figures.counted(shown, "value")
    return f"{start:,} to {start + shown - 1:,} of {action.count:,} values"


def _pager(action: CurationAction, start: int) -> Values:
    here = reverse("desk:audit_action", args=[action.number])
    return {
        "words": "",
        "before": f"{here}?from={max(1, start - ROWS)}" if start > 1 else "",
        "after": f"{here}?from={start + ROWS}" if start + ROWS <= action.count else "",
    }


def _kept(action: CurationAction) -> Values | None:
    """Return what this undo left as it was, because somebody changed it between the two actions."""
    if action.undoes is None:
        return None
    restored = {undo.key_of(item) for item in action.items.only("subject_number", "field")}
    left = [item for item in action.undoes.items.order_by("position") if undo.key_of(item) not in restored]
    later = undo.later_changes(action.undoes, left, before=action.number) if left else {}
    kept = [(item, later[key]) for item in left if (key := undo.key_of(item)) in later]
    return {"lines": [_kept_line(*each) for each in kept[:KEPT_SHOWN]], "more": max(0, len(kept) - KEPT_SHOWN)}


def _kept_line(item: CurationItem, later: CurationItem) -> Values:
    gateway, _, model_id = item.subject.partition(" ")
    return {
        "gateway": gateway,
        "id": model_id,
        "field": values.short_name_of(item.field),
        "who": later.action.actor,
        "href": reverse("desk:audit_action", args=[later.action_id]),
        "number": f"{later.action_id:,}",
    }
