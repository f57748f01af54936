"""What the offers of a snapshot cost, read from their documents once, when it is first asked for.

Offers with equal prices share one `Tariff`: what a workload costs is computed once for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import orjson

from catalog import costing, documents
from catalog.records import PriceRecord
from catalog.serving import derived
from catalog.serving.snapshot import Snapshot
from catalog.serving.unhurried import unhurried

# Of a document from its prices to the key behind them. The quotes of a text in it would be escaped, so neither stands
# anywhere before.
_FIRST, _BEHIND = b',"pricing":{', b',"held_prices":['


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tariff:
    """Compared by what it is: a snapshot has each only once."""

    prices: tuple[PriceRecord, ...]
    status: str
    per_million_input: Decimal | None
    """US dollars; only where offers are billed by tokens."""
    per_million_output: Decimal | None
    hourly_rate: Decimal | None
    """US dollars; only where offers are billed by the hour."""

    def bill(self, workload: costing.Workload) -> costing.Bill:
        return costing.bill(
            self.prices, workload, is_dynamic=self.status == "dynamic", zero_is_free=self.status == "free"
        )


def _read(text: bytes) -> Tariff:
    told = orjson.loads(b"{%b}" % text)
    per_million = told["price_per_million"] or {}
    return Tariff(
        prices=documents.prices_told(told),
        status=told["price_status"],
        per_million_input=_amount(per_million.get("input")),
        per_million_output=_amount(per_million.get("output")),
        hourly_rate=_amount(told["pricing"].get("hourly_rate")) if told["price_basis"] == "hourly" else None,
    )


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariffs:
    by_position: Mapping[int, Tariff]
    by_text: Mapping[bytes, Tariff]
    """By what stands of it in a document."""


@derived.Once
def tariffs_of(held: Snapshot, last: Tariffs | None) -> Tariffs:
    known = last.by_text if last is not None else {}
    by_text: dict[bytes, Tariff] = {}
    by_position: dict[int, Tariff] = {}
    for position, row in unhurried(held.index.rows.items()):
        start = row.document.index(_FIRST) + 1
        text = row.document[start : row.document.index(_BEHIND, start)]
        tariff = by_text.get(text)
        if tariff is None:
            tariff = by_text[text] = known.get(text) or _read(text)
        by_position[position] = tariff
    return Tariffs(by_position=by_position, by_text=by_text)
