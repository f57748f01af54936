"""What this process has seen of offers and gateways lately: rests, failures, latency. Pure; the time is given."""

from __future__ import annotations

from typing import Protocol


class Health(Protocol):
    """Times are seconds of the monotonic clock."""

    def rests_until(self, gateway: str, offer_id: str) -> float | None:
        """Return until when the offer or its gateway is not asked (Retry-After, or an open breaker); None if it may."""

    def failed_lately(self, gateway: str, offer_id: str) -> bool:
        """Return whether it failed within the last 30 seconds."""

    def latency(self, gateway: str, offer_id: str) -> float | None:
        """Return the usual time to the first content, in seconds; None below 5 requests."""

    def throughput(self, gateway: str, offer_id: str) -> float | None:
        """Return the usual tokens per second; None below 5 requests."""
