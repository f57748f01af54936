"""The golden files: what each format answers about the offers of `offers.py`. `regenerate.py` writes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from catalog.formats.contract import ID, Format, Route
from catalog.parameters.endpoints import Query
from tests.catalog.formats.offers import golden_snapshot
from tests.catalog.formats.routes import query_of

Json = Any

EXPECTED = Path(__file__).parent / "expected"


def path_of(slug: str) -> Path:
    return EXPECTED / f"{slug}.json"


def read(slug: str) -> Json:
    return json.loads(path_of(slug).read_text("utf-8"), parse_float=Decimal)


def answers(of: Format) -> dict[str, Json]:
    """Return what the format answers, by address."""
    snapshot = golden_snapshot()
    found = {}
    for route, query, address in requests(of):
        body = of.answer(route, snapshot, query)
        assert body is not None, address
        found[address] = json.loads(body, parse_float=Decimal)
    return found


def requests(of: Format) -> Iterator[tuple[Route, Query, str]]:
    """Yield a request to each route, with its address. If the route takes an id, it is the first of the format's."""
    ids = of.ids(golden_snapshot())
    for route in of.routes:
        model_id = ids[0] if ID in route.path else ""
        query = query_of(route, id=model_id)
        yield route, query, query.path
