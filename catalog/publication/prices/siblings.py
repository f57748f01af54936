"""The prices of other offers of the same model: a price far from them is doubted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from statistics import median_high, median_low

from catalog.identity.curators import StatementError
from catalog.identity.offers import Offer as Facts
from catalog.identity.offers import OfferKey
from catalog.models import CanonicalModel, Gateway, Offer, Price
from catalog.pricing.billing import EXECUTION_MODES, STANDARD
from catalog.pricing.meters import INPUT_TEXT, OUTPUT_TEXT
from catalog.publication import revision
from catalog.publication.batches import batches
from catalog.publication.identity import parts
from catalog.publication.prices.holds import PriceKey
from catalog.records import OfferRecord

_COMPARED = frozenset({(INPUT_TEXT, "[]"), (OUTPUT_TEXT, "[]")})
_FEWEST = 2
OTHER_MODES = frozenset(EXECUTION_MODES) - {STANDARD}
"""Variants that are sold in another mode: their prices cannot be compared with the model's own."""


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


def siblings(gateway: Gateway, listed: Iterable[tuple[Offer, OfferRecord]]) -> Siblings:
    """Return the siblings of these offers, with their own newly listed prices and the current prices of all others."""
    priced = [(offer, record) for offer, record in listed if is_comparable(record)]
    models = _models(gateway, priced)
    said = {record.id: record for _, record in priced}
    return Siblings(models, [*_billed(gateway, set(models.values()), without=said), *_listed(gateway, said, models)])


def is_comparable(record: OfferRecord) -> bool:
    """Return whether the record has a price that is comparable with other offers of the model; batch prices are not."""
    return record.execution_mode == STANDARD and any(price.key in _COMPARED for price in record.prices)


def _models(gateway: Gateway, priced: Iterable[tuple[Offer, OfferRecord]]) -> dict[str, str]:
    """Return the stored model of each offer, and the future model of offers that are new or renamed."""
    known: dict[str, int] = {}
    unknown: dict[OfferKey, Facts] = {}
    stored: set[int] = set()
    for offer, record in priced:
        facts = parts.facts_of(gateway.slug, record)
        if offer.canonical_id and parts.published_fact(gateway.slug, offer.upstream) == facts:
            known[record.id] = offer.canonical_id
        else:
            unknown[facts.key] = facts
            stored |= {offer.pk} if offer.pk else set()
    slugs = CanonicalModel.objects.in_bulk(set(known.values()))
    found = {offer_id: slugs[pk].slug for offer_id, pk in known.items()}
    if unknown:
        try:
            part = parts.around(stored, beside=list(unknown.values()))
            placements = part.resolution(revision=revision.current().number, beside=unknown).placements
        except StatementError:
            return found  # `identify` logs the error
        found |= {key[1]: placements[key].model for key in unknown}
    return found


def _billed(
    gateway: Gateway, models: Collection[str], *, without: Collection[str]
) -> Iterator[tuple[str, PriceKey, str, Decimal]]:
    for batch in batches(sorted(models)):
        rows = Price.objects.open().filter(
            offer__canonical__slug__in=batch, meter__in={meter for meter, _ in _COMPARED}, conditions_key="[]"
        )
        rows = rows.exclude(offer__variant__in=OTHER_MODES)
        for model, slug, model_id, meter, conditions, amount in rows.values_list(
            "offer__canonical__slug", "offer__gateway__slug", "offer__model_id", "meter", "conditions_key", "amount"
        ):
            if slug != gateway.slug or model_id not in without:
                yield model, (meter, conditions), _owner(slug, model_id), Decimal(amount)


def _listed(
    gateway: Gateway, priced: Mapping[str, OfferRecord], models: Mapping[str, str]
) -> Iterator[tuple[str, PriceKey, str, Decimal]]:
    for key, model in models.items():  # an offer without a known model is no sibling
        for price in priced[key].prices:
            if price.key in _COMPARED:
                yield model, price.key, _owner(gateway.slug, key), price.amount


def _owner(gateway: str, offer_id: str) -> str:
    return f"{gateway} {offer_id}"
