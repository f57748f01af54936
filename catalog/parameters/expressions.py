"""Reads what a curator typed for a saved filter: a query string, or the address of a list. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from catalog.models.saved_filter import LONGEST_EXPRESSION
from catalog.parameters.filterset import InvalidParameters
from catalog.parameters.offer_filters import ExpressionFilterSet
from catalog.parameters.views import Expression

_ABOUT_PAGES = ("sort", "show", "page", "limit", "offset", "cursor")
"""The parameters of an address that say how offers are shown. They are left out, and reported."""
_REFUSED: Mapping[str, str] = {
    "view": "a saved filter may not refer to another one; write its parameters instead",
    "status": "a saved filter applies to offers of any status; requests choose it by status",
    "moved": "moved depends on the day, and only pages have it",
}
_PRICES: Mapping[str, str] = {
    **dict.fromkeys(("token", "hourly", "unit"), "price_basis"),
    **dict.fromkeys(("free", "dynamic", "unknown"), "price_status"),
}
"""The parameter of the API that finds what a value of `price` finds on pages."""


@dataclass(frozen=True, slots=True)
class Taken:
    """An expression that can be saved."""

    expression: str
    """The canonical query string."""
    filters: ExpressionFilterSet
    left_out: Sequence[str]
    """The parameters of the text that are no part of it."""


class InvalidExpression(ValueError):
    """The text is no expression; the message gives all reasons."""


def taken(text: str) -> Taken:
    """Return the expression of a query string, or of an address of a list. Raises InvalidExpression."""
    if "\x00" in text:
        raise InvalidExpression("the expression must not contain a NUL character")
    given = Expression.of(_query(text))
    left_out = [name for name in _ABOUT_PAGES if given.pop(name, None)]
    if reasons := [reason for name, reason in _REFUSED.items() if name in given]:
        raise InvalidExpression("; ".join(reasons))
    _translate_price(given)
    try:
        filters = ExpressionFilterSet(given)
    except InvalidParameters as error:
        raise InvalidExpression(str(error)) from error
    expression = filters.canonical()
    if not expression:
        raise InvalidExpression("the expression must have at least one filter, such as supported_parameters=tools")
    if len(expression) > LONGEST_EXPRESSION:
        raise InvalidExpression(f"the expression must have at most {LONGEST_EXPRESSION:,} characters")
    return Taken(expression, filters, left_out)


def _query(text: str) -> str:
    """Return the query of an address, or the text itself."""
    address = text.strip().partition("#")[0]
    path, mark, query = address.partition("?")
    is_address = mark or path.startswith(("/", "http://", "https://"))
    return query if is_address else address


def _translate_price(given: Expression) -> None:
    """Replace the parameter of pages by the one of the API that finds the same."""
    values = [word.strip().lower() for text in given.pop("price", []) for word in text.split(",") if word.strip()]
    names = {_PRICES.get(value, "") for value in values}
    if not values:
        return
    if "" in names:
        raise InvalidExpression(f"price must be one of {', '.join(_PRICES)}")
    if len(names) > 1 or names & given.keys():
        raise InvalidExpression("price mixes how offers are billed with whether their price is known; use price_basis")
    given[names.pop()] = values
