"""The models that may be one: each pair with its evidence and its offers, and the answer in one click."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from catalog.curation import identity
from catalog.desk.pages import DeskPage, Problem, Values
from catalog.desk.price_views import amount_view
from catalog.desk.roles import Action
from catalog.models import CurationAction, CurationItem, IdentityCandidate, IdentityStatement, Offer
from catalog.pricing.meters import INPUT_TEXT, OUTPUT_TEXT
from catalog.publication.prices.siblings import served_around
from catalog.web import figures
from catalog.web.offers import gateway_name, model_address

SHOWN = 10
"""The number of pairs on a page."""
MOST_OFFERS = 5
"""So many offers of a model are listed; the rest is counted."""
_LONGEST_NUMBER = 15
Kind = IdentityStatement.Kind


class Ambiguous(DeskPage):
    address = "queues/models/"
    name = "ambiguous"
    title = "Ambiguous models"
    current = "queues"
    changes = Action.IDENTITY

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page()

    def post(self, request: HttpRequest) -> HttpResponse:
        number, reason = request.POST.get("pair", ""), request.POST.get("reason", "")
        pair = _pair(number)
        if pair is None:
            raise _answered(request.POST.get("names", ""))
        if not reason.strip():
            return self._page(asked=pair.pk, error="A reason is required.")
        try:
            said = _one(pair, reason, self) if "one" in request.POST else _two(pair, reason, self)
        except identity.InvalidStatement as error:
            return self._page(asked=pair.pk, error=f"{figures.first_upper(str(error))}.")
        return self.go("ambiguous", said=said)

    def _page(self, *, asked: int = 0, error: str = "") -> HttpResponse:
        total = IdentityCandidate.objects.count()
        after = self.request.GET.get("page", "")
        number = max(1, int(after)) if after.isascii() and after.isdecimal() and len(after) <= 4 else 1
        shown = IdentityCandidate.objects.select_related("model", "may_be").order_by("model__slug", "may_be__slug")
        pairs = list(shown[(number - 1) * SHOWN : number * SHOWN])
        values = {
            "heading": figures.counted(total, "ambiguous model"),
            "pairs": _views(pairs, asked=asked, error=error),
            "can_decide": self.may(Action.IDENTITY),
            "pager": _pager(total, number),
        }
        return self.show("desk/ambiguous.html", values, 400 if error else 200)


def _one(pair: IdentityCandidate, reason: str, page: Ambiguous) -> str:
    """State that the first model is the second one."""
    identity.state_identity(
        kind=Kind.ALIAS,
        spelling=pair.model.slug,
        model=pair.may_be,
        reason=reason,
        author=page.user,
        now=timezone.now(),
    )
    return f"{pair.model.slug} is {pair.may_be.slug} from now on."


def _two(pair: IdentityCandidate, reason: str, page: Ambiguous) -> str:
    """State that an offer of the first model is not of the second one. The rules do not ask about the pair again."""
    offer = Offer.objects.filter(canonical=pair.model, withdrawn_at=None).order_by("gateway__slug", "model_id").first()
    if offer is None:
        raise identity.InvalidStatement(f"{pair.model.slug} has no offer any more")
    identity.state_identity(
        kind=Kind.SPLIT, offer=offer, model=pair.may_be, reason=reason, author=page.user, now=timezone.now()
    )
    if _pair(str(pair.pk)) is not None:
        page.say("The pair is still asked about: another rule names it too.", messages.WARNING)
    return f"{pair.model.slug} and {pair.may_be.slug} stay two models."


def _pair(number: str) -> IdentityCandidate | None:
    if not (number.isascii() and number.isdecimal() and len(number) <= _LONGEST_NUMBER):
        return None
    return IdentityCandidate.objects.select_related("model", "may_be").filter(pk=int(number)).first()


def _answered(names: str) -> Problem:
    """Return the page that says who decided about a model last."""
    kind = CurationAction.Kind.IDENTITY
    items = CurationItem.objects.filter(subject_kind=CurationItem.Subject.IDENTITY, action__kind=kind)
    last = items.select_related("action").order_by("-action_id").first()
    by = (
        f" {last.action.actor} decided last, on {figures.minute(last.action.made_at)}, about {last.subject}: "
        f"{last.action.reason}"
        if last
        else ""
    )
    return Problem(
        "This question is answered already.", f"Nothing was changed{f' about {names}' if names else ''}.{by}"
    )


# --- what is shown ---------------------------------------------------------------------------------------------------
def _views(pairs: Sequence[IdentityCandidate], *, asked: int, error: str) -> list[Values]:
    models = {model for pair in pairs for model in (pair.model_id, pair.may_be_id)}
    found = Offer.objects.filter(canonical__in=models, withdrawn_at=None).select_related("gateway")
    of_model: dict[int, list[Offer]] = defaultdict(list)
    for offer in found.order_by("gateway__slug", "model_id").defer("upstream"):
        of_model[offer.canonical_id or 0].append(offer)
    shown = [offer for offers in of_model.values() for offer in offers[:MOST_OFFERS]]
    prices = _prices(shown)
    return [
        {
            "pk": pair.pk,
            "reason": figures.first_upper(pair.reason.replace("_", " ")),
            "evidence": pair.evidence,
            "one": _side(pair.model.slug, of_model[pair.model_id], prices),
            "other": _side(pair.may_be.slug, of_model[pair.may_be_id], prices),
            "error": error if pair.pk == asked else "",
        }
        for pair in pairs
    ]


def _side(slug: str, offers: Sequence[Offer], prices: Mapping[tuple[int, str], Decimal]) -> Values:
    return {
        "slug": slug,
        "href": model_address(slug),
        "offers": [_offer(offer, prices) for offer in offers[:MOST_OFFERS]],
        "more": max(0, len(offers) - MOST_OFFERS),
    }


def _offer(offer: Offer, prices: Mapping[tuple[int, str], Decimal]) -> Values:
    amounts = [amount_view(meter, prices.get((offer.pk, meter)))["text"] for meter in (INPUT_TEXT, OUTPUT_TEXT)]
    is_priced = any((offer.pk, meter) in prices for meter in (INPUT_TEXT, OUTPUT_TEXT))
    return {
        "gateway": gateway_name(offer.gateway.slug),
        "id": offer.model_id,
        "price": _both(*amounts) if is_priced else "",
        "evidence": offer.identity_evidence,
        "split": f"{reverse('desk:statements')}?offer={offer.pk}",
    }


def _both(input_text: str, output_text: str) -> str:
    return "free" if input_text == output_text == "free" else f"{input_text} in, {output_text} out"


def _prices(offers: Sequence[Offer]) -> dict[tuple[int, str], Decimal]:
    """Return the base prices of text tokens, by offer and meter."""
    found = served_around(offers, {INPUT_TEXT, OUTPUT_TEXT}) if offers else []
    return {(each.offer, each.meter): each.amount for each in found if each.conditions_key == "[]"}


def _pager(total: int, number: int) -> Values | None:
    if total <= SHOWN and number == 1:
        return None
    last = min(number * SHOWN, total)
    return {
        "words": f"{(number - 1) * SHOWN + 1:,} to {last:,} of {total:,}",
        "before": f"?page={number - 1}" if number > 1 else "",
        "after": f"?page={number + 1}" if last < total else "",
    }
