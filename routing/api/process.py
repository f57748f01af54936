"""What the process that answers knows besides the catalogue: what it may use, and what it has seen."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from django.conf import settings

from catalog import registry
from routing.choose.health import Health


class Unseen:
    """The health of offers that nothing was sent to."""

    def rests_until(self, gateway: str, offer_id: str) -> float | None:
        return None

    def failed_lately(self, gateway: str, offer_id: str) -> bool:
        return False

    def latency(self, gateway: str, offer_id: str) -> float | None:
        return None

    def throughput(self, gateway: str, offer_id: str) -> float | None:
        return None


@dataclass(slots=True)
class Process:
    """`routing.serving` sets these when the process begins to send requests."""

    health: Health = field(default_factory=Unseen)
    runnable: Collection[str] = tuple(slug for slug, each in registry.GATEWAYS.items() if each.completions_url)
    """The gateways that requests can be sent to, with a key or without one."""
    subscriptions: Collection[str] = ()
    """The gateways whose requests a subscription pays."""


PROCESS = Process()


def is_on() -> bool:
    return getattr(settings, "INFERENCE", "off") == "on"


def with_key() -> frozenset[str]:
    """Return the gateways that inference has a key of."""
    keys = getattr(settings, "INFERENCE_KEYS", {})
    return frozenset(slug for slug in PROCESS.runnable if keys.get(slug))


def usable() -> Collection[str]:
    """Return the gateways that requests may go to. While inference is off, those that it could have a key of."""
    return with_key() if is_on() else PROCESS.runnable
