"""Decides what the publication of a listing writes. Pure: the same input gives the same plan, without a database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime

from catalog import records
from catalog.models import Gateway, Offer, SyncRun
from catalog.publication.diff import Effects
from catalog.publication.identity import parts
from catalog.publication.identity.identify import Decided
from catalog.publication.listing import AcceptedListing, Outcome, Terms
from catalog.publication.losses import lost_facts
from catalog.publication.naming import Naming
from catalog.publication.observed import Overlaid
from catalog.publication.prices import following
from catalog.publication.prices.doubts import Doubt
from catalog.publication.prices.following import Doubted, HoldChanges
from catalog.publication.prices.holds import PriceKey, with_holds
from catalog.publication.prices.siblings import Listed, Siblings
from catalog.publication.states import OfferState, Rendered, rendered
from catalog.records import Availability, OfferRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """What a listing is, what it is compared with, and what is stored of the offers that it changes."""

    gateway: Gateway
    run: SyncRun
    now: datetime
    listing: AcceptedListing
    terms: Terms
    effects: Effects
    states: Mapping[str, OfferState]
    """The stored offers that are rendered again, by id."""
    naming: Naming = field(default_factory=Naming)
    """What tags and providers are called."""

    @property
    def is_evidence(self) -> bool:
        """Whether the reading shows what the gateway charges now."""
        return self.listing.is_evidence and not self.terms.is_replay


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A new, changed or withdrawn offer before its publication."""

    rendered: Rendered
    upstream: OfferRecord
    """The gateway's record."""
    believed: OfferRecord | None = None
    """The record that was served from the same source so far."""
    holds: HoldChanges = field(default_factory=HoldChanges)

    @property
    def offer(self) -> Offer:
        return self.rendered.offer


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a publication writes."""

    gateway: Gateway
    drafts: Sequence[Draft]
    marked: Sequence[Rendered]
    """The offers whose row became unusable, or usable again."""
    missed: frozenset[str]
    seen: frozenset[str]
    listed: int
    """Number of offers in the listing."""
    reread: Mapping[str, str] = field(default_factory=dict)
    """The prints of rows that were read again and gave the stored record, by id."""

    @property
    def rendered(self) -> list[Rendered]:
        return [*(draft.rendered for draft in self.drafts), *self.marked]

    @property
    def lost_facts(self) -> Counter[str]:
        return lost_facts((draft.believed, draft.upstream) for draft in self.drafts if draft.believed)

    def outcome(self, *, revision_before: int, revision_after: int) -> Outcome:
        counts = counts_of(draft.rendered for draft in self.drafts)
        return Outcome(
            **counts,
            unchanged=self.listed - counts["new"] - counts["changed"],
            held_prices=sum(len(draft.holds.new) for draft in self.drafts),
            revision_before=revision_before,
            revision_after=revision_after,
        )


def changes_of_identity(given: Input) -> parts.Changes:
    """Return the offers whose model must be resolved again: they are added, renamed, returned or withdrawn."""
    return dict(_changes_of_identity(given))


def listed(given: Input, identity: Decided | None) -> Iterator[Listed]:
    """Yield the new and changed offers with the models that they will have. `identity` is None if no model changes."""
    for offer_id in _listed_ids(given):
        model, variant = _model_and_variant(given, offer_id, identity)
        yield Listed(record=given.listing.records[offer_id], model=model, variant=variant)


def decide(given: Input, *, siblings: Siblings) -> Plan:
    """Return what is written. Nothing of the input is changed: the plan has its own copies."""
    effects = given.effects
    return Plan(
        gateway=given.gateway,
        drafts=[
            *(_draft(given, offer_id, siblings) for offer_id in _listed_ids(given)),
            *(_withdrawal(given, offer_id) for offer_id in sorted(effects.gone)),
        ],
        marked=[_marked(given, offer_id) for offer_id in sorted(effects.rejected | effects.readable)],
        missed=effects.missed,
        seen=effects.seen,
        listed=effects.listed,
        reread={
            offer_id: row_print
            for offer_id, row_print in given.listing.row_prints.items()
            if offer_id in effects.groups.unchanged
        },
    )


def counts_of(found: Iterable[Rendered]) -> dict[str, int]:
    """Count the offers whose document changes, by kind."""
    counts = Counter(offer.kind for offer in found if offer.is_news)
    return {kind: counts[kind] for kind in ("new", "changed", "withdrawn")}


def _model_and_variant(given: Input, offer_id: str, identity: Decided | None) -> tuple[str | None, str]:
    if identity and (placement := identity.placement((given.gateway.slug, offer_id))):
        return placement.model, placement.variant or ""
    offer = given.states[offer_id].offer if offer_id in given.states else None
    return (offer.canonical.slug, offer.variant) if offer and offer.canonical else (None, "")


def _listed_ids(given: Input) -> list[str]:
    groups = given.effects.groups
    return [*sorted(groups.new), *sorted(groups.differing)]


def _changes_of_identity(given: Input) -> Iterator[tuple[tuple[str, str], parts.Change]]:
    slug = given.gateway.slug
    for offer_id in _listed_ids(given):
        facts = parts.facts_of(slug, given.listing.records[offer_id])
        state = given.states.get(offer_id)
        if state is None:
            yield facts.key, parts.Change(pk=None, facts=facts)
        elif state.offer.withdrawn_at or parts.published_fact(slug, state.offer.upstream) != facts:
            yield facts.key, parts.Change(pk=state.offer.pk, facts=facts)
    for offer_id in given.effects.gone:
        yield (slug, offer_id), parts.Change(pk=given.states[offer_id].offer.pk, facts=None)


def _draft(given: Input, offer_id: str, siblings: Siblings) -> Draft:
    record, rules = given.listing.records[offer_id], given.terms.rules
    state = given.states.get(offer_id) or OfferState(
        offer=Offer(gateway=given.gateway, model_id=offer_id, first_seen_at=given.now), naming=given.naming
    )
    state = replace(state, observed=state.observed or _first_observed(given, state, offer_id))
    believed = _believed(given, state)
    offer = _accepted(state.offer, record, given.listing, fingerprint=given.effects.prints[offer_id])
    holds = following.follow(state.holds, record, rules=rules, is_evidence=given.is_evidence)
    if doubts := _doubts(given, believed, record, siblings):
        holds = following.begin(
            holds,
            Doubted(offer=offer, record=record, believed=believed, earlier_holds=state.earlier_holds),
            doubts,
            rules=rules,
            run=given.run if given.run.pk else None,
            now=given.now,
        )
    return Draft(
        rendered=rendered(replace(state, offer=offer, holds=holds.deciding), record),
        upstream=record,
        believed=believed,
        holds=holds,
    )


def _believed(given: Input, state: OfferState) -> OfferRecord | None:
    # A price of another source is not comparable: a bundled catalogue can be a year old.
    if state.offer.source != given.listing.source:
        return None
    return with_holds(records.load(state.offer.upstream), state.applied_holds)


def _first_observed(given: Input, state: OfferState, offer_id: str) -> Overlaid | None:
    """Return the first availability of an offer that has no observation yet."""
    if given.listing.availability is None:
        return None
    stated = given.listing.availability.get(offer_id)
    if stated is None and state.document is not None:
        # Published while nobody observed: its record has what the adapter read.
        stated = records.load(state.offer.upstream).availability
    return None if stated in {None, Availability.UNKNOWN} else Overlaid(stated, served=None)


def _doubts(
    given: Input, believed: OfferRecord | None, record: OfferRecord, siblings: Siblings
) -> Mapping[PriceKey, Doubt]:
    middles = siblings.of(given.gateway.slug, record.id)
    return given.terms.guard.doubts(believed, record, siblings=middles)


def _accepted(offer: Offer, record: OfferRecord, listing: AcceptedListing, *, fingerprint: str) -> Offer:
    """Return a copy of the offer with the gateway's new record."""
    accepted = copy(offer)
    accepted.name = record.name
    accepted.model_type = record.model_type
    accepted.upstream = records.dump(record)
    accepted.fingerprint = fingerprint
    accepted.row_print = listing.row_prints.get(record.id, "")
    accepted.source = listing.source
    accepted.recorded_on = listing.recorded_on
    accepted.withdrawn_at = None
    accepted.rejected_since = None
    accepted.missed_runs = 0
    return accepted


def _withdrawal(given: Input, offer_id: str) -> Draft:
    state = given.states[offer_id]
    offer = copy(state.offer)
    offer.withdrawn_at = given.now
    offer.rejected_since = None
    record = records.load(offer.upstream)
    return Draft(rendered=rendered(replace(state, offer=offer), record, is_withdrawal=True), upstream=record)


def _marked(given: Input, offer_id: str) -> Rendered:
    state = given.states[offer_id]
    offer = copy(state.offer)
    offer.rejected_since = given.now if offer_id in given.effects.rejected else None
    return rendered(replace(state, offer=offer), records.load(offer.upstream))
