"""Reads the tariff of an offer from its document. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from weakref import WeakValueDictionary

import orjson

from catalog.documents import reading
from catalog.pricing.tariffs import Tariff

_TARIFFS: WeakValueDictionary[str, Tariff] = WeakValueDictionary()
"""The tariffs in use, by what they are read from. A tariff is freed with the last offer that has it."""


def tariff_of(document: Mapping[str, Any]) -> Tariff:
    """Return the prices and holds of a document. Documents with equal ones get the same object."""
    key = orjson.dumps(
        (
            document["pricing"],
            document["price_status"],
            document["price_basis"],
            document["price_per_million"],
            reading.execution_mode_of(document),
            reading.puts_out_text(document),
            [(hold["meter"], hold["conditions"]) for hold in document.get("holds", ())],
        )
    ).decode()
    found = _TARIFFS.get(key)
    if found is None:
        found = _TARIFFS[key] = _read(document)
    return found


def _read(document: Mapping[str, Any]) -> Tariff:
    per_million = document["price_per_million"] or {}
    basis = document["price_basis"]
    return Tariff(
        prices=reading.shown_prices(document),
        unclear=reading.unclear_prices(document),
        status=document["price_status"],
        basis=basis,
        execution_mode=reading.execution_mode_of(document),
        per_million_input=_amount(per_million.get("input")),
        per_million_output=_amount(per_million.get("output")),
        hourly_rate=_amount(document["pricing"].get("hourly_rate")) if basis == "hourly" else None,
        puts_out_text=reading.puts_out_text(document),
        held=reading.held_keys(document),
    )


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
