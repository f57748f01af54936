"""Counts: whole numbers of tokens and the like."""

from __future__ import annotations

from decimal import Decimal

MAX_COUNT = 10**15


def count(value: object) -> int | None:
    """Return a whole number, or None if it is unknown; gateways also write 0 for that. Raises ValueError with the
    reason."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError(f"must be a whole number, not {type(value).__name__}")
    # A Decimal may have a thousand digits, so it is compared and never written out.
    if not 0 <= value <= MAX_COUNT or value != int(value):
        raise ValueError(f"must be a whole number from 0 to {MAX_COUNT}")
    return int(value) or None
