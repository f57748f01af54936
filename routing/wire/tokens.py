"""The tokens that a gateway says it used, in every dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Counts of one attempt. A part is included in its whole, as in `catalog.pricing.workloads.Workload`."""

    input: int
    """Tokens of text that went in, with all their parts."""
    output: int
    """Tokens of text that came out, with reasoning."""
    cached_input: int = 0
    cache_write: int = 0
    reasoning: int = 0
    audio_input: int = 0
    audio_output: int = 0
    image_output: int = 0
    upstream_cost: Decimal | None = None
    """What the gateway itself says it bills, in US dollars."""
    is_estimate: bool = False
    """Estimated from the text, because the gateway stated nothing."""


def read_tokens(usage: Mapping[str, Any]) -> Tokens | None:
    """Return what a `usage` object states; None if it states no whole counts. An explicit 0 is a count."""
    raise NotImplementedError


def estimate_tokens(*, input_bytes: int, output_characters: int) -> Tokens:
    raise NotImplementedError
