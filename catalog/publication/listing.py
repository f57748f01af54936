"""What a sync hands over to be published, how it is judged, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol

from catalog.publication.holds import PriceKey
from catalog.publication.siblings import Middle
from catalog.records import OfferRecord, PriceRecord, ProviderRecord, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedListing:
    """What is publishable of one gateway's listing."""

    records: Mapping[str, OfferRecord]
    row_prints: Mapping[str, str]
    """Of the rows that the records were read from, by id."""
    same: frozenset[str]
    """Ids of rows that say what they said in the accepted listing."""
    present: frozenset[str]
    """Ids of rows that were rejected: listed, so not gone."""
    postponed: frozenset[str]
    """Ids of rows that were told only in part: what is published of them stays."""
    is_complete: bool
    source: Source
    recorded_on: date | None
    providers: Sequence[ProviderRecord] = ()

    @property
    def is_evidence(self) -> bool:
        """Whether it says what the gateway asks: all of it, and not what a file once said."""
        return self.is_complete and self.source is Source.API

    @property
    def unread(self) -> frozenset[str]:
        """Ids of rows that say nothing of their offers."""
        return self.present | self.postponed


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A listing beside what is published of its gateway, as far as that was read from the same source."""

    known: int
    """Offers that are published of this source and not withdrawn."""
    missing: frozenset[str]
    """Those of them that the listing does not have, be it because it is incomplete."""
    is_complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A fact that offers told, and tell no more."""

    fact: str
    lost: int
    had: int
    """Published offers of this source that told it, the losing ones among them."""


class Rule(StrEnum):
    """Why a price is doubted."""

    BOUNDS = "bounds"
    """It is outside of what anyone charges."""
    RELATION = "relation"
    """It contradicts another price of the same offer."""
    PAID = "paid"
    """An offer that is free by its name has a price."""
    ZERO = "zero"
    """It fell to zero."""
    MOVE = "move"
    """It moved too far at once."""
    SIBLINGS = "siblings"
    """Other offers of the model ask far more or far less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Why a price is not served before somebody decides, or before its gateway has repeated it for long enough."""

    rule: Rule
    reason: str
    """In words for a curator."""

    @property
    def leaves_unknown(self) -> bool:
        """Whether the price before is not served either: it may contradict the same price of the offer."""
        return self.rule is Rule.RELATION


class Guard(Protocol):
    """Judges whether a listing is believable."""

    def judge_listing(self, comparison: Comparison) -> None:
        """Raises NotBelieved where nothing of the listing may be published."""

    def judge_losses(self, losses: Sequence[Loss]) -> None:
        """Raises NotBelieved where so many offers cannot have lost a fact at once."""

    def doubts(
        self, before: OfferRecord | None, after: OfferRecord, *, siblings: Mapping[PriceKey, Middle]
    ) -> Mapping[PriceKey, Doubt]:
        """The prices of `after` that may not be served, with the reason.

        `before` is what was believed so far; `siblings` is what other offers of the model ask.
        """


class PriceJudge(Protocol):
    """Judges a held price that its gateway keeps reporting."""

    def doubt_of_repeated(self, record: OfferRecord, price: PriceRecord, *, others: Middle | None) -> Doubt | None:
        """Why the price still may not be served; how far it moved does not count any more."""

    def do_agree(self, price: PriceRecord, *, others: Middle | None) -> bool:
        """Whether two or more other offers of the model ask about as much."""


class NotBelieved(Exception):
    """A listing is held; `reasons` say why in words for a curator."""

    def __init__(self, reasons: Sequence[str], *, missing: frozenset[str] = frozenset()) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons
        self.missing = missing
        """The missing offers, where nothing else is wrong with the listing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a publication did, or in a dry run would do."""

    new: int
    changed: int
    unchanged: int
    withdrawn: int
    held_prices: int
    revision_before: int
    revision_after: int
