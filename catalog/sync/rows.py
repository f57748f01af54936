"""Turns the rows of a listing into records; what cannot be used is set aside with its reason. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from catalog.adapter.contract import Gateway, Listing
from catalog.adapter.errors import UnusableRow
from catalog.normalize import text
from catalog.records import OfferRecord

Json = Any
_LONGEST_RAW = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    position: int
    """Counted from 1."""
    model_id: str | None
    """None where the row does not tell a usable id."""
    reason: str
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    records: dict[str, OfferRecord]
    rejections: list[Rejection]

    @property
    def all_ids_known(self) -> bool:
        """Whether every rejected row at least told which offer it is."""
        return all(rejection.model_id is not None for rejection in self.rejections)


def sort_rows(gateway: Gateway, listing: Listing) -> Sorted:
    """Records by id in the order of the listing, and the rejected rows. Of rows with one id the first one stands."""
    records: dict[str, OfferRecord] = {}
    rejections: list[Rejection] = []
    for position, row in enumerate(listing.rows, start=1):
        try:
            record = gateway.record(row)
            if record.id in records:
                raise UnusableRow(f"id: {record.id} was already listed; the first row stands")
            records[record.id] = record
        except UnusableRow as error:
            rejections.append(_rejection(gateway, row, position=position, reason=error.reason))
    return Sorted(records=records, rejections=rejections)


def _rejection(gateway: Gateway, row: Json, *, position: int, reason: str) -> Rejection:
    # ASCII: escapes whatever a database could not store. `default`: exact numbers as their text.
    raw = json.dumps(row, ensure_ascii=True, default=_number_text)[:_LONGEST_RAW]
    return Rejection(
        position=position, model_id=gateway.row_id(row), reason=text.printable(reason, longest=2_000), raw=raw
    )


def _number_text(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no JSON")
