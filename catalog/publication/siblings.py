"""What other offers ask for the same model: a price far from theirs is doubted.

Which offers are of one model is told by a rough key of their ids here: it may raise a question, not tie them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from statistics import median_high, median_low

from catalog.models import Gateway, Price
from catalog.normalize import model_ids
from catalog.normalize.meters import INPUT_TEXT, OUTPUT_TEXT
from catalog.publication.holds import PriceKey
from catalog.publication.states import batches
from catalog.records import OfferRecord

_COMPARED = frozenset({(INPUT_TEXT, "[]"), (OUTPUT_TEXT, "[]")})
_FEWEST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Middle:
    """The two middle ones of other offers' prices, which are one where their number is odd.

    Both, not their mean: of two prices either may be the wrong one, and then the mean is near to none.
    """

    low: Decimal
    high: Decimal


class Siblings:
    """Prices above zero of the models of some offers, whoever sells them."""

    def __init__(self, prices: Iterable[tuple[str, PriceKey, str, Decimal]]) -> None:
        """Of each price: the model's key, the price's, whose it is, and the amount."""
        self._prices: dict[tuple[str, PriceKey], dict[str, Decimal]] = defaultdict(dict)
        for model, price, owner, amount in prices:
            if amount:
                self._prices[model, price][owner] = amount

    def of(self, gateway: str, record: OfferRecord) -> dict[PriceKey, Middle]:
        """What others ask, where there are at least two of them."""
        model, mine = model_ids.rough_key(record.slug), _owner(gateway, record.id)
        found = {}
        for key in _COMPARED:
            others = sorted(amount for owner, amount in self._prices.get((model, key), {}).items() if owner != mine)
            if len(others) >= _FEWEST:
                found[key] = Middle(low=median_low(others), high=median_high(others))
        return found


def siblings(gateway: Gateway, listed: Mapping[str, OfferRecord], *, of: Collection[str]) -> Siblings:
    """The siblings of the offers `of`: what is billed now, and in place of it what this gateway lists now."""
    models = {model_ids.rough_key(listed[key].slug) for key in of}
    return Siblings([*_billed(gateway, models, without=listed), *_listed(gateway, listed.values(), models)])


def _billed(
    gateway: Gateway, models: Collection[str], *, without: Collection[str]
) -> Iterator[tuple[str, PriceKey, str, Decimal]]:
    for batch in batches(sorted(models)):
        rows = Price.objects.open().filter(
            offer__model_key__in=batch, meter__in={meter for meter, _ in _COMPARED}, conditions_key="[]"
        )
        for model, slug, model_id, meter, conditions, amount in rows.values_list(
            "offer__model_key", "offer__gateway__slug", "offer__model_id", "meter", "conditions_key", "amount"
        ):
            if slug != gateway.slug or model_id not in without:
                yield model, (meter, conditions), _owner(slug, model_id), Decimal(amount)


def _listed(
    gateway: Gateway, listed: Iterable[OfferRecord], models: Collection[str]
) -> Iterator[tuple[str, PriceKey, str, Decimal]]:
    for record in listed:
        if record.prices and (model := model_ids.rough_key(record.slug)) in models:
            for price in record.prices:
                if price.key in _COMPARED:
                    yield model, price.key, _owner(gateway.slug, record.id), price.amount


def _owner(gateway: str, model_id: str) -> str:
    return f"{gateway} {model_id}"
