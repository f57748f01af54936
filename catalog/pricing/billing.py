"""Which of an offer's prices are billed, and under which conditions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import time
from fractions import Fraction
from typing import TypeVar

from catalog.normalize import dates
from catalog.pricing.meters import COMPUTE_HOUR, METERS
from catalog.records import Condition, PriceRecord, UnclearPrice

PROMPT_TOKENS = "prompt_tokens"
UTC_WINDOW = "utc_window"
EXECUTION_MODE = "execution_mode"

STANDARD = "standard"
EXECUTION_MODES = (STANDARD, "batch", "flex", "priority", "fast")
"""How soon a request is answered: at once, within a day, when there is room, before other requests, or by a faster
machine."""

_DAY_MINUTES = 24 * 60
_Price = TypeVar("_Price", PriceRecord, UnclearPrice, PriceRecord | UnclearPrice)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """The circumstances that conditions are checked against. None means unknown."""

    prompt_tokens: Fraction | None
    """The size of one request's prompt."""
    at: time | None
    """Time of day in UTC."""
    execution_mode: str = STANDARD
    """Requests use the standard mode unless they ask for another."""


def billed(prices: Iterable[PriceRecord], *, unclear: Iterable[UnclearPrice] = ()) -> tuple[PriceRecord, ...]:
    """Return the prices of the work itself, without those of caches and tools.

    The hourly price is billed only if there is no other price of the work, known or unclear. Next to other prices it is
    what an instance costs the gateway, not what a caller pays.
    """
    base = tuple(price for price in prices if METERS[price.meter].is_base)
    metered = tuple(price for price in base if price.meter != COMPUTE_HOUR)
    return metered if metered or has_unclear_work(unclear) else base


def has_unclear_work(unclear: Iterable[UnclearPrice]) -> bool:
    """Whether a price of the work itself is unclear. The hourly price of an instance is not one."""
    return any(METERS[price.meter].is_base and price.meter != COMPUTE_HOUR for price in unclear)


def not_sold_by(prices: Iterable[PriceRecord]) -> frozenset[str]:
    """Return meters whose every price is 0 next to a price above 0 of another billed meter: "not applicable", not
    "free".

    An image model lists 0 for text tokens and a price for its images; an embedding model lists 0 for its output. If
    nothing billed has a price above 0, zeros are judged together: the offer is free, or its price is unknown.
    """
    listed = tuple(prices)
    if not any(price.amount for price in billed(listed)):
        return frozenset()
    return frozenset(price.meter for price in listed) - {price.meter for price in listed if price.amount}


def in_force(prices: Iterable[_Price], circumstances: Circumstances) -> dict[str, _Price]:
    """Return the price of each meter under these circumstances, known or unclear.

    Raises ValueError for an unknown condition.
    """
    holding = [price for price in prices if holds(price.conditions, circumstances)]
    return {price.meter: price for price in sorted(holding, key=lambda price: precedence(price.conditions))}


def holds(conditions: Iterable[Condition], circumstances: Circumstances) -> bool | None:
    """Whether all conditions hold; None if that depends on an unknown circumstance.

    Windows are half-open, [start, end), and may wrap midnight. Raises ValueError for a condition of another kind.
    """
    answers = {_holds(condition, circumstances) for condition in conditions}
    if False in answers:
        return False
    return None if None in answers else True


def precedence(conditions: Sequence[Condition]) -> tuple[bool, int, int, int, str]:
    """The sort key of conditions that may hold at once: the price whose conditions come last is billed.

    The price of an execution mode wins, because it comes from a separate price list. The next criterion is the highest
    prompt size, because its price is meant for the whole request. Then the larger number of conditions wins, then the
    shorter window. The text decides the rest, only to make the order total.
    """
    has_mode = any(dimension == EXECUTION_MODE for dimension, _, _ in conditions)
    sizes = [value for dimension, _, value in conditions if dimension == PROMPT_TOKENS and isinstance(value, int)]
    windows = [_minutes(value) for dimension, _, value in conditions if dimension == UTC_WINDOW]
    lengths = [_length(*window) for window in windows if window]
    shortest = min(lengths, default=_DAY_MINUTES)
    return has_mode, max(sizes, default=0), len(conditions), -shortest, str(conditions)


def _holds(condition: Condition, circumstances: Circumstances) -> bool | None:
    match condition:
        case (dimension, ">=", int(tokens)) if dimension == PROMPT_TOKENS:
            size = circumstances.prompt_tokens
            return None if size is None else size >= tokens
        case (dimension, "during", str(window)) if dimension == UTC_WINDOW and (minutes := _minutes(window)):
            return None if circumstances.at is None else _is_during(circumstances.at, *minutes)
        case (dimension, "=", str(mode)) if dimension == EXECUTION_MODE and mode in EXECUTION_MODES:
            return circumstances.execution_mode == mode
    raise ValueError(f"the condition {' '.join(map(str, condition))} is not understood")


def _is_during(at: time, start: int, end: int) -> bool:
    return (at.hour * 60 + at.minute - start) % _DAY_MINUTES < _length(start, end)


def _length(start: int, end: int) -> int:
    """The length of a window; one that ends when it starts is the whole day."""
    return (end - start) % _DAY_MINUTES or _DAY_MINUTES


def _minutes(window: int | str) -> tuple[int, int] | None:
    """Return start and end of a window in minutes of the day, or None if the value is not a window."""
    start, _, end = str(window).partition("-")
    try:
        return dates.minute_of_day(start), dates.minute_of_day(end)
    except ValueError:
        return None
