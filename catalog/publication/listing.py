"""The data that a sync passes to a publication, the interfaces of its judges, and its outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from django.contrib.auth.models import User

from catalog.publication.audit import Draft
from catalog.publication.prices.doubts import Doubt
from catalog.publication.prices.holds import PriceKey
from catalog.publication.prices.repeats import Rules
from catalog.publication.prices.siblings import Middle
from catalog.records import Availability, OfferRecord, ProviderRecord, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedListing:
    """The publishable part of one gateway's listing."""

    records: Mapping[str, OfferRecord]
    row_prints: Mapping[str, str]
    """The prints of the rows that the records were read from, by id."""
    same: frozenset[str]
    """Ids of rows that are unchanged since the accepted listing."""
    present: frozenset[str]
    """Ids of rejected rows: their offers are listed, so they are not gone."""
    postponed: frozenset[str]
    """Ids of rows that are listed only in part: their published offers stay."""
    is_complete: bool
    source: Source
    recorded_on: date | None
    providers: Sequence[ProviderRecord] = ()
    availability: Mapping[str, Availability] | None = None
    """What the listing states of availability, by id, if that is observed. An offer that has no observation yet begins
    with it. None: availability is a part of the records."""

    @property
    def is_evidence(self) -> bool:
        """Whether the listing shows what the gateway charges now: it is complete, and not from an old file."""
        return self.is_complete and self.source is Source.API

    @property
    def unread(self) -> frozenset[str]:
        """Ids of rows from which no offer can be updated."""
        return self.present | self.postponed


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A listing compared with the published offers of its gateway, as far as they come from the same source."""

    published: int
    """Number of published offers of this source that are not withdrawn."""
    missing: frozenset[str]
    """Ids of those offers that the listing lacks, even if only because it is incomplete."""
    is_complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A fact that offers had, and that their new records lack."""

    fact: str
    lost: int
    had: int
    """Number of published offers of this source that had the fact, including those that lost it."""


class Guard(Protocol):
    """Judges whether a listing is plausible."""

    def judge_listing(self, comparison: Comparison) -> None:
        """Raise NotBelieved if nothing of the listing may be published."""

    def judge_losses(self, losses: Sequence[Loss]) -> None:
        """Raise NotBelieved if more offers lost a fact at once than is plausible."""

    def doubts(
        self, before: OfferRecord | None, after: OfferRecord, *, siblings: Mapping[PriceKey, Middle]
    ) -> Mapping[PriceKey, Doubt]:
        """Return the prices of `after` that may not be served, with the reasons.

        `before` is the record that was believed so far. `siblings` are the prices of other offers of the model.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms on which a listing is published."""

    guard: Guard
    rules: Rules
    withdraw_after: int
    """An offer is withdrawn after this many complete listings without it."""
    is_replay: bool = False
    """The listing was read again from captures. Then every offer is rebuilt, even if its stored fingerprint is equal,
    and missing offers are not counted a second time."""
    author: User | None = None
    """The person who decided that it is published."""
    decided: Draft | None = None
    """That decision, for the audit trail; it is written in the same transaction."""
    dry_run: bool = False


class NotBelieved(Exception):
    """A listing is held; `reasons` are texts for a curator."""

    def __init__(self, reasons: Sequence[str], *, missing: frozenset[str] = frozenset()) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons
        self.missing = missing
        """The missing offers, if the listing has no other problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The effects of a publication; in a dry run, the effects that it would have."""

    new: int
    changed: int
    unchanged: int
    withdrawn: int
    held_prices: int
    revision_before: int
    revision_after: int
