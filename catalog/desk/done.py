"""What was done last, for the front page, and who may undo it."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.urls import reverse

from catalog.curation.undo import OF_KIND
from catalog.desk import roles
from catalog.desk.pages import Values
from catalog.desk.roles import Action
from catalog.models import CurationAction, CurationItem
from catalog.web import figures

SHOWN = 8
Kind = CurationAction.Kind


def last_actions(user: User) -> list[Values]:
    """Return the last actions, newest first, with the way to undo them for a person who may."""
    return [view(each, user) for each in annotated(CurationAction.objects.order_by("-number"))[:SHOWN]]


def annotated(actions: QuerySet[CurationAction]) -> QuerySet[CurationAction]:
    """Return the actions with what `view` needs."""
    undone = Exists(CurationAction.objects.filter(undoes=OuterRef("pk")))
    first = CurationItem.objects.filter(action=OuterRef("pk"), position=1)
    return actions.annotate(is_undone=undone, subject=Subquery(first.values("subject")))


def may(action: CurationAction, user: User) -> bool:
    """Whether this person may undo actions such as this."""
    return action.kind in OF_KIND and roles.may(user, needed(action, user))


def needed(action: CurationAction, user: User) -> Action:
    """Return what a person must be allowed to do to undo this action."""
    return Action.UNDO_OWN if action.actor_number == user.pk else Action.UNDO_OTHERS


def words(action: CurationAction, subject: str | None) -> str:
    """Return what was done: `changed 3 values of chutes deepseek-ai/DeepSeek-R1`."""
    count = action.count
    match action.kind:
        case Kind.FORM:
            return f"changed {figures.counted(count, 'value')} of {subject}"
        case Kind.BULK | Kind.CSV:
            return f"changed {figures.counted(count, 'value')}" + (" by a file" if action.kind == Kind.CSV else "")
        case Kind.EXPIRY:
            return f"ended {figures.counted(count, 'override')}"
        case Kind.UNDO:
            return f"undid action {action.undoes_id}"
        case Kind.PRICES:
            return f"decided {figures.counted(count, 'held price')}"
        case Kind.RUN:
            return f"decided a held run: {subject}"
        case Kind.SYNC:
            return f"asked for a run of {subject}"
        case _:
            return f"{action.get_kind_display()}: {subject or figures.counted(count, 'item')}"


def view(action: CurationAction, user: User) -> Values:
    """Return a line about an action of `annotated`."""
    is_undone, subject = bool(getattr(action, "is_undone", False)), getattr(action, "subject", None)
    may_undo = may(action, user) and not is_undone
    return {
        "href": reverse("desk:audit_action", args=[action.number]),
        "number": f"{action.number:,}",
        "when": figures.moment_view(action.made_at),
        "who": action.actor,
        "what": words(action, subject),
        "reason": action.reason,
        "undo": reverse("desk:undo", args=[action.number]) if may_undo else "",
        "note": "undone" if is_undone else "",
    }
