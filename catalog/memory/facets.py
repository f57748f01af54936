"""Counts how many offers of a selection have each value of a fact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from catalog.memory.selection import Selection

COUNTED = (
    "gateway",
    "provider",
    "host",
    "model_type",
    "tags",
    "input_modalities",
    "output_modalities",
    "modality",
    "supported_parameters",
    "price_tier",
    "price_status",
    "price_basis",
    "availability",
    "source",
    "quantization",
)
"""The facets that can be counted: those that many offers share."""

MOST_VALUES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """The counts of one facet of a selection."""

    values: Sequence[tuple[str, int]]
    """The most frequent values with their number of offers; equally frequent ones are ordered by value."""
    size: int
    """How many values the facet has in total, including those beyond MOST_VALUES."""


def counted(selection: Selection, name: str) -> Counted:
    counts = sorted(selection.counts(name).items(), key=lambda pair: -pair[1])  # stable: ties stay ordered by value
    shown = [(_spelled(selection, name, value), count) for value, count in counts[:MOST_VALUES]]
    return Counted(values=shown, size=len(counts))


def _spelled(selection: Selection, name: str, value: str) -> str:
    known = selection.snapshot.makers.of(value) if name == "provider" else None
    return known.slug if known else value
