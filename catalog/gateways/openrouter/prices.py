"""The prices of a row, with those that apply under conditions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from catalog.gateways.openrouter.rows import Override, Pricing
from catalog.pricing import billing, meters, money, price_lists, schedules

_BILLED_OTHERWISE = frozenset({"speech", "transcription", "rerank"})
"""Outputs whose models are billed by characters, seconds or searches as well as by tokens."""


HIDDEN = money.Unclear("the price of a time window is in force, and that of the other hours is not stated")


def is_token_billed_by(outputs: frozenset[str]) -> bool:
    return not outputs or not outputs <= _BILLED_OTHERWISE


def price_list_of(pricing: Pricing | money.Unclear, *, is_token_billed: bool) -> price_lists.PriceList:
    if isinstance(pricing, money.Unclear):
        found = price_lists.base_prices(dict.fromkeys((meters.INPUT_TEXT, meters.OUTPUT_TEXT), pricing))
    else:
        found = _scheduled(pricing, _stated_overrides(pricing))
    if is_token_billed:
        return found
    return price_lists.PriceList(
        prices=tuple(price for price in found.prices if meters.METERS[price.meter].unit is not money.Unit.TOKEN),
        unclear=tuple(price for price in found.unclear if meters.METERS[price.meter].unit is not money.Unit.TOKEN),
    )


def _stated_overrides(pricing: Pricing) -> list[Override]:
    stated = pricing.overrides if isinstance(pricing.overrides, list) else []
    return [override for override in stated if override.is_understood]


def _scheduled(pricing: Pricing, overrides: Sequence[Override]) -> price_lists.PriceList:
    """Return the prices of a price list, including those that apply under conditions."""
    # This is decided once for the row, because an override may raise one of the two without the other.
    tariffs = (pricing, *overrides)
    prompts = {tariff.prompt.amount for tariff in tariffs if isinstance(tariff.prompt, money.Rate)}
    images = [tariff.image.amount for tariff in tariffs if isinstance(tariff.image, money.Rate)]
    is_per_token = any(amount in prompts for amount in images)
    top = pricing.stated(image_is_per_token=is_per_token)
    clauses = [(override, override.stated(image_is_per_token=is_per_token)) for override in overrides]
    unclear = _unclear(pricing, top, clauses)
    schedule = schedules.Schedule(
        top=_clear(top, unclear, from_tokens=0),
        clauses=tuple(
            schedules.Clause(
                from_tokens=override.from_tokens,
                window=override.window,
                rates=_clear(stated, unclear, from_tokens=override.from_tokens),
            )
            for override, stated in clauses
        ),
    )
    schedule, hidden = schedule.parted()
    unclear |= {(meter, _ALWAYS): HIDDEN for meter in hidden}
    found = price_lists.price_list(
        (meter, ((billing.PROMPT_TOKENS, ">=", tokens),) if tokens > 0 else (), price)
        for (meter, tokens), price in sorted(unclear.items(), key=lambda item: item[0])
    )
    return replace(found, prices=tuple(schedule.prices()))


_ALWAYS = -1
_Unclear = dict[tuple[str, int], money.Unclear]
"""Unclear prices by meter and by the smallest prompt from which they are unclear; `_ALWAYS` means under any
conditions."""


def _unclear(
    pricing: Pricing, top: price_lists.Stated, clauses: Sequence[tuple[Override, price_lists.Stated]]
) -> _Unclear:
    """Return the prices that cannot be read. With time windows they are unclear at any hour, because the choice of the
    base price depends on all hours."""
    if isinstance(pricing.overrides, money.Unclear):
        return {(meter, _ALWAYS): pricing.overrides for meter in top}
    is_timed = any(override.window for override, _ in clauses)
    found: _Unclear = {}
    for override, stated in ((Override(), top), *clauses):
        for meter, price in stated.items():
            if problem := override.unclear or (price if isinstance(price, money.Unclear) else None):
                is_always = override.unclear or is_timed
                found[meter, _ALWAYS if is_always else override.from_tokens] = problem
    return {key: problem for key, problem in found.items() if key[1] == _ALWAYS or (key[0], _ALWAYS) not in found}


def _clear(stated: price_lists.Stated, unclear: _Unclear, *, from_tokens: int) -> schedules.Rates:
    return {
        meter: price
        for meter, price in price_lists.known(stated).items()
        if (meter, from_tokens) not in unclear and (meter, _ALWAYS) not in unclear
    }
