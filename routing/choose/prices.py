"""What a request is expected to cost at an offer, as the catalogue's bills have it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from fractions import Fraction

from catalog.pricing import billing, meters
from catalog.pricing.quantities import EXACT
from catalog.pricing.tariffs import Tariff
from catalog.pricing.workloads import Workload
from catalog.records import PriceRecord, UnclearPrice
from routing.choose.plain import plain_of

UNKNOWN, BY_THE_HOUR, SUBSCRIPTION = "unknown price", "billed by the hour", "subscription"


@dataclass(slots=True)
class Expected:
    amount: Decimal | None
    """US dollars; None with a reason."""
    why_none: str = ""


def expected_cost(tariff: Tariff, *, input_tokens: int, output_tokens: int, at: time) -> Expected:
    """Return the cost of one request, into which at least one token goes. `at` is the time of day in UTC."""
    plain = plain_of(tariff)
    if plain is not None and (cost := plain.cost(input_tokens=input_tokens, output_tokens=output_tokens)) is not None:
        return Expected(cost)
    workload = Workload(input_tokens=input_tokens, output_tokens=output_tokens, requests=1, at=at)
    total = tariff.bill(workload).total
    if total is not None:
        return Expected(total)
    return Expected(None, BY_THE_HOUR if tariff.basis == "hourly" else UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """The prices of an offer for one request, in US dollars. None: unknown."""

    prompt: Decimal | None
    """For a million tokens."""
    completion: Decimal | None
    request: Decimal | None
    """For a request; 0 if the offer does not charge for requests."""


def in_force(tariff: Tariff, *, input_tokens: int, at: time) -> InForce:
    """Return the prices that apply to a prompt of this size at this time of day in UTC."""
    if tariff.status == "dynamic" or tariff.basis == "hourly":
        return InForce(prompt=None, completion=None, request=None)
    circumstances = billing.Circumstances(prompt_tokens=Fraction(input_tokens), at=at)
    prices: list[PriceRecord | UnclearPrice] = [*tariff.prices, *tariff.unclear]
    try:
        found = billing.in_force(prices, circumstances)
    except ValueError:  # a condition that is not understood
        return InForce(prompt=None, completion=None, request=None)
    amounts = {meter: price.amount if isinstance(price, PriceRecord) else None for meter, price in found.items()}
    return InForce(
        prompt=_per_million(amounts.get(meters.INPUT_TEXT)),
        completion=_per_million(amounts.get(meters.OUTPUT_TEXT)),
        request=amounts.get(meters.REQUEST, Decimal(0)),
    )


def _per_million(per_token: Decimal | None) -> Decimal | None:
    return None if per_token is None else EXACT.multiply(per_token, Decimal(1_000_000))
