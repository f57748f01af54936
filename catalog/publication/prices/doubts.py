"""Why a price is not believed, and who judges a price that its gateway keeps reporting."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from catalog.publication.prices.siblings import Middle
from catalog.records import OfferRecord, PriceRecord


class Rule(StrEnum):
    """The reasons to doubt a price."""

    BOUNDS = "bounds"
    """The price is outside the range that any gateway charges."""
    RELATION = "relation"
    """The price contradicts another price of the same offer."""
    PAID = "paid"
    """The offer is free according to its name, but has a price."""
    ZERO = "zero"
    """The price fell to zero."""
    MOVE = "move"
    """The price moved too far at once."""
    SIBLINGS = "siblings"
    """Other offers of the model cost far more or far less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Why a price is not served until a curator decides, or until its gateway has repeated it for long enough."""

    rule: Rule
    reason: str
    """The text for a curator."""

    @property
    def leaves_unknown(self) -> bool:
        """Whether the earlier price is not served either, since it may contradict the same other price."""
        return self.rule is Rule.RELATION


class PriceJudge(Protocol):
    """Judges a held price that its gateway keeps reporting."""

    def doubt_of_repeated(self, record: OfferRecord, price: PriceRecord, *, others: Middle | None) -> Doubt | None:
        """Return why the price still may not be served; the size of its move no longer counts."""

    def do_agree(self, price: PriceRecord, *, others: Middle | None) -> bool:
        """Return whether two or more other offers of the model cost about as much."""
