"""Undoes an action: first shows what goes back, then does it in one revision, and leads to the new action."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone

from catalog.curation import undo
from catalog.curation.overrides import InvalidOverride
from catalog.desk import done, roles, values
from catalog.desk.pages import DeskPage, Problem, Values
from catalog.desk.roles import Action
from catalog.models import CurationAction, CurationItem
from catalog.publication.audit import Actor, Subject
from catalog.web import figures

SHOWN = 50


class Undo(DeskPage):
    address = "actions/<int:number>/undo/"
    name = "undo"
    current = "audit"
    action = Action.UNDO_OWN

    def get(self, request: HttpRequest, number: int) -> HttpResponse:
        return self._form(self._action(number))

    def post(self, request: HttpRequest, number: int) -> HttpResponse:
        action = self._action(number)
        reason = request.POST.get("reason", "").strip()
        if not reason:
            return self._form(action, error="A reason is required.")
        try:
            undone = undo.undo(action, actor=Actor.of(self.user), reason=reason, now=timezone.now())
        except (undo.NotUndoable, InvalidOverride) as error:
            raise Problem("This cannot be undone.", f"Nothing was changed: {error}.") from error
        self._report(action, undone)
        return self.go("audit_action", undone.action.number if undone.action else action.number)

    def _action(self, number: int) -> CurationAction:
        action = CurationAction.objects.filter(number=number).first()
        if action is None:
            raise Http404(f"There is no action {number}.")
        if not self.may(needed := done.needed(action, self.user)):
            raise PermissionDenied(f"Your account may not {roles.WORDS[needed]}.")
        if action.kind not in undo.OF_KIND:
            raise Problem("This cannot be undone here.", f"It is an action on {action.get_kind_display()}.")
        return action

    def _form(self, action: CurationAction, *, error: str = "") -> HttpResponse:
        items = list(action.items.order_by("position")[:SHOWN])
        first = items[0].subject if items else None
        shown = {
            "title": f"Undo action {action.number}",
            "words": f"{action.actor} {done.words(action, first)}. Each value goes back to what it was before, unless "
            "it was changed since.",
            "rows": [_row(item) for item in items],
            "more": action.count - len(items),
            "reason": {"name": "reason", "label": "Reason, for the audit trail", "required": True, "error": error},
            "button": f"Undo {figures.counted(action.count, 'change')}",
            "number": action.number,
        }
        return self.show("desk/undo.html", shown, 400 if error else 200)

    def _report(self, action: CurationAction, undone: undo.Undone) -> None:
        back = action.items.count() - len(undone.kept)
        self.say(f"Action {action.number}: {figures.counted(back, 'value')} went back.")
        if undone.kept:
            shown = [
                f"{item.subject} {values.short_name_of(item.field)} (by {later.action.actor})"
                for item, later in zip(undone.kept[:10], undone.newest, strict=False)
            ]
            rest = len(undone.kept) - len(shown)
            names = figures.listed([*shown, *([f"{rest:,} more"] if rest else [])])
            self.say(f"Kept, because they were changed since: {names}.", messages.WARNING)


def _row(item: CurationItem) -> list[Values]:
    return [
        {"text": item.subject, "id": True},
        {"text": values.short_name_of(item.field)},
        {"text": stored_words(item, item.after)},
        {"text": stored_words(item, item.before)},
    ]


def stored_words(item: CurationItem, stored: Any) -> str:
    """Return a value of the trail in words."""
    if stored is None:
        return "as the gateway reports it" if item.subject_kind == Subject.OFFER else "none"
    if item.subject_kind == Subject.OFFER and isinstance(stored, dict):
        return values.override_shown(item.field, stored.get("value"))
    if isinstance(stored, dict):
        return ", ".join(f"{name} {_plain(each)}" for name, each in stored.items() if each not in (None, "", []))
    return _plain(stored)


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
