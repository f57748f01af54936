"""The addresses whose requests count against the limits of clients."""

from __future__ import annotations

from catalog.formats.registry import BEGINNINGS

LIMITED = ("/catalog/", *BEGINNINGS)
"""Not the probes, the metrics and the admin: operators must always get through. Pages and static files are not counted
either. `.env.example` and `docs/api/http.md` describe it; a test compares them."""


def is_limited(path: str) -> bool:
    """Whether requests to this address count against the limits."""
    return path.startswith(LIMITED)
