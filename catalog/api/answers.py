"""The envelopes of the answers, built from finished documents."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import orjson
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse

from catalog import registry
from catalog.memory.following import NotReady
from catalog.memory.rows import Row
from catalog.memory.snapshot import Snapshot
from catalog.normalize import dates
from catalog.parameters.filterset import SelectionFilterSet
from catalog.pricing import money

Json = Any

COMBINED_NOTE = "Combined OpenRouter, Portkey, Featherless, and Chutes catalog"
"""The contract fixes this sentence for `gateway=all`."""

PRIVATE = "no-store"
PUBLIC = "public, max-age=60, stale-while-revalidate=300, stale-if-error=86400"


def fragments(rows: Sequence[Row]) -> list[orjson.Fragment]:
    """Return the rows' documents as raw JSON, which is inserted into an answer byte for byte."""
    return [orjson.Fragment(row.document) for row in rows]


@contextmanager
def reading_tables() -> Iterator[None]:
    """For views that need the database: answer 503 if the database does not respond."""
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        raise NotReady("the database does not answer, which alone can tell this") from error


def picked(rows: Sequence[Row], names: Collection[str]) -> list[Json]:
    """Return the rows' documents with these fields only, in the documents' own order."""
    documents = (orjson.loads(row.document) for row in rows)
    return [{name: value for name, value in document.items() if name in names} for document in documents]


def listing(
    request: HttpRequest,
    snapshot: Snapshot,
    data: Sequence[Json],
    *,
    total: int,
    query: SelectionFilterSet,
    more: Mapping[str, Json] | None = None,
) -> HttpResponse:
    """Return a page of a list. `data` is the page, `total` counts the whole list, `more` overrides the usual keys."""
    offset, limit, gateway = (query.values[name] for name in ("offset", "limit", "gateway"))
    return published(
        snapshot,
        {
            "data": data,
            "total": total,
            "returned": len(data),
            "offset": offset,
            "limit": limit,
            "gateway": gateway,
            "note": COMBINED_NOTE if gateway == "all" else registry.GATEWAYS[gateway].note,
            # The address is relative: with a host, it would poison caches that several host names share.
            "next": next_page(request, query, offset=offset + limit) if offset + limit < total else None,
            **(more or {}),
        },
    )


def next_page(request: HttpRequest, query: SelectionFilterSet, **changes: Json) -> str:
    return f"{request.path}?{query.canonical(**changes)}"


def published(snapshot: Snapshot, body: Json, *, cache_control: str = PUBLIC) -> HttpResponse:
    """Return an answer that shows the published revision and contains its number."""
    stamp = {"revision": snapshot.revision, "timestamp": dates.iso(snapshot.published_at)}
    return json_response(body | stamp, cache_control=cache_control)


def json_response(body: Json, *, status: int = 200, cache_control: str = PRIVATE) -> HttpResponse:
    return response(orjson.dumps(body, default=_amount), "application/json", status=status, cache_control=cache_control)


def _amount(value: object) -> str:
    """Return a decimal amount as the exact text that clients get."""
    if isinstance(value, Decimal):
        return money.plain(value)
    raise TypeError


def response(body: bytes, content_type: str, *, status: int = 200, cache_control: str = PRIVATE) -> HttpResponse:
    return HttpResponse(
        body,
        status=status,
        content_type=content_type,
        headers={"Cache-Control": cache_control, "Access-Control-Allow-Origin": "*"},
    )
