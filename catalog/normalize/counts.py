"""Counts: whole numbers of tokens and the like."""

from __future__ import annotations

from decimal import Decimal

MAX_COUNT = 10**15


def count(value: object) -> int | None:
    """A whole number; 0 says that it is not known. Raises ValueError with a reason that names what is wrong."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError(f"must be a whole number, not {type(value).__name__}")
    # A Decimal of a thousand digits is compared, not written out.
    if not 0 <= value <= MAX_COUNT or value != int(value):
        raise ValueError(f"must be a whole number from 0 to {MAX_COUNT}")
    return int(value) or None
