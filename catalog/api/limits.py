"""The addresses whose requests count against the limits of clients."""

from __future__ import annotations

from catalog.formats.registry import BEGINNINGS

LIMITED = ("/catalog/", "/usage", *BEGINNINGS)
"""Not the probes, the metrics and the admin: operators must always get through. Pages have a limit of their own; logos,
assets and static files have none. `.env.example` and `docs/api/http.md` describe it; a test compares them."""
UNLIMITED = ("/catalog/logos/",)
"""Pictures of pages."""


def is_limited(path: str) -> bool:
    """Whether requests to this address count against the limits."""
    return path.startswith(LIMITED) and not path.startswith(UNLIMITED)
