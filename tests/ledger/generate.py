"""Generates the list of requests from the OpenAPI document and from the service's answers.

The service provides endpoints, parameters and ids; `variations.py` has what is tried with each of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

from tests.ledger import estimates
from tests.ledger.request import ETAG, Request
from tests.ledger.service import KEYS, METRICS_TOKEN, SESSION
from tests.ledger.variations import (
    ENDINGS,
    FEW_HEADERS,
    HASTY,
    HEADERS,
    METHODS,
    OTHERS,
    PREFLIGHT,
    SEARCHES,
    SPELLINGS,
    SYNCER,
    WRONG_VALUES,
)

Json = Any
Ask = Callable[[Request], bytes]
"""Sends a request and returns the body of the answer."""

COMBINATIONS = 220
COUNTS = frozenset({"/usage", "/v1/usage"})
"""The addresses that show how often others were asked."""
IDS = 24
"""How many offers are requested at their own addresses."""


@dataclass(frozen=True)
class Service:
    """The data of the service from which the list of requests is made."""

    ask: Ask

    def read(self, target: str) -> Json:
        return json.loads(self.ask(get(target)))

    @cached_property
    def document(self) -> Json:
        return self.read("/catalog/schema")

    @cached_property
    def paths(self) -> Json:
        """The addresses by their pattern, as the document describes them.

        Without those whose answers have no end, or depend on what was asked before.
        """
        return {
            path: of
            for path, of in self.document["paths"].items()
            if not _is_stream(of.get("get")) and path not in COUNTS
        }

    @cached_property
    def offers(self) -> list[Json]:
        found: list[Json] = self.read("/catalog/export.json?status=all")["data"]
        return found

    @cached_property
    def some_offers(self) -> list[Json]:
        """Offers of all gateways: the list is sorted by id, and each gateway has its own kind of ids."""
        return spread(self.offers, IDS)

    @cached_property
    def reads(self) -> dict[str, dict[str, Json]]:
        """The parameters of each GET, by its path; the second address of the drop-in API has its own entry."""
        described = {path: of["get"].get("parameters", []) for path, of in self.paths.items() if "get" in of}
        found = {
            path: {p["name"]: _schema(p) for p in given if p["in"] == "query"} for path, given in described.items()
        }
        return found | {path.removeprefix("/api"): given for path, given in found.items() if path.startswith("/api/v1")}

    def filled(self, path: str, offer: Json) -> str:
        """Return the path with a value of the offer instead of its parameter."""
        name = path[path.find("{") + 1 : path.find("}")]
        values = {"slug": offer["canonical_model"], "provider": offer["provider_slug"], "run_id": "1"}
        return path.replace(f"{{{name}}}", quote(str(values.get(name) or offer["id"]), safe="/:@"))

    def values(self, name: str, schema: Json) -> list[str]:
        """Return valid values of a parameter."""
        if name == "q":
            return list(SEARCHES)
        if name in self.facets:
            return self.facets[name]
        items = schema.get("items", schema)
        if "enum" in items:
            return [str(value) for value in items["enum"]]
        limits = [items[key] for key in ("minimum", "maximum", "default") if key in items]
        examples = [_joined(example) for example in schema.get("examples", [])]
        return list(dict.fromkeys([*examples, *map(str, limits), *_more_values(schema)]))

    @cached_property
    def facets(self) -> dict[str, list[str]]:
        """Values that offers have, the most frequent and the rarest ones, by parameter."""
        names = self.reads["/catalog/models"]["facets"]["items"]["enum"]
        found = self.read(f"/catalog/models?limit=1&status=all&facets={','.join(names)}")["facets"]
        free = {name: facet for name, facet in found.items() if name not in {"gateway", "quantization"}}
        return {name: [str(f["value"]) for f in [*facet[:5], *facet[5:][-2:]]] for name, facet in free.items()}


def requests(ask: Ask) -> list[Request]:
    """Return all requests of the ledger, each once, sorted by path."""
    service = Service(ask)
    parts = (ways, parameters, combinations, walks, ids, spellings, workloads, actions, admin_pages)
    return sorted({request for part in parts for request in part(service)}, key=lambda found: (found.path, str(found)))


def spread(values: Sequence[Json], count: int) -> list[Json]:
    """Return at most `count` of the values, evenly spread."""
    return [values[place * len(values) // count] for place in range(count)] if len(values) > count else list(values)


def get(target: str, **query: str) -> Request:
    return Request("GET", f"{target}?{urlencode(query)}" if query else target)


# --- each address with all methods and headers -----------------------------------------------------------------------
def ways(service: Service) -> Iterator[Request]:
    offer = service.some_offers[0]
    for path, of in service.paths.items():
        address = service.filled(path, offer)
        yield from _asked(address, methods=METHODS, headers=HEADERS)
        if "get" in of:
            yield from map(get, [address + ending for ending in ENDINGS])
    second = [service.filled(path, offer) for path in service.reads.keys() - service.paths.keys()]
    for address in [*second, *OTHERS]:
        yield from _asked(address, methods=METHODS[:3], headers=FEW_HEADERS)


def _asked(address: str, *, methods: Sequence[str], headers: Sequence[dict[str, str]]) -> Iterator[Request]:
    yield get(address)
    for method in methods:
        yield Request(method, address)
    for given in headers:
        yield Request("GET", address, tuple(given.items()))
    yield Request("HEAD", address, (("if-none-match", ETAG),))
    yield Request("OPTIONS", address, tuple(PREFLIGHT.items()))


# --- parameters ------------------------------------------------------------------------------------------------------
def parameters(service: Service) -> Iterator[Request]:
    for path, described in service.reads.items():
        is_main = path == "/catalog/models"
        address = service.filled(path, service.some_offers[0])
        for name, schema in described.items():
            right = service.values(name, schema)
            few = {"limit": "2"} if "limit" in described and name != "limit" else {}
            for value in [*right, *WRONG_VALUES] if is_main else [right[0], WRONG_VALUES[0]]:
                yield get(address, **{name: value}, **few)
            if is_main:
                yield from _several(address, name, right)


def _several(address: str, name: str, values: list[str]) -> Iterator[Request]:
    first, second = values[0], values[-1]
    yield get(f"{address}?limit=2&{name}={quote(first)},{quote(second)}")
    yield get(f"{address}?{name}={quote(second)}&{name}={quote(first)}&limit=2")
    yield get(f"{address}?{name}%5B%5D={quote(first)}")
    yield get(f"{address}?{name.upper()}={quote(first)}")
    yield get(f"{address}?{name}")


def _more_values(schema: Json) -> list[str]:
    match schema.get("type"):
        case "boolean":
            return ["true", "false"]
        case "integer":
            return ["1", "7"]
        case None:  # a point in time
            return ["2026-12-01", "2026-12-02T08:07:00Z", "2026-12-02T10:07:00+02:00", "1764576000", "2099-01-01"]
    return ["0", "0.5"] if "pattern" in schema else []


def _is_stream(operation: Json) -> bool:
    return bool(operation) and "text/event-stream" in operation["responses"]["200"].get("content", {})


def _schema(parameter: Json) -> Json:
    """Return the parameter's schema with its example: the one that is filled in, or that of the description."""
    filled = [parameter["example"]] if "example" in parameter else []
    examples = filled or re.findall(r"Example: `([^`]+)`", parameter["description"])
    return parameter["schema"] | {"examples": examples}


def _joined(example: Json) -> str:
    if isinstance(example, list):
        return ",".join(example)
    return str(example).lower() if isinstance(example, bool) else str(example)


def combinations(service: Service) -> Iterator[Request]:
    """Requests with several parameters at once."""
    random = Random(13)  # noqa: S311  the same list each time
    addresses = ["/catalog/models"] * 6 + ["/catalog/stats", "/catalog/export.json", "/catalog/export.csv"]
    for _ in range(COMBINATIONS):
        address = random.choice(addresses)
        described = service.reads[address]
        names = random.sample(sorted(described.keys() - {"cursor", "limit", "offset"}), random.randint(2, 5))
        query = {name: random.choice(service.values(name, described[name])) for name in names}
        yield get(address, **query, **({"limit": "3"} if "limit" in described else {}))


def walks(service: Service) -> Iterator[Request]:
    """Requests for the pages that answers link to."""
    starts = (
        "/catalog/models?cursor=start&limit=400&status=all",
        "/catalog/models?cursor=start&limit=300&sort=-prompt_price",
        "/catalog/models?cursor=start&limit=10&q=deepseek",
        "/catalog/models?limit=500",
        "/catalog/changes?limit=400",
        "/catalog/changes?kind=repriced&limit=40",
        "/catalog/providers?limit=40",
    )
    for start in starts:
        target: str | None = start
        for _ in range(6):
            if target is None:
                break
            yield get(target)
            target = service.read(target).get("next")
    for offset in (1, 1749, 1750, 100_000):
        yield get("/catalog/models", offset=str(offset), limit="2")
    for cursor in ("1-0", "8-100", "9-1", "999-1", "x", "1-1,2-1"):
        yield get("/catalog/changes", cursor=cursor, limit="2")


# --- ids -------------------------------------------------------------------------------------------------------------
def ids(service: Service) -> Iterator[Request]:
    paths = [path for path in service.reads if "{" in path and "run_id" not in path]
    for offer in service.some_offers:
        for path in paths:
            yield get(service.filled(path, offer))
        slug = offer["canonical_model"] or offer["slug"]
        yield get("/catalog/resolve", id=offer["id"])
        yield get("/catalog/resolve", id=slug.rpartition("/")[2].lower())
        yield get("/catalog/compare", ids=f"{offer['source_gateway']}/{offer['id']}")
        yield get("/catalog/compare", ids=f"{slug},deepseek-ai/DeepSeek-R1", input_tokens="1000")
        yield get(f"/catalog/logos/{quote(offer['provider_slug'] or 'none')}.svg")
    for moment in ("2026-11-30", "2026-12-01T08:01:00Z", "2026-12-01T12:00:00Z", "2026-12-02T08:08:00Z"):
        for offer in spread(service.some_offers, 6):
            yield get(f"/catalog/models/{quote(offer['id'], safe='/:@')}/history", as_of=moment)


def spellings(service: Service) -> Iterator[Request]:
    offer = next(offer for offer in service.offers if offer["id"] == offer["canonical_model"])
    for path in service.reads:
        before, brace, rest = path.partition("{")
        if brace and "run_id" not in rest:
            for spelling in SPELLINGS:
                yield get(before + spelling(offer["id"]) + rest.partition("}")[2])
    for spelling in SPELLINGS:
        yield get(f"/catalog/logos/{spelling('deepseek-ai')}.svg")


# --- request bodies and credentials ----------------------------------------------------------------------------------
def workloads(service: Service) -> Iterator[Request]:
    operation = service.document["paths"]["/catalog/estimate"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    some = [offer["id"] for offer in spread(service.some_offers, 12)]
    filters = {name: service.values(name, described) for name, described in service.reads["/catalog/stats"].items()}
    json_type = ("content-type", "application/json")
    for body in estimates.bodies(schema, ids=some, filters=filters):
        yield Request("POST", "/catalog/estimate", (json_type,), body)
    plain = estimates.PLAIN
    for content_type in ("application/json; charset=utf-8", "application/json; charset=latin-1", "text/plain", ""):
        yield Request("POST", "/catalog/estimate", (("content-type", content_type),), plain)
    for more in ({"transfer-encoding": "chunked"}, {"content-length": "99999999"}, {"content-length": "x"}, *HEADERS):
        yield Request("POST", "/catalog/estimate", (json_type, *more.items()), plain)
    yield Request("POST", "/catalog/estimate/", (json_type,), plain)
    yield Request("POST", "/catalog/estimate?limit=1", (json_type,), plain)


def actions(service: Service) -> Iterator[Request]:
    """Runs, keys and metrics: requests whose answer depends on the client."""
    slugs = [gateway["slug"] for gateway in service.read("/catalog/gateways")["data"]]
    who = [{"x-api-key": key} for key in KEYS] + [
        {"authorization": f"Bearer {SYNCER}"},
        {"cookie": f"sessionid={SESSION}"},
    ]
    for headers in who:
        given = tuple(headers.items())
        for number in ("1", "8", "99", "x", "0", "-1"):
            yield Request("GET", f"/catalog/sync/runs/{number}", given)
        yield Request("GET", "/catalog/models?limit=1", given)
        yield Request("GET", "/metrics", given)
        yield Request("POST", f"/catalog/sync/{slugs[0]}", given)
    for slug in [*slugs, "unknown"]:
        yield Request("POST", f"/catalog/sync/{slug}", (("x-api-key", SYNCER),))
    for body in (b"{}", b"[]", b"x"):
        yield Request("POST", f"/catalog/sync/{slugs[0]}", (("x-api-key", SYNCER),), body)
    for limit in ("1", "2", "3", "4"):
        yield Request("GET", f"/catalog/models?limit={limit}", (("x-api-key", HASTY),))
    for token in (METRICS_TOKEN, "wrong"):
        for method in ("GET", "HEAD", "OPTIONS"):
            yield Request(method, "/metrics", (("authorization", f"Bearer {token}"),))


def admin_pages(service: Service) -> Iterator[Request]:
    """The lists of the admin, and the first pages that each of them links to, as a superuser."""
    cookie = (("cookie", f"sessionid={SESSION}"),)
    index = Request("GET", "/admin/", cookie)
    yield index
    lists = [link for link in _links(service, index) if link.count("/") == 4]
    for address in lists:
        page = Request("GET", address, cookie)
        yield page
        yield Request("GET", address)
        yield Request("GET", f"{address}?q=deepseek", cookie)
        for link in [link for link in _links(service, page) if link.startswith(address) and link != address][:3]:
            yield Request("GET", link, cookie)


def _links(service: Service, page: Request) -> list[str]:
    found = re.findall(r'href="(/admin/[^"?#]+)', service.ask(page).decode())
    return list(dict.fromkeys(found))
