"""Addresses that help a client whose request found nothing."""

from __future__ import annotations

from urllib.parse import quote

from catalog.parameters.kinds import LONGEST_VALUE

RESOLVE = "/catalog/resolve?id="


def resolve_address(asked: str) -> str:
    """Return the address that finds a model by any of its names.

    It has the id only if the percent-encoded id has at most LONGEST_VALUE characters: `/catalog/resolve` accepts no
    longer one, and an error must not grow with its request.
    """
    encoded = quote(asked, safe="/:@", errors="replace")
    return f"{RESOLVE}{encoded}" if len(encoded) <= LONGEST_VALUE else RESOLVE
