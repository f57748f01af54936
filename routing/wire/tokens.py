"""The tokens that a gateway reports, in every dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from typing import Any

_MOST = 10**15
_NONE: Mapping[str, Any] = {}
_CHARACTERS_PER_TOKEN = 4
"""The usual rule of thumb for English text."""


@dataclass(slots=True, kw_only=True)  # not frozen: that takes three times as long for each request
class Tokens:
    """Counts of one attempt. A part is included in its whole, as in `catalog.pricing.workloads.Workload`."""

    input: int
    """Tokens of text that went in, with all their parts."""
    output: int
    """Tokens of text that came out, with reasoning."""
    cached_input: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    """Written to a cache that is kept for an hour; not part of `cache_write`."""
    reasoning: int = 0
    audio_input: int = 0
    """Not part of `input`; likewise what comes out as audio and images is no part of `output`."""
    audio_output: int = 0
    image_output: int = 0
    upstream_cost: Decimal | None = None
    """What the gateway itself reports that it bills, in US dollars."""
    is_estimate: bool = False
    """Estimated from the text, because the gateway stated nothing."""


def read_tokens(usage: Mapping[str, Any]) -> Tokens | None:
    """Return what a `usage` object states; None if it states no whole counts. An explicit 0 is a count.

    The names are those of OpenAI (`prompt_tokens`), of its responses and of Anthropic (`input_tokens`). Parts may be
    counted in their whole or in addition to it: Anthropic adds caches to the input, some gateways add reasoning to
    the output. `total_tokens` decides where the names do not.
    """
    counts = _Counts(usage)
    if counts.input is None or counts.output is None:
        return None
    audio_input, audio_output, image_output = counts.audio_input, counts.audio_output, counts.image_output
    # Audio and images have meters of their own. If they exceed the whole, they were not counted in it.
    is_within = audio_output + image_output <= counts.output
    return Tokens(
        input=counts.input - audio_input if audio_input <= counts.input else counts.input,
        output=counts.output - (audio_output + image_output) if is_within else counts.output,
        cached_input=counts.cached,
        cache_write=counts.written,
        cache_write_1h=counts.written_1h,
        reasoning=counts.reasoning,
        audio_input=audio_input,
        audio_output=audio_output,
        image_output=image_output,
        upstream_cost=_cost(usage),
    )


def estimate_tokens(*, input_bytes: int, output_characters: int) -> Tokens:
    """Return counts for an answer without usage. Text that is not empty has at least one token."""
    return Tokens(
        input=-(-input_bytes // _CHARACTERS_PER_TOKEN),
        output=-(-output_characters // _CHARACTERS_PER_TOKEN),
        is_estimate=True,
    )


class _Counts:
    """What a usage object counts, with every part in its whole."""

    def __init__(self, usage: Mapping[str, Any]) -> None:
        into = _part(usage, "prompt_tokens_details", "input_tokens_details")
        out = _part(usage, "completion_tokens_details", "output_tokens_details")
        total = _count(usage, "total_tokens")
        given = _count(usage, "prompt_tokens", "input_tokens")
        came = _count(usage, "completion_tokens", "output_tokens")
        self.cached = _first(into, usage, "cached_tokens", "cache_read_input_tokens", "prompt_cache_hit_tokens")
        self.written, self.written_1h = _written(into, usage)
        self.reasoning = _count(out, "reasoning_tokens") or 0
        self.audio_input = _count(into, "audio_tokens") or 0
        self.audio_output = _count(out, "audio_tokens") or 0
        self.image_output = _count(out, "image_tokens") or 0
        if given is None and total is not None and came is not None and not _has(usage, "prompt_tokens"):
            given = total - came if total >= came else None
        if came is None and total is not None and given is not None and not _has(usage, "completion_tokens"):
            came = total - given if total >= given else None
        self.input, self.output = given, came
        if given is None or came is None:
            return
        caches = self.cached + self.written + self.written_1h
        whole = given + caches if _are_caches_beside(usage, given, came, caches, total) else given
        is_beside = total is not None and total == whole + came + self.reasoning
        self.input, self.output = whole, came + self.reasoning if is_beside else came


def _are_caches_beside(usage: Mapping[str, Any], given: int, came: int, caches: int, total: int | None) -> bool:
    """Whether the caches are not counted in the input: Anthropic names them in the object itself."""
    if "cache_read_input_tokens" not in usage and "cache_creation_input_tokens" not in usage:
        return False
    if "prompt_tokens" not in usage or total == given + came + caches:
        return True
    return total is None and caches > given


def _written(into: Mapping[str, Any], usage: Mapping[str, Any]) -> tuple[int, int]:
    """Return the tokens that were written to a cache for the usual time, and for an hour."""
    for_an_hour = _count(_part(usage, "cache_creation"), "ephemeral_1h_input_tokens") or 0
    written = _first(into, usage, "cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens")
    return (written - for_an_hour, for_an_hour) if for_an_hour <= written else (written, 0)


def _part(usage: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        part = usage.get(name)
        if isinstance(part, dict):
            return part
    return _NONE


def _first(details: Mapping[str, Any], usage: Mapping[str, Any], *names: str) -> int:
    found = _count(details, *names)
    return (_count(usage, *names) or 0) if found is None else found


def _has(usage: Mapping[str, Any], name: str) -> bool:
    return usage.get(name) is not None


def _count(counts: Mapping[str, Any], *names: str) -> int | None:
    """Return the first of these that is a whole number; None if none is."""
    for name in names:
        value = counts.get(name)
        if value is not None and isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST:
            return value
    return None


def _cost(usage: Mapping[str, Any]) -> Decimal | None:
    details = _part(usage, "cost_details")
    for value in (usage.get("cost"), details.get("upstream_inference_cost")):
        if value is None:
            continue
        if isinstance(value, int | float | str | Decimal) and not isinstance(value, bool):
            try:
                amount = Decimal(str(value))  # of a float, the digits that the gateway wrote
            except DecimalException:
                continue
            if amount.is_finite() and amount >= 0:
                return amount
    return None
