"""Rate limits: how many requests one client may make. They are approximate, as each serving process counts its own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from threading import Lock
from typing import NamedTuple

WINDOW_SECONDS = 60
MOST_CLIENTS = 100_000
"""The most clients in one window. With more, all counts start again, so that no flood of addresses fills the memory."""
LONGEST_ADDRESS = 100
"""Characters, with brackets, zone and port; a longer text is no address."""


class Quota(NamedTuple):
    """What a client may use of the current window, and has used, including its newest request."""

    policy: str
    """What the limit applies to: `address` or `key`."""
    limit: int
    used: int
    seconds_left: int

    @property
    def is_exceeded(self) -> bool:
        return self.used > self.limit

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Return the RateLimit header fields of the IETF's draft (draft-ietf-httpapi-ratelimit-headers)."""
        remaining = max(0, self.limit - self.used)
        return [
            ("RateLimit-Policy", f'"{self.policy}";q={self.limit};w={WINDOW_SECONDS}'),
            ("RateLimit", f'"{self.policy}";r={remaining};t={self.seconds_left}'),
        ]


class Limiter:
    """Counts requests per client and minute. Safe with threads."""

    def __init__(self) -> None:
        self._window = -1
        self._counts: dict[str, int] = {}
        self._lock = Lock()

    def count(self, client: str, *, policy: str, limit: int) -> Quota:
        """Count a request, and return the quota that includes it."""
        with self._lock:
            now = int(time.monotonic())
            window = now // WINDOW_SECONDS
            if window != self._window or len(self._counts) > MOST_CLIENTS:
                self._window, self._counts = window, {}
            used = self._counts[client] = self._counts.get(client, 0) + 1
        return Quota(policy=policy, limit=limit, used=used, seconds_left=WINDOW_SECONDS - now % WINDOW_SECONDS)


def client_of(environ: Mapping[str, str], *, trusted_hops: int) -> str:
    """Return the client that a request counts for.

    Each proxy appends the address of its own client to X-Forwarded-For, so with n trusted proxies the n-th from the end
    is the client's address; the client may have invented everything before it. Several lines of the header are joined
    by commas. A `Forwarded` header is not read: with two headers of one meaning, a client could forge one of them.
    """
    return client_at(environ.get("REMOTE_ADDR", ""), environ.get("HTTP_X_FORWARDED_FOR", ""), trusted_hops=trusted_hops)


def client_at(peer: str, forwarded: str, *, trusted_hops: int) -> str:
    """Return the same for the address of the connection's other end and the value of X-Forwarded-For."""
    if trusted_hops and forwarded:
        # An entry that is no address is not from a proxy of ours, so the proxy itself is counted.
        claimed = forwarded.split(",")[-trusted_hops:][0]
        return _client(claimed[: LONGEST_ADDRESS + 1]) or _client(peer) or peer  # cut, because results are cached
    return _client(peer) or peer


@lru_cache(maxsize=4_096)
def _client(written: str) -> str | None:
    """Return an address without brackets, port and zone, or None. An IPv6 address becomes the /64 of one customer."""
    address = _parsed(written.strip()) if len(written) <= LONGEST_ADDRESS else None
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or IPv6Network((int(address), 64), strict=False))
    return str(address) if address else None


def _parsed(written: str) -> IPv4Address | IPv6Address | None:
    if written.startswith("["):
        written = written[1:].partition("]")[0]
    elif written.count(":") == 1:  # IPv4 and a port
        written = written.partition(":")[0]
    try:
        return ip_address(written)
    except ValueError:
        return None
