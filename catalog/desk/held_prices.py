"""The queues of prices: those that are held, and those that are served and asked about. One submit, one revision."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from catalog.curation import holds
from catalog.desk import price_views, questions
from catalog.desk.pages import DeskPage, Problem, Values
from catalog.desk.price_views import Asked
from catalog.desk.roles import Action
from catalog.models import PriceHold
from catalog.publication.audit import Actor, ReasonMissing
from catalog.publication.prices.questions import Question
from catalog.web import figures

SHOWN = 50
"""The number of prices on a page."""
State = PriceHold.State
_FIELD, _SEEN = "hold-", "seen-"
_DECISIONS = (State.RELEASED, State.DISCARDED)
_LONGEST_NUMBER = 15


class _PriceQueue(DeskPage):
    current = "queues"
    changes = Action.DECIDE_PRICES

    def post(self, request: HttpRequest) -> HttpResponse:
        decisions, seen = _marked(request.POST.dict())
        reason = request.POST.get("reason", "")
        if not decisions:
            self.say("Nothing was changed: no price was marked.", messages.WARNING)
            return self.go(self.name)
        try:
            revision = holds.decide_price_holds(
                dict(decisions), actor=Actor.of(self.user), reason=reason, now=timezone.now(), seen=seen
            )
        except holds.AlreadyDecided as error:
            raise _already_decided(error.holds, decisions, seen=seen, reason=reason, page=self.name) from error
        except ReasonMissing as error:
            raise Problem("The reason cannot be stored.", f"{error}.", status=HTTPStatus.BAD_REQUEST) from error
        return self.go(self.name, said=_done(decisions, revision))

    def page(self, asked: Sequence[Asked], *, total: int, number: int, values: Values) -> HttpResponse:
        return self.show(
            "desk/holds.html",
            {
                **values,
                "rows": price_views.views(asked),
                "tabs": [_tab(page, self.name) for page in (HeldPrices, Questions, DecidedPrices)],
                "address": reverse(f"desk:{self.name}"),
                "pager": _pager(total, number),
                "can_decide": any(each.hold for each in asked) and self.may(Action.DECIDE_PRICES),
            },
        )


class HeldPrices(_PriceQueue):
    address = "queues/prices/"
    name = "held_prices"
    title = "Held prices"

    def get(self, request: HttpRequest) -> HttpResponse:
        waiting = PriceHold.objects.waiting()
        total, number = waiting.count(), _number(request.GET.get("page", ""))
        shown = waiting.select_related("offer__gateway").order_by("made_at", "pk")
        found = shown[(number - 1) * SHOWN : number * SHOWN]
        heading = figures.counted(total, "held price")
        words = "Each is reported by a gateway and hard to believe; the price before it is served until you decide."
        values = {"title": self.title, "heading": heading, "words": words}
        return self.page([_of_hold(hold) for hold in found], total=total, number=number, values=values)


class Questions(_PriceQueue):
    address = "queues/questions/"
    name = "questions"
    title = "Questions about prices"

    def get(self, request: HttpRequest) -> HttpResponse:
        found, number = questions.open_questions(), _number(request.GET.get("page", ""))
        shown = found[(number - 1) * SHOWN : number * SHOWN]
        heading = figures.counted(len(found), "question about a price", "questions about prices")
        words = "Each price is served. If it is wrong, set another one in the offer; if it is right, leave it."
        values = {"title": self.title, "heading": heading, "words": words}
        return self.page([_of_question(each) for each in shown], total=len(found), number=number, values=values)


class DecidedPrices(_PriceQueue):
    """What was decided, or believed because it was repeated, can be decided again while its gateway reports it."""

    address = "queues/prices/decided/"
    name = "decided_prices"
    title = "Decided prices"

    def get(self, request: HttpRequest) -> HttpResponse:
        decided = PriceHold.objects.deciding().exclude(state=State.OPEN)
        total, number = decided.count(), _number(request.GET.get("page", ""))
        shown = decided.select_related("offer__gateway", "decided_by").order_by("-decided_at", "-pk")
        found = shown[(number - 1) * SHOWN : number * SHOWN]
        words = "They hold while the gateway reports the same amount. Each can be decided in another way."
        values = {"title": self.title, "heading": figures.counted(total, "decided price"), "words": words}
        asked = [_of_hold(hold, kind=_decided_words(hold)) for hold in found]
        return self.page(asked, total=total, number=number, values=values)


_TABS = {"held_prices": "Held", "questions": "Questions", "decided_prices": "Decided"}


def _tab(page: type[DeskPage], current: str) -> Values:
    return {"text": _TABS[page.name], "href": reverse(f"desk:{page.name}"), "is_current": page.name == current}


def _decided_words(hold: PriceHold) -> str:
    by = f" by {hold.decided_by.get_username()}" if hold.decided_by else ""
    on = f" on {figures.minute(hold.decided_at)}" if hold.decided_at else ""
    return f"{hold.state}{by}{on}"


def _of_hold(hold: PriceHold, *, kind: str = "") -> Asked:
    return Asked(
        offer=hold.offer,
        meter=hold.meter,
        amount=Decimal(hold.amount),
        reason=hold.reason,
        since=hold.reported_since,
        conditions_key=hold.conditions_key,
        hold=hold,
        kind=kind,
    )


def _of_question(question: Question) -> Asked:
    hold = question.hold
    return Asked(
        offer=question.offer,
        meter=question.meter,
        amount=question.amount,
        reason=question.reason,
        since=hold.reported_since if hold else None,
        conditions_key=hold.conditions_key if hold else "[]",
        hold=hold,
        kind=question.kind.words,
    )


def _marked(sent: dict[str, str]) -> tuple[dict[int, str], dict[int, str]]:
    """Return the decisions that were marked, and the states that the person saw, by the holds' primary keys."""
    decisions = {
        int(pk): value
        for name, value in sent.items()
        if value in _DECISIONS and (pk := name.removeprefix(_FIELD)) != name and _is_number(pk)
    }
    return decisions, {pk: sent.get(f"{_SEEN}{pk}", State.OPEN) for pk in decisions}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER


def _number(text: str) -> int:
    return max(1, int(text)) if _is_number(text) and len(text) <= 6 else 1


def _pager(total: int, number: int) -> Values | None:
    """Return the way to the pages before and after; None if there is only one."""
    if total <= SHOWN and number == 1:
        return None
    first, last = (number - 1) * SHOWN + 1, min(number * SHOWN, total)
    return {
        "words": f"{first:,} to {last:,} of {total:,}" if first <= total else f"nothing after {total:,}",
        "before": f"?page={number - 1}" if number > 1 else "",
        "after": f"?page={number + 1}" if last < total else "",
    }


def _done(decisions: dict[int, str], revision: int) -> str:
    counts = [(word, sum(state == each for each in decisions.values())) for word, state in _WORDS.items()]
    did = figures.listed([f"{count:,} {word}" for word, count in counts if count])
    return f"{figures.counted(len(decisions), 'held price')} decided in revision {revision:,}: {did}."


_WORDS = {"released": State.RELEASED, "discarded": State.DISCARDED}


def _already_decided(
    ended: Sequence[int], decisions: dict[int, str], *, seen: dict[int, str], reason: str, page: str
) -> Problem:
    """Return the page that names what was decided meanwhile, and offers to decide the others."""
    found = PriceHold.objects.filter(pk__in=ended).select_related("offer__gateway", "decided_by").order_by("pk")
    others = {pk: state for pk, state in decisions.items() if pk not in ended}
    fields = {f"{_FIELD}{pk}": state for pk, state in others.items()}
    fields |= {f"{_SEEN}{pk}": seen[pk] for pk in others} | {"reason": reason}
    named = f"{figures.counted(len(ended), 'price')} {'was' if len(ended) == 1 else 'were'}"
    return Problem(
        f"{named} decided in the meantime.",
        "Nothing was changed.",
        template="desk/already_decided.html",
        values={
            "rows": [_ended(hold) for hold in found],
            "fields": fields,
            "again": f"Decide the other {len(others):,}" if others else "",
            "address": reverse(f"desk:{page}"),
        },
    )


def _ended(hold: PriceHold) -> list[Values]:
    who = hold.decided_by.get_username() if hold.decided_by else "its gateway"
    when = figures.minute(hold.decided_at) if hold.decided_at else ""
    return [
        {"text": f"{hold.offer.gateway.slug} {hold.offer.model_id}", "id": True},
        {"text": price_views.meter_words(hold.meter, hold.conditions_key)},
        {"text": State(hold.state).label, "note": f"by {who}{', ' + when if when else ''}"},
    ]
