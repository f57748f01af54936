"""The addresses of host names, asked for once a minute."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from itertools import chain, zip_longest
from typing import Any

RESOLVED_SECONDS = 60.0

Address = tuple[socket.AddressFamily, tuple[Any, ...]]
"""The family, and what a socket of it connects to."""


class Addresses:
    """Used on one event loop."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], tuple[float, list[Address]]] = {}
        self._asked: dict[tuple[str, int], asyncio.Task[list[Address]]] = {}

    async def find(self, host: str, port: int) -> list[Address]:
        """Return the addresses of a host, in the order in which they are tried. Raise OSError."""
        if (literal := _literal(host, port)) is not None:
            return [literal]
        key = host, port
        loop = asyncio.get_running_loop()
        known = self._known.get(key)
        if known is not None and known[0] > loop.time():
            return known[1]
        asked = self._asked.get(key)
        if asked is None:  # requests of the same moment share one question
            asked = self._asked[key] = loop.create_task(self._ask(host, port))
            asked.add_done_callback(lambda task: self._answered(key, task))
        return await asyncio.shield(asked)

    def forget(self, host: str, port: int) -> None:
        """Ask again the next time: none of the addresses could be connected to."""
        self._known.pop((host, port), None)

    async def _ask(self, host: str, port: int) -> list[Address]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        return _alternating([(socket.AddressFamily(family), address) for family, _, _, _, address in found])

    def _answered(self, key: tuple[str, int], task: asyncio.Task[list[Address]]) -> None:
        self._asked.pop(key, None)
        # Asking for the exception also marks it as seen, if all that waited have left.
        if not task.cancelled() and task.exception() is None:
            self._known[key] = asyncio.get_running_loop().time() + RESOLVED_SECONDS, task.result()


def _literal(host: str, port: int) -> Address | None:
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return None
    if found.version == 4:
        return socket.AF_INET, (host, port)
    # A scope, as in `fe80::1%eth0`, is resolved by the system.
    return (socket.AF_INET6, (host, port, 0, 0)) if "%" not in host else None


def _alternating(found: list[Address]) -> list[Address]:
    """Return addresses of both families in turn, so that one that does not work costs one attempt."""
    if not found:
        raise OSError("the name has no address")
    first = [each for each in found if each[0] == found[0][0]]
    other = [each for each in found if each[0] != found[0][0]]
    pairs = zip_longest(first, other)
    return [each for each in chain.from_iterable(pairs) if each is not None]
