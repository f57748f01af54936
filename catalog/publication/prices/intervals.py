"""Decides which dated prices a publication closes and which it opens. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from catalog.pricing import money, status
from catalog.publication.prices.holds import PriceKey
from catalog.records import OfferRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPrice:
    """A price that is in force now: its primary key, amount and origin."""

    pk: int
    amount: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceChanges:
    closed: list[int]
    """Primary keys of the rows that end now."""
    opened: dict[PriceKey, tuple[str, str]]
    """Amount and origin of the rows that begin now."""


def wanted_prices(
    record: OfferRecord, *, curated: Collection[str], is_withdrawn: bool
) -> dict[PriceKey, tuple[str, str]]:
    """Return amount and origin of every price of the record; none while the offer is withdrawn.

    `curated` are the meters whose price a curator set.
    """
    if is_withdrawn:
        return {}
    return {
        price.key: (money.plain(price.amount), "curator" if _is_curated(price.key, curated) else "upstream")
        for price in status.known_prices(record)
    }


def price_changes(stored: Mapping[PriceKey, OpenPrice], wanted: Mapping[PriceKey, tuple[str, str]]) -> PriceChanges:
    kept = {key for key, price in stored.items() if wanted.get(key) == (price.amount, price.origin)}
    return PriceChanges(
        closed=[price.pk for key, price in stored.items() if key not in kept],
        opened={key: value for key, value in wanted.items() if key not in kept},
    )


def _is_curated(key: PriceKey, curated: Collection[str]) -> bool:
    meter, conditions_key = key
    return meter in curated and conditions_key == "[]"
