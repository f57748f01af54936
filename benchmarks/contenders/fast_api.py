"""The catalogue as a list in memory, filtered in Python, served by FastAPI: `plain` and `fast`.

`plain` returns dicts, as most such services do; `fast` holds pydantic objects and names a `response_model`, so that
FastAPI hands them to pydantic's own serialiser whole. The documents come from the file that CATALOGUE names.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Query
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader
from pydantic import BaseModel, ConfigDict

Json = Any


class Offer(BaseModel):
    model_config = ConfigDict(protected_namespaces=())

    id: str
    slug: str
    canonical_slug: str
    name: str
    description: str
    provider_slug: str | None
    source_gateway: str
    host: str | None
    model_type: str
    tags: list[str]
    pricing: dict[str, Any]
    price_status: str
    price_basis: str | None
    price_tier: str | None
    price_per_million: dict[str, str | None] | None
    held_prices: list[str]
    architecture: dict[str, Any]
    quantization: str | None
    is_confidential: bool | None
    knowledge_cutoff: str | None
    context_length: int | None
    top_provider: dict[str, Any]
    per_request_limits: None
    supported_parameters: list[str] | None
    default_parameters: dict[str, Any] | None
    hugging_face_id: str | None
    created: int | None
    availability: str
    expires: str | None
    provider_site_url: str | None
    model_logo_url: str | None
    canonical_model: str | None
    first_seen: str
    withdrawn_at: str | None
    source: str
    recorded_at: str | None


class Page(BaseModel):
    data: list[Offer]
    total: int
    returned: int
    offset: int
    limit: int
    gateway: str


with open(os.environ["CATALOGUE"], encoding="utf-8") as file:
    ROWS: list[Json] = [json.loads(line) for line in file]
OFFERS = [Offer(**row) for row in ROWS] if os.environ.get("FORM") == "fast" else []

value = getattr if OFFERS else dict.__getitem__
app = FastAPI()
templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, auto_reload=False)


@app.get("/catalog/models", response_model=Page if OFFERS else None)
def models(
    gateway: str = "all",
    provider: str | None = None,
    model_type: str | None = None,
    tags: str | None = None,
    q: str | None = None,
    sort: str = "id",
    limit: int = Query(250, ge=1, le=1000),
    offset: int = Query(0, ge=0),
) -> Any:
    found: list[Any] = OFFERS or ROWS
    if gateway != "all":
        found = [offer for offer in found if value(offer, "source_gateway") == gateway]
    if provider is not None:
        found = [offer for offer in found if (value(offer, "provider_slug") or "").lower() == provider.lower()]
    if model_type is not None:
        kinds = set(model_type.split(","))
        found = [offer for offer in found if value(offer, "model_type") in kinds]
    if tags is not None:
        wanted = set(tags.split(","))
        found = [offer for offer in found if wanted.issubset(value(offer, "tags"))]
    if q is not None:
        text = q.lower()
        found = [offer for offer in found if text in value(offer, "id").lower() or text in value(offer, "name").lower()]
    if sort != "id":
        name = sort.removeprefix("-")
        found = sorted(found, key=lambda offer: value(offer, name).casefold(), reverse=sort.startswith("-"))
    page = {
        "data": found[offset : offset + limit],
        "total": len(found),
        "returned": len(found[offset : offset + limit]),
        "offset": offset,
        "limit": limit,
        "gateway": gateway,
    }
    return Page.model_construct(**page) if OFFERS else page


@app.get("/page", response_class=HTMLResponse)
def page(least: int = 0, sort: str = "id") -> str:
    """The same list as a page, of 50 rows with the counts of three facts."""
    found = [offer for offer in ROWS if (offer["context_length"] or 0) >= least]
    name = sort.removeprefix("-")
    name = name if name in {"name", "created", "context_length"} else "id"
    found = sorted(found, key=lambda offer: offer[name] or 0, reverse=sort.startswith("-")) if name != "id" else found
    facts = ("source_gateway", "model_type", "price_status")
    facets = [(fact, Counter(offer[fact] for offer in found).most_common(12)) for fact in facts]
    return templates.get_template("page.html").render(offers=found[:50], facets=facets, total=len(found))
