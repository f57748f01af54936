"""What pages of the desk show of a price that is held or asked about, next to what others ask for the model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import orjson
from django.urls import resolve, reverse

from catalog.desk.pages import Values
from catalog.models import Offer, PriceHold
from catalog.pricing.meters import METERS
from catalog.publication.prices.doubts import Rule
from catalog.publication.prices.repeats import Rules, rules
from catalog.publication.prices.siblings import Served, served_around
from catalog.web import figures, words
from catalog.web.offers import gateway_name

MOST_OTHERS = 5
"""So many other sellers are listed; the rest is counted."""

_RULES: Mapping[str, tuple[str, str]] = {
    Rule.BOUNDS: ("outside of what anyone charges", "GUARD_LEAST_USD_…, GUARD_MOST_USD_…"),
    Rule.RELATION: ("contradicts another price of the offer", ""),
    Rule.PAID: ("its name says free", ""),
    Rule.ZERO: ("fell to zero", ""),
    Rule.MOVE: ("moved too far at once", "GUARD_PRICE_FACTOR"),
    Rule.SIBLINGS: ("far from what others ask", "GUARD_SIBLING_FACTOR"),
}
"""The rules that doubt a price, in words, with the settings that have their limits."""

_SYMBOLS = {">=": "from", "<=": "up to", ">": "above", "<": "below", "==": "is", "=": "is"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A price of an offer that somebody may decide about."""

    offer: Offer
    """With its gateway loaded."""
    meter: str
    amount: Decimal
    reason: str
    since: datetime | None = None
    """None: since it is served."""
    conditions_key: str = "[]"
    hold: PriceHold | None = None
    kind: str = ""
    """What a question is about; empty for a held price."""


def views(asked: Sequence[Asked]) -> list[Values]:
    """Return what `holds.html` shows of these prices, by one query for all."""
    served = served_around([each.offer for each in asked], {each.meter for each in asked}) if asked else []
    known, believed = _Prices(served), rules()
    return [_view(each, known, believed) for each in asked]


def amount_view(meter: str, amount: Decimal | None) -> Values:
    """Return an amount with its unit, as people read it; None is a price that is not published."""
    unit = METERS[meter].unit
    shown = {"unit": words.UNITS[unit][0], "is_word": True}
    if amount is None:
        return {**shown, "text": words.NOT_PUBLISHED}
    if not amount:
        return {**shown, "text": "free"}
    text = figures.dollars(amount.scaleb(6) if unit in words.IN_MILLIONS else amount)
    return {**shown, "text": text, "is_word": False}


def meter_words(meter: str, conditions_key: str = "[]") -> str:
    """Return what a price counts and when it applies: `input, prompt tokens from 200001`."""
    conditions = [" ".join(_condition_words(each)) for each in orjson.loads(conditions_key)]
    return ", ".join([words.METERS.get(meter, meter), *conditions])


def offer_address(pk: int) -> str:
    """Return where an offer is edited: the page of the desk, or, while there is none, its row in Django's table."""
    address = f"/admin/offers/{pk}/"
    has_page = hasattr(resolve(address).func, "view_class")
    return address if has_page else reverse("admin:catalog_offer_change", args=[pk])


class _Prices:
    """The prices that are served, by offer and by model."""

    def __init__(self, served: Iterable[Served]) -> None:
        self.own: dict[tuple[int, str, str], Served] = {}
        self._of_model: dict[tuple[int, str, str], list[Served]] = defaultdict(list)
        for price in served:
            self.own[price.offer, price.meter, price.conditions_key] = price
            if price.model and price.is_comparable and price.amount:
                self._of_model[price.model, price.meter, price.conditions_key].append(price)

    def others(self, asked: Asked) -> list[Served]:
        """Return what others ask for the model, the lowest first."""
        found = self._of_model.get((asked.offer.canonical_id or 0, asked.meter, asked.conditions_key), [])
        return sorted((each for each in found if each.offer != asked.offer.pk), key=lambda each: each.amount)


def _view(asked: Asked, known: _Prices, believed: Rules) -> Values:
    offer, hold = asked.offer, asked.hold
    own = known.own.get((offer.pk, asked.meter, asked.conditions_key))
    others = known.others(asked)
    serves = own.amount if own else None
    since = asked.since or (own.since if own else None)
    rule, setting = _RULES.get(hold.rule if hold else "", ("", ""))
    return {
        "pk": hold.pk if hold else None,
        "seen": hold.state if hold else "",
        "name": offer.name or offer.model_id,
        "id": offer.model_id,
        "gateway": gateway_name(offer.gateway.slug),
        "href": offer_address(offer.pk),
        "meter": meter_words(asked.meter, asked.conditions_key),
        "reports": amount_view(asked.meter, asked.amount),
        "serves": amount_view(asked.meter, serves),
        "moved": figures.percent_moved(serves, asked.amount) if serves and serves != asked.amount else "",
        "others": [_other(asked.meter, each) for each in others[:MOST_OTHERS]],
        "more": max(0, len(others) - MOST_OTHERS),
        "since": figures.moment_view(since) if since else None,
        "reason": figures.first_upper(asked.reason),
        "rule": figures.first_upper(asked.kind or rule),
        "setting": setting,
        "readings": _readings(hold, believed) if hold else "",
    }


def _other(meter: str, price: Served) -> Values:
    name = gateway_name(price.gateway)
    return {"who": f"{name}, {price.host}" if price.host else name, **amount_view(meter, price.amount)}


def _readings(hold: PriceHold, believed: Rules) -> str:
    """Return how often the gateway repeated the price, and when that would be enough."""
    read = figures.counted(hold.readings, "reading")
    again = f", held {hold.resets + 1} times" if hold.resets else ""
    return f"{read} of {believed.believe_readings} over {believed.believe_hours} h{again}"


def _condition_words(condition: Collection[object]) -> list[str]:
    return [_SYMBOLS.get(str(part), str(part).replace("_", " ")) for part in condition]
