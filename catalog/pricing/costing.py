"""What a workload costs at the prices of an offer. Pure, and exact to the last decimal.

- Among a meter's prices whose conditions hold, the last in `billing.precedence` replaces the base price. So a price for
  a prompt size applies to the whole request, not only to the tokens above its bound. A condition that the workload
  leaves open counts as not met, and a note reports that.
- Tokens that are read from a cache, written to a cache or spent on reasoning are billed as ordinary tokens if they have
  no price of their own.
- An offer whose only price is an hourly rate is billed by the hour alone. If it has other prices, the hour is not
  billed (`billing.billed`).
- A quantity whose price is unknown is never free: the bill then has reasons and no total. Requests are the only
  exception: gateways that charge for them publish a price, and the others leave it out. If nothing that the workload
  states is billed, there is no total either.
- A meter that the offer is not sold by (`billing.not_sold_by`) has no price, even if a zero is listed for it. Output
  tokens are text: an offer that puts out something else has no total for them.
- A held price is billed at its served amount, and marked as held.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from catalog.pricing import billing, meters
from catalog.pricing.quantities import EXACT, exact_sum
from catalog.pricing.workloads import Workload
from catalog.records import Condition, PriceRecord, UnclearPrice

ORDINARY = {
    meters.INPUT_TEXT_CACHE_READ: meters.INPUT_TEXT,
    meters.INPUT_TEXT_CACHE_WRITE_1H: meters.INPUT_TEXT_CACHE_WRITE,
    meters.INPUT_TEXT_CACHE_WRITE: meters.INPUT_TEXT,
    meters.INPUT_AUDIO_CACHE_READ: meters.INPUT_AUDIO,
    meters.OUTPUT_REASONING: meters.OUTPUT_TEXT,
}
"""The meter by which a meter without a price of its own is billed. The order matters, because a write of an hour may
fall back twice."""
_MEASURES = (
    ((meters.INPUT_IMAGE,), (meters.INPUT_IMAGE_TOKEN,)),
    ((meters.OUTPUT_IMAGE,), (meters.OUTPUT_IMAGE_TOKEN,)),
    ((meters.INPUT_AUDIO, meters.INPUT_AUDIO_CACHE_READ), (meters.INPUT_AUDIO_MINUTE,)),
)
"""Measures of the same thing. An offer bills only one of them: the first that is stated and has all its prices."""
_Chosen = Mapping[str, PriceRecord]
HeldKey = tuple[str, tuple[Condition, ...]]
"""Meter and conditions of a price that its gateway reports and that has not been accepted yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    meter: str
    quantity: Decimal
    unit_price: Decimal
    """US dollars for one unit of the meter."""
    conditions: tuple[Condition, ...]
    """The conditions under which this price applies; the base price has none."""
    is_held: bool = False
    """The gateway reports another price, which has not been accepted yet."""

    @property
    def amount(self) -> Decimal:
        return EXACT.multiply(self.quantity, self.unit_price)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """The cost of a workload in US dollars."""

    lines: tuple[Line, ...] = ()
    """Lines in the order of the meters; quantities of 0 have none."""
    reasons: tuple[str, ...] = ()
    """The reasons why there is no total. The lines then contain only what could be costed."""
    notes: tuple[str, ...] = ()
    """Assumptions, and parts of the workload that this offer does not bill."""
    held_meters: tuple[str, ...] = ()
    """Meters of this workload whose price is held: the served price may be out of date, or unknown."""

    @property
    def total(self) -> Decimal | None:
        return None if self.reasons else exact_sum(line.amount for line in self.lines)


def bill(
    prices: Sequence[PriceRecord],
    workload: Workload,
    *,
    unclear: Sequence[UnclearPrice] = (),
    execution_mode: str | None = billing.STANDARD,
    is_dynamic: bool = False,
    zero_is_free: bool = False,
    puts_out_text: bool = True,
    held: Collection[HeldKey] = (),
) -> Bill:
    """Return the cost of the workload at the prices of an offer. `unclear`, `execution_mode`, `is_dynamic` and
    `zero_is_free` come from the offer's record.

    A workload that needs an unclear price has no cost: no other price replaces it.
    """
    if execution_mode != billing.STANDARD:
        if execution_mode != workload.execution_mode:
            return Bill(reasons=(_other_mode(execution_mode),))
        workload = replace(workload, execution_mode=billing.STANDARD)  # all prices of the offer are of that mode
    circumstances = billing.Circumstances(
        prompt_tokens=workload.prompt_size, at=workload.at, execution_mode=workload.execution_mode
    )
    if is_dynamic:
        return Bill(reasons=("its price is decided when a request runs",))
    if workload.output_tokens and not puts_out_text:
        return Bill(reasons=("it puts out no text",))
    unsold = frozenset() if zero_is_free else billing.not_sold_by(prices)
    try:
        sold = [price for price in prices if price.meter not in unsold]
        found = _bill(sold, unclear, workload, circumstances, zero_is_free=zero_is_free)
        return _with_holds(found, held, workload, circumstances) if held else found
    except ValueError as error:
        return Bill(reasons=(str(error),))


def _bill(
    prices: Sequence[PriceRecord],
    unclear: Sequence[UnclearPrice],
    workload: Workload,
    circumstances: billing.Circumstances,
    *,
    zero_is_free: bool,
) -> Bill:
    """Raises ValueError for an unknown condition."""
    billed = billing.billed(prices, unclear=unclear)
    if not billed:
        return Bill(reasons=("none of its prices is known",))
    if not zero_is_free and not any(price.amount for price in billed):
        return Bill(reasons=("its prices of 0 are no evidence that it is free",))
    chosen, unknown = _chosen((*prices, *unclear), circumstances)
    is_hourly = billed[0].meter == meters.COMPUTE_HOUR
    demand = _hourly(workload, chosen) if is_hourly else _metered(workload, chosen, unknown)
    lines = tuple(_lines(demand.quantities, chosen))
    return Bill(
        lines=lines,
        reasons=(*demand.reasons, *_unpriced(demand.quantities, chosen)),
        notes=(
            *demand.notes,
            *_left_open((*prices, *unclear), circumstances),
            *_of_standard(prices, lines, workload.execution_mode),
        ),
    )


def _other_mode(execution_mode: str | None) -> str:
    if execution_mode is None:
        return "it is a variant of a kind that is not known, so its prices are not used"
    return f"it takes only requests in the mode {execution_mode}"


@dataclass(slots=True)
class _Demand:
    """The quantities that an offer bills for a workload."""

    quantities: dict[str, Decimal]
    """The quantity of each meter, without zeros."""
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _chosen(
    prices: Iterable[PriceRecord | UnclearPrice], circumstances: billing.Circumstances
) -> tuple[dict[str, PriceRecord], frozenset[str]]:
    """Return the price of each meter under these circumstances, and the meters whose price is unclear.

    Raises ValueError for an unknown condition.
    """
    found = billing.in_force(prices, circumstances)
    known = {meter: price for meter, price in found.items() if isinstance(price, PriceRecord)}
    return known, frozenset(found.keys() - known.keys())


def _hourly(workload: Workload, chosen: _Chosen) -> _Demand:
    stated = _stated(workload)
    quantities = {meter: quantity for meter, quantity in stated.items() if meter in {meters.COMPUTE_HOUR, *chosen}}
    demand = _Demand(quantities)
    if workload.hours is None or (stated and not quantities):
        demand.reasons.append("it is billed by the hour, and the workload states no hours")
    if quantities != stated:
        demand.notes.append("only its hours are billed")
    return demand


def _metered(workload: Workload, chosen: _Chosen, unclear: Collection[str]) -> _Demand:
    demand = _Demand(_stated(workload))
    unbilled = []
    if demand.quantities.pop(meters.COMPUTE_HOUR, None):
        unbilled.append("it is not billed by the hour")
    if meters.REQUEST in unclear:
        demand.quantities.setdefault(meters.REQUEST, Decimal(1))  # the fee is charged even if the workload states none
    elif meters.REQUEST not in chosen:
        requests = demand.quantities.pop(meters.REQUEST, None)
        unbilled += ["it does not charge for requests alone"] if requests and not demand.quantities else []
    elif workload.requests is None and chosen[meters.REQUEST].amount:
        demand.reasons.append("it charges for requests, and the workload states none")
    demand.notes += _bill_as_ordinary(demand.quantities, chosen, unclear)
    _measure_once(demand.quantities, chosen)
    # Next to a billed quantity, these quantities are meant for other offers. Alone they would cost 0 dollars.
    (demand.notes if demand.quantities else demand.reasons).extend(unbilled)
    return demand


def _stated(workload: Workload) -> dict[str, Decimal]:
    """Return the quantity of each meter, without zeros."""
    quantities = {
        meters.INPUT_TEXT: workload.rest_of("input_tokens"),
        meters.INPUT_TEXT_CACHE_READ: workload.cached_input_tokens,
        meters.INPUT_TEXT_CACHE_WRITE: workload.cache_write_tokens,
        meters.INPUT_TEXT_CACHE_WRITE_1H: workload.cache_write_1h_tokens,
        meters.OUTPUT_TEXT: workload.rest_of("output_tokens"),
        meters.OUTPUT_REASONING: workload.reasoning_tokens,
        meters.INPUT_AUDIO: workload.rest_of("audio_input_tokens"),
        meters.INPUT_AUDIO_CACHE_READ: workload.cached_audio_tokens,
        meters.OUTPUT_AUDIO: workload.audio_output_tokens,
        meters.INPUT_IMAGE: workload.images,
        meters.INPUT_IMAGE_TOKEN: workload.image_tokens,
        meters.OUTPUT_IMAGE_TOKEN: workload.output_image_tokens,
        meters.SEARCH_WEB: workload.web_searches,
        meters.INPUT_CHARACTER: workload.characters,
        meters.INPUT_PAGE: workload.pages,
        meters.INPUT_AUDIO_MINUTE: workload.audio_minutes,
        meters.OUTPUT_IMAGE: workload.generated_images,
        meters.OUTPUT_VIDEO_SECOND: workload.generated_video_seconds,
        meters.SEARCH_RERANK: workload.rerank_searches,
        meters.STEP: workload.steps,
        meters.REQUEST: workload.requests,
        meters.COMPUTE_HOUR: workload.hours,
    }
    return {meter: Decimal(quantity) for meter, quantity in quantities.items() if quantity}


def _measure_once(quantities: dict[str, Decimal], chosen: _Chosen) -> None:
    """Keep one measure of each thing. If none has all its prices, all measures stay and lack a price."""
    for measures in _MEASURES:
        stated = [[meter for meter in measure if meter in quantities] for measure in measures]
        billed = next((measure for measure in stated if measure and chosen.keys() >= set(measure)), None)
        for meter in (meter for measure in stated for meter in measure if billed and measure is not billed):
            del quantities[meter]


def _bill_as_ordinary(quantities: dict[str, Decimal], chosen: _Chosen, unclear: Collection[str]) -> list[str]:
    """Bill meters without a price as ordinary ones. Return a note if that may bill too little: writing to a cache that
    is kept for an hour usually costs more."""
    written, priced = meters.INPUT_TEXT_CACHE_WRITE_1H, {*chosen, *unclear}
    is_hour_unpriced = written in quantities and written not in priced
    for meter, ordinary in ORDINARY.items():
        if meter in quantities and meter not in priced:
            quantities[ordinary] = exact_sum((quantities.pop(meter), quantities.get(ordinary, 0)))
    billed_as = next((meter for meter in (meters.INPUT_TEXT_CACHE_WRITE, meters.INPUT_TEXT) if meter in priced), None)
    if not is_hour_unpriced or billed_as not in chosen:
        return []
    return [f"no price of {written} is known, so it is billed as {billed_as}"]


def _lines(quantities: Mapping[str, Decimal], chosen: _Chosen) -> Iterator[Line]:
    for meter in meters.METERS:
        if meter in quantities and meter in chosen:
            price = chosen[meter]
            yield Line(meter=meter, quantity=quantities[meter], unit_price=price.amount, conditions=price.conditions)


def _unpriced(quantities: Mapping[str, Decimal], chosen: _Chosen) -> list[str]:
    missing = [meter for meter in meters.METERS if meter in quantities and meter not in chosen]
    return [f"its price of {meter} is not known" for meter in missing]


def _with_holds(
    found: Bill, held: Collection[HeldKey], workload: Workload, circumstances: billing.Circumstances
) -> Bill:
    """Mark the bill where a held price is billed, or would be if it was accepted.

    A gateway that reports a price of requests charges for them, so while that price is unknown there is no total.
    """
    lines = tuple(replace(line, is_held=(line.meter, line.conditions) in held) for line in found.lines)
    billed = {line.meter: line for line in lines}
    wanted = _wanted_meters(workload, billed)
    meters_held = {
        meter
        for meter, conditions in held
        if meter in wanted
        and billing.holds(conditions, circumstances)
        and (meter not in billed or billing.precedence(conditions) >= billing.precedence(billed[meter].conditions))
    }
    is_fee_unknown = meters.REQUEST in meters_held and meters.REQUEST not in billed and not found.reasons
    return replace(
        found,
        lines=lines,
        reasons=(*found.reasons, *([f"its price of {meters.REQUEST} is not known"] if is_fee_unknown else ())),
        held_meters=tuple(meter for meter in meters.METERS if meter in meters_held),
    )


def _wanted_meters(workload: Workload, billed: Collection[str]) -> set[str]:
    """Return the meters whose prices decide what the workload costs, known or not."""
    wanted = {*_stated(workload), *billed}
    for meter, ordinary in ORDINARY.items():
        if meter in wanted and meter not in billed:
            wanted.add(ordinary)
    if billed and meters.COMPUTE_HOUR not in billed:
        wanted.discard(meters.COMPUTE_HOUR)
    return wanted if workload.requests == 0 else wanted | {meters.REQUEST}


def _left_open(prices: Sequence[PriceRecord | UnclearPrice], circumstances: billing.Circumstances) -> list[str]:
    """Return a note for each kind of condition that the workload leaves open."""
    undecided = [price for price in prices if billing.holds(price.conditions, circumstances) is None]
    dimensions = {dimension for price in undecided for dimension, _, _ in price.conditions}
    notes = []
    if circumstances.prompt_tokens is None and billing.PROMPT_TOKENS in dimensions:
        notes.append("the size of the prompts is not stated, so prices for long ones are left out")
    if circumstances.at is None and billing.UTC_WINDOW in dimensions:
        notes.append("the time of day is not stated, so prices for parts of the day are left out")
    mode = circumstances.execution_mode
    if mode != billing.STANDARD and not any(_is_of_mode(price, mode) for price in prices):
        notes.append(f"no price for the mode {mode} is known, so the standard ones are billed")
    return notes


def _of_standard(prices: Iterable[PriceRecord], lines: Iterable[Line], mode: str) -> list[str]:
    """Return a note for each line billed at the standard price, if the offer has some prices of the requested mode."""
    if mode == billing.STANDARD or not any(_is_of_mode(price, mode) for price in prices):
        return []
    return [
        f"no price of {line.meter} for the mode {mode} applies, so the standard one is billed"
        for line in lines
        if not _is_of_mode(line, mode)
    ]


def _is_of_mode(price: PriceRecord | UnclearPrice | Line, mode: str) -> bool:
    return (billing.EXECUTION_MODE, "=", mode) in price.conditions
