"""The pages that the walk reads."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from catalog.adapter.contract import Json, Page, Request, validated
from catalog.adapter.errors import BadPayload, GatewayError, UnusableRow
from catalog.gateways.openrouter.rows import ProviderFacts
from catalog.normalize import dates, text
from catalog.records import ProviderRecord

_PROVIDERS_PATH = "/api/v1/providers"


def provider_records() -> Generator[Request, Page, tuple[ProviderRecord, ...]]:
    """Read the facts of providers. They are optional: models are published without them as well."""
    try:
        page = yield Request(host="api", path=_PROVIDERS_PATH)
    except GatewayError:
        return ()
    rows = page.payload.get("data") if isinstance(page.payload, dict) else page.payload
    return tuple(_records_of(rows if isinstance(rows, list) else []))


def _records_of(rows: Iterable[Json]) -> Iterator[ProviderRecord]:
    for row in rows:
        with suppress(UnusableRow):
            yield validated(row, ProviderFacts).record()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One page: `{"data", "total_count", "links"}`, only `data` before mid-2026, or a bare list in old captures."""

    rows: list[Json]
    total: Json = None
    next_query: Mapping[str, str] | None = None

    @classmethod
    def of(cls, payload: Json) -> Answer:
        if isinstance(payload, list):
            return cls(rows=payload)
        if not isinstance(payload, dict) or not isinstance(payload.get("data"), list):
            raise BadPayload("OpenRouter's answer holds no list of models under data")
        links = payload.get("links")
        following = links.get("next") if isinstance(links, dict) else None
        return cls(
            rows=payload["data"],
            total=payload.get("total_count"),
            next_query=None if following is None else _query(following),
        )


def _query(link: Json) -> Mapping[str, str]:
    """Follow only the query of the link: its host may be a mirror's original, or an unrelated one."""
    try:
        if not isinstance(link, str) or not text.is_storable(link):
            raise ValueError
        found = dict(parse_qsl(urlsplit(link).query, keep_blank_values=True))
    except ValueError:
        raise BadPayload("OpenRouter's links.next is no address") from None
    return {"output_modalities": "all"} | found


def created(row: Json) -> int:
    try:
        return (dates.unix_seconds(row.get("created")) or 0) if isinstance(row, dict) else 0
    except ValueError:
        return 0
