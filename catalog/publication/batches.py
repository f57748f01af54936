"""Splits what one statement of SQL would have too many parameters for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

_Key = TypeVar("_Key")
BATCH = 500


def batches(keys: Sequence[_Key]) -> Iterator[Sequence[_Key]]:
    """Split the keys into pieces that stay below the limit on parameters of an SQL statement."""
    return (keys[start : start + BATCH] for start in range(0, len(keys), BATCH))
