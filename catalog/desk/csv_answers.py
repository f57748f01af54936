"""Answers that are CSV files."""

from __future__ import annotations

from collections.abc import Iterable

from django.http import HttpResponse
from django.utils import timezone

BOM = "\ufeff"
"""Spreadsheets take a file without it for another encoding than UTF-8."""


def csv_answer(lines: Iterable[str], *, name: str) -> HttpResponse:
    """Return a file to be saved, whose name has today's date."""
    response = HttpResponse(f"{BOM}{''.join(lines)}", content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="gatewayz-{name}-{timezone.now():%Y-%m-%d}.csv"'
    response["X-Content-Type-Options"] = "nosniff"
    return response
