"""A change of an offer as a line that people read: what kind, what moved, by how much. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from catalog.documents.differences import DESCRIBING, PRICED, Kind, PriceChange
from catalog.history.versions import Change
from catalog.pricing import meters, schedules
from catalog.web import figures, words
from catalog.web.offers import gateway_name, model_address

View = dict[str, Any]

KINDS = {
    Kind.ADDED: "new",
    Kind.REMOVED: "gone",
    Kind.RETURNED: "back",
    Kind.REPRICED: "price",
    Kind.DESCRIBED: "text",
    Kind.AVAILABILITY: "availability",
    Kind.CHANGED: "facts",
    Kind.RENDERED: "shown in another way",
}
MOST_PRICES = 4
_FIELDS = {
    "context_length": "context",
    "supported_parameters": "parameters",
    "top_provider": "limits",
    "model_type": "kind",
    "architecture": "inputs and outputs",
    "expires": "end date",
    "hugging_face_id": "weights",
    "held_prices": "held prices",
    "holds": "held prices",
}
_NOT_SHOWN = frozenset(
    {"recorded_at", "source", "first_seen", "notes", "model_logo_url", "provider_site_url", "held_prices"}
)


def change_view(change: Change, *, name: str, slug: str, host: str | None = None) -> View:
    """Return a change as a line. `name` and `slug` are those of the offer's model."""
    found = change.difference
    kind = next((each for each in found.kinds if each in KINDS), Kind.CHANGED)
    prices = [price_move(price) for price in found.prices]
    seller = gateway_name(change.gateway) + (f", {host}" if host else "")
    return {
        "day": figures.moment_view(change.published_at),
        "kind": KINDS[kind],
        "name": name,
        "href": model_address(slug),
        "seller": seller,
        "is_new": kind in {Kind.ADDED, Kind.RETURNED},
        "is_gone": kind == Kind.REMOVED,
        "prices": prices[:MOST_PRICES] if kind != Kind.REMOVED else [],
        "more": max(0, len(prices) - MOST_PRICES),
        "facts": _facts(found.before, found.after) if kind not in {Kind.ADDED, Kind.RETURNED, Kind.REMOVED} else "",
        "note": _note(found.prices, kind),
        "is_curated": change.is_curated,
    }


def price_move(price: PriceChange) -> View:
    """Return the move of one price in the unit in which pages show it."""
    unit = meters.METERS[price.meter].unit
    return {
        "name": "" if price.meter == meters.COMPUTE_HOUR else words.METERS.get(price.meter, price.meter),
        "before": _shown(price.before, unit),
        "after": _shown(price.after, unit),
        "unit": words.UNITS[unit][0] if unit != "token" and price.after and Decimal(price.after) else "",
        "where": schedules.where(price.conditions),
    }


def direction(change: Change) -> set[str]:
    """Return `fell`, `rose`, both or nothing, by the prices without conditions that changed."""
    found = set()
    for price in change.difference.prices:
        if not price.conditions and price.before is not None and price.after is not None:
            found.add("fell" if Decimal(price.after) < Decimal(price.before) else "rose")
    return found


def _shown(amount: str | None, unit: str) -> str:
    if amount is None:
        return words.NOT_PUBLISHED
    exact = Decimal(amount)
    if not exact:
        return "free"
    return figures.dollars(exact.scaleb(6) if unit in words.IN_MILLIONS else exact)


def _note(prices: tuple[PriceChange, ...], kind: Kind) -> str:
    if kind == Kind.ADDED:
        return ""
    if kind == Kind.REMOVED:
        return "history stays"
    moves = {
        figures.percent_moved(Decimal(price.before), Decimal(price.after))
        for price in prices
        if price.before is not None and price.after is not None and not price.conditions
    }
    return moves.pop() if len(moves) == 1 else ""


def _facts(before: Any, after: Any) -> str:
    named = [
        _FIELDS.get(field, field.replace("_", " "))
        for field in before
        if field not in PRICED | _NOT_SHOWN and field != "withdrawn_at"
    ]
    texts = [word for word in dict.fromkeys(named) if word not in DESCRIBING]
    described = ["description"] if "description" in before else []
    renamed = [f"now called {after['name']}"] if "name" in before else []
    return figures.listed([*renamed, *texts, *described][:6])
