"""The states in which offers will be served: their records, overrides and holds, and whether anything changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from catalog import registry
from catalog.documents import rendering
from catalog.models import Offer, OfferVersion, Override, Price, PriceHold
from catalog.providers import logo_path
from catalog.publication.holds import Hold, PriceKey, held_keys, with_holds
from catalog.publication.overlay import PRICED_FIELDS, overlay
from catalog.publication.prices import OpenPrice, price_changes, wanted_prices
from catalog.records import OfferRecord, Source

Json = Any
_Key = TypeVar("_Key")
BATCH = 500


@dataclass(slots=True)
class Standing:
    """The stored data about one offer in addition to the gateway's record."""

    overrides: dict[str, Json] = field(default_factory=dict)
    holds: dict[PriceKey, PriceHold] = field(default_factory=dict)
    """The deciding holds: at most one for each price."""
    document: str | None = None
    """The document that is served now; None for a new offer."""
    prices: dict[PriceKey, OpenPrice] = field(default_factory=dict)

    @property
    def applied_holds(self) -> dict[PriceKey, Hold]:
        """The holds that keep a price from being served."""
        return self._holds(PriceHold.State.OPEN, PriceHold.State.DISCARDED)

    @property
    def asked(self) -> dict[PriceKey, Hold]:
        """The holds that a curator has not decided yet."""
        return self._holds(PriceHold.State.OPEN)

    def _holds(self, *in_states: str) -> dict[PriceKey, Hold]:
        return {
            key: Hold(amount=Decimal(hold.amount), kept=Decimal(hold.kept) if hold.kept else None)
            for key, hold in self.holds.items()
            if hold.state in in_states
        }


@dataclass(slots=True)
class State:
    """One offer as it will be served, with the data that is served now."""

    offer: Offer
    record: OfferRecord
    document: str
    standing: Standing
    prices: dict[PriceKey, tuple[str, str]]
    """Amount and origin of the billed prices."""
    is_withdrawal: bool = False
    """Whether the gateway has just ceased to list the offer."""

    @property
    def is_news(self) -> bool:
        return self.document != self.standing.document

    @property
    def is_repriced(self) -> bool:
        """Whether a price is newly billed, or is no longer billed."""
        changes = price_changes(self.standing.prices, self.prices)
        return bool(changes.closed or changes.opened)

    @property
    def kind(self) -> str:
        if self.standing.document is None:
            return "new"
        return "withdrawn" if self.is_withdrawal else "changed"


def standings(offers: Iterable[Offer]) -> dict[int, Standing]:
    """Return the standing of each stored offer, by its primary key."""
    found: dict[int, Standing] = defaultdict(Standing)
    for batch in batches([offer.pk for offer in offers if offer.pk]):
        for override in Override.objects.filter(offer__in=batch):
            found[override.offer_id].overrides[override.field] = override.value
        for hold in PriceHold.objects.deciding().filter(offer__in=batch):
            found[hold.offer_id].holds[hold.meter, hold.conditions_key] = hold
        for pk, document in OfferVersion.objects.current().filter(offer__in=batch).values_list("offer", "document"):
            found[pk].document = document
        for price in Price.objects.open().filter(offer__in=batch):
            row = OpenPrice(pk=price.pk, amount=price.amount, origin=price.origin)
            found[price.offer_id].prices[price.meter, price.conditions_key] = row
    return found


def state(offer: Offer, upstream: OfferRecord, standing: Standing) -> State:
    holds = standing.applied_holds
    record = overlay(with_holds(upstream, holds), standing.overrides)
    curated = {PRICED_FIELDS[name] for name in standing.overrides if name in PRICED_FIELDS}
    provider = record.provider_slug
    known = registry.PROVIDERS.of(provider) if provider else None
    facts = rendering.OfferFacts(
        gateway=offer.gateway.slug,
        gateway_name=registry.GATEWAYS[offer.gateway.slug].name,
        source=Source(offer.source),
        recorded_on=offer.recorded_on,
        first_seen_at=offer.first_seen_at,
        withdrawn_at=offer.withdrawn_at,
        stale_since=offer.rejected_since,
        provider_name=known.name if known else None,
        provider_site_url=known.site_url if known else None,
        model_logo_url=logo_path(registry.PROVIDERS.key(provider)) if provider else None,
        holds=_waiting_prices(upstream, standing),
    )
    return State(
        offer=offer,
        record=record,
        document=rendering.render(record, facts),
        standing=standing,
        prices=wanted_prices(record, curated=curated, is_withdrawn=offer.withdrawn_at is not None),
    )


def _waiting_prices(upstream: OfferRecord, standing: Standing) -> tuple[rendering.HeldPrice, ...]:
    """Return the reported prices that wait for a decision."""
    waiting = held_keys(upstream, standing.asked)
    holds = standing.holds
    return tuple(
        rendering.HeldPrice(price=price, since=holds[price.key].reported_since, reason=holds[price.key].reason)
        for price in upstream.prices
        if price.key in waiting
    )


def batches(keys: Sequence[_Key]) -> Iterator[Sequence[_Key]]:
    """Split the keys into pieces that stay below the limit on parameters of an SQL statement."""
    return (keys[start : start + BATCH] for start in range(0, len(keys), BATCH))
