"""Compares a listing with the stored offers. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from catalog import records, registry
from catalog.publication.listing import AcceptedListing, Comparison, Terms
from catalog.publication.prices import plausible
from catalog.records import OfferRecord, Source


class Stored(NamedTuple):
    """The stored state of an offer before a publication."""

    fingerprint: str
    is_withdrawn: bool = False
    missed_runs: int = 0
    source: str = ""
    is_rejected: bool = False
    """Whether its row could not be used in the last listing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """The ids of one gateway's offers, grouped by the effect of a listing on them."""

    new: frozenset[str]
    differing: frozenset[str]
    """Listed with different content, or listed again after a withdrawal."""
    unchanged: frozenset[str]
    absent: frozenset[str]
    """Published, but not in the listing."""
    is_complete: bool

    @property
    def missing(self) -> frozenset[str]:
        """The offers that a complete listing no longer contains. An incomplete listing proves no offer missing."""
        return self.absent if self.is_complete else frozenset()


def groups(
    stored: Mapping[str, Stored], listed: Mapping[str, str], *, present: Collection[str], is_complete: bool
) -> Groups:
    """Compare the stored offers with the listing.

    `listed` maps ids to fingerprints. `present` are ids that the gateway lists in a form that cannot be used. An offer
    is missing only from a complete listing, and never while the gateway still lists it in any form.
    """
    both = stored.keys() & listed.keys()
    unchanged = {key for key in both if stored[key].fingerprint == listed[key] and not stored[key].is_withdrawn}
    active = {key for key, offer in stored.items() if not offer.is_withdrawn}
    return Groups(
        new=frozenset(listed.keys() - stored.keys()),
        differing=frozenset(both - unchanged),
        unchanged=frozenset(unchanged),
        absent=frozenset(active - listed.keys() - set(present)),
        is_complete=is_complete,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """The effects of a listing on the offers of its gateway, by their ids."""

    prints: Mapping[str, str]
    """The fingerprints of the records that may be published."""
    groups: Groups
    gone: frozenset[str]
    """Missing from so many complete listings that they are withdrawn now."""
    missed: frozenset[str]
    """Missing, but not withdrawn yet."""
    seen: frozenset[str]
    """Listed again after they were missing."""
    rejected: frozenset[str]
    """Their row is rejected for the first time: what is served comes from an older row."""
    readable: frozenset[str]
    """Unchanged, and their row is usable again."""
    comparison: Comparison

    @property
    def listed(self) -> int:
        """Number of offers in the listing, including those that are unchanged."""
        return len(self.groups.new) + len(self.groups.differing) + len(self.groups.unchanged)

    @property
    def drafted(self) -> frozenset[str]:
        return self.groups.new | self.groups.differing | self.gone

    @property
    def stored(self) -> frozenset[str]:
        """The stored offers that are rendered again."""
        return self.groups.differing | self.gone | self.rejected | self.readable


def effects(
    stored: Mapping[str, Stored], listing: AcceptedListing, *, prints: Mapping[str, str], terms: Terms
) -> Effects:
    """Compare a listing with the stored offers. `prints` are the fingerprints of its records."""
    waiting = _waiting(stored, listing)
    prints = {key: fingerprint for key, fingerprint in prints.items() if key not in waiting}
    listed = {**prints, **{key: stored[key].fingerprint for key in listing.same}}
    found = groups(stored, listed, present=listing.unread, is_complete=listing.is_complete)
    gone = frozenset(key for key in found.missing if _is_gone(stored[key], listing, terms))
    still_listed = found.unchanged | (listing.unread & stored.keys())
    unread = listing.present - listing.records.keys() - listing.same
    return Effects(
        prints=prints,
        groups=found,
        gone=gone,
        # A listing that is read a second time counts no offer as missing a second time.
        missed=frozenset() if terms.is_replay else found.missing - gone,
        seen=frozenset(key for key in still_listed if stored[key].missed_runs and not terms.is_replay),
        # If two rows share an id, the second is rejected although the first is read: such an offer is not marked.
        rejected=frozenset(
            key for key in unread & stored.keys() if not (stored[key].is_rejected or stored[key].is_withdrawn)
        ),
        readable=frozenset(key for key in found.unchanged if stored[key].is_rejected),
        comparison=_comparison(stored, found, listing.source),
    )


def fingerprints(listing: AcceptedListing) -> dict[str, str]:
    return {
        key: fingerprint(record, source=listing.source, recorded_on=listing.recorded_on)
        for key, record in listing.records.items()
    }


def fingerprint(record: OfferRecord, *, source: Source, recorded_on: date | None) -> str:
    """Return a hash that is equal for equal content.

    It covers the version of the guard's rules, so that new rules judge every offer again. It also covers the facts of
    the provider, so that a new fact renders all of its offers again.
    """
    provider = registry.PROVIDERS.of(record.provider_slug) if record.provider_slug else None
    content = f"{plausible.RULES}\n{provider}\n{source}\n{recorded_on}\n{records.dump(record)}"
    return hashlib.sha256(content.encode()).hexdigest()


def _waiting(stored: Mapping[str, Stored], listing: AcceptedListing) -> set[str]:
    """Return the ids of offers that are listed only in part and whose complete record is published already."""
    return {
        key
        for key in listing.postponed & stored.keys()
        if not stored[key].is_withdrawn and stored[key].source == listing.source
    }


def _is_gone(offer: Stored, listing: AcceptedListing, terms: Terms) -> bool:
    """Return whether a missing offer is withdrawn now: at once if this listing replaces another source's."""
    missed = offer.missed_runs if terms.is_replay else offer.missed_runs + 1
    return missed >= terms.withdraw_after or offer.source != listing.source


def _comparison(stored: Mapping[str, Stored], found: Groups, source: Source) -> Comparison:
    """Compare with offers of the same source only: a bundled catalogue need not resemble the API that replaces it."""
    of_source = {key for key, offer in stored.items() if not offer.is_withdrawn and offer.source == source}
    return Comparison(published=len(of_source), missing=found.absent & of_source, is_complete=found.is_complete)
