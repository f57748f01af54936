"""The pages that the walk reads: price files, and the models of a workspace."""

from __future__ import annotations

import re
from collections.abc import Generator

from catalog.adapter.contract import Json, Page, Request, fields_of
from catalog.adapter.errors import BadPayload, GatewayError
from catalog.gateways.portkey.rows import HALVES, Entry

_PAGE_SIZE = 100
_MOST_PAGES = 100
_TEMPLATE = "default"
_HALF = re.compile(r"(.+)-(lte|gt)-([1-9][0-9]{0,5})k")


def workspace_rows() -> Generator[Request, Page, tuple[list[Json], int]]:
    """Return all rows, and their number by Portkey's own count."""
    rows: list[Json] = []
    for _ in range(_MOST_PAGES):
        query = {"limit": str(_PAGE_SIZE), "offset": str(len(rows))}
        payload = (yield Request(host="api", path="/v1/models", query=query)).payload
        if not isinstance(payload, dict) or not isinstance(payload.get("data"), list):
            raise BadPayload("Portkey's answer holds no list of models under data")
        total = payload.get("total")
        if isinstance(total, bool) or not isinstance(total, int):
            raise BadPayload("Portkey's total must be a whole number")
        rows += payload["data"]
        if not payload["data"] or len(rows) >= total:
            return rows, total
    raise BadPayload(f"Portkey's pages do not end: {_MOST_PAGES} were read")


def priced_row(row: Json, priced: Json) -> Json:
    """Keep only the fields of the workspace's row that are read, so that no future field is taken for one of ours."""
    return {key: row[key] for key in ("id", "canonical_slug") if key in row} | priced if isinstance(row, dict) else row


def price_file(provider: str) -> Generator[Request, Page, dict[str, Json] | GatewayError]:
    """Return the rows of a price file by id, or the error of reading it, so that the walk can use the other files."""
    try:
        page = yield Request(host="pricing", path=f"/pricing/{provider}.json")
    except GatewayError as error:
        return error
    models = page.payload if isinstance(page.payload, dict) else {}
    if not any(isinstance(entry, dict) and "pricing_config" in entry for entry in models.values()):
        return BadPayload(f"Portkey's price file of {provider} holds no prices")
    found: dict[str, Json] = {}
    for key, entry in models.items():
        half = _HALF.fullmatch(key)
        offer_id = f"@{provider}/{half[1] if half else key}"
        entry_fields = fields_of(entry, Entry) if isinstance(entry, dict) else {"pricing_config": entry}
        if half:
            found.setdefault(offer_id, {"id": offer_id}).setdefault(HALVES[half[2]], {})[f"{half[3]}000"] = entry_fields
        elif key != _TEMPLATE:
            found.setdefault(offer_id, {"id": offer_id}).update(entry_fields)
    return found
