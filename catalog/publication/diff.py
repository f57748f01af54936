"""Decides what changed. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from catalog import records, registry
from catalog.normalize import text
from catalog.publication import plausible
from catalog.records import OfferRecord, Source

Json = Any


class Stored(NamedTuple):
    """What the database knows of an offer before a publication."""

    fingerprint: str
    is_withdrawn: bool = False
    missed_runs: int = 0
    source: str = ""
    is_rejected: bool = False
    """Its row could not be used the last time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Ids of the offers of one gateway, by what a listing means for them."""

    new: frozenset[str]
    differing: frozenset[str]
    """Listed with another content than before, or listed again after having been withdrawn."""
    unchanged: frozenset[str]
    absent: frozenset[str]
    """Published and not in the listing."""
    is_complete: bool

    @property
    def missing(self) -> frozenset[str]:
        """No longer in a complete listing, so really gone; of an incomplete one nobody knows."""
        return self.absent if self.is_complete else frozenset()


def plan(
    stored: Mapping[str, Stored], listed: Mapping[str, str], *, present: Collection[str], is_complete: bool
) -> Plan:
    """`listed` maps ids to fingerprints; `present` are ids that the gateway lists in a form that could not be used.

    An offer is missing only from a complete listing, and never while the gateway still lists it in whatever form.
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
    """Equal for equal content. The version of the guard's rules is part of it, so that new rules judge every offer, and
    the facts of the provider, so that a new fact renders every offer of it."""
    provider = registry.PROVIDERS.of(record.provider_slug) if record.provider_slug else None
    content = f"{plausible.RULES}\n{provider}\n{source}\n{recorded_on}\n{records.dump(record)}"
    return hashlib.sha256(content.encode()).hexdigest()


def changes(before: Json, after: Json) -> list[list[Json]]:
    """What differs between two documents, as [field, before, after]; fields of nested objects are dotted.

    A description that was only cut short is the same one: lists have begun to do so with all of theirs on one day.
    """
    old, new = _flat(before), _flat(after)
    fields = [*old, *(field for field in new if field not in old)]
    found = [[field, old.get(field), new.get(field)] for field in fields if old.get(field) != new.get(field)]
    return [change for change in found if change[0] != "description" or not _is_cut(change)]


def _is_cut(change: list[Json]) -> bool:
    _, before, after = change
    return isinstance(before, str) and isinstance(after, str) and text.is_abridged(after, of=before)


def _flat(document: Mapping[str, Json], prefix: str = "") -> dict[str, Json]:
    flat: dict[str, Json] = {}
    for key, value in document.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat
