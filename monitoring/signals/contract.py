"""What a signal gives, and how its fields are read: unknown fields are ignored, and missing ones are no evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from catalog.normalize import text
from monitoring.machine import Verdict

Json = Any
"""A decoded JSON value whose numbers with a fraction are Decimal."""
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one answer says about one offer."""

    verdict: Verdict = Verdict.NOTHING
    reason: str = ""
    is_limited: bool = False
    figures: Mapping[str, Json] = field(default_factory=dict)
    """The gateway's own figures, as JSON without Decimal; shown as theirs."""


Reading = Mapping[str, Heard]
"""By the id of the offer."""


def whole(value: Json) -> int | None:
    """Return a count; None if it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def share(value: Json, *, most: int) -> float | None:
    """Return a number from 0 to `most`; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    found = float(value)
    return round(found, 4) if 0 <= found <= most else None


def name(value: Json) -> str | None:
    """Return a short text on one line; None if it is none."""
    try:
        return text.line(value, longest=LONGEST_NAME)
    except (TypeError, ValueError):
        return None


def known(figures: Mapping[str, Json]) -> dict[str, Json]:
    """Return the figures that are not None."""
    return {key: value for key, value in figures.items() if value is not None}
