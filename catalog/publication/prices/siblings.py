"""The prices of other offers of the same model: a price far from them is doubted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from statistics import median_high, median_low

import orjson

from catalog.documents import reading
from catalog.identity.curators import StatementError
from catalog.identity.offers import Offer as Facts
from catalog.identity.offers import OfferKey
from catalog.models import CanonicalModel, Gateway, Offer, Price
from catalog.pricing import variants
from catalog.pricing.meters import INPUT_TEXT, OUTPUT_TEXT
from catalog.publication import revision
from catalog.publication.batches import batches
from catalog.publication.identity import parts
from catalog.publication.prices.holds import PriceKey
from catalog.records import OfferRecord

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


def siblings(gateway: Gateway, listed: Iterable[tuple[Offer, OfferRecord]]) -> Siblings:
    """Return the siblings of these offers, with their own newly listed prices and the current prices of all others."""
    priced = [(offer, record) for offer, record in listed if any(price.key in _COMPARED for price in record.prices)]
    records = {record.id: record for _, record in priced}
    models = {
        offer_id: model
        for offer_id, (model, variant) in _models(gateway, priced).items()
        if variants.is_comparable(variant, execution_mode=records[offer_id].execution_mode)
    }
    others = _billed(gateway, set(models.values()), without=records)
    return Siblings(models, [*others, *_listed(gateway, records, models)])


def is_comparable(variant: str, upstream: str) -> bool:
    """Return whether the prices of a stored offer are comparable with those of other offers of the model."""
    return variants.is_comparable(variant, execution_mode=reading.execution_mode_of(orjson.loads(upstream)))


def _models(gateway: Gateway, priced: Iterable[tuple[Offer, OfferRecord]]) -> dict[str, tuple[str, str]]:
    """Return the stored model and variant of each offer, and the future ones of offers that are new or renamed."""
    known: dict[str, Offer] = {}
    unknown: dict[OfferKey, Facts] = {}
    stored: set[int] = set()
    for offer, record in priced:
        facts = parts.facts_of(gateway.slug, record)
        if offer.canonical_id and parts.published_fact(gateway.slug, offer.upstream) == facts:
            known[record.id] = offer
        else:
            unknown[facts.key] = facts
            stored |= {offer.pk} if offer.pk else set()
    slugs = CanonicalModel.objects.in_bulk({offer.canonical_id for offer in known.values()})
    found = {offer_id: (slugs[offer.canonical_id].slug, offer.variant) for offer_id, offer in known.items()}
    if unknown:
        try:
            part = parts.around(stored, beside=list(unknown.values()))
            placements = part.resolution(revision=revision.current().number, beside=unknown).placements
        except StatementError:
            return found  # `identify` logs the error
        found |= {key[1]: (placements[key].model, placements[key].variant or "") for key in unknown}
    return found


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


def _listed(
    gateway: Gateway, priced: Mapping[str, OfferRecord], models: Mapping[str, str]
) -> Iterator[tuple[str, PriceKey, str, Decimal]]:
    for key, model in models.items():  # an offer without a known model is no sibling
        for price in priced[key].prices:
            if price.key in _COMPARED:
                yield model, price.key, _owner(gateway.slug, key), price.amount


def _owner(gateway: str, offer_id: str) -> str:
    return f"{gateway} {offer_id}"
