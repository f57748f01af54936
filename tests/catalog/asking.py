"""What the front makes of a query, for tests of parameters."""

from __future__ import annotations

from catalog.routes import CatalogQuestion, routes


def question(path: str, query: str) -> CatalogQuestion | None:
    """Return None if only Django may answer."""
    resource = routes.resource(path)
    return None if resource is None or not resource.is_cacheable else resource.question(query)


def canonical_query(path: str, query: str) -> str | None:
    asked = question(path, query)
    return None if asked is None else asked.canonical
