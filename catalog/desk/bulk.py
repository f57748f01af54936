"""Changes many offers at once: choose, say what, look at a preview, and confirm exactly that."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from catalog.curation import bulk, sheets
from catalog.curation.overrides import Conflict, InvalidOverride, NeedsConfirmation
from catalog.curation.wishes import Problem as NotDone
from catalog.desk import bulk_draft, bulk_form, choosing, drafts, values
from catalog.desk.csv_answers import csv_answer
from catalog.desk.pages import DeskPage, Problem, Values
from catalog.desk.roles import Action
from catalog.publication.audit import Actor
from catalog.web import figures

Json = Any

STEPS = ("Find", "Choose", "Say what", "Preview", "Done")
SHOWN = 50
"""The changes that a preview shows; the CSV file has all."""
_TOO_MANY = f"At most {bulk.MOST_OFFERS:,} offers can be changed in one action. Narrow the list, and choose again."


class Bulk(DeskPage):
    """Begins with a selection of the list of offers: `offer` repeated, or `all=1` and the `query` of the list."""

    address = "bulk/"
    name = "bulk"
    title = "Change many offers"
    current = "offers"
    action = Action.BULK

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show("desk/bulk.html", {"steps": STEPS, "ways": _ways()})

    def post(self, request: HttpRequest) -> HttpResponse:
        is_all, query = request.POST.get("all") == "1", request.POST.get("query", "")
        keys = choosing.found_by(query) if is_all else choosing.chosen(request.POST.getlist("offer"))
        if not keys:
            raise Problem("No offer is chosen.", "Choose at least one in the list of offers.", status=400)
        if len(keys) > bulk.MOST_OFFERS:
            raise Problem(f"{figures.counted(len(keys), 'offer')} are chosen.", _TOO_MANY, status=400)
        draft = bulk_draft.of_selection(keys, selection=query, is_all=is_all, now=timezone.now())
        return self.go("bulk_say", drafts.begin(self.user, draft))


class Say(DeskPage):
    """Says what is to change."""

    address = "bulk/<str:draft>/"
    name = "bulk_say"
    current = "offers"
    action = Action.BULK

    def get(self, request: HttpRequest, draft: str) -> HttpResponse:
        found = drafts.read(self.user, draft)
        if found["kind"] != "bulk":
            return self.go("csv")
        return self._form(draft, found, found.get("given", {}), {})

    def post(self, request: HttpRequest, draft: str) -> HttpResponse:
        found, now = drafts.read(self.user, draft), timezone.now()
        said = bulk_form.said(request.POST, now=now)
        given = bulk_form.entered(request.POST)
        if said.errors:
            return self._form(draft, found, given, said.errors)
        asked = {
            "steps": [step.json() for step in said.steps],
            "reason": said.reason,
            "expires_at": said.expires_at.isoformat() if said.expires_at else None,
        }
        drafts.keep(self.user, draft, given=given, asked=asked, action=None)
        look(self, draft, now=now)
        return self.go("bulk_preview", draft)

    def _form(self, key: str, draft: Json, given: Values, errors: dict[str, str]) -> HttpResponse:
        count = len(draft["offers"])
        shown = {
            "title": f"Change {figures.counted(count, 'offer')}",
            "steps": STEPS,
            "chosen": _chosen_words(draft),
            "form": bulk_form.view(given, errors),
            "overrides": reverse("desk:bulk_overrides", args=[key]),
            "back": _offers_address(draft),
        }
        return self.show("desk/bulk_say.html", shown, HTTPStatus.BAD_REQUEST if errors else HTTPStatus.OK)


class Preview(DeskPage):
    """Shows what would change, and changes exactly that."""

    address = "bulk/<str:draft>/preview/"
    name = "bulk_preview"
    current = "offers"
    action = Action.BULK

    def get(self, request: HttpRequest, draft: str) -> HttpResponse:
        return self._preview(draft)

    def post(self, request: HttpRequest, draft: str) -> HttpResponse:
        found = _with_preview(self, draft)
        if number := found.get("action"):
            self.say("These offers were changed already, by this action.", messages.WARNING)
            return self.go("audit_action", number)
        if "again" in request.POST:
            look(self, draft, now=timezone.now())
            return self.go("bulk_preview", draft)
        if not drafts.is_confirmed(request.POST.get("token", ""), draft, _seen(found)):
            raise _again(self, draft, "This preview is no longer good.", "It is good for 15 minutes. Look once more.")
        if not _is_possible(found):
            raise _again(self, draft, "Nothing can be changed.", "The preview says why.")
        return self._carry_out(draft, found, is_sure=request.POST.get("sure") == "1")

    def _carry_out(self, key: str, draft: Json, *, is_sure: bool) -> HttpResponse:
        asked, seen = draft["asked"], draft["preview"]
        try:
            done = bulk.carry_out(
                bulk_draft.request_of(draft),
                prints=bulk_draft.prints_of(seen["prints"]),
                actor=Actor.of(self.user),
                reason=asked["reason"],
                kind=draft["kind"],
                is_confirmed=is_sure,
                selection=draft["selection"],
                source_sha256=draft["source_sha256"],
                now=timezone.now(),
            )
        except NeedsConfirmation:
            return self._preview(key, error="Tick this if it is meant; otherwise go back.")
        except bulk.Moved as moved:
            raise _moved(self, key, moved.problems) from moved
        except Conflict as conflict:
            raise _moved(self, key, [*conflict.decision.conflicts, *conflict.decision.refused]) from conflict
        except InvalidOverride as error:
            raise _again(self, key, "This is not possible.", f"Nothing was changed: {error}.") from error
        if done.action is None:
            self.say("Nothing was left to change.", messages.WARNING)
            return self.go("bulk_preview", key)
        drafts.keep(self.user, key, action=done.action.number)
        count = figures.counted(seen["counts"]["changed"], "offer")
        return self.go("audit_action", done.action.number, said=f"{count} changed in revision {done.revision:,}.")

    def _preview(self, key: str, *, error: str = "") -> HttpResponse:
        draft = _with_preview(self, key)
        seen, asked = draft["preview"], draft["asked"]
        counts, changes = seen["counts"], seen["changes"]
        doubtful = sum(1 for change in changes if change["doubt"])
        count = figures.counted(counts["changed"], "offer")
        shown = {
            "title": f"Change {count}" if _is_possible(draft) else "Nothing would change",
            "steps": STEPS,
            "words": _what_words(draft),
            "chosen": _chosen_words(draft),
            "counts": [
                {"name": "will change", "number": f"{counts['changed']:,}"},
                {"name": "are so already" if counts["same"] != 1 else "is so already", "number": f"{counts['same']:,}"},
                {"name": "refused", "number": f"{counts['refused']:,}", "is_caution": bool(counts["refused"])},
            ],
            "refused": [{**each, "field": values.short_name_of(each["field"])} for each in seen["refused"]],
            "rows": [change_view(change) for change in changes[:SHOWN]],
            "total": f"{len(changes):,}",
            "all_as_csv": reverse("desk:bulk_changes", args=[key]),
            "doubtful": f"I mean it: {figures.counted(doubtful, 'price')} that {_doubt_words(doubtful)}"
            if doubtful
            else "",
            "error": error,
            "reason": asked["reason"],
            "until": figures.minute(datetime.fromisoformat(asked["expires_at"])) if asked.get("expires_at") else "",
            "button": f"Change {count}" if _is_possible(draft) else "",
            "back": reverse("desk:bulk_say", args=[key]) if draft["kind"] == "bulk" else reverse("desk:csv"),
            "token": drafts.token(key, _seen(draft)),
        }
        return self.show("desk/bulk_preview.html", shown, HTTPStatus.BAD_REQUEST if error else HTTPStatus.OK)


class Changes(DeskPage):
    """All changes of a preview as CSV, which can be imported."""

    address = "bulk/<str:draft>/changes.csv"
    name = "bulk_changes"
    action = Action.BULK

    def get(self, request: HttpRequest, draft: str) -> HttpResponse:
        found = _with_preview(self, draft)
        reason = found["asked"]["reason"]
        entries = (bulk_draft.entry_of(change, reason=reason) for change in found["preview"]["changes"])
        return csv_answer(sheets.write(entries, more=bulk_draft.MORE_COLUMNS), name="changes")


# --- steps -----------------------------------------------------------------------------------------------------------
def look(page: DeskPage, key: str, *, now: datetime) -> None:
    """Compute the preview of a draft and keep it. Raises Problem if there are too many offers."""
    try:
        seen = bulk_draft.preview(drafts.read(page.user, key), now=now)
    except InvalidOverride as error:
        raise Problem("These are too many offers.", f"{error}.", status=HTTPStatus.BAD_REQUEST) from error
    drafts.keep(page.user, key, preview=seen)


def _with_preview(page: DeskPage, key: str) -> Json:
    draft = drafts.read(page.user, key)
    if "preview" not in draft:
        ways = [{"text": "Say what is to change", "href": reverse("desk:bulk_say", args=[key])}]
        raise Problem("There is no preview yet.", template="desk/bulk_again.html", values={"ways": ways})
    return draft


def _is_possible(draft: Json) -> bool:
    """Whether something would change; a file with a line that is refused changes nothing."""
    seen = draft["preview"]
    return bool(seen["changes"]) and not (draft["kind"] == "csv" and seen["refused"])


def _seen(draft: Json) -> Json:
    return [draft["offers"], draft["asked"], draft["preview"]["at"], draft["preview"]["prints"]]


def _again(page: DeskPage, key: str, title: str, words: str, moved: Json = ()) -> Problem:
    values = {"steps": STEPS, "moved": moved, "again": reverse("desk:bulk_preview", args=[key])}
    return Problem(title, words, template="desk/bulk_again.html", values=values)


def _moved(page: DeskPage, key: str, problems: Any) -> Problem:
    found: list[NotDone] = list(problems)
    reasons: dict[str, list[str]] = defaultdict(list)
    for each in found:
        is_gone = each.reason == bulk.WITHDRAWN
        reasons[each.subject].append(
            each.reason if is_gone else f"{values.short_name_of(each.wish.field)}: {each.reason}"
        )
    moved = [
        {"gateway": gateway, "id": model_id, "reason": "; ".join(dict.fromkeys(why))}
        for subject, why in reasons.items()
        for gateway, _, model_id in [subject.partition(" ")]
    ]
    count = figures.counted(len(reasons), "offer")
    words = "Nothing was changed. Look at a new preview: it shows what is so now."
    return _again(page, key, f"{count} changed since the preview.", words, moved)


# --- words -----------------------------------------------------------------------------------------------------------
def change_view(change: Json) -> Values:
    """Return a change as a row of a table."""
    field, before, after = change["field"], change["before"], change["after"]
    is_list = isinstance(after, list)
    return {
        "gateway": change["gateway"],
        "id": change["id"],
        "field": values.short_name_of(field),
        "unit": values.unit_of(field),
        "upstream": values.shown(field, change["upstream"]),
        "before": values.shown(field, before),
        "after": "" if is_list else values.shown(field, after),
        "words": [{"text": word, "is_new": word not in (before or ())} for word in after] if is_list else [],
        "moved": values.moved(field, before, after),
        "doubt": change["doubt"],
        "is_cleared": change["value"] is None,
    }


def _doubt_words(count: int) -> str:
    return (
        "changes tenfold or is far from what others charge"
        if count == 1
        else ("change tenfold or are far from what others charge")
    )


def _what_words(draft: Json) -> str:
    if draft["kind"] == "csv":
        return f"{figures.counted(len(draft['asked']['wishes']), 'line')} of a file."
    return bulk_form.in_words(bulk_draft.request_of(draft).steps)


def _chosen_words(draft: Json) -> str:
    count = figures.counted(len(draft["offers"]), "offer")
    if draft["kind"] == "csv":
        return f"The file is about {count}. If one of its lines were wrong, none would be carried out."
    fixed = figures.minute(datetime.fromisoformat(draft["fixed_at"]))
    which = f"all {count} that match {_query_words(draft['selection'])}" if draft["is_all"] else count
    return f"You chose {which}. The list was fixed on {fixed}; a sync since then cannot add to it."


def _query_words(query: str) -> str:
    pairs = [
        f"“{value}”" if name == "q" else f"{name.replace('_', ' ')} “{value}”"
        for name, value in QueryDict(query).items()
        if name not in {"sort", "page", "choose", "show"}
    ]
    return figures.listed(pairs) or "no filter"


def _offers_address(draft: Json) -> str:
    way = next(iter(_ways()), None)
    return f"{way['href']}?{draft['selection']}" if way and draft["selection"] else "/admin/"


def _ways() -> list[Values]:
    found = []
    for text, name in (("Choose offers in the list", "offers"), ("Import values from a CSV file", "csv")):
        try:
            found.append({"text": text, "href": reverse(f"desk:{name}")})
        except NoReverseMatch:
            continue
    return found
