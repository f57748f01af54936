"""The routes of all formats, for tables of tests: a new format needs no line in them."""

from __future__ import annotations

from catalog.formats.contract import ID, Format, Route
from catalog.formats.registry import FORMATS

ROUTES: list[tuple[Format, Route]] = [(each, route) for each in FORMATS.values() for route in each.routes]
EXAMPLE_ID = "deepseek-ai/DeepSeek-R1"


def answers_of_formats() -> dict[tuple[str, str], str]:
    """Return a request for each path and status of the OpenAPI document, as far as both are a format's."""
    found: dict[tuple[str, str], str] = {}
    for _, route in ROUTES:
        path = route.addresses[0]
        address = path.replace(ID, EXAMPLE_ID)
        found |= {(path, "200"): address, (path, "400"): f"{address}?bogus=1"}
        if ID in path:
            found[path, "404"] = path.replace(ID, "acme/nothing")
    return found
