"""The envelopes of the answers, built from finished documents."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import chain, islice
from typing import Any

import orjson

from catalog import registry
from catalog.memory.rows import Row
from catalog.memory.snapshot import Snapshot
from catalog.memory.unhurried import unhurried
from catalog.normalize import dates
from catalog.parameters.endpoints import JSON, Query
from catalog.pricing import money
from front.answers import Answer, Headers

Json = Any
_iso = lru_cache(maxsize=8)(dates.iso)

COMBINED_NOTE = registry.combined_note(registry.GATEWAYS.values())

PART_ROWS = 50
"""The number of documents that a part of a large answer has, about 70 kB."""
PRIVATE = "no-store"
PUBLIC = "public, max-age=60, stale-while-revalidate=300, stale-if-error=86400"


def fragments(rows: Sequence[Row]) -> list[orjson.Fragment]:
    """Return the rows' documents as raw JSON, which is inserted into an answer byte for byte."""
    return [orjson.Fragment(row.document) for row in rows]


def picked(rows: Sequence[Row], names: Collection[str]) -> list[orjson.Fragment]:
    """Return the rows' documents with these fields only, in the documents' own order."""
    documents = (orjson.loads(row.document) for row in rows)
    return [fragment({name: value for name, value in document.items() if name in names}) for document in documents]


def fragment(part: Json) -> orjson.Fragment:
    """Return the finished JSON of a part of an answer.

    Writing a thousand parts one by one leaves the interpreter to other threads in between. Writing them together would
    hold it for milliseconds.
    """
    return orjson.Fragment(orjson.dumps(part, default=_amount))


def listing(
    snapshot: Snapshot,
    query: Query,
    data: Sequence[Json],
    *,
    total: int,
    more: Mapping[str, Json] | None = None,
) -> Answer:
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
            "next": query.address(offset=offset + limit) if offset + limit < total else None,
            **(more or {}),
        },
    )


def published(snapshot: Snapshot, body: Json, *, cache_control: str = PUBLIC, headers: Headers = ()) -> Answer:
    """Return an answer that shows the published revision and contains its number."""
    return json_answer(body | _stamp(snapshot), cache_control=cache_control, headers=headers)


def whole_list(snapshot: Snapshot, rows: Sequence[Row], *, headers: Headers = ()) -> Answer:
    """Return all of these rows in one published answer, which is made part by part."""
    more = orjson.dumps({"total": len(rows)} | _stamp(snapshot))
    data = joined((row.document for row in rows), b",")
    return parted(chain((b'{"data":[',), data, (b"]," + more.removeprefix(b"{"),)), JSON, headers=headers)


def parted(parts: Iterable[bytes], content_type: str, *, headers: Headers = ()) -> Answer:
    """Return a public answer that is made part by part, because it may be large."""
    return Answer(200, _headers(content_type, PUBLIC, headers), parts=parts)


def joined(documents: Iterable[bytes], separator: bytes) -> Iterator[bytes]:
    """Join the documents to parts of PART_ROWS, with pauses."""
    left = iter(unhurried(documents))
    before = b""
    while part := list(islice(left, PART_ROWS)):
        yield before + separator.join(part)
        before = separator


def json_answer(body: Json, *, status: int = 200, cache_control: str = PRIVATE, headers: Headers = ()) -> Answer:
    return answer(
        orjson.dumps(body, default=_amount), JSON, status=status, cache_control=cache_control, headers=headers
    )


def answer(
    body: bytes, content_type: str, *, status: int = 200, cache_control: str = PRIVATE, headers: Headers = ()
) -> Answer:
    """Return an answer. `headers` are those besides the type of the content and how long it may be cached."""
    return Answer(status, _headers(content_type, cache_control, headers), body)


def _headers(content_type: str, cache_control: str, more: Headers) -> Headers:
    return (("Content-Type", content_type), ("Cache-Control", cache_control), *more)


def _stamp(snapshot: Snapshot) -> dict[str, Json]:
    return {"revision": snapshot.revision, "timestamp": _iso(snapshot.published_at)}


def _amount(value: object) -> str:
    """Return a decimal amount as the exact text that clients get."""
    if isinstance(value, Decimal):
        return money.plain(value)
    raise TypeError
