"""Turns the rows of a listing into records; rows that cannot be used are rejected with a reason. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import orjson

from catalog.adapter.contract import Gateway, Listing
from catalog.adapter.errors import UnusableRow
from catalog.normalize import text
from catalog.records import Availability, OfferRecord

Json = Any
_LONGEST_RAW = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    position: int
    """The position of the row in the listing, counted from 1."""
    model_id: str | None
    """None if the row has no usable id."""
    reason: str
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    records: dict[str, OfferRecord]
    """Records of the rows that had to be read, by id."""
    row_prints: dict[str, str]
    """The prints of those rows, by id."""
    same: frozenset[str]
    """Ids of the rows that are unchanged since the accepted listing."""
    partial: frozenset[str]
    """Ids of the records that lack facts which the gateway has: their published offers stay."""
    rejections: list[Rejection]

    @property
    def all_ids_known(self) -> bool:
        """Whether every rejected row has at least a usable id."""
        return all(rejection.model_id is not None for rejection in self.rejections)


def sort_rows(
    gateway: Gateway, listing: Listing, *, reader: str, accepted: Mapping[str, str], is_observed: bool = False
) -> Sorted:
    """Sort the listing's rows by what has to be done with them. If rows share an id, the first one is used.

    `accepted` maps prints of rows in the accepted listing to their ids: such a row need not be read again.
    `is_observed`: what the rows state of availability belongs neither to their prints nor to their records.
    """
    found = Sorted(records={}, row_prints={}, same=frozenset(), partial=frozenset(), rejections=[])
    same: set[str] = set()
    for position, row in enumerate(listing.rows, start=1):
        row_print = print_of(gateway, row, reader=reader, is_observed=is_observed)
        accepted_id = accepted.get(row_print)
        if accepted_id is not None and accepted_id not in same and accepted_id not in found.records:
            same.add(accepted_id)
            continue
        try:
            record = _read(gateway, row, is_observed=is_observed)
            if record.id in found.records or record.id in same:
                raise UnusableRow(f"id: {record.id} was already listed; the first row is kept")
            found.records[record.id] = record
            found.row_prints[record.id] = row_print
        except UnusableRow as error:
            found.rejections.append(_rejection(gateway, row, position=position, reason=error.reason))
    partial = frozenset(key for key, record in found.records.items() if record.is_partial)
    return replace(found, same=frozenset(same), partial=partial)


def stated(gateway: Gateway, listing: Listing) -> dict[str, Availability]:
    """Return what the listing's rows state of availability, by id. If rows share an id, the first one counts."""
    found: dict[str, Availability] = {}
    for row in listing.rows if gateway.states_availability else ():
        offer_id = gateway.row_id(row)
        if offer_id is not None:
            found.setdefault(offer_id, gateway.availability(row))
    return {offer_id: state for offer_id, state in found.items() if state is not Availability.UNKNOWN}


def _read(gateway: Gateway, row: Json, *, is_observed: bool) -> OfferRecord:
    record = gateway.record(row)
    is_stripped = is_observed and record.availability is not Availability.UNKNOWN
    return replace(record, availability=Availability.UNKNOWN) if is_stripped else record


def print_of(gateway: Gateway, row: Json, *, reader: str, is_observed: bool = False) -> str:
    """Hash the essence of a row together with its reader. Return "", which is no print, for a row without a hash.

    Unless availability is observed, the hash covers what the row states of it.
    """
    try:
        essence = orjson.dumps(gateway.essence(row), default=_number_text, option=orjson.OPT_SORT_KEYS)
    except (TypeError, ValueError):  # lone surrogates, or nested deeper than orjson supports
        return ""
    stated = b"" if is_observed or not gateway.states_availability else gateway.availability(row).encode()
    return hashlib.sha256(reader.encode() + essence + stated).hexdigest()


def _rejection(gateway: Gateway, row: Json, *, position: int, reason: str) -> Rejection:
    # ASCII escapes all characters that a database could not store. `default` keeps exact numbers as text.
    raw = json.dumps(row, ensure_ascii=True, default=_number_text)[:_LONGEST_RAW]
    return Rejection(
        position=position, model_id=gateway.row_id(row), reason=text.printable(reason, longest=2_000), raw=raw
    )


def _number_text(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no JSON")
