"""The index of formats in the documents, from the registry."""

from __future__ import annotations

from catalog.formats.registry import FORMATS
from catalog.management.generated.parts import UnknownPart, table


def index(name: str) -> str:
    """Return a table of all formats. The only part of this kind is `index`."""
    if name != "index":
        raise UnknownPart(f"there is no list of formats named {name}")
    rows = [
        (
            f"[{each.name}](../formats/{slug}.md)",
            ", ".join(f"`{route.addresses[0]}`" for route in each.routes),
            f"<{each.docs_url}>",
        )
        for slug, each in FORMATS.items()
    ]
    return table(("format", "addresses", "described at"), rows)
