"""The variations that are tried with each address, parameter and id."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import quote

from tests.ledger.request import ETAG
from tests.ledger.service import KEYS

READER, SYNCER, HASTY, *_ = KEYS

OTHERS = (
    "/",
    "/catalog",
    "/catalog/",
    "/catalog/docs",
    "/catalog/schema",
    "/docs",
    "/docs/",
    "/docs/api/",
    "/docs/api/listing",
    "/docs/api/paging",
    "/docs/problems/",
    "/docs/problems/not-found",
    "/docs/problems/unknown",
    "/docs/unknown/unknown",
    "/catalog/logos/deepseek-ai.svg",
    "/catalog/logos/unknown.svg",
    "/metrics",
    "/static/web/pages.css",
    "/static/unknown.css",
    "/favicon.ico",
    "/robots.txt",
    "/unknown",
    "/v1",
    "/v1/chat/completions",
    "//catalog/models",
    "/catalog//models",
    "/catalog/models/",
    "/CATALOG/models",
    "/admin",
    "/admin/",
    "/admin/login/",
    "/admin/unknown/",
)
"""Addresses that are not in the OpenAPI document, and some that do not exist."""

METHODS = ("HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "get")
HEADERS: Sequence[dict[str, str]] = (
    {"accept-encoding": "gzip"},
    {"accept-encoding": "gzip, deflate, br, zstd"},
    {"accept-encoding": "br;q=0.1, x-gzip;q=0.5"},
    {"accept-encoding": "identity;q=0, *;q=0"},
    {"if-none-match": ETAG},
    {"if-none-match": f'W/{ETAG}, "another"'},
    {"if-none-match": "*"},
    {"if-none-match": '"another"'},
    {"if-none-match": ETAG, "accept-encoding": "gzip"},
    {"if-none-match": ETAG, "origin": "https://example.org"},
    {"if-modified-since": "Tue, 01 Dec 2099 00:00:00 GMT"},
    {"accept": "application/json"},
    {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"},
    {"accept": "image/png"},
    {"origin": "https://example.org"},
    {"x-api-key": READER},
    {"authorization": f"Bearer {READER}"},
    {"x-api-key": "gwz_wrong"},
    {"authorization": "Basic Zm9vOmJhcg=="},
    {"host": "example.org"},
    {"x-request-id": "mine"},
)
FEW_HEADERS = (HEADERS[0], HEADERS[4], {"origin": "https://example.org"}, {"accept": "image/png"})
ENDINGS = ("?unknown=1", "?format=json", "?", "/", ".json", "/?limit=1", "%20", ";a=1")
PREFLIGHT = {
    "origin": "https://example.org",
    "access-control-request-method": "GET",
    "access-control-request-headers": "x-api-key",
}
WRONG_VALUES = ("unknown", "", "-1", "1.5", "9" * 20, "a" * 301, "a\x00b")
SEARCHES = (
    "deepseek",
    "deepseek r1",
    "deepsek",
    "gpt 4o mini",
    "qwen3 32b",
    "r1",
    "vision",
    "zzzz",
    "claude opus",
    "é",
)
SPELLINGS: Sequence[Callable[[str], str]] = (
    lambda name: quote(name, safe=""),
    lambda name: quote(quote(name, safe=""), safe=""),
    lambda name: name.lower(),
    lambda name: name.upper(),
    lambda name: f"{name}/",
    lambda name: f"{name}//",
    lambda name: f"/{name}",
    lambda name: f"{name}.json",
    lambda name: f"{name}/history",
    lambda name: f"{name}/history/",
    lambda name: f"{name}/history/history",
    lambda name: f"{name}%2Fhistory",
    lambda name: f"{name}%252Fhistory",
    lambda name: f"{name}/endpoints",
    lambda name: f"{name}:free",
    lambda name: f"{name}?",
    lambda name: f"{name}%20",
    lambda name: f"{name}%00",
    lambda name: f"{name}%FF",
    lambda name: f"{name}%3Flimit=1",
    lambda name: f"x/../{name}",
    lambda name: "unknown",
    lambda name: "%2F",
    lambda name: "é/é",
    lambda name: "",
)
