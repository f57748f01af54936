"""Whether an offer can run a request, by what the catalogue knows of it. Unknown facts rule nothing out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import time
from decimal import Decimal
from functools import cached_property

from routing.choose import prices
from routing.choose.offers import Offer
from routing.wire import inputs
from routing.wire.preferences import NONE, UNKNOWN, Preferences
from routing.wire.request import InferenceRequest, Kind

_SAME = {
    "max_completion_tokens": ("max_tokens",),
    "max_tokens": ("max_completion_tokens",),
    "reasoning_effort": ("reasoning",),
    "functions": ("tools",),
    "function_call": ("tool_choice",),
    inputs.STRUCTURED_OUTPUTS: (inputs.RESPONSE_FORMAT,),
}
"""Other names of a parameter: an offer that takes one of them takes it."""


class Asked:
    """What a request asks of every offer."""

    def __init__(
        self, request: InferenceRequest, gateways: Collection[str], parameters: Collection[str], at: time
    ) -> None:
        """`gateways` are those with a key. `parameters` are those that any offer of the catalogue mentions: others
        cannot be required. `at` is the time of day in UTC."""
        self.request, self.gateways, self.parameters, self.at = request, gateways, parameters, at
        preferences, needs = request.preferences, request.needs
        self.is_chat = request.kind is not Kind.EMBEDDINGS
        self.output_words = _output_words(needs) if needs else frozenset()
        """The kinds of output that the request asks for besides text."""
        self.output_tokens = (request.most_output or 0) // request.choices
        """Of each answer."""
        self.has_preferences = preferences is not NONE
        self.has_price_limit = self.has_preferences and any(limit is not None for limit in _limits(preferences))

    @cached_property
    def required(self) -> Collection[str]:
        """The parameters of the request that an offer must mention, with `require_parameters`."""
        known = {*self.parameters, *_SAME}
        given = {name for name, value in self.request.parsed.items() if value is not None and name in known}
        return sorted(given | (self.request.needs & known))


def why_not(offer: Offer, asked: Asked) -> str:
    """Return what rules the offer out for this request, as the rest of a sentence about it; empty if nothing does.

    Of several reasons it is the most fundamental one. What rules it out for every request is checked by `named`.
    """
    request = asked.request
    preferences = request.preferences
    return (
        _kind(offer, asked)
        or (_preferred(offer, preferences) if asked.has_preferences else "")
        or ("" if offer.gateway in asked.gateways else f"there is no key for {offer.gateway}")
        or (_inputs(offer, request) if request.needs else "")
        or (_parameters(offer, asked) if request.needs or preferences.require_parameters else "")
        or (_quantization(offer, preferences) if preferences.quantizations else "")
        or _size(offer, asked)
        or (_price(offer, asked) if asked.has_price_limit else "")
    )


def _kind(offer: Offer, asked: Asked) -> str:
    if not asked.is_chat:
        return offer.why_no_embeddings
    if not asked.output_words or offer.outputs is None:
        return offer.why_no_chat or offer.why_no_text
    missing = sorted(asked.output_words - offer.outputs)
    return offer.why_no_chat or (f"it puts out no {missing[0]}" if missing else "")


def _output_words(needs: Iterable[str]) -> frozenset[str]:
    prefix = inputs.OUTPUT_PREFIX
    return frozenset(need.removeprefix(prefix) for need in needs if need.startswith(prefix))


def _preferred(offer: Offer, preferences: Preferences) -> str:
    if preferences.only and offer.gateway not in preferences.only:
        return "provider.only does not name its gateway"
    if offer.gateway in preferences.ignore:
        return "provider.ignore names its gateway"
    if preferences.order and not preferences.allow_fallbacks and offer.gateway not in preferences.order:
        return "provider.allow_fallbacks is false, and provider.order does not name its gateway"
    return ""


def _inputs(offer: Offer, request: InferenceRequest) -> str:
    if offer.inputs is None:
        return ""
    missing = sorted((request.needs & inputs.INPUTS) - offer.inputs)
    return f"it takes no {missing[0]} as input" if missing else ""


def _parameters(offer: Offer, asked: Asked) -> str:
    if asked.request.preferences.require_parameters:
        missing = [name for name in asked.required if not _mentions(offer, name)]
        return f"its gateway does not mention {missing[0]}, and provider.require_parameters is true" if missing else ""
    needed = asked.request.needs & {inputs.TOOLS, inputs.RESPONSE_FORMAT, inputs.STRUCTURED_OUTPUTS}
    missing = [name for name in sorted(needed) if offer.has_all_parameters and not _mentions(offer, name)]
    return f"it does not take {missing[0]}" if missing else ""


def _mentions(offer: Offer, name: str) -> bool:
    return any(each in offer.parameters for each in (name, *_SAME.get(name, ())))


def _quantization(offer: Offer, preferences: Preferences) -> str:
    wanted = preferences.quantizations
    stated = offer.quantizations or (offer.words & set(wanted)) or {UNKNOWN}
    return "" if stated & set(wanted) else f"its quantization is {min(stated)}"


def _size(offer: Offer, asked: Asked) -> str:
    given, came, context = asked.request.expected_input, asked.output_tokens, offer.context_tokens
    if context is not None and given + came > context:
        needed = f"about {given} tokens of input and {came} of output"
        return f"its context of {context} tokens is too small for {needed}"
    if offer.most_completion_tokens is not None and came > offer.most_completion_tokens:
        return f"it puts out at most {offer.most_completion_tokens} tokens"
    return ""


def _price(offer: Offer, asked: Asked) -> str:
    """A limit requires a known price: unlike other facts, an unknown one rules the offer out."""
    stated = prices.in_force(offer.row.tariff, input_tokens=asked.request.expected_input, at=asked.at)
    completion = Decimal(0) if not asked.is_chat and stated.completion is None else stated.completion
    for part, price, limit in _compared(
        (stated.prompt, completion, stated.request), _limits(asked.request.preferences)
    ):
        if price is None:
            return f"its price for {part} is not known, and provider.max_price limits it"
        if price > limit:
            return f"its price for {part} is above provider.max_price"
    return ""


def _limits(preferences: Preferences) -> tuple[Decimal | None, ...]:
    return preferences.max_prompt_price, preferences.max_completion_price, preferences.max_request_price


def _compared(
    amounts: Iterable[Decimal | None], limits: Iterable[Decimal | None]
) -> Iterator[tuple[str, Decimal | None, Decimal]]:
    for part, amount, limit in zip(("prompt", "completion", "request"), amounts, limits, strict=True):
        if limit is not None:
            yield part, amount, limit
