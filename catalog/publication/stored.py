"""Reads what is stored of the offers of a gateway."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence

from catalog import records
from catalog.models import Gateway, Offer, OfferVersion, Override, Price, PriceHold
from catalog.publication import losses, naming, observed
from catalog.publication.batches import batches
from catalog.publication.diff import Stored
from catalog.publication.naming import Naming
from catalog.publication.observed import Overlaid
from catalog.publication.prices.holds import PriceKey
from catalog.publication.prices.intervals import OpenPrice
from catalog.publication.states import OfferState
from catalog.records import Source


def summaries(gateway: Gateway, *, is_trusted: bool) -> dict[str, Stored]:
    """Return all offers of the gateway by id. If they are not trusted, no listing equals what is stored of them."""
    rows = Offer.objects.filter(gateway=gateway).values_list(
        "model_id", "fingerprint", "withdrawn_at", "missed_runs", "source", "rejected_since"
    )
    return {
        key: Stored(
            fingerprint=fingerprint if is_trusted else "",
            is_withdrawn=withdrawn_at is not None,
            missed_runs=missed,
            source=source,
            is_rejected=rejected_since is not None,
        )
        for key, fingerprint, withdrawn_at, missed, source, rejected_since in rows
    }


def states_of_ids(
    gateway: Gateway, ids: Collection[str], *, names: Naming | None = None, takes_observed: bool = False
) -> dict[str, OfferState]:
    """Return the gateway's offers with these ids, by id; `takes_observed` as in `states`."""
    offers = [
        offer
        for batch in batches(sorted(ids))
        for offer in Offer.objects.filter(gateway=gateway, model_id__in=batch).select_related("gateway", "canonical")
    ]
    return {state.offer.model_id: state for state in states(offers, names=names, takes_observed=takes_observed)}


def observed_states(keys: Sequence[int]) -> Iterator[OfferState]:
    """Yield the offers with these primary keys, in their order, with the newest observed availability."""
    offers, names = Offer.objects.select_related("gateway").order_by("pk"), naming.current()
    for batch in batches(keys):
        yield from states(offers.filter(pk__in=batch), names=names, takes_observed=True)


def states(offers: Iterable[Offer], *, names: Naming | None = None, takes_observed: bool = False) -> list[OfferState]:
    """Return the states of these stored offers, in their order. `names` are those in force; default: they are read.

    `takes_observed`: with the newest observed availability, even if it is not served yet.
    """
    stored = list(offers)
    if not stored:
        return []
    names = names or naming.current()
    overrides: dict[int, dict[str, Override]] = defaultdict(dict)
    holds: dict[int, dict[PriceKey, PriceHold]] = defaultdict(dict)
    earlier: dict[int, dict[PriceKey, PriceHold]] = defaultdict(dict)
    seen: dict[int, Overlaid] = {}
    documents: dict[int, str] = {}
    prices: dict[int, dict[PriceKey, OpenPrice]] = defaultdict(dict)
    for batch in batches([offer.pk for offer in stored]):
        for override in Override.objects.filter(offer__in=batch):
            overrides[override.offer_id][override.field] = override
        for hold in PriceHold.objects.filter(offer__in=batch).order_by("pk"):
            of_state = earlier if hold.state == PriceHold.State.OVERTAKEN else holds
            of_state[hold.offer_id][hold.meter, hold.conditions_key] = hold
        seen |= observed.overlaid(batch, is_newest=takes_observed)
        documents.update(OfferVersion.objects.current().filter(offer__in=batch).values_list("offer", "document"))
        for price in Price.objects.open().filter(offer__in=batch):
            row = OpenPrice(pk=price.pk, amount=price.amount, origin=price.origin)
            prices[price.offer_id][price.meter, price.conditions_key] = row
    return [
        OfferState(
            offer=offer,
            overrides=overrides[offer.pk],
            holds=holds[offer.pk],
            earlier_holds=earlier[offer.pk],
            observed=seen.get(offer.pk),
            document=documents.get(offer.pk),
            prices=prices[offer.pk],
            naming=names,
        )
        for offer in stored
    ]


def fact_counts(gateway: Gateway, *, source: Source) -> Counter[str]:
    """Count the essential facts of the gateway's published offers from this source."""
    published = Offer.objects.filter(gateway=gateway, withdrawn_at=None, source=source).values_list(
        "upstream", flat=True
    )
    return Counter(fact for text in published.iterator() for fact in losses.all_facts(records.load(text)))
