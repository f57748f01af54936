"""OpenRouter's `provider` object, over gateways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    order: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    allow_fallbacks: bool = True
    sort: Literal["price", "latency", "throughput"] | None = None
    max_prompt_price: Decimal | None = None
    """US dollars for a million tokens."""
    max_completion_price: Decimal | None = None
    max_request_price: Decimal | None = None
    require_parameters: bool = False
    quantizations: tuple[str, ...] = ()


def read_preferences(provider: Mapping[str, Any] | None) -> Preferences:
    """Raise ValueError, with a text that names the member, for one that is wrong or not supported."""
    raise NotImplementedError
