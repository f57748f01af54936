"""What rows of Chutes may contain, and the prices that they state."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict

from catalog.adapter import fields
from catalog.pricing import meters, money
from catalog.records import ModelType

_PerMillion = Annotated[fields.Price, fields.price(money.usd_per_million_tokens)]
_PerHour = Annotated[fields.Price, fields.price(money.usd_per_hour)]
_PerStep = Annotated[fields.Price, fields.price(money.usd_per_step)]

Stated = dict[str, money.Rate | money.Unclear]
"""What a row states for each meter."""
_SIDES = (meters.INPUT_TEXT, meters.OUTPUT_TEXT)


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True)


class StaticRow(_Facts):
    """A row of the bundled catalogue."""

    id: fields.Id
    name: fields.Name
    provider: fields.Id
    type: ModelType
    pricing_per_hour: _PerHour = None
    tags: list[fields.Tag] = []
    context_length: fields.Count = None


class PerMillion(_Facts):
    usd: _PerMillion = money.MISSING


class PerStep(_Facts):
    usd: _PerStep = money.MISSING


class PerHour(_Facts):
    hour: _PerHour = money.MISSING


_OfMillion = Annotated[PerMillion | fields.Unclear | None, fields.UnclearIfWrong]


class TokenPrices(_Facts):
    input: _OfMillion = None
    output: _OfMillion = None
    input_cache_read: _OfMillion = None

    @property
    def stated(self) -> Stated:
        return dict.fromkeys(_SIDES, money.MISSING) | _stated(self.input, self.output, self.input_cache_read)


class Estimate(_Facts):
    usd: Annotated[PerHour | fields.Unclear | None, fields.UnclearIfWrong] = None
    per_million_tokens: Annotated[TokenPrices | fields.Unclear | None, fields.UnclearIfWrong] = None
    per_step: Annotated[PerStep | fields.Unclear | None, fields.UnclearIfWrong] = None

    @property
    def stated(self) -> Stated:
        hour = self.usd.hour if isinstance(self.usd, PerHour) else self.usd
        step = self.per_step.usd if isinstance(self.per_step, PerStep) else self.per_step
        tokens = self.per_million_tokens
        found: Stated = {meters.COMPUTE_HOUR: hour or money.MISSING}
        if self.per_step:
            found[meters.STEP] = step or money.MISSING
        if isinstance(tokens, money.Unclear):
            return found | dict.fromkeys(_SIDES, tokens)
        return found | (tokens.stated if tokens else {})


class Chute(_Facts):
    """A row of the deployments."""

    name: fields.Id
    public: Literal[True]
    current_estimated_price: Annotated[Estimate | fields.Unclear | None, fields.UnclearIfWrong] = money.MISSING
    standard_template: fields.Word = None
    tagline: fields.Prose = None
    created_at: fields.UnixSeconds = None
    tee: fields.Flag = None

    @property
    def stated(self) -> Stated:
        estimate = self.current_estimated_price
        if isinstance(estimate, money.Unclear):
            return {meters.COMPUTE_HOUR: estimate}
        return estimate.stated if estimate else {}


class LlmPrice(_Facts):
    """The `price` of a language model; in July 2025 it was one number for both sides."""

    usd: _PerMillion = None
    input: _OfMillion = None
    output: _OfMillion = None
    input_cache_read: _OfMillion = None

    @property
    def sides(self) -> Stated:
        return _stated(self.input, self.output, self.input_cache_read)

    @property
    def stated(self) -> Stated:
        return dict.fromkeys(_SIDES, self.usd or money.MISSING) | self.sides


class LlmPricing(_Facts):
    prompt: _PerMillion = None
    completion: _PerMillion = None
    input_cache_read: _PerMillion = None

    @property
    def stated(self) -> Stated:
        prompt, completion = self.prompt or money.MISSING, self.completion or money.MISSING
        found: Stated = {meters.INPUT_TEXT: prompt, meters.OUTPUT_TEXT: completion}
        return found | ({meters.INPUT_TEXT_CACHE_READ: self.input_cache_read} if self.input_cache_read else {})


class Llm(_Facts):
    """A row of the language models."""

    id: fields.Id
    root: fields.Word = None
    price: Annotated[LlmPrice | fields.Unclear | None, fields.UnclearIfWrong] = None
    pricing: Annotated[LlmPricing | fields.Unclear | None, fields.UnclearIfWrong] = None
    context_length: fields.Count = None
    max_model_len: fields.Count = None
    max_output_length: fields.Count = None
    input_modalities: fields.Modalities = None
    output_modalities: fields.Modalities = None
    quantization: fields.Word = None
    confidential_compute: fields.Flag = None
    supported_features: fields.Words = None
    supported_sampling_parameters: fields.Words = None

    @property
    def stated(self) -> Stated:
        """The row states each price twice. If the two differ, one of them has changed its meaning, and perhaps its
        unit."""
        if self.price is None and self.pricing is None:
            return dict.fromkeys(_SIDES, money.MISSING)
        older, newer = _of_both_sides(self.price), _of_both_sides(self.pricing)
        sides = self.price.sides if isinstance(self.price, LlmPrice) else {}
        differing = {meter for meter in sides.keys() & newer.keys() if _differ(sides[meter], newer[meter])}
        return older | newer | dict.fromkeys(differing, money.Unclear("price and pricing differ"))


class JoinedRow(_Facts):
    chute: Chute | None = None
    llm: Llm | None = None
    cords: list[Any] | None = None
    """The routes of a chute whose template is missing."""


def _of_both_sides(prices: LlmPrice | LlmPricing | money.Unclear | None) -> Stated:
    if isinstance(prices, money.Unclear):
        return dict.fromkeys(_SIDES, prices)
    return prices.stated if prices else {}


def _differ(price: money.Rate | money.Unclear, other: money.Rate | money.Unclear) -> bool:
    return isinstance(price, money.Rate) and isinstance(other, money.Rate) and price != other


def _stated(
    prompt: PerMillion | money.Unclear | None,
    completion: PerMillion | money.Unclear | None,
    cache_read: PerMillion | money.Unclear | None,
) -> Stated:
    found = {meters.INPUT_TEXT: prompt, meters.OUTPUT_TEXT: completion, meters.INPUT_TEXT_CACHE_READ: cache_read}
    return {
        meter: (price.usd or money.MISSING) if isinstance(price, PerMillion) else price
        for meter, price in found.items()
        if price
    }
