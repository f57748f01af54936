"""Offers as they are stored, and as they will be served: observation, holds and overrides applied, and rendered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from catalog import registry
from catalog.documents import rendering
from catalog.models import Offer, Override, PriceHold
from catalog.providers import logo_path
from catalog.publication.fields import FEATURED, FIELDS, HIDDEN, PRICES
from catalog.publication.naming import Naming
from catalog.publication.observed import Overlaid
from catalog.publication.overlay import overlay, with_observed
from catalog.publication.prices.holds import Hold, PriceKey, held_keys, with_holds
from catalog.publication.prices.intervals import OpenPrice, price_changes, wanted_prices
from catalog.records import OfferRecord, Source

Json = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferState:
    """An offer with everything that decides how it is served, in addition to the gateway's record."""

    offer: Offer
    """With its gateway loaded."""
    overrides: Mapping[str, Override] = field(default_factory=dict)
    """The curators' values, by field."""
    holds: Mapping[PriceKey, PriceHold] = field(default_factory=dict)
    """The deciding holds: at most one for each price."""
    earlier_holds: Mapping[PriceKey, PriceHold] = field(default_factory=dict)
    """The last overtaken hold of each price."""
    observed: Overlaid | None = None
    """The availability that replaces the one of the record; None: nothing is observed."""
    document: str | None = None
    """The document that is served now; None for a new offer."""
    prices: Mapping[PriceKey, OpenPrice] = field(default_factory=dict)
    """The prices that are in force now."""
    naming: Naming = field(default_factory=Naming)
    """What its tags and its provider are called."""

    @property
    def curated(self) -> dict[str, Json]:
        """The values that curators set, by field."""
        return {name: override.value for name, override in self.overrides.items()}

    @property
    def withdrawn_at(self) -> datetime | None:
        """Since when the offer is not listed: its gateway withdrew it, or a curator hid it."""
        hidden = self.overrides.get(HIDDEN)
        return self.offer.withdrawn_at or (hidden.made_at if hidden else None)

    def moved(self, upstream: OfferRecord) -> list[Override]:
        """Return the overrides that become stale, or are no longer stale, with a new record of the gateway."""
        return [override for override in self.overrides.values() if is_stale(override, upstream) != override.is_stale]

    @property
    def applied_holds(self) -> dict[PriceKey, Hold]:
        """The holds that keep a price from being served."""
        return self._holds(PriceHold.State.OPEN, PriceHold.State.DISCARDED)

    @property
    def waiting_holds(self) -> dict[PriceKey, Hold]:
        """The holds that a curator has not decided yet."""
        return self._holds(PriceHold.State.OPEN)

    def _holds(self, *in_states: str) -> dict[PriceKey, Hold]:
        return {
            key: Hold(amount=Decimal(hold.amount), kept=Decimal(hold.kept) if hold.kept else None)
            for key, hold in self.holds.items()
            if hold.state in in_states
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """One offer as it will be served."""

    state: OfferState
    record: OfferRecord
    """With what is observed, holds and overrides applied."""
    document: str
    prices: Mapping[PriceKey, tuple[str, str]]
    """Amount and origin of the billed prices."""
    is_withdrawal: bool = False
    """Whether the gateway has just ceased to list the offer."""

    @property
    def offer(self) -> Offer:
        return self.state.offer

    @property
    def is_news(self) -> bool:
        return self.document != self.state.document

    @property
    def is_repriced(self) -> bool:
        """Whether a price is newly billed, or is no longer billed."""
        changes = price_changes(self.state.prices, self.prices)
        return bool(changes.closed or changes.opened)

    @property
    def kind(self) -> str:
        if self.state.document is None:
            return "new"
        return "withdrawn" if self.is_withdrawal else "changed"


def rendered(state: OfferState, upstream: OfferRecord, *, is_withdrawal: bool = False) -> Rendered:
    """Return the offer as it will be served. `upstream` is the gateway's record."""
    offer = state.offer
    naming, record = state.naming, served_record(state, upstream)
    curated = {PRICES[name].meter for name in state.overrides if name in PRICES}
    spelling = record.provider_slug
    provider = naming.makers.of(spelling) if spelling else None
    facts = rendering.OfferFacts(
        gateway=offer.gateway.slug,
        gateway_name=registry.GATEWAYS[offer.gateway.slug].name,
        source=Source(offer.source),
        recorded_on=offer.recorded_on,
        first_seen_at=offer.first_seen_at,
        withdrawn_at=state.withdrawn_at,
        is_hidden=HIDDEN in state.overrides,
        is_featured=FEATURED in state.overrides,
        stale_since=offer.rejected_since,
        provider_name=provider.name if provider else None,
        provider_site_url=provider.site_url if provider else None,
        model_logo_url=logo_path(naming.makers.key(spelling)) if spelling else None,
        holds=_waiting_prices(upstream, state),
    )
    return Rendered(
        state=state,
        record=record,
        document=rendering.render(record, facts),
        prices=wanted_prices(record, curated=curated, is_withdrawn=state.withdrawn_at is not None),
        is_withdrawal=is_withdrawal,
    )


def served_record(state: OfferState, upstream: OfferRecord) -> OfferRecord:
    """Return the gateway's record with what is observed, holds, names and overrides applied: what is served."""
    observed = with_observed(upstream, state.observed.availability if state.observed else None)
    believed = state.naming.record(with_holds(observed, state.applied_holds))
    return overlay(believed, state.naming.overrides(state.curated))


def is_stale(override: Override, upstream: OfferRecord) -> bool:
    """Whether the gateway reports something else than when the override was set."""
    if override.reported is None or override.field not in FIELDS:
        return False
    found: bool = override.reported["value"] != FIELDS[override.field].basis(upstream, override.value)
    return found


def _waiting_prices(upstream: OfferRecord, state: OfferState) -> tuple[rendering.HeldPrice, ...]:
    """Return the reported prices that wait for a decision."""
    waiting = held_keys(upstream, state.waiting_holds)
    holds = state.holds
    return tuple(
        rendering.HeldPrice(price=price, since=holds[price.key].reported_since, reason=holds[price.key].reason)
        for price in upstream.prices
        if price.key in waiting
    )
