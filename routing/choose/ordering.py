"""In which order offers are tried. Pure: chance and what is known of health are given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import zip_longest

from routing.choose.health import Health
from routing.choose.offers import Offer
from routing.choose.prices import Expected
from routing.wire.preferences import Preferences, Sort


@dataclass(slots=True, kw_only=True, eq=False)
class Priced:
    offer: Offer
    asked: str
    """The name that the offer was found by."""
    expected: Expected
    is_tight: bool
    """Whether the request may have more tokens than the offer takes."""

    @property
    def cost_key(self) -> tuple[bool, Decimal, str, str]:
        """The sort key of the cost: unknown ones last, equal ones by gateway and id."""
        amount = self.expected.amount
        return amount is None, amount or Decimal(0), self.offer.gateway, self.offer.id


@dataclass(slots=True, eq=False)
class Placed:
    priced: Priced
    reason: str
    """Why it is at this place, in one sentence."""


def ordered(
    offers: Sequence[Priced],
    *,
    preferences: Preferences,
    sort: Sort | None,
    health: Health,
    chance: Callable[[], float],
) -> list[Placed]:
    """Return all offers, the first to be tried first. `sort` is that of the model's name, else of the preferences."""
    first, others = [], offers
    if preferences.order:
        first = list(_in_turn(offers, preferences.order))
        others = [each for each in offers if each.offer.gateway not in preferences.order]
    if sort == "price":
        return [*first, *_by_price(others)]
    if sort is not None:
        return [*first, *_by_speed(others, sort, health)]
    return [*first, *_by_chance(others, health, chance)]


def _in_turn(offers: Sequence[Priced], gateways: Sequence[str]) -> Iterator[Placed]:
    """Yield the cheapest offer of each gateway, in their order, then the next one of each.

    A gateway may sell a model many times, and a request has few attempts: the next gateway must have its turn.
    """
    of_gateway = [
        sorted((each for each in offers if each.offer.gateway == slug), key=lambda each: each.cost_key)
        for slug in gateways
    ]
    for turn in zip_longest(*of_gateway):
        for place, each in enumerate(turn, start=1):
            if each is not None:
                yield Placed(each, f"provider.order names {each.offer.gateway} at place {place}.")


def _by_price(offers: Iterable[Priced]) -> list[Placed]:
    found = sorted(offers, key=lambda each: each.cost_key)
    return [Placed(each, _place_by_price(place, each)) for place, each in enumerate(found, start=1)]


def _place_by_price(place: int, priced: Priced) -> str:
    if priced.expected.amount is None:
        return _without_cost(priced)
    return "It has the lowest expected cost." if place == 1 else f"It has place {place} by expected cost."


def _by_speed(offers: Iterable[Priced], sort: Sort, health: Health) -> list[Placed]:
    """Sort by what this process has measured; offers that were not measured come last, by cost."""
    measure = health.latency if sort == "latency" else health.throughput
    sign = 1 if sort == "latency" else -1
    measured = [(measure(each.offer.gateway, each.offer.id), each) for each in offers]
    known = sorted(
        ((value, each) for value, each in measured if value is not None),
        key=lambda pair: (sign * pair[0], pair[1].cost_key),
    )
    unknown = sorted((each for value, each in measured if value is None), key=lambda each: each.cost_key)
    return [
        *(Placed(each, f"It has place {place} by {sort}.") for place, (_, each) in enumerate(known, start=1)),
        *(Placed(each, f"Its {sort} is not known, so its place follows its expected cost.") for each in unknown),
    ]


def _by_chance(offers: Iterable[Priced], health: Health, chance: Callable[[], float]) -> list[Placed]:
    """Draw by the inverse square of the cost. What may fail comes after what has a cost, and after what has none."""
    groups: dict[str, list[Priced]] = {}
    for each in offers:
        groups.setdefault(_group(each, health), []).append(each)
    drawn = _drawn(groups.pop("", []), chance)
    if not groups:
        return drawn
    return [
        *drawn,
        *(
            Placed(each, _without_cost(each) if reason is _UNPRICED else reason)
            for reason in (_UNPRICED, _TIGHT, _OFFLINE, _FAILED)
            for each in sorted(groups.get(reason, ()), key=lambda each: each.cost_key)
        ),
    ]


_UNPRICED = "unpriced"
_TIGHT = "The request may have more tokens than it takes, so it comes after others."
_OFFLINE = "Its gateway reports it offline, so it comes after others."
_FAILED = "It failed within the last 30 seconds, so it comes last."


def _group(priced: Priced, health: Health) -> str:
    offer = priced.offer
    if health.failed_lately(offer.gateway, offer.id):
        return _FAILED
    if offer.is_offline:
        return _OFFLINE
    if priced.is_tight:
        return _TIGHT
    return _UNPRICED if priced.expected.amount is None else ""


def _drawn(offers: Sequence[Priced], chance: Callable[[], float]) -> list[Placed]:
    """Draw without returning; the smallest chance draws the cheapest. Free offers come before all others, in any
    order."""
    if len(offers) > 1:
        offers = sorted(offers, key=lambda each: each.cost_key)
    free = [each for each in offers if not each.expected.amount]
    paid = [each for each in offers if each.expected.amount]
    found = [Placed(each, "It is free.") for each, _ in _draws(free, [1.0] * len(free), chance)]
    if not paid:
        return found
    cheapest = paid[0].expected.amount or Decimal(1)
    weights = [float(cheapest / (each.expected.amount or cheapest)) ** 2 for each in paid]
    place = "next" if free else "first"
    for each, share in _draws(paid, weights, chance):
        found.append(Placed(each, f"Drawn by price: it comes {place} in {_percent(share)} of requests."))
    return found


def _draws(
    offers: Sequence[Priced], weights: Sequence[float], chance: Callable[[], float]
) -> Iterable[tuple[Priced, float]]:
    """Return each offer in the order of the draw, with its share of all weights."""
    if len(offers) <= 1:
        return [(each, 1.0) for each in offers]
    total = sum(weights)
    left, rest = list(offers), list(weights)
    found = []
    while left:
        place = _pick(rest, chance()) if len(left) > 1 else 0
        found.append((left.pop(place), rest.pop(place) / total))
    return found


def _pick(weights: Sequence[float], drawn: float) -> int:
    limit = drawn * sum(weights)
    for place, weight in enumerate(weights):
        limit -= weight
        if limit < 0:
            return place
    return len(weights) - 1


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%" if share >= 0.01 else "under 1%"


def _without_cost(priced: Priced) -> str:
    return f"Its cost cannot be computed ({priced.expected.why_none}), so it comes after offers with a cost."
