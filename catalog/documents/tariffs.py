"""Reads the tariff of an offer from its document. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from catalog.documents import reading
from catalog.pricing.tariffs import Tariff


def tariff(told: Mapping[str, Any], *, puts_out_text: bool) -> Tariff:
    """Read the prices and holds of a document."""
    per_million = told["price_per_million"] or {}
    return Tariff(
        prices=reading.prices_told(told),
        unclear=reading.unclear_prices(told),
        status=told["price_status"],
        execution_mode=reading.execution_mode_of(told),
        per_million_input=_amount(per_million.get("input")),
        per_million_output=_amount(per_million.get("output")),
        hourly_rate=_amount(told["pricing"].get("hourly_rate")) if told["price_basis"] == "hourly" else None,
        puts_out_text=puts_out_text,
        held=reading.held_keys(told),
    )


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
