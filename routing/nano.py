"""Money in tables: a whole number of nano-dollars, which both databases add exactly."""

from __future__ import annotations

from decimal import ROUND_CEILING, Context, Decimal

NANO = 10**9
MOST = 2**62
"""The most that is stored: a sum of it and a smaller number fits into 64 bits."""
_EXACT = Context(prec=60)
_WHOLE = Context(prec=60, rounding=ROUND_CEILING)


def nano_of(dollars: Decimal) -> int:
    """Return nano-dollars, rounded up: an amount above 0 never becomes 0."""
    return min(int(_WHOLE.to_integral_value(_EXACT.multiply(dollars, NANO))), MOST)


def dollars_of(nano: int) -> Decimal:
    """Return US dollars, exactly."""
    return _EXACT.scaleb(Decimal(nano), -9)


def text_of(nano: int) -> str:
    """Return US dollars as plain decimal text, without zeros at its end: `0.000125`."""
    text = f"{dollars_of(nano):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
