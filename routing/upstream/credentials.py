"""The keys with which requests are sent to gateways, in the order in which they are tried. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

REFUSED_SECONDS = 60.0
"""How long a key rests after a gateway refused it."""


@dataclass(frozen=True, slots=True)
class Credential:
    gateway: str
    number: int
    """Its place in the setting, from 0: what logs and Redis may know of it."""
    secret: str = field(repr=False)


class Credentials:
    def __init__(self, secrets: Mapping[str, Sequence[str]], *, clock: Callable[[], float]) -> None:
        """`secrets` by the gateway's slug. `clock` returns monotonic seconds."""
        self._of = {
            gateway: [Credential(gateway, number, secret) for number, secret in enumerate(dict.fromkeys(found))]
            for gateway, found in secrets.items()
            if found
        }
        self._clock = clock
        self._rests_until: dict[Credential, float] = {}
        self._next = dict.fromkeys(self._of, 0)

    @property
    def gateways(self) -> Collection[str]:
        """The gateways with a key."""
        return self._of.keys()

    def usable(self, gateway: str) -> list[Credential]:
        """Return the keys that may be tried, each time another one first. If all rest, all are tried."""
        found = self._of.get(gateway, [])
        if not found:
            return []
        first = self._next[gateway] % len(found)
        self._next[gateway] = first + 1
        turned = [*found[first:], *found[:first]]
        now = self._clock()
        return [each for each in turned if self._rests_until.get(each, 0.0) <= now] or turned

    def refused(self, credential: Credential) -> None:
        """Let a key rest, because the gateway refused it."""
        self._rests_until[credential] = self._clock() + REFUSED_SECONDS

    def redacted(self, text: bytes) -> bytes:
        """Return the text without our keys: some gateways repeat a wrong one in their errors."""
        for found in self._of.values():
            for each in found:
                text = text.replace(each.secret.encode(), b"[removed]")
        return text
