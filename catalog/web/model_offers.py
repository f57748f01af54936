"""The offers of a model for a workload: what each costs, in which order and why, and each line of the sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from catalog.memory.rows import Row
from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import Query
from catalog.pricing import meters, money, schedules
from catalog.pricing.costing import Bill
from catalog.reports.comparison import Compared
from catalog.web import figures, offers, words
from catalog.web.model_words import token_prices

View = dict[str, Any]

PRESETS = (
    ("chat", {"input_tokens": 750_000, "output_tokens": 250_000, "cached_percent": 0}),
    ("summarising", {"input_tokens": 950_000, "output_tokens": 50_000, "cached_percent": 0}),
    ("coding agent", {"input_tokens": 8_000_000, "output_tokens": 2_000_000, "cached_percent": 80}),
    ("a million of each", {"input_tokens": 1_000_000, "output_tokens": 1_000_000, "cached_percent": 0}),
)
"""Workloads to begin with."""


def calculator(query: Query, quantities: Mapping[str, int]) -> View:
    shown = {name: quantities[name] for name in ("input_tokens", "output_tokens", "cached_percent")}
    presets = [
        {
            "name": name,
            "href": f"{query.path}?{query.filters.canonical(**preset)}".rstrip("?"),
            "is_current": all(shown[key] == value for key, value in preset.items()),
        }
        for name, preset in PRESETS
    ]
    return {"values": shown, "presets": presets, "action": query.path}


def offer_view(snapshot: Snapshot, offer: Compared, compared: Sequence[Compared]) -> View:
    row, document = offer.row, offers.document_of(offer.row.document)
    least = compared[0].cost
    view: View = {
        "gateway": offers.gateway_name(row.gateway),
        "href": f"/gateways/{row.gateway}",
        "host": document["host"] or "",
        "variant": (row.identity.variant if row.identity else "") or "",
        "id": row.id,
        "price": offers.price_view(row),
        "cached": _base_price(row, meters.INPUT_TEXT_CACHE_READ),
        "context": f"{document['context_length']:,}" if document["context_length"] else "",
        "availability": document["availability"],
        "read": _read(snapshot, row, document),
        "cost": None if offer.cost is None else figures.dollars_view(offer.cost),
        "relation": "",
        "is_least": offer.cost is not None and offer.cost == least,
        "reason": "" if offer.cost is not None else _reason(offer),
        "tiers": _tiers(document),
        "is_withdrawn": row.is_withdrawn,
        "quantization": document["quantization"] or "",
        "expires": document["expires"] or "",
    }
    if offer.cost is not None and least is not None and offer.cost > least:
        more = figures.dollars(offer.cost - least)
        view["relation"] = f"{figures.ratio(offer.cost, least)} the least" if least else f"{more} more"
        if least and offer.cost / least < Decimal("1.005"):
            view["relation"] = f"{more} more"
    return view


def _base_price(row: Row, meter: str) -> View | None:
    for price in row.tariff.prices:
        if price.meter == meter and not price.conditions:
            return figures.per_million_view(money.per_million(price.amount)) if price.amount else {"word": "free"}
    return None


def _read(snapshot: Snapshot, row: Row, document: Mapping[str, Any]) -> View:
    """Return when the offer's facts were read, or the date of the bundled list."""
    if document["recorded_at"]:
        return {"words": "list of", "text": figures.day(date.fromisoformat(document["recorded_at"])), "iso": ""}
    seller = snapshot.sellers.get(row.gateway)
    if seller is None or seller.last_success_at is None:
        return {"words": "", "text": "", "iso": ""}
    moment = figures.moment_view(seller.last_success_at)
    return {"words": "read", "text": moment["text"], "iso": moment["iso"]}


def _reason(offer: Compared) -> str:
    tariff = offer.row.tariff
    if offer.row.is_withdrawn:
        return "no longer sold"
    if tariff.status == "dynamic":
        return "varies"
    return {"hourly": "by the hour", "unit": "by other units"}.get(tariff.basis or "", "") or (
        "no price" if tariff.status == "unknown" else offer.reasons[0] if offer.reasons else "no price"
    )


def _tiers(document: Mapping[str, Any]) -> list[str]:
    """Return what each condition changes: `input 0.90, output 4.30 where prompt_tokens >= 200001`."""
    sentences = []
    for entry in document["pricing"].get("overrides", ()):
        where = schedules.where(tuple(map(tuple, entry["conditions"])))
        shown = []
        for meter in meters.METERS.values():
            if (amount := entry.get(meter.pricing_key)) is not None and meter.unit == "token":
                shown.append(f"{words.METERS[meter.name]} {figures.dollars(Decimal(amount).scaleb(6))}")
        if shown:
            sentences.append(f"{', '.join(dict.fromkeys(shown))}{where}")
    return sentences


def why_this_order(compared: Sequence[Compared]) -> str:
    """Return why the offers are in this order."""
    costed = [offer for offer in compared if offer.cost is not None]
    if not costed:
        return "No offer has a price that this workload can be calculated with."
    if len(costed) == 1:
        return "One offer can be calculated for this workload."
    first, second = costed[:2]
    if first.cost == second.cost:
        same = sum(offer.cost == first.cost for offer in costed)
        return f"{same} offers cost the same for this workload; they are in the order of their names."
    prices = [token_prices(offer.row) for offer in (first, second)]
    if prices[0] == prices[1]:
        return (
            "The first two offers share input and output prices. Another price, such as that of cached input, decides."
        )
    parts = []
    for side, (one, other) in zip(("input", "output"), zip(*prices, strict=True), strict=True):
        if one is not None and other is not None and one != other:
            verb = "cheaper" if one < other else "dearer"
            parts.append(f"its {side} is {verb} by {figures.dollars(abs(one - other))} per 1M tokens")
    return f"The first offer leads the second: {figures.listed(parts)}." if parts else ""


def places_of(rows: Sequence[View]) -> View:
    """Return the class of each column of the table of offers."""
    tokens = [row["price"] for row in rows if row["price"]["state"] == "tokens"]
    return {
        "input": figures.places(price["input"] for price in tokens),
        "output": figures.places(price["output"] for price in tokens),
        "cached": figures.places(row["cached"] for row in rows),
        "cost": figures.places(row["cost"] for row in rows),
    }


def sum_view(compared: Sequence[Compared], workload: Any) -> View | None:
    """Return each line of the cheapest offer's bill."""
    if not compared or compared[0].cost is None:
        return None
    best = compared[0]
    bill: Bill = best.row.tariff.bill(workload)
    lines: list[View] = [
        {
            "name": figures.first_upper(words.METERS.get(line.meter, line.meter)),
            "quantity": f"{line.quantity:,f}"
            if line.quantity != line.quantity.to_integral_value()
            else f"{int(line.quantity):,}",
            "price": _unit_price(line.meter, line.unit_price),
            "amount": figures.dollars_view(line.amount),
            "where": schedules.where(line.conditions),
            "is_held": line.is_held,
        }
        for line in bill.lines
    ]
    return {
        "seller": offers.seller(best.row),
        "lines": lines,
        "total": figures.dollars_view(best.cost) if best.cost is not None else None,
        "notes": [_sentence(note) for note in best.notes],
        "places": figures.places(line["amount"] for line in lines),
        "price_places": figures.places(line["price"] for line in lines),
    }


def _unit_price(meter: str, amount: Decimal) -> View:
    unit = meters.METERS[meter].unit
    if unit in words.IN_MILLIONS:
        return figures.per_million_view(money.per_million(amount))
    return figures.dollars_view(amount)


def _sentence(note: str) -> str:
    return f"{figures.first_upper(note)}."


def held_views(rows: Sequence[Row]) -> list[View]:
    """Return the prices that a gateway reports and that a curator has not accepted yet."""
    found = []
    for row in rows:
        for hold in offers.document_of(row.document)["holds"]:
            unit = meters.METERS[hold["meter"]].unit
            scale = 6 if unit in words.IN_MILLIONS else 0
            served = hold["served"]
            found.append(
                {
                    "seller": offers.seller(row),
                    "name": figures.first_upper(words.METERS.get(hold["meter"], hold["meter"])),
                    "served": figures.dollars(Decimal(served).scaleb(scale)) if served is not None else "",
                    "reported": figures.dollars(Decimal(hold["reported"]).scaleb(scale)),
                    "unit": words.UNITS[unit][0],
                    "since": figures.minute(datetime.fromisoformat(hold["since"])),
                    "reason": _sentence(hold["reason"].rstrip(".")),
                }
            )
    return found
