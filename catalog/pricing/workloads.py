"""What a workload asks for: quantities, and the circumstances that prices depend on. Pure."""

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
"""Quantities that are counted in another one, and billed apart from the rest of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What is asked of an offer. None is not stated, which is not 0."""

    input_tokens: Quantity = 0
    """Of text, with all their parts."""
    cached_input_tokens: Quantity = 0
    """The part of `input_tokens` that is read from a cache."""
    cache_write_tokens: Quantity = 0
    """The part of `input_tokens` that is written to a cache, for as long as the gateway usually keeps it."""
    cache_write_1h_tokens: Quantity = 0
    """The part of `input_tokens` that is written to a cache for an hour."""
    output_tokens: Quantity = 0
    """Of text, with those of reasoning."""
    reasoning_tokens: Quantity = 0
    """The part of `output_tokens` that is spent on reasoning."""
    audio_input_tokens: Quantity = 0
    """Beside `input_tokens`, with the cached ones."""
    cached_audio_tokens: Quantity = 0
    """The part of `audio_input_tokens` that is read from a cache."""
    audio_output_tokens: Quantity = 0
    """Beside `output_tokens`."""
    images: Quantity = 0
    """Images that go in."""
    image_tokens: Quantity = 0
    """The same images, measured in tokens: an offer bills one or the other."""
    output_image_tokens: Quantity = 0
    """Of the images that come out: an offer bills these or the images."""
    web_searches: Quantity = 0
    characters: Quantity = 0
    """That are read aloud, where that is billed by the character."""
    pages: Quantity = 0
    """Of documents that go in."""
    audio_minutes: Quantity = 0
    """Of the audio that goes in, where that is billed by the minute and not by its tokens."""
    generated_images: Quantity = 0
    """The same images as those of `output_image_tokens`."""
    generated_video_seconds: Quantity = 0
    rerank_searches: Quantity = 0
    """Searches whose results are sorted."""
    steps: Quantity = 0
    """Of a diffusion model."""
    requests: Quantity | None = None
    hours: Quantity | None = None
    """Of one instance, for offers that are billed by the hour."""
    prompt_tokens: Quantity | None = None
    """Size of each request; where it is not stated, all tokens that go in divided by `requests`."""
    at: time | None = None
    """Time of day of all requests, in UTC."""
    execution_mode: str = billing.STANDARD

    def __post_init__(self) -> None:
        for name in (stated.name for stated in fields(self) if stated.name not in {"at", "execution_mode"}):
            if (value := getattr(self, name)) is not None and (wrong := problem_of_quantity(value)):
                raise ValueError(f"{name} {wrong}")
        if self.at is not None and self.at.tzinfo is not None:
            raise ValueError("at is a time of day in UTC and carries no zone")
        if self.execution_mode not in billing.EXECUTION_MODES:
            raise ValueError(f"execution_mode must be one of {', '.join(billing.EXECUTION_MODES)}")
        for whole, parts in PARTS.items():
            if self.rest_of(whole) < 0:
                raise ValueError(f"{' and '.join(parts)} must not exceed {whole}, of which they are a part")

    def rest_of(self, whole: str) -> Decimal:
        """A quantity without its parts."""
        return EXACT.subtract(Decimal(getattr(self, whole)), exact_sum(getattr(self, part) for part in PARTS[whole]))

    @property
    def prompt_size(self) -> Fraction | None:
        """Tokens of each request; None where nothing tells."""
        if self.prompt_tokens is not None:
            return Fraction(self.prompt_tokens)
        if not self.requests:
            return None
        return Fraction(exact_sum((self.input_tokens, self.audio_input_tokens, self.image_tokens))) / Fraction(
            self.requests
        )
