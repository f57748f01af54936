"""Money is exact: it is decimal, parsed from text, and its unit is named where it enters.

A price comes in through one of the constructors (`usd_per_token("0.00000025")`), never as a bare number: catalogues
have shown prices a million times too high because a unit was assumed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact
from enum import StrEnum

from catalog.normalize.text import shortened

MAX_DIGITS = 40
"""The maximum number of digits of an amount in plain notation. Gateways publish up to 23 decimals."""

# Amounts are exact or refused: an operation that would have to round raises instead.
_EXACT = Context(prec=3 * MAX_DIGITS, traps=[Inexact])
_NUMBER = re.compile(r"-?[0-9]{1,60}(\.[0-9]{0,60})?([eE][+-]?[0-9]{1,3})?", re.ASCII)


class Unit(StrEnum):
    """The unit that a meter counts."""

    TOKEN = "token"
    HOUR = "hour"
    REQUEST = "request"
    IMAGE = "image"
    STEP = "step"
    SEARCH = "search"
    CHARACTER = "character"
    PAGE = "page"
    MINUTE = "minute"
    SECOND = "second"


@dataclass(frozen=True, slots=True)
class Rate:
    """A price in US dollars for one unit."""

    amount: Decimal
    per: Unit


@dataclass(frozen=True, slots=True)
class Unclear:
    """A price that is charged and cannot be read, or that is stated in two ways."""

    reason: str
    """Completes the sentence "The price of … is unknown: …"."""


MISSING = Unclear("its amount is missing")


def read(constructor: Callable[[object], Rate], value: object) -> Rate | Unclear:
    """Return the rate that the constructor makes of the value, or the reason why it cannot."""
    if value is None:
        return MISSING
    try:
        return constructor(value)
    except ValueError as error:
        return Unclear(f"its amount {error}")


def is_number(value: object) -> bool:
    """Whether the value is a decimal number, as text or as a JSON number."""
    return isinstance(value, str | int | Decimal) and not isinstance(value, bool) and bool(_matched(value))


def is_negative(value: object) -> bool:
    """Whether the value is a number below 0. Some gateways use it for a price that is decided at run time."""
    return is_number(value) and Decimal(str(value)) < 0


def usd_per_token(value: object) -> Rate:
    return Rate(_amount(value), Unit.TOKEN)


def usd_per_million_tokens(value: object) -> Rate:
    return Rate(_bounded(_EXACT.scaleb(_amount(value), -6)), Unit.TOKEN)


def usd_per_hour(value: object) -> Rate:
    return Rate(_amount(value), Unit.HOUR)


def usd_per_request(value: object) -> Rate:
    return Rate(_amount(value), Unit.REQUEST)


def usd_per_image(value: object) -> Rate:
    return Rate(_amount(value), Unit.IMAGE)


def usd_per_step(value: object) -> Rate:
    """Return the price of one step of a diffusion model."""
    return Rate(_amount(value), Unit.STEP)


def usd_per_search(value: object) -> Rate:
    return Rate(_amount(value), Unit.SEARCH)


def usd_per(unit: Unit, value: object) -> Rate:
    """Return a rate from US dollars for one unit, for a value whose unit is named next to it."""
    return Rate(_amount(value), unit)


def cents_per_token(value: object) -> Rate:
    return cents_per(Unit.TOKEN, value)


def cents_per(unit: Unit, value: object) -> Rate:
    """Return a rate from US cents for one unit, for a gateway that publishes all prices in cents and whose units a
    table lists."""
    return Rate(_bounded(_EXACT.scaleb(_amount(value), -2)), unit)


def plain(amount: Decimal) -> str:
    """Return the canonical text: plain notation without an exponent or trailing zeros ("0.000022", "8.58", "0")."""
    return format(_normal(amount), "f")


def with_decimal(amount: Decimal) -> str:
    """Return plain notation with at least one decimal, as hourly rates are written ("22.0", "8.58", "0.0")."""
    text = plain(amount)
    return text if "." in text else f"{text}.0"


def per_million(amount: Decimal) -> Decimal:
    """Return the price of a million units."""
    return _normal(_EXACT.scaleb(amount, 6))


def one_millionth(amount: Decimal) -> Decimal:
    return _normal(_EXACT.scaleb(amount, -6))


def _amount(value: object) -> Decimal:
    """Return the exact amount of a text, or of a number that a JSON parser read without going through a float.

    Raises ValueError with a reason that names the problem.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError(f"must be a decimal number, not {type(value).__name__}")
    found = _matched(value)
    if not found:
        raise ValueError(f"must be a decimal number, not {shortened(str(value))!r}")
    digits = found[0]
    amount = Decimal(digits)
    if amount < 0:
        raise ValueError(f"must not be negative: {shortened(digits)}")
    return _bounded(amount)


def _bounded(amount: Decimal) -> Decimal:
    # The exponent bounds the length of the text below, so check it before writing a number of a thousand digits.
    if abs(amount.adjusted()) > MAX_DIGITS or _digits(_normal(amount)) > MAX_DIGITS:
        raise ValueError(f"must have at most {MAX_DIGITS} digits")
    return _normal(amount)


def _matched(value: str | int | Decimal) -> re.Match[str] | None:
    # An int may have more digits than Python is willing to write out; a price never has.
    if isinstance(value, int) and abs(value) >= 10**60:
        return None
    return _NUMBER.fullmatch(str(value).strip())


def _digits(amount: Decimal) -> int:
    return len(format(amount, "f").replace(".", ""))


def _normal(amount: Decimal) -> Decimal:
    """Return one representation for one value: 22, never 22.00 or 2.2E+1, and no negative zero."""
    if not amount:
        return Decimal(0)
    normal = amount.normalize(_EXACT)
    return normal.quantize(Decimal(1), context=_EXACT) if normal == normal.to_integral_value() else normal
