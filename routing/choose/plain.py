"""Costs of tokens at prices that are the same under all circumstances. Pure.

Most tariffs are like that. Their costs equal those of a whole bill to the last digit, and a bill takes thirty times as
long.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from weakref import WeakKeyDictionary

from catalog.pricing import billing, meters
from catalog.pricing.quantities import EXACT, MAX_DIGITS
from catalog.pricing.tariffs import Tariff

_BEYOND = 10**MAX_DIGITS
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """US dollars for one token of each kind, and for one request; None: there is no price of requests."""

    input: Decimal
    cached: Decimal
    written: Decimal
    output: Decimal
    reasoning: Decimal
    request: Decimal | None

    def cost(
        self, *, input_tokens: int, output_tokens: int, cached: int = 0, written: int = 0, reasoning: int = 0
    ) -> Decimal | None:
        """Return the cost of one request. `cached` and `written` are parts of the input, `reasoning` of the output.

        None: the bill has to decide, because nothing is billed or the counts contradict each other.
        """
        rest, said = input_tokens - cached - written, output_tokens - reasoning
        if min(rest, said, cached, written, reasoning) < 0 or max(input_tokens, output_tokens) >= _BEYOND:
            return None
        add, total = EXACT.fma, _NOTHING  # what is not used adds no digits, as it has no line in a bill
        if rest:
            total = add(self.input, rest, total)
        if cached:
            total = add(self.cached, cached, total)
        if written:
            total = add(self.written, written, total)
        if said:
            total = add(self.output, said, total)
        if reasoning:
            total = add(self.reasoning, reasoning, total)
        if self.request is not None:
            return EXACT.add(self.request, total)
        return total if input_tokens or output_tokens else None


_KNOWN: WeakKeyDictionary[Tariff, tuple[Plain | None]] = WeakKeyDictionary()


def plain_of(tariff: Tariff) -> Plain | None:
    """Return the prices of a tariff; None if it depends on anything but the counts of tokens."""
    known = _KNOWN.get(tariff)
    if known is None:
        known = _KNOWN[tariff] = (_read(tariff),)
    return known[0]


def _read(tariff: Tariff) -> Plain | None:
    prices = {price.meter: price.amount for price in tariff.prices}
    is_plain = (
        tariff.status in {"priced", "free"}
        and tariff.basis == "token"
        and tariff.execution_mode == billing.STANDARD
        and tariff.puts_out_text
        and not tariff.held
        and not tariff.unclear
        and not any(price.conditions for price in tariff.prices)
        and prices.keys() >= {meters.INPUT_TEXT, meters.OUTPUT_TEXT}
    )
    if not is_plain:
        return None
    given, out = prices[meters.INPUT_TEXT], prices[meters.OUTPUT_TEXT]
    return Plain(
        input=given,
        cached=prices.get(meters.INPUT_TEXT_CACHE_READ, given),
        written=prices.get(meters.INPUT_TEXT_CACHE_WRITE, given),
        output=out,
        reasoning=prices.get(meters.OUTPUT_REASONING, out),
        request=prices.get(meters.REQUEST),
    )
