"""What is known about an offer's price: its status, its basis, and its tier. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from catalog.pricing import billing, meters
from catalog.records import OfferRecord, PriceRecord


def price_status(record: OfferRecord) -> str:
    """Return `dynamic`, `priced`, `free` (zeros with evidence) or `unknown`. An unknown price is never called free.

    Only billed prices count (`billing.billed`): a surcharge for a tool does not make an offer priced, and a free cache
    does not make it free. Next to an unclear price of the work, zeros are no evidence.
    """
    if record.is_dynamic:
        return "dynamic"
    billed = billing.billed(record.prices, unclear=record.unclear)
    if any(price.amount for price in billed):
        return "priced"
    is_free = record.zero_is_free and not billing.has_unclear_work(record.unclear)
    return "free" if billed and is_free else "unknown"


def price_basis(record: OfferRecord) -> str | None:
    """Return the basis of billing: `token` of text, `hourly`, or `unit` (anything else). None means unknown or
    dynamic."""
    if price_status(record) in {"dynamic", "unknown"}:
        return None
    billed = {price.meter for price in billing.billed(known_prices(record), unclear=record.unclear)}
    if billed & {meters.INPUT_TEXT, meters.OUTPUT_TEXT}:
        return "token"
    return "hourly" if billed == {meters.COMPUTE_HOUR} else "unit"


def price_tier(usd_per_hour: Decimal) -> str:
    """Return the tier of an hourly rate. The lower bound of a range belongs to its tier."""
    if not usd_per_hour:
        return "free"
    if usd_per_hour < 2:
        return "budget"
    if usd_per_hour < 6:
        return "standard"
    return "premium" if usd_per_hour < 22 else "enterprise"


def known_prices(record: OfferRecord) -> Sequence[PriceRecord]:
    """Return the prices that are served. Zeros that are no evidence of a free offer, or of a free part of it, are left
    out."""
    if price_status(record) not in {"priced", "free"}:
        return [price for price in record.prices if price.amount]
    unsold = frozenset() if record.zero_is_free else billing.not_sold_by(record.prices)
    return [price for price in record.prices if price.meter not in unsold]


def known_amount(record: OfferRecord, meter: str) -> Decimal | None:
    return next((price.amount for price in known_prices(record) if price.meter == meter and not price.conditions), None)
