"""Plain functions that create the objects that tests need."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from catalog.documents import rendering
from catalog.memory import snapshot
from catalog.memory.index import Index
from catalog.memory.rows import Row
from catalog.models import Gateway, SyncRun
from catalog.pricing import meters
from catalog.publication import apply, listing
from catalog.publication.prices.repeats import Rules
from catalog.records import ModelType, OfferRecord, PriceRecord, Source
from catalog.sync.guard import TrustingGuard

Json = Any


def chutes_row(model_id: object = "maker/model", **fields: object) -> dict[str, object]:
    """A valid row of Chutes' bundled catalogue, with the given fields instead of its own."""
    row = {"id": model_id, "name": "Model", "provider": "maker", "type": "LLM", "pricing_per_hour": "2.5", "tags": []}
    return row | fields


def chutes_rows(count: int, **fields: object) -> list[dict[str, object]]:
    return [chutes_row(f"maker/model-{number:05}", **fields) for number in range(count)]


def openrouter_row(model_id: object = "maker/model", **fields: object) -> dict[str, object]:
    """A valid row of OpenRouter, as in its API and its bundled catalogue."""
    row = {
        "id": model_id,
        "name": "Model",
        "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
        "pricing": {"prompt": "0.000001", "completion": "0.000002"},
    }
    return row | fields


def openrouter_rows(count: int, **fields: object) -> list[dict[str, object]]:
    return [openrouter_row(f"maker/model-{number:05}", **fields) for number in range(count)]


def write_listing(folder: Path, rows: Iterable[Json] | bytes, *, slug: str = "chutes") -> None:
    """Write the bundled catalogue of a gateway, from rows or from the exact bytes of the file."""
    content = rows if isinstance(rows, bytes) else json.dumps(list(rows), default=str).encode()
    (folder / f"{slug}_catalog.json").write_bytes(content)


def hourly(amount: str) -> PriceRecord:
    return PriceRecord(meter=meters.COMPUTE_HOUR, amount=Decimal(amount))


def per_token(*, prompt: str | None = None, completion: str | None = None) -> tuple[PriceRecord, ...]:
    """Prices in US dollars per token, for the sides that have one."""
    amounts = {meters.INPUT_TEXT: prompt, meters.OUTPUT_TEXT: completion}
    return tuple(PriceRecord(meter=meter, amount=Decimal(amount)) for meter, amount in amounts.items() if amount)


def held_price(meter: str = meters.COMPUTE_HOUR, *, reported: str = "99") -> rendering.HeldPrice:
    return rendering.HeldPrice(
        price=PriceRecord(meter=meter, amount=Decimal(reported)),
        since=datetime(2026, 11, 20, 8, tzinfo=UTC),
        reason="it moved more than 10-fold",
    )


def offer_record(model_id: str = "maker/model", **fields: Any) -> OfferRecord:
    """An LLM for 2.5 dollars an hour, with the given fields instead of its own."""
    own: dict[str, Any] = {
        "slug": model_id,
        "canonical_slug": model_id,
        "name": "Model",
        "model_type": ModelType.LLM,
        "provider_slug": "maker",
        "prices": (hourly("2.5"),),
        "zero_is_free": True,
        "input_modalities": ("text",),
        "output_modalities": ("text",),
    }
    return OfferRecord(id=model_id, **(own | fields))


def offer_facts(**fields: Any) -> rendering.OfferFacts:
    own: dict[str, Any] = {
        "gateway": "chutes",
        "gateway_name": "Chutes.ai",
        "source": Source.BUNDLED,
        "recorded_on": date(2025, 10, 8),
        "first_seen_at": datetime(2026, 11, 22, 8, tzinfo=UTC),
        "withdrawn_at": None,
    }
    return rendering.OfferFacts(**(own | fields))


def token_priced_record(model_id: str = "maker/model", **fields: Any) -> OfferRecord:
    """An offer that the lists for other services' clients show too: they leave out all that is sold otherwise."""
    facts = {"context_length": 64_000, "supported_parameters": ("tools",), "is_moderated": False}
    return offer_record(model_id, **{**facts, "prices": per_token(prompt="7E-7", completion="2.5E-6"), **fields})


def publish(
    *records: OfferRecord,
    gateway: str = "chutes",
    source: Source = Source.BUNDLED,
    guard: listing.Guard | None = None,
    is_complete: bool = True,
    postponed: frozenset[str] = frozenset(),
    withdraw_after: int = 1,
    lease_token: int | None = None,
) -> listing.Outcome:
    """Publish these records as the gateway's complete current listing, with a guard that believes everything."""
    Gateway.objects.ensure([gateway])
    seller = Gateway.objects.get(slug=gateway)
    token = seller.lease_token if lease_token is None else lease_token
    return apply.publish_listing(
        SyncRun(gateway=seller, lease_token=token),
        listing=listing.AcceptedListing(
            records={record.id: record for record in records},
            row_prints={},
            same=frozenset(),
            present=frozenset(),
            postponed=postponed,
            is_complete=is_complete,
            source=source,
            recorded_on=date(2025, 10, 8) if source is Source.BUNDLED else None,
        ),
        terms=listing.Terms(guard=guard or TrustingGuard(), rules=Rules(), withdraw_after=withdraw_after),
    )


def served_row(record: OfferRecord, **facts: Any) -> Row:
    """The record as a row of a snapshot, without a database: this also works for unregistered gateways."""
    return Row.of(orjson.dumps(rendering.build(record, offer_facts(**facts))))


def snapshot_of(*rows: Row, revision: int = 1) -> snapshot.Snapshot:
    return snapshot.Snapshot(
        revision=revision,
        published_at=datetime(2026, 11, 22, 8, tzinfo=UTC),
        index=Index.of(rows),
        providers={},
    )
