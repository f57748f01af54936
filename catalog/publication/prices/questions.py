"""Questions to a curator: prices that other sellers contradict, and holds that do not end without a decision.

A question holds no price. Questions are computed from the tables on each request; none is stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from statistics import median_high, median_low

import orjson
from django.db.models import Count, DurationField, F, Value

from catalog.models import Offer, Price, PriceHold
from catalog.pricing.meters import INPUT_TEXT, OUTPUT_TEXT
from catalog.publication.batches import batches
from catalog.publication.prices.plausible import shown
from catalog.publication.prices.repeats import Rules
from catalog.publication.prices.siblings import Middle, is_comparable

_COMPARED = (INPUT_TEXT, OUTPUT_TEXT)
_FEWEST = 2
"""The least number of other sellers of the model for a comparison."""


class Kind(StrEnum):
    FAR_FROM_OTHERS = "far_from_others"
    """A price that is far from the prices of other sellers of the model."""
    FIRST_ZERO = "first_zero"
    """A price that was 0 from the start, for a model that other sellers charge for."""
    OFTEN_RESET = "often_reset"
    """A held price that was interrupted so often that it may never be repeated for long enough."""
    STILL_REPORTED = "still_reported"
    """A price that a curator discarded, but that its gateway still reports."""

    @property
    def words(self) -> str:
        """The kind as people read it."""
        return self.value.replace("_", " ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    kind: Kind
    offer: Offer
    """The offer, with its gateway and its model loaded."""
    meter: str
    amount: Decimal
    """The price in US dollars for one unit of the meter."""
    reason: str
    hold: PriceHold | None = None
    """The hold that the question is about; None for a price that is served."""

    @property
    def amount_shown(self) -> str:
        return shown(self.meter, self.amount)


def current(*, factor: int, rules: Rules) -> list[Question]:
    """Return all questions, sorted by model, gateway, id and meter.

    `factor` is how far a price may be from the prices of other sellers.
    """
    return sorted([*_about_served(factor=factor), *_about_holds(rules)], key=_order)


def _about_served(*, factor: int) -> list[Question]:
    doubts = [doubt for doubt in contradicted(_served(), factor=factor) if not doubt.price.is_curated]
    concerned = {doubt.price.offer for doubt in doubts}
    answered = _answered(concerned)
    were_paid = _were_paid({doubt.price.offer for doubt in doubts if doubt.kind is Kind.FIRST_ZERO})
    offers = _offers(concerned)
    return [
        Question(
            kind=doubt.kind,
            offer=offers[doubt.price.offer],
            meter=doubt.price.meter,
            amount=doubt.price.amount,
            reason=doubt.reason,
        )
        for doubt in doubts
        if (doubt.price.offer, doubt.price.meter, doubt.price.amount) not in answered
        and (doubt.kind is not Kind.FIRST_ZERO or (doubt.price.offer, doubt.price.meter) not in were_paid)
    ]


def _order(question: Question) -> tuple[str, str, str, str]:
    offer = question.offer
    return offer.canonical.slug if offer.canonical else "", offer.gateway.slug, offer.model_id, question.meter


# --- the rule, pure --------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A base price for text tokens that is served now."""

    offer: int
    model: int
    seller: tuple[str, str | None]
    """The gateway and the host."""
    meter: str
    amount: Decimal
    is_curated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    kind: Kind
    price: Served
    reason: str


def contradicted(prices: Iterable[Served], *, factor: int) -> Iterator[Doubt]:
    """Yield a doubt for each price that is far from the prices of two or more other sellers of the model."""
    of_model: dict[tuple[int, str], list[Served]] = defaultdict(list)
    for price in prices:
        of_model[price.model, price.meter].append(price)
    for together in of_model.values():
        for price in together:
            others = _others(price, together)
            if others and (found := _doubt(price, others, factor)):
                yield found


def _others(price: Served, together: Iterable[Served]) -> Middle | None:
    """Return the middle of the other sellers' prices. If a seller has several offers, its nearest price counts."""
    by_seller: dict[tuple[str, str | None], list[Decimal]] = defaultdict(list)
    for other in together:
        if other.seller != price.seller and other.amount:
            by_seller[other.seller].append(other.amount)
    if len(by_seller) < _FEWEST:
        return None
    nearest = [min(amounts, key=lambda amount: _distance(amount, price.amount)) for amounts in by_seller.values()]
    return Middle(low=median_low(nearest), high=median_high(nearest))


def _distance(amount: Decimal, price: Decimal) -> Decimal:
    return max(amount, price) / min(amount, price) if price else amount


def _doubt(price: Served, others: Middle, factor: int) -> Doubt | None:
    now, low, high = (shown(price.meter, amount) for amount in (price.amount, others.low, others.high))
    if not price.amount:
        reason = f"it is served as free, and others ask {low} for this model"
        return Doubt(kind=Kind.FIRST_ZERO, price=price, reason=reason)
    if price.amount >= factor * others.high:
        reason = f"{now} is {factor} times or more what others ask for this model: {high}"
        return Doubt(kind=Kind.FAR_FROM_OTHERS, price=price, reason=reason)
    if factor * price.amount <= others.low:
        reason = f"others ask {factor} times {now} or more for this model: {low}"
        return Doubt(kind=Kind.FAR_FROM_OTHERS, price=price, reason=reason)
    return None


# --- holds -----------------------------------------------------------------------------------------------------------
def _about_holds(rules: Rules) -> Iterator[Question]:
    holds = PriceHold.objects.select_related("offer__gateway", "offer__canonical").filter(offer__withdrawn_at=None)
    for hold in holds.filter(state=PriceHold.State.OPEN, resets__gte=rules.question_resets):
        reason = f"it has been held {hold.resets + 1} times; what is reported changes in between. {hold.reason}"
        yield _about(hold, Kind.OFTEN_RESET, reason)
    discarded = holds.filter(
        state=PriceHold.State.DISCARDED,
        last_read_at__gte=F("decided_at") + Value(timedelta(days=rules.question_days), output_field=DurationField()),
    )
    for hold in discarded:
        kept = shown(hold.meter, Decimal(hold.kept)) if hold.kept else "unknown"
        reason = f"it was discarded on {hold.decided_at:%Y-%m-%d}, and the gateway still reports it; served is {kept}"
        yield _about(hold, Kind.STILL_REPORTED, reason)


def _about(hold: PriceHold, kind: Kind, reason: str) -> Question:
    return Question(
        kind=kind, offer=hold.offer, meter=hold.meter, amount=Decimal(hold.amount), reason=reason, hold=hold
    )


# --- from the tables -------------------------------------------------------------------------------------------------
def _served() -> Iterator[Served]:
    """Yield the prices of models with enough offers, without variants whose prices are not comparable."""
    listed = Offer.objects.filter(withdrawn_at=None).exclude(canonical=None)
    compared = listed.values("canonical").annotate(offers=Count("pk")).filter(offers__gt=_FEWEST)
    rows = Price.objects.open().filter(
        meter__in=_COMPARED, conditions_key="[]", offer__canonical__in=compared.values("canonical")
    )
    for offer, model, gateway, variant, upstream, meter, amount, origin in rows.values_list(
        "offer", "offer__canonical", "offer__gateway__slug", "offer__variant", "offer__upstream", "meter", "amount",
        "origin",
    ).iterator():  # fmt: skip
        if is_comparable(variant, upstream):
            yield Served(
                offer=offer,
                model=model,
                seller=(gateway, orjson.loads(upstream)["host"]),
                meter=meter,
                amount=Decimal(amount),
                is_curated=origin == Price.Origin.CURATOR,
            )


def _answered(offers: Collection[int]) -> set[tuple[int, str, Decimal]]:
    """Return offer, meter and amount of the base prices that a curator has released."""
    return {
        (offer, meter, Decimal(amount))
        for batch in batches(sorted(offers))
        for offer, meter, amount in PriceHold.objects.filter(
            state=PriceHold.State.RELEASED, conditions_key="[]", offer__in=batch
        ).values_list("offer", "meter", "amount")
    }


def _were_paid(offers: Collection[int]) -> set[tuple[int, str]]:
    """Return offer and meter of the base prices that were above 0 before.

    A fall to 0 is held first, so a 0 that is served after a price above 0 has been accepted already.
    """
    return {
        found
        for batch in batches(sorted(offers))
        for found in Price.objects.filter(offer__in=batch, meter__in=_COMPARED, conditions_key="[]")
        .exclude(amount="0")
        .values_list("offer", "meter")
    }


def _offers(keys: Collection[int]) -> dict[int, Offer]:
    found: dict[int, Offer] = {}
    for batch in batches(sorted(keys)):
        found |= Offer.objects.select_related("gateway", "canonical").in_bulk(batch)
    return found
