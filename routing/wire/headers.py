"""Which headers pass, by name: none that is not listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_FOR_UPSTREAM = frozenset({"accept", "anthropic-beta", "content-type", "openai-beta", "x-anthropic-beta"})
_FOR_CLIENT = frozenset({"content-type", "retry-after"})
_LIMITS = "x-ratelimit-"
"""They are about our account at the gateway, so they get another name: clients would take them for their own limits."""
UPSTREAM_LIMITS = "x-gatewayz-upstream-ratelimit-"
_MOST_CHARACTERS = 1_000


def for_upstream(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the client's headers that a gateway gets. Never credentials, cookies, addresses or hop-by-hop ones."""
    return {
        name.lower(): value for name, value in headers.items() if name.lower() in _FOR_UPSTREAM and _is_harmless(value)
    }


def for_client(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the gateway's headers that the client gets."""
    found = ((name.lower(), value) for name, value in headers if _is_harmless(value))
    return [(_name(name), value) for name, value in found if name in _FOR_CLIENT or name.startswith(_LIMITS)]


def _name(name: str) -> str:
    return UPSTREAM_LIMITS + name.removeprefix(_LIMITS) if name.startswith(_LIMITS) else name


def _is_harmless(value: str) -> bool:
    """Whether a value cannot end its header: of visible characters, blanks and tabs only."""
    return len(value) <= _MOST_CHARACTERS and value.isascii() and value.replace("\t", " ").isprintable()
