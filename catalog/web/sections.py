"""Sections of the page of a model that other apps add."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from catalog.memory.rows import Row
from catalog.memory.snapshot import Snapshot
from catalog.web import templates

Section = Callable[[Snapshot, Sequence[Row]], str]
"""Returns the HTML that `templates.render_part` made of a section about these offers; empty if it says nothing.

It must depend on the snapshot and the offers alone: the page is kept until the next revision."""
SECTIONS: list[Section] = []


def sections_of(snapshot: Snapshot, rows: Sequence[Row]) -> list[str]:
    return [templates.part(html) for section in SECTIONS if (html := section(snapshot, rows))]
