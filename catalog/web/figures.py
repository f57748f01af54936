"""How pages print numbers and dates: exactly, with the unit in the words around them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from catalog.pricing import money

LEAST_PLACES = 2
"""Prices have at least cents, so that a column of them looks like money."""
MOST_ALIGNED = 18
"""Up to this many decimals, `site.css` puts the points of a column under each other."""

LONG = 9
"""Figures with more characters are wider than a column of a list."""

View = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """An amount of money as a page shows it."""

    text: str
    """Plain notation with at least two decimals: `0.50`, `0.0799999993`. Never rounded."""
    places: int
    """The number of decimals."""

    @classmethod
    def of(cls, amount: Decimal) -> Shown:
        whole, _, decimals = money.plain(amount).partition(".")
        decimals = decimals.ljust(LEAST_PLACES, "0")
        return cls(f"{grouped(whole)}.{decimals}", len(decimals))

    def view(self, **more: Any) -> View:
        return {"text": self.text, "d": f"d{min(self.places, MOST_ALIGNED)}", "is_long": len(self.text) > LONG, **more}


def places(views: Iterable[View | None]) -> str:
    """Return the class of a column with these figures, so that their points are under each other."""
    found = [int(view["d"].removeprefix("d")) for view in views if view is not None and "d" in view]
    return f"places-{max([LEAST_PLACES, *found])}"


@lru_cache(maxsize=8_192)
def per_million_view(amount: Decimal) -> View:
    """Return a price of tokens, in US dollars per million; its value is the API's, per token. Callers share it."""
    token = money.plain(money.one_millionth(amount))
    return Shown.of(amount).view(value=token, title=f"{token} per token")


def dollars_view(amount: Decimal) -> View:
    return Shown.of(amount).view(value=money.plain(amount), title="")


def dollars(amount: Decimal) -> str:
    return Shown.of(amount).text


def grouped(digits: str | int) -> str:
    """Return a whole number with separators: `202,752`."""
    return f"{int(digits):,}"


def counted(number: int, one: str, many: str = "") -> str:
    """Return `1 offer`, `6 offers`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(words: list[str]) -> str:
    """Return `a`, `a and b`, or `a, b and c`."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""


def first_upper(text: str) -> str:
    """Return the text with a capital at its beginning, and the rest as it is: `JSON output`."""
    return f"{text[:1].upper()}{text[1:]}"


def day(moment: date | datetime) -> str:
    """Return `9 Apr 2026`, in UTC."""
    if isinstance(moment, datetime):
        moment = moment.astimezone(UTC)
    return f"{moment.day} {moment:%b %Y}"


def long_day(moment: date) -> str:
    """Return `9 April 2026`."""
    return f"{moment.day} {moment:%B %Y}"


def minute(moment: datetime) -> str:
    """Return `28 November 2026, 19:45 UTC`."""
    moment = moment.astimezone(UTC)
    return f"{long_day(moment)}, {moment:%H:%M} UTC"


@lru_cache(maxsize=4_096)
def day_of_seconds(seconds: int) -> View:
    """Return a day from Unix seconds, as text and in ISO-8601."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return {"text": day(moment), "iso": f"{moment:%Y-%m-%d}"}


def moment_view(moment: datetime) -> View:
    moment = moment.astimezone(UTC)
    return {
        "iso": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        "text": minute(moment),
        "short": f"{moment.day} {moment:%b, %H:%M} UTC",
        "day": day(moment),
    }


def percent_moved(before: Decimal, after: Decimal) -> str:
    """Return `14% less` or `8 × as much`: a change may be rounded, a price never."""
    if not before:
        return "was free"
    if not after:
        return "now free"
    ratio = after / before
    if ratio >= 2:
        return f"{_short(ratio)} × as much"
    change = abs(ratio - 1) * 100
    return f"{_short(change)}% {'more' if ratio > 1 else 'less'}"


def ratio(amount: Decimal, least: Decimal) -> str:
    """Return `1.32 ×`, rounded to two decimals; `over` if rounding would say that they are equal."""
    rounded = (amount / least).quantize(Decimal("0.01"))
    return f"{rounded:,} ×" if rounded > 1 else "1.00 ×"


def _short(number: Decimal) -> str:
    """Return a figure with one decimal at most, but never 0 for something above it."""
    rounded = number.quantize(Decimal("0.1"))
    if not rounded:
        return "under 0.1"
    return f"{rounded.normalize():,f}"
