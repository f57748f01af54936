"""What the page of a model says of its price, in sentences. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from catalog.memory.rows import Row
from catalog.reports.comparison import Compared
from catalog.web import figures, offers, words

View = dict[str, Any]


def lead_view(compared: Sequence[Compared]) -> View:
    """Return the sentence that matters: the least price, who asks it, and what others ask."""
    tokens = [offer for offer in compared if offer.row.tariff.per_million_input is not None and offer.cost is not None]
    hourly = [offer.row for offer in compared if offer.row.tariff.basis == "hourly"]
    if tokens:
        best = tokens[0]
        same = [offer for offer in tokens if token_prices(offer.row) == token_prices(best.row)]
        prices = token_prices(best.row)
        highest = max(tokens, key=lambda offer: offer.cost or 0)
        others = "" if highest in same else "The dearest asks {} and {}.".format(*_price_words(highest.row))
        words_ = _price_words(best.row)
        sellers = list(dict.fromkeys(offers.gateway_name(offer.row.gateway) for offer in same))
        plain = f"from {words_[0]} in and {words_[1]} out, in US dollars per 1M tokens, at {figures.listed(sellers)}."
        return {
            "state": "free" if not any(prices) else "tokens",
            "input": words_[0],
            "output": words_[1],
            "sellers": sellers,
            "others": " ".join(filter(None, [others, _hourly_words(hourly)])),
            "plain": plain,
        }
    if hourly:
        sentence = _hourly_words(hourly)
        return {"state": "words", "others": sentence, "plain": sentence}
    best_row = compared[0].row
    sentence = {
        "unknown": "No gateway publishes its price.",
        "dynamic": "Its price varies: the gateway decides it for each request.",
    }.get(best_row.tariff.status, "")
    if not sentence:
        sentence = f"It costs {price_sentence(best_row)} at {offers.gateway_name(best_row.gateway)}, in US dollars."
    return {"state": "words", "others": sentence, "plain": sentence}


def token_prices(row: Row) -> tuple[Decimal | None, Decimal | None]:
    return row.tariff.per_million_input, row.tariff.per_million_output


def _price_words(row: Row) -> tuple[str, str]:
    input_, output = (
        words.NOT_PUBLISHED if amount is None else figures.dollars(amount) if amount else "free"
        for amount in token_prices(row)
    )
    return input_, output


def _hourly_words(rows: Sequence[Row]) -> str:
    found = [row for row in rows if row.tariff.hourly_rate is not None]
    if not found:
        return ""
    best = min(found, key=lambda row: row.tariff.hourly_rate or 0)
    rate = best.tariff.hourly_rate or Decimal(0)
    shown = figures.dollars(rate) if rate else "nothing"
    return f"{offers.gateway_name(best.gateway)} bills {shown} by the hour of an instance, in US dollars."


def price_sentence(row: Row) -> str:
    """Return the price of an offer in a few words: `from 0.43 in, 1.74 out`."""
    price = offers.price_view(row)
    if price["state"] != "tokens":
        return f"{price['amount']['text']} {price['words']}" if "amount" in price else str(price["words"])
    input_, output = (price[side].get("text") or price[side]["word"] for side in ("input", "output"))
    return "free" if input_ == output == "free" else f"from {input_} in, {output} out"
