"""The prices of other offers of the same model: a price far from them is doubted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from statistics import median_high, median_low

import orjson
from django.db.models import Q

from catalog.documents import reading
from catalog.models import Gateway, Offer, Price
from catalog.pricing import variants
from catalog.pricing.meters import INPUT_TEXT, OUTPUT_TEXT
from catalog.publication.batches import batches
from catalog.publication.prices.holds import PriceKey
from catalog.records import OfferRecord, PriceRecord

_COMPARED = frozenset({(INPUT_TEXT, "[]"), (OUTPUT_TEXT, "[]")})
_FEWEST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Middle:
    """The two middle values of other offers' prices. They are equal if the number of prices is odd.

    Both are kept instead of their mean: if one of two prices is wrong, their mean is near neither of them.
    """

    low: Decimal
    high: Decimal


class Siblings:
    """The prices above zero of the models of some offers, at all gateways."""

    def __init__(self, models: Mapping[str, str], prices: Iterable[tuple[str, PriceKey, str, Decimal]]) -> None:
        """`models` maps ids of offers to models. `prices` are tuples of model, price key, owner and amount."""
        self._models = models
        self._prices: dict[tuple[str, PriceKey], dict[str, Decimal]] = defaultdict(dict)
        for model, price, owner, amount in prices:
            if amount:
                self._prices[model, price][owner] = amount

    def of(self, gateway: str, offer_id: str) -> dict[PriceKey, Middle]:
        """Return the middle prices of the other offers, for keys with at least two of them."""
        found: dict[PriceKey, Middle] = {}
        model, mine = self._models.get(offer_id), _owner(gateway, offer_id)
        for key in _COMPARED if model else ():
            asked = self._prices.get((model or "", key), {})
            others = [amount for owner, amount in asked.items() if owner != mine]
            if len(others) >= _FEWEST:
                found[key] = Middle(low=median_low(others), high=median_high(others))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An offer as its gateway lists it now, with its model."""

    record: OfferRecord
    model: str | None
    """None if the model is unknown: such an offer is no sibling."""
    variant: str

    @property
    def is_comparable(self) -> bool:
        return variants.is_comparable(self.variant, execution_mode=self.record.execution_mode)

    @property
    def compared_prices(self) -> list[PriceRecord]:
        return [price for price in self.record.prices if price.key in _COMPARED]


def siblings(gateway: Gateway, listed: Iterable[Listed]) -> Siblings:
    """Return the siblings of these offers, with their own newly listed prices and the current prices of all others."""
    priced = [offer for offer in listed if offer.compared_prices]
    compared = {offer.record.id: offer.model for offer in priced if offer.model and offer.is_comparable}
    others = _billed(gateway, set(compared.values()), without={offer.record.id for offer in priced})
    own = (
        (compared[offer.record.id], price.key, _owner(gateway.slug, offer.record.id), price.amount)
        for offer in priced
        if offer.record.id in compared
        for price in offer.compared_prices
    )
    return Siblings(compared, [*others, *own])


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A price that is served now, with who asks it."""

    offer: int
    model: int | None
    gateway: str
    host: str | None
    """Who runs the model, if that is somebody else."""
    meter: str
    conditions_key: str
    amount: Decimal
    since: datetime
    is_comparable: bool


def served_around(offers: Collection[Offer], meters: Collection[str]) -> list[Served]:
    """Return the prices of these offers, and of all offers of their models, by these meters. It is one query.

    There should be no more offers than fit on a page.
    """
    models = {offer.canonical_id for offer in offers if offer.canonical_id}
    around = Q(offer__in=[offer.pk for offer in offers]) | Q(offer__canonical__in=models)
    rows = Price.objects.open().filter(around, meter__in=meters).order_by("offer__gateway__slug", "offer__model_id")
    return [
        Served(
            offer=offer,
            model=model,
            gateway=gateway,
            host=orjson.loads(upstream)["host"],
            meter=meter,
            conditions_key=conditions_key,
            amount=Decimal(amount),
            since=since,
            is_comparable=is_comparable(variant, upstream),
        )
        for offer, model, gateway, variant, upstream, meter, conditions_key, amount, since in rows.values_list(
            "offer", "offer__canonical", "offer__gateway__slug", "offer__variant", "offer__upstream", "meter",
            "conditions_key", "amount", "valid_from",
        )
    ]  # fmt: skip


def is_comparable(variant: str, upstream: str) -> bool:
    """Return whether the prices of a stored offer are comparable with those of other offers of the model."""
    return variants.is_comparable(variant, execution_mode=reading.execution_mode_of(orjson.loads(upstream)))


def _billed(
    gateway: Gateway, models: Collection[str], *, without: Collection[str]
) -> Iterator[tuple[str, PriceKey, str, Decimal]]:
    for batch in batches(sorted(models)):
        rows = Price.objects.open().filter(
            offer__canonical__slug__in=batch, meter__in={meter for meter, _ in _COMPARED}, conditions_key="[]"
        )
        for model, slug, model_id, variant, upstream, meter, amount in rows.values_list(
            "offer__canonical__slug", "offer__gateway__slug", "offer__model_id", "offer__variant", "offer__upstream",
            "meter", "amount",
        ).iterator():  # fmt: skip
            if (slug != gateway.slug or model_id not in without) and is_comparable(variant, upstream):
                yield model, (meter, "[]"), _owner(slug, model_id), Decimal(amount)


def _owner(gateway: str, offer_id: str) -> str:
    return f"{gateway} {offer_id}"
