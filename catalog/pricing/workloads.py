"""What a workload consumes: its quantities, and the circumstances that prices depend on. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import time
from decimal import Decimal
from fractions import Fraction

from catalog.pricing import billing
from catalog.pricing.quantities import EXACT, Quantity, exact_sum, problem_of_quantity

PARTS = {
    "input_tokens": ("cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens"),
    "output_tokens": ("reasoning_tokens",),
    "audio_input_tokens": ("cached_audio_tokens",),
}
"""Quantities that are counted as part of another one, and billed separately from the rest of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The work that an offer is asked to do. None means not stated, which is not 0."""

    input_tokens: Quantity = 0
    """Tokens of text that go in, including all their parts."""
    cached_input_tokens: Quantity = 0
    """The part of `input_tokens` that is read from a cache."""
    cache_write_tokens: Quantity = 0
    """The part of `input_tokens` that is written to a cache, for the gateway's usual lifetime."""
    cache_write_1h_tokens: Quantity = 0
    """The part of `input_tokens` that is written to a cache for an hour."""
    output_tokens: Quantity = 0
    """Tokens of text that come out, including reasoning."""
    reasoning_tokens: Quantity = 0
    """The part of `output_tokens` that is spent on reasoning."""
    audio_input_tokens: Quantity = 0
    """Tokens of audio that go in, including cached ones; not part of `input_tokens`."""
    cached_audio_tokens: Quantity = 0
    """The part of `audio_input_tokens` that is read from a cache."""
    audio_output_tokens: Quantity = 0
    """Tokens of audio that come out; not part of `output_tokens`."""
    images: Quantity = 0
    """Images that go in."""
    image_tokens: Quantity = 0
    """The size of the same images in tokens; an offer bills one or the other."""
    output_image_tokens: Quantity = 0
    """Tokens of the images that come out; an offer bills these or the images."""
    web_searches: Quantity = 0
    characters: Quantity = 0
    """Characters that are read aloud, for offers that bill by the character."""
    pages: Quantity = 0
    """Pages of documents that go in."""
    audio_minutes: Quantity = 0
    """Minutes of audio that goes in, for offers that bill it by the minute and not by its tokens."""
    generated_images: Quantity = 0
    """The same images as those of `output_image_tokens`."""
    generated_video_seconds: Quantity = 0
    rerank_searches: Quantity = 0
    """Searches whose results are sorted."""
    steps: Quantity = 0
    """Steps of a diffusion model."""
    requests: Quantity | None = None
    hours: Quantity | None = None
    """Hours of one instance, for offers that are billed by the hour."""
    prompt_tokens: Quantity | None = None
    """The size of each request. Default: all tokens that go in, divided by `requests`."""
    at: time | None = None
    """The time of day of all requests, in UTC."""
    execution_mode: str = billing.STANDARD

    def __post_init__(self) -> None:
        for name in (stated.name for stated in fields(self) if stated.name not in {"at", "execution_mode"}):
            if (value := getattr(self, name)) is not None and (wrong := problem_of_quantity(value)):
                raise ValueError(f"{name} {wrong}")
        if self.at is not None and self.at.tzinfo is not None:
            raise ValueError("at must be a time of day in UTC without a time zone")
        if self.execution_mode not in billing.EXECUTION_MODES:
            raise ValueError(f"execution_mode must be one of {', '.join(billing.EXECUTION_MODES)}")
        for whole, parts in PARTS.items():
            if self.rest_of(whole) < 0:
                raise ValueError(f"{' and '.join(parts)} must not exceed {whole}, which includes them")

    def rest_of(self, whole: str) -> Decimal:
        """Return a quantity without its parts."""
        return EXACT.subtract(Decimal(getattr(self, whole)), exact_sum(getattr(self, part) for part in PARTS[whole]))

    @property
    def prompt_size(self) -> Fraction | None:
        """Return the number of tokens in each request, or None if the workload does not state it."""
        if self.prompt_tokens is not None:
            return Fraction(self.prompt_tokens)
        if not self.requests:
            return None
        return Fraction(exact_sum((self.input_tokens, self.audio_input_tokens, self.image_tokens))) / Fraction(
            self.requests
        )
