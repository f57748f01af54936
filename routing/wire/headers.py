"""Which headers pass, by name: none that is not listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def for_upstream(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the client's headers that a gateway gets. Never credentials, cookies, addresses or hop-by-hop ones."""
    raise NotImplementedError


def for_client(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the gateway's headers that the client gets."""
    raise NotImplementedError
