"""Rate limits: how many requests one client may make in a minute.

Each serving process counts its own requests. Where there is a Redis, `shared_limits.py` exchanges the counts of busy
clients in the background, and the processes together keep the limit. Until an exchange, a process grants a client only
its part of what is left, so that all of them together stay below 120 % of the limit, however many there are.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from threading import Lock
from typing import NamedTuple

WINDOW_SECONDS = 60
"""Windows begin at full minutes of the clock, on all hosts."""
WHOLE, UNCHANGED = 10, 1
"""What a request costs, in tenths; an answer without a body (304) is a tenth of one."""
MOST_CLIENTS = 100_000
"""The most clients in one window. With more, all counts start again, so that no flood of addresses fills the memory."""
LONGEST_ADDRESS = 100
"""Characters, with brackets, zone and port; a longer text is no address."""
_MARGIN = 1.1
"""How far the processes may exceed a limit together, while they do not know of each other's newest requests."""
_MOST_EXCESS = 1.2


class Quota(NamedTuple):
    """What a client may use of the current window, and has used, including its newest request."""

    policy: str
    """What the limit applies to: `address` or `key`."""
    limit: int
    used: int
    """Whole requests, rounded up."""
    seconds_left: int
    """Until more is granted."""
    is_exceeded: bool
    """Whether the request is refused."""

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Return the RateLimit header fields of the IETF's draft (draft-ietf-httpapi-ratelimit-headers)."""
        remaining = max(0, self.limit - self.used)
        return [
            ("RateLimit-Policy", f'"{self.policy}";q={self.limit};w={WINDOW_SECONDS}'),
            ("RateLimit", f'"{self.policy}";r={remaining};t={self.seconds_left}'),
        ]


@dataclass(slots=True, eq=False)
class Usage:
    """What one client has used of a window, in tenths of a request."""

    limit: int
    own: int = 0
    """In this process."""
    sent: int = 0
    """The part of `own` that the other processes know of."""
    others: int = 0
    """What is known of the other processes."""
    is_shared: bool = False
    """Whether there was an exchange about this client in this window."""


class Limiter:
    """Counts requests per client and minute. Safe with threads."""

    def __init__(self) -> None:
        self.processes = 1
        """How many processes exchange their counts; 1 if this one is alone, or counts for itself."""
        self._window = -1
        self._usages: dict[str, Usage] = {}
        self._unsent: set[str] = set()
        """The busy clients with requests that the other processes do not know of."""
        self._lock = Lock()

    def count(self, client: str, *, policy: str, limit: int) -> Quota:
        """Count a request, and return the quota that includes it. A request that is refused uses nothing."""
        with self._lock:
            now = int(time.time())
            window = now // WINDOW_SECONDS
            if window != self._window or len(self._usages) > MOST_CLIENTS:
                self._window, self._usages = window, {}
                self._unsent.clear()
            usage = self._usages.get(client)
            if usage is None:
                usage = self._usages[client] = Usage(limit)
            usage.own += WHOLE
            used = usage.own + usage.others
            left = WINDOW_SECONDS - now % WINDOW_SECONDS
            is_exceeded = used > limit * WHOLE
            if self.processes > 1:
                if is_busy(usage, processes=self.processes):
                    self._unsent.add(client)
                if not is_exceeded and not is_granted(usage, processes=self.processes):
                    is_exceeded, left = True, 1  # the next exchange comes within that time
            if is_exceeded:
                usage.own -= WHOLE
        return Quota(policy, limit, -(-used // WHOLE), left, is_exceeded)

    def give_back(self, client: str) -> None:
        """Turn a counted request into a tenth of one, because its answer had no body."""
        with self._lock:
            usage = self._usages.get(client)
            if usage is not None and usage.own >= WHOLE:
                usage.own -= WHOLE - UNCHANGED

    # --- for the exchange --------------------------------------------------------------------------------------------
    def take_unsent(self, most: int) -> tuple[int, list[tuple[str, int]]]:
        """Return the window, and clients with the tenths that the other processes do not know of. They count as sent.

        What was given back since the last exchange is negative.
        """
        with self._lock:
            clients = [self._unsent.pop() for _ in range(min(most, len(self._unsent)))]
            taken = []
            for client in clients:
                usage = self._usages[client]
                taken.append((client, usage.own - usage.sent))
                usage.sent = usage.own
            return self._window, taken

    def learn(self, window: int, totals: Sequence[tuple[str, int]], *, processes: int) -> None:
        """Take what all processes together have used, in tenths by client, after an exchange."""
        with self._lock:
            self.processes = processes
            if window != self._window:
                return
            for client, total in totals:
                usage = self._usages.get(client)
                if usage is not None:
                    usage.others, usage.is_shared = max(0, total - usage.sent), True

    def be_alone(self) -> None:
        """Count for this process only, because there is no exchange."""
        with self._lock:
            self.processes = 1
            self._unsent.clear()
            for usage in self._usages.values():
                usage.others, usage.is_shared = 0, False


def is_busy(usage: Usage, *, processes: int) -> bool:
    """Whether the other processes must know of a client: it has used a process's part of a tenth of its limit."""
    return usage.own > usage.limit * WHOLE // (10 * processes)


def is_granted(usage: Usage, *, processes: int) -> bool:
    """Whether the newest request, which is counted, is within what this process may grant before the next exchange.

    Each of n processes grants half of its part of what is known to be left. In the long run the limit is reached, and
    as each exchange shrinks what is left, the sum stays below the limit and a fifth (proven by a property test).
    """
    limit, unsent = usage.limit * WHOLE, usage.own - usage.sent
    known = usage.sent + usage.others if usage.is_shared else 0
    if not usage.is_shared and not is_busy(usage, processes=processes):
        return True
    granted = int(limit * _MARGIN - known) // (2 * processes)
    if granted < WHOLE:  # near the end of the limit: one more, if that is harmless when each process does so
        granted = WHOLE if known + processes * WHOLE <= limit * _MOST_EXCESS else 0
    return unsent <= granted


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
    return client_of_peer(peer)


@lru_cache(maxsize=4_096)
def client_of_peer(peer: str) -> str:
    """Return the same for the address of the connection's other end alone."""
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
