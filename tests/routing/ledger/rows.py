"""Rows of the ledger, and spools, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from routing.ledger import records
from routing.ledger.records import Entry
from routing.ledger.rows import Begun, Ended
from routing.ledger.spool import Spool
from routing.models import Attempt
from routing.wire.tokens import Tokens
from usage.models import InferenceDay, LatencyDay

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
TODAY = (NOON - datetime(1970, 1, 1, tzinfo=UTC)).days
PROCESS = "host-1-1"


def begun(request_id: str = "r1", attempt: int = 1, **fields: Any) -> Begun:
    own: dict[str, Any] = {
        "at": NOON,
        "key_id": 7,
        "endpoint": "chat/completions",
        "asked_model": "maker/model",
        "gateway": "chutes",
        "offer_id": "maker/Model",
        "model": "maker/model",
        "is_stream": True,
        "revision": 3,
        "reserved": Decimal("0.5"),
    }
    return Begun(request_id=request_id, attempt=attempt, **(own | fields))


def ended(request_id: str = "r1", attempt: int = 1, **fields: Any) -> Ended:
    own: dict[str, Any] = {
        "at": NOON + timedelta(seconds=2),
        "outcome": "ok",
        "is_final": True,
        "status": 200,
        "tokens": Tokens(input=100, output=20, cached_input=60),
        "cost": Decimal("0.000125"),
        "cost_reason": "",
        "first_content_ms": 240,
        "duration_ms": 2_000,
        "finish_reason": "stop",
    }
    return Ended(request_id=request_id, attempt=attempt, **(own | fields))


def open_entry(request_id: str = "r1", attempt: int = 1, *, process: str = PROCESS, **fields: Any) -> Entry:
    return records.begun(begun(request_id, attempt, **fields), process=process)


def whole_entry(before: Entry, **fields: Any) -> Entry:
    return records.ended(before, ended(before["request_id"], before["attempt"], **fields))


@contextmanager
def spooling(folder: Path) -> Iterator[Spool]:
    spool = Spool(folder)
    spool.start()
    try:
        yield spool
    finally:
        spool.stop()


def write_file(folder: Path, entries: list[Entry], *, name: str = f"{PROCESS}-1", tail: bytes = b"") -> Path:
    """A file that its process has left."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.log"
    path.write_bytes(b"".join(map(records.packed, entries)) + tail)
    return path


def stored() -> dict[str, Any]:
    """All that the ledger and its sums have, to compare."""
    columns = [field.name for field in Attempt._meta.fields if field.name != "id"]
    return {
        "attempts": sorted(map(str, Attempt.objects.values_list(*columns))),
        "days": sorted(map(str, _rows(InferenceDay))),
        "latencies": sorted(map(str, _rows(LatencyDay))),
    }


def _rows(table: Any) -> list[tuple[Any, ...]]:
    columns = [field.name for field in table._meta.fields if field.name != "id"]
    return [row for row in table.objects.values_list(*columns) if any(row[-1:]) or table is InferenceDay]
