"""The suite that every adapter is held to. `tests/catalog/test_gateways.py` runs it over all gateways."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from catalog import records
from catalog.adapter.contract import Gateway
from catalog.adapter.errors import BadPayload, UnusableRow
from catalog.normalize.meters import METERS

Json = Any


def check_identity(gateway: Gateway) -> None:
    """File, class and slug agree, and all that people read is there."""
    kind = type(gateway)
    assert kind.__module__ == f"catalog.gateways.{gateway.slug}"
    assert kind.__name__.lower() == gateway.slug
    assert gateway.site_url.startswith("https://")
    assert gateway.docs_url.startswith("https://")
    assert gateway.name
    assert gateway.note


def check_rows(gateway: Gateway, rows: Iterable[Json]) -> list[records.OfferRecord]:
    """Good rows give records that survive storage, the same ones each time, and tell their id without being read."""
    found = [gateway.record(row) for row in rows]
    for record, row in zip(found, rows, strict=True):
        assert gateway.record(row) == record, f"{record.id}: a second reading differs"
        assert gateway.row_id(row) == record.id
        assert records.load(records.dump(record)) == record, f"{record.id}: storing loses something"
        assert all(price.meter in METERS for price in record.prices)
    return found


def check_refuses(gateway: Gateway, row: Json) -> str:
    """Whatever JSON a row is, it gives a record or an UnusableRow with words in it, and nothing else."""
    gateway.row_id(row)
    try:
        gateway.record(row)
    except UnusableRow as refusal:
        assert refusal.reason
        return refusal.reason
    return ""


def check_refuses_payload(gateway: Gateway, payload: Json) -> None:
    """A bundled catalogue that is no list is a BadPayload."""
    try:
        gateway.bundled_listing(payload)
    except BadPayload as refusal:
        assert str(refusal)
    else:
        raise AssertionError(f"{payload!r} was taken for a listing")
