"""Quantities of a workload: exact, never negative and of bounded length; and exact sums of quantities and prices."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal, Inexact

from catalog.pricing import money

Quantity = int | Decimal

# Wide enough for the sum of products of any quantities and prices. If it ever was not, it would raise, not round.
EXACT = Context(prec=3 * money.MAX_DIGITS, traps=[Inexact])

MAX_DIGITS = 18
"""The maximum number of digits in plain notation."""
_BEYOND = 10**MAX_DIGITS
"""The least whole number with more digits."""


def problem_of_quantity(value: object) -> str | None:
    """Return the problem with a quantity, worded to follow its name, or None if it is valid."""
    if type(value) is int and 0 <= value < _BEYOND:  # nearly all are; each workload has two dozen
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return f"must be an int or a Decimal, not {type(value).__name__}"
    quantity = Decimal(value)
    if not quantity.is_finite() or quantity < 0:
        return "must be 0 or more"
    # The exponent bounds the length of the text, so check it before writing the text out.
    if abs(quantity.adjusted()) > MAX_DIGITS or _digits(quantity) > MAX_DIGITS:
        return f"must have at most {MAX_DIGITS} digits"
    return None


def _digits(quantity: Decimal) -> int:
    return len(format(quantity, "f").replace(".", ""))


def exact_sum(amounts: Iterable[Quantity]) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        total = EXACT.add(total, Decimal(amount))
    return total
