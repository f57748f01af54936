"""How many requests one client may make: approximate, counted by each serving process for itself."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv6Network, ip_address

WINDOW_SECONDS = 60
MOST_CLIENTS = 100_000
"""In one window; the counts are then begun anew, so that no flood of addresses fills the memory."""


class Limiter:
    """So many requests per client and minute; 0 is no limit."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._window = -1
        self._counts: dict[str, int] = {}

    def seconds_to_wait(self, client: str) -> int:
        """Counts a request; 0 if it may be answered, else the seconds until the next one may."""
        if not self._per_minute:
            return 0
        now = int(time.monotonic())
        window = now // WINDOW_SECONDS
        if window != self._window or len(self._counts) > MOST_CLIENTS:
            self._window, self._counts = window, {}
        count = self._counts[client] = self._counts.get(client, 0) + 1
        return 0 if count <= self._per_minute else WINDOW_SECONDS - now % WINDOW_SECONDS


def client_of(environ: Mapping[str, str], *, trusted_hops: int) -> str:
    """Whom to count a request for.

    Each proxy appends the address that it was asked from to X-Forwarded-For, so with n trusted proxies the n-th from
    its end is the client's; what stands before that the client may have invented.
    """
    address = environ.get("REMOTE_ADDR", "")
    if trusted_hops and (forwarded := environ.get("HTTP_X_FORWARDED_FOR")):
        address = forwarded.split(",")[-trusted_hops:][0].strip()
    return _network(address) if ":" in address else address


@lru_cache(maxsize=4_096)
def _network(address: str) -> str:
    """An IPv6 address as the /64 that one customer has; IPv4 within IPv6 as itself."""
    try:
        found = ip_address(address.strip("[]"))
    except ValueError:
        return address  # with a port, or no address at all
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or IPv6Network((int(found), 64), strict=False))
