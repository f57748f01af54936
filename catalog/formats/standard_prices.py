"""The prices of an offer for ordinary requests, for formats that have keys for them by prompt size and hour. Pure.

Prices of execution modes such as batch are left aside: a format that has no keys for them shows what an ordinary
request costs. Everything else that would make the shown prices wrong leaves the offer out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import product
from typing import Any

import orjson

from catalog import registry
from catalog.documents import reading
from catalog.documents.encoding import stored_json
from catalog.memory.rows import Row
from catalog.normalize import dates
from catalog.pricing import billing, meters, money
from catalog.pricing.costing import ORDINARY
from catalog.pricing.meters import METERS
from catalog.records import Condition, ModelType, PriceRecord

Json = Any
Cell = tuple[int, time | None]
"""The least prompt size, and the beginning of a part of the day in UTC; None is any hour outside all windows."""
BASE: Cell = 0, None

_SAME_KIND = {meters.INPUT_IMAGE_TOKEN: meters.INPUT_TEXT, meters.OUTPUT_REASONING: meters.OUTPUT_TEXT}
"""Meters whose tokens are part of another meter's if both have the same price."""


class Reason(StrEnum):
    """Why a format leaves out an offer that is billed by tokens."""

    UNKNOWN = "the price of its input or of its output is not known"
    UNCLEAR = "one of its prices cannot be read"
    HELD = "one of its prices is held"
    METER = "it charges for something that the format has no price for"
    PARTLY = "one of its prices is known only for some prompt sizes or hours"
    CONDITION = "its prices depend on something that the format has no condition for"
    DIGITS = "one of its prices has more digits than a client reads"
    FACTS = "a fact that the format requires is not known"
    ID = "its id is longer than the format allows"
    AMBIGUOUS = "its id differs from another one only in case, and clients ignore case"


class LeftOut(Exception):
    """The format cannot express the offer truthfully."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardPrices:
    """The prices in US dollars for one unit of each meter. They are complete: each meter has a price in each cell."""

    sizes: Sequence[int]
    """The prompt sizes from which other prices apply, ascending. A price applies to all tokens of the request."""
    times: Sequence[time]
    """The times of day in UTC at which windows begin or end, ascending."""
    priced: frozenset[str]
    """The meters that have prices of their own."""
    cells: Mapping[Cell, Mapping[str, Decimal]]

    def amount(self, meter: str, cell: Cell = BASE) -> Decimal:
        """Return what a unit of the meter is billed, which is the ordinary price if the meter has none of its own.

        Raises LeftOut if neither is known.
        """
        while meter not in self.cells[cell]:
            if meter not in ORDINARY:
                raise LeftOut(Reason.PARTLY)
            meter = ORDINARY[meter]
        return self.cells[cell][meter]


Entry = orjson.Fragment | Reason | None
"""What a format shows of an offer, the reason why it leaves it out, or None if it is no candidate."""


def entry_of(row: Row, show: Callable[[Json], Json]) -> Entry:
    """Return the entry of an offer whose gateway takes completions. `show` makes its JSON of the document, or raises
    LeftOut."""
    gateway, document = registry.GATEWAYS.get(row.gateway), orjson.loads(row.document)
    if gateway is None or not gateway.completions_url or not is_candidate(document):
        return None
    try:
        return orjson.Fragment(stored_json(show(document)))
    except LeftOut as left_out:
        return left_out.reason


def is_candidate(document: Json) -> bool:
    """Whether the offer is billed by tokens at prices that are no secret until a request runs."""
    return bool(document["price_basis"] == "token" and document["price_status"] != "dynamic")


def standard_prices(document: Json, *, expressible: Collection[str]) -> StandardPrices:
    """Read a document's prices of ordinary requests. The format has keys for the meters in `expressible`.

    Raises LeftOut if the format would show them wrongly.
    """
    _check_certain(document, expressible)
    shown = [price for price in reading.shown_prices(document) if _is_shown(price.meter, expressible)]
    prices = [price for price in shown if not _has_mode(price.conditions)]
    sizes = tuple(sorted({tokens for price in prices for tokens in _prompt_sizes(price.conditions)}))
    times = tuple(sorted({moment for price in prices for moment in _bounds(price.conditions)}))
    cells = {cell: _in_force(prices, cell) for cell in product((0, *sizes), (None, *times))}
    priced = {price.meter for price in prices}
    for meter, same in _SAME_KIND.items():
        if all(amounts.get(meter) == amounts.get(same) for amounts in cells.values()):
            priced.discard(meter)
    if any(amounts.get(meter) for meter in priced - set(expressible) for amounts in cells.values()):
        raise LeftOut(Reason.METER)
    priced &= set(expressible)  # what is free needs no key
    found = StandardPrices(sizes=sizes, times=times, priced=frozenset(priced), cells=cells)
    for cell, meter in product(cells, sorted({*priced, meters.INPUT_TEXT})):
        found.amount(meter, cell)
    return found


def per_million(amount: Decimal) -> orjson.Fragment:
    """Write a price of a token as the JSON number of US dollars for a million."""
    return exact_number(money.per_million(amount))


def exact_number(amount: Decimal) -> orjson.Fragment:
    """Write the digits of the amount. Raises LeftOut if a client that reads floats would get another number."""
    text = money.plain(amount)
    if Decimal(repr(float(text))) != amount:
        raise LeftOut(Reason.DIGITS)
    return orjson.Fragment(text)


def _check_certain(document: Json, expressible: Collection[str]) -> None:
    """Raises LeftOut if a price that the format would show or need is unknown, unclear or held."""
    unclear = {(price.meter, price.conditions) for price in reading.unclear_prices(document)}
    if document["model_type"] == ModelType.EMBEDDINGS:
        unclear.discard((meters.OUTPUT_TEXT, ()))  # an embedding has no output tokens
    if unclear & {(meters.INPUT_TEXT, ()), (meters.OUTPUT_TEXT, ())}:
        raise LeftOut(Reason.UNKNOWN)
    for keys, reason in ((unclear, Reason.UNCLEAR), (reading.held_keys(document), Reason.HELD)):
        if any(_is_shown(meter, expressible) and not _has_mode(conditions) for meter, conditions in keys):
            raise LeftOut(reason)


def _is_shown(meter: str, expressible: Collection[str]) -> bool:
    """Whether the meter matters: the format shows it, or it bills the work itself. The price of an hour is what an
    instance costs the gateway."""
    return meter in expressible or (METERS[meter].is_base and meter != meters.COMPUTE_HOUR)


def _has_mode(conditions: Sequence[Condition]) -> bool:
    return any(dimension == billing.EXECUTION_MODE for dimension, _, _ in conditions)


def _prompt_sizes(conditions: Sequence[Condition]) -> Iterator[int]:
    return (int(value) for dimension, _, value in conditions if dimension == billing.PROMPT_TOKENS)


def _bounds(conditions: Sequence[Condition]) -> Iterator[time]:
    for dimension, _, value in conditions:
        if dimension == billing.UTC_WINDOW:
            for bound in str(value).split("-"):
                yield time(*divmod(dates.minute_of_day(bound) % (24 * 60), 60))


def _in_force(prices: Sequence[PriceRecord], cell: Cell) -> Mapping[str, Decimal]:
    prompt_tokens, at = cell
    circumstances = billing.Circumstances(prompt_tokens=Fraction(prompt_tokens), at=at)
    try:
        found = billing.in_force(prices, circumstances)
    except ValueError:
        raise LeftOut(Reason.CONDITION) from None
    return {meter: price.amount for meter, price in found.items()}
