"""Compares a listing with the stored offers. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from catalog import records, registry
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
class Plan:
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


def plan(
    stored: Mapping[str, Stored], listed: Mapping[str, str], *, present: Collection[str], is_complete: bool
) -> Plan:
    """Compare the stored offers with the listing.

    `listed` maps ids to fingerprints. `present` are ids that the gateway lists in a form that cannot be used. An offer
    is missing only from a complete listing, and never while the gateway still lists it in any form.
    """
    known = stored.keys() & listed.keys()
    unchanged = {key for key in known if stored[key].fingerprint == listed[key] and not stored[key].is_withdrawn}
    active = {key for key, offer in stored.items() if not offer.is_withdrawn}
    return Plan(
        new=frozenset(listed.keys() - stored.keys()),
        differing=frozenset(known - unchanged),
        unchanged=frozenset(unchanged),
        absent=frozenset(active - listed.keys() - set(present)),
        is_complete=is_complete,
    )


def fingerprint(record: OfferRecord, *, source: Source, recorded_on: date | None) -> str:
    """Return a hash that is equal for equal content.

    It covers the version of the guard's rules, so that new rules judge every offer again. It also covers the facts of
    the provider, so that a new fact renders all of its offers again.
    """
    provider = registry.PROVIDERS.of(record.provider_slug) if record.provider_slug else None
    content = f"{plausible.RULES}\n{provider}\n{source}\n{recorded_on}\n{records.dump(record)}"
    return hashlib.sha256(content.encode()).hexdigest()
