"""The index of formats in the documents, from the registry."""

from __future__ import annotations

from catalog.formats.registry import FORMATS


def index(name: str) -> str:
    """Return a table of all formats. `name` is the part's name, of which there is one: `index`."""
    lines = ["| format | addresses | described at |", "| --- | --- | --- |"]
    for slug, each in FORMATS.items():
        addresses = ", ".join(f"`{route.addresses[0]}`" for route in each.routes)
        lines.append(f"| [{each.name}](../formats/{slug}.md) | {addresses} | <{each.docs_url}> |")
    return "\n".join(lines)
