"""What an attempt costs, exactly, by the catalogue's prices. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Protocol

from catalog.memory.rows import Row
from catalog.pricing import meters
from catalog.pricing.tariffs import Tariff
from catalog.pricing.workloads import Workload
from routing.choose.candidates import Candidate
from routing.choose.plain import plain_of
from routing.wire.request import InferenceRequest, Kind
from routing.wire.tokens import Tokens

SUBSCRIPTION, HOURLY, UNKNOWN = "subscription", "billed by the hour", "unknown price"
NO_USAGE = "the gateway stated no usage"
_HOURLY_BASIS = "hourly"


@dataclass(slots=True)
class Cost:
    amount: Decimal | None
    """US dollars; None with a reason. Never 0 because something is unknown."""
    reason: str
    """`unknown price`, `billed by the hour`, `subscription`, or what is wrong with the usage; empty with an amount."""


class Counted(Protocol):
    """What `cost_of_counts` reads: `Tokens`, or the counts of a row of the ledger."""

    @property
    def input(self) -> int: ...
    @property
    def output(self) -> int: ...
    @property
    def cached_input(self) -> int: ...
    @property
    def cache_write(self) -> int: ...
    @property
    def reasoning(self) -> int: ...
    @property
    def audio_input(self) -> int: ...
    @property
    def audio_output(self) -> int: ...
    @property
    def image_output(self) -> int: ...


def cost_of(row: Row, tokens: Tokens | None, *, at: datetime, is_subscription: bool = False) -> Cost:
    """Return the cost of an attempt at the prices of `row`, which were in force when it began."""
    if is_subscription:
        return Cost(None, SUBSCRIPTION)
    return Cost(None, NO_USAGE) if tokens is None else cost_of_counts(row.tariff, tokens, at=at)


def cost_of_counts(tariff: Tariff, tokens: Counted, *, at: datetime) -> Cost:
    plain = _plain_cost(tariff, tokens)
    return billed_cost(tariff, tokens, at=at) if plain is None else Cost(plain, "")


def _plain_cost(tariff: Tariff, tokens: Counted) -> Decimal | None:
    """Return what a whole bill would have in total; None if only the bill can decide."""
    plain = plain_of(tariff)
    if plain is None or tokens.audio_input or tokens.audio_output or tokens.image_output:
        return None
    return plain.cost(
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cached=tokens.cached_input,
        written=tokens.cache_write,
        reasoning=tokens.reasoning,
    )


def billed_cost(tariff: Tariff, tokens: Counted, *, at: datetime) -> Cost:
    """Return what `cost_of_counts` does, by a whole bill."""
    if tariff.basis == _HOURLY_BASIS:
        return Cost(None, HOURLY)
    try:
        used = _workload(tokens, at=at)
    except ValueError as error:  # such as more cached tokens than tokens
        return Cost(None, f"the usage contradicts itself: {error}")
    return _priced(tariff, used)


def most_of(request: InferenceRequest, candidates: Sequence[Candidate], *, at: datetime) -> Cost:
    """Return the most that the request can cost: its input, and all the output that it may have, at the dearest
    candidate's prices. None if one candidate's cost is not known."""
    most = Decimal(0)
    for candidate in candidates:
        cost = _most_at(request, candidate, at=at)
        if cost.amount is None:
            return Cost(None, f"{candidate.gateway}/{candidate.offer_id}: {cost.reason}")
        most = max(most, cost.amount)
    return Cost(most, "")


def _most_at(request: InferenceRequest, candidate: Candidate, *, at: datetime) -> Cost:
    if candidate.why_no_cost:
        return Cost(None, candidate.why_no_cost)
    tariff = candidate.row.tariff
    if tariff.basis == _HOURLY_BASIS:
        return Cost(None, HOURLY)
    output = 0 if request.kind is Kind.EMBEDDINGS else candidate.most_output
    if output is None:
        return Cost(None, "the length of its output has no limit; max_tokens sets one")
    return _most_at_prices(tariff, _rounded(request.most_input), output, _time(at).replace(second=0, microsecond=0))


@lru_cache(maxsize=8_192)
def _most_at_prices(tariff: Tariff, input_tokens: int, output_tokens: int, at: time) -> Cost:
    """Cached, because a bill takes longer than anything else that is done for a request, and each offer needs some."""
    most = Decimal(0)
    for used in _dearest(tariff, input_tokens, output_tokens, at):
        cost = _priced(tariff, used)
        if cost.amount is None:
            return cost
        most = max(most, cost.amount)
    return Cost(most, "")


def _rounded(tokens: int) -> int:
    """Return the number, rounded up by at most a sixteenth (below 1,024: to the next 64), so that bills repeat."""
    step = max(64, 1 << max(0, tokens.bit_length() - 5))
    return -(-tokens // step) * step


def _dearest(tariff: Tariff, input_tokens: int, output_tokens: int, at: time) -> Iterator[Workload]:
    """Yield the ways in which tokens may be billed: those written to a cache, or of reasoning, can cost more."""
    priced = {price.meter for price in tariff.prices} | {price.meter for price in tariff.unclear}
    written = [name for name, meter in _WRITTEN.items() if meter in priced]
    reasoning = (0, output_tokens) if meters.OUTPUT_REASONING in priced else (0,)
    for name in ("", *written):
        for reasoning_tokens in reasoning:
            yield Workload(
                input_tokens=input_tokens,
                cache_write_tokens=input_tokens if name == "cache_write" else 0,
                cache_write_1h_tokens=input_tokens if name == "cache_write_1h" else 0,
                output_tokens=output_tokens,
                reasoning_tokens=reasoning_tokens,
                requests=1,
                at=at,
            )


_WRITTEN = {"cache_write": meters.INPUT_TEXT_CACHE_WRITE, "cache_write_1h": meters.INPUT_TEXT_CACHE_WRITE_1H}


def _workload(tokens: Counted, *, at: datetime) -> Workload:
    """Raise ValueError for parts that exceed their whole."""
    return Workload(
        input_tokens=tokens.input,
        cached_input_tokens=tokens.cached_input,
        cache_write_tokens=tokens.cache_write,
        output_tokens=tokens.output,
        reasoning_tokens=tokens.reasoning,
        audio_input_tokens=tokens.audio_input,
        audio_output_tokens=tokens.audio_output,
        output_image_tokens=tokens.image_output,
        requests=1,
        at=_time(at),
    )


def _priced(tariff: Tariff, used: Workload) -> Cost:
    bill = tariff.bill(used)
    if bill.total is not None:
        return Cost(bill.total, "")
    if not _has_tokens(used) and _is_priced(tariff, used):
        return Cost(Decimal(0), "")  # nothing was used, and what it would cost is known
    if any("is not known" in reason or "none of its prices" in reason for reason in bill.reasons):
        return Cost(None, UNKNOWN)
    return Cost(None, "; ".join(bill.reasons))


def _has_tokens(used: Workload) -> bool:
    return any((used.input_tokens, used.output_tokens, used.audio_input_tokens, used.audio_output_tokens,
                used.output_image_tokens))  # fmt: skip


def _is_priced(tariff: Tariff, used: Workload) -> bool:
    one_token = Workload(input_tokens=1, requests=1, at=used.at)
    return tariff.bill(one_token).total is not None


def _time(at: datetime) -> time:
    return at.astimezone(UTC).time()
