"""The editor of one offer: what its gateway says, what curators say and what is served, field by field.

A change is first shown as the difference of the API's document, then saved in one revision. If somebody else changed
the same field meanwhile, a page with all three values asks; changes of different fields are merged.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from catalog import records
from catalog.curation import overrides, wishes
from catalog.curation.overrides import Conflict, InvalidOverride, NeedsConfirmation, Order
from catalog.curation.wishes import CLEAR, Change, Decision
from catalog.desk import editor_past, editor_rows, editor_words
from catalog.desk.editor_form import Entered, Forged, Seen, Wishes, wishes_of
from catalog.desk.editor_rows import Shown
from catalog.desk.pages import DeskPage, Problem, Values
from catalog.desk.roles import Action
from catalog.models import Offer
from catalog.publication import naming, stored
from catalog.publication.audit import Actor, ReasonMissing, checked_reason
from catalog.web import figures, offers

Json = Any


class OfferPage(DeskPage):
    address = "offers/<int:offer>/"
    name = "offer"
    current = "offers"
    changes = Action.OVERRIDE

    def get(self, request: HttpRequest, offer: int) -> HttpResponse:
        shown = self._read(offer)
        return self._form(shown, Entered.untouched(Seen.of(shown.state, shown.upstream)))

    def post(self, request: HttpRequest, offer: int) -> HttpResponse:
        shown = self._read(offer)
        try:
            entered = Entered.read(request.POST, offer=offer)
        except Forged as error:
            raise Problem("This form cannot be read.", f"Nothing was changed: {error}.", status=400) from error
        if "edit" in request.POST:
            return self._form(shown, entered)
        found = wishes_of(entered)
        self._check(entered, found)
        if found.errors:
            return self._form(shown, entered, found.errors)
        return self._decide(shown, entered, found, is_save="save" in request.POST)

    def _decide(self, shown: Shown, entered: Entered, found: Wishes, *, is_save: bool) -> HttpResponse:
        order = Order(
            wishes=found.wishes,
            actor=Actor.of(self.user),
            reason=entered.reason,
            expected=entered.seen.expected,
        )
        decision = overrides.preview(order, now=timezone.now())
        if decision.conflicts:
            return self._conflict(shown, entered, decision)
        if decision.refused:
            return self._form(shown, entered, {each.wish.field: each.reason for each in decision.refused})
        if not decision.changes:
            return self._form(shown, entered, {"reason": "Nothing changes: the fields are so already."})
        doubts = {each.wish.field for each in decision.doubtful}
        if not is_save or doubts - entered.meant:
            return self._preview(shown, entered, decision, is_refused=is_save)
        return self._save(shown, entered, order, is_confirmed=bool(doubts))

    def _save(self, shown: Shown, entered: Entered, order: Order, *, is_confirmed: bool) -> HttpResponse:
        merged = self._merged(shown, entered, {wish.field for wish in order.wishes})
        try:
            done = overrides.carry_out(
                replace(order, is_confirmed=is_confirmed),
                now=timezone.now(),
            )
        except Conflict as error:  # since this request began
            return self._again(entered, error.decision)
        except NeedsConfirmation:
            decision = overrides.preview(order, now=timezone.now())
            return self._preview(shown, entered, decision, is_refused=True)
        except InvalidOverride as error:
            return self._form(shown, entered, {"reason": str(error)})
        count = figures.counted(len(done.decision.changes), "change")
        words = f"{figures.first_upper(count)} saved in revision {done.revision:,}. {merged}".strip()
        return self.go("offer", shown.state.offer.pk, said=words)

    def _again(self, entered: Entered, decision: Decision) -> HttpResponse:
        """Show what another request changed while this one decided."""
        shown = self._read(entered.seen.offer)
        if decision.conflicts:
            return self._conflict(shown, entered, decision)
        return self._form(shown, entered, {each.wish.field: each.reason for each in decision.refused})

    def _check(self, entered: Entered, found: Wishes) -> None:
        """Add what is wrong with the form as a whole."""
        if not found.wishes and not found.errors:
            found.errors["reason"] = "Nothing is changed yet."
            return
        try:
            checked_reason(entered.reason)
        except ReasonMissing as error:
            found.errors["reason"] = str(error)

    def _merged(self, shown: Shown, entered: Entered, ours: Collection[str]) -> str:
        """Return what others changed of other fields since the form was opened, in words."""
        moved = [name for name in entered.seen.moved(Seen.of(shown.state, shown.upstream)) if name not in ours]
        if not moved:
            return ""
        authors = {str(each.author) for name in moved if (each := shown.state.overrides.get(name)) and each.author}
        who = figures.listed(sorted(authors)) or "Somebody"
        return f"{who} changed {editor_past.names(moved)} meanwhile: both changes stand."

    # --- pages -------------------------------------------------------------------------------------------------------
    def _read(self, pk: int) -> Shown:
        """Raises Http404."""
        offer = Offer.objects.select_related("gateway", "canonical", "provider").filter(pk=pk).first()
        if offer is None:
            raise Http404(f"There is no offer with the number {pk}.")
        [state] = stored.states([offer])
        return Shown.of(state, records.load(offer.upstream))

    def _form(self, shown: Shown, entered: Entered, errors: Mapping[str, str] | None = None) -> HttpResponse:
        found = errors or {}
        groups = editor_rows.groups(shown, entered, found)
        values = {
            **self._head(shown),
            "groups": groups,
            "has_ends": any(each.expires_at for each in shown.state.overrides.values()),
            "token": entered.seen.token if self.may(Action.OVERRIDE) else "",
            "reason": entered.reason,
            "until": entered.until,
            "has_no_end": entered.has_no_end,
            "errors": {"reason": "", "until": "", **found},
            "is_refused": bool(found),
            "versions": editor_past.versions(shown.state.offer),
            "items": editor_past.items(shown.state.offer),
        }
        return self.show("desk/offer.html", values, HTTPStatus.BAD_REQUEST if found else HTTPStatus.OK)

    def _preview(self, shown: Shown, entered: Entered, decision: Decision, *, is_refused: bool) -> HttpResponse:
        offer = shown.state.offer
        before, after = decision.before[offer.pk], decision.after[offer.pk]
        count = figures.counted(len(decision.changes), "change")
        values = {
            **self._head(shown),
            "changes": [self._change(each, entered, is_refused=is_refused) for each in decision.changes],
            "lines": editor_past.lines(before, after),
            "after": editor_past.as_served(after, offer),
            "merged": self._merged(shown, entered, {each.wish.field for each in decision.changes}),
            "count": count,
            "token": entered.seen.token,
            "reason": entered.reason,
            "hidden": entered.hidden,
            "is_refused": is_refused,
        }
        return self.show("desk/offer_preview.html", values, HTTPStatus.BAD_REQUEST if is_refused else HTTPStatus.OK)

    def _change(self, change: Change, entered: Entered, *, is_refused: bool) -> Values:
        name = change.wish.field
        is_meant = name in entered.meant
        return {
            "name": name,
            "label": editor_words.label(name),
            "upstream": editor_words.value(name, change.reported),
            "before": editor_words.value(name, change.served_before),
            "after": editor_words.value(name, change.served_after),
            "what": "cleared" if change.is_cleared else "",
            "ends": figures.minute(change.wish.expires_at) if change.wish.expires_at else "",
            "doubt": change.doubt or "",
            "is_meant": is_meant,
            "is_missing": bool(change.doubt) and is_refused and not is_meant,
        }

    def _conflict(self, shown: Shown, entered: Entered, decision: Decision) -> HttpResponse:
        conflicts = decision.conflicts
        fields = [each.wish.field for each in conflicts]
        authors = sorted({each.author for each in conflicts if each.author})
        rest = len(decision.changes)
        values = {
            **self._head(shown),
            "conflicts": [self._three(shown, each) for each in conflicts],
            "who": figures.listed(authors),
            "fields": editor_past.names(fields),
            "drops": fields,
            "rest": figures.counted(rest, "other change") if rest else "",
            "token": entered.seen.accepting(Seen.of(shown.state, shown.upstream)).token,
            "reason": entered.reason,
            "hidden": [*entered.hidden, *(("mean", name) for name in sorted(entered.meant))],
        }
        return self.show("desk/offer_conflict.html", values, HTTPStatus.CONFLICT)

    def _three(self, shown: Shown, problem: wishes.Problem) -> Values:
        name = problem.wish.field
        mine = problem.wish.value
        return {
            "label": editor_words.label(name),
            "mine": "clear it" if mine is CLEAR else _typed(name, mine),
            "theirs": editor_words.override(name, problem.theirs) if problem.theirs is not None else "no override",
            "upstream": editor_words.value(name, problem.upstream) or editor_words.NOTHING,
            "reason": problem.reason,
            "who": problem.author,
        }

    def _head(self, shown: Shown) -> Values:
        """Return what all pages about an offer begin with."""
        offer = shown.state.offer
        maker = shown.served.record.provider_slug
        return {
            "title": f"{shown.served.record.name} at {offers.gateway_name(offer.gateway.slug)}",
            "heading": shown.served.record.name,
            "id": offer.model_id,
            "gateway": offers.gateway_name(offer.gateway.slug),
            "maker": maker or "",
            "mark": offers.mark(naming.makers().of(maker) if maker else None, shown.served.record.name),
            "states": _states(shown),
            "action": reverse("desk:offer", args=[offer.pk]),
            "list": reverse("desk:offers"),
            "site_way": offers.model_address(offer.canonical.slug) if offer.canonical else "",
            "history_way": f"/catalog/models/{offers.quoted(offer.model_id)}/history?gateway={offer.gateway.slug}",
            "api_way": f"/catalog/models/{offers.quoted(offer.model_id)}?gateway={offer.gateway.slug}",
        }


def _typed(name: str, value: Json) -> str:
    """Return a value that was typed, in words; it may be one that no field takes."""
    try:
        return editor_words.override(name, value)
    except (KeyError, TypeError, ValueError):
        return str(value)


def _states(shown: Shown) -> Sequence[Values]:
    state = shown.state
    found = []
    if state.offer.withdrawn_at:
        found.append({"word": f"withdrawn {figures.day(state.offer.withdrawn_at)}", "kind": "unknown"})
    if state.offer.rejected_since:
        found.append({"word": f"row rejected since {figures.day(state.offer.rejected_since)}", "kind": "failing"})
    if state.waiting_holds:
        found.append({"word": "price held", "kind": "held"})
    if state.overrides:
        found.append({"word": "curated", "kind": ""})
    return found
