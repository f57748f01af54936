"""What this process has seen of offers and gateways lately: rests, failures, latency. Pure; the time is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from routing.choose.breaker import Breaker
from routing.wire.errors import Failure

OFFER_FAILURES, GATEWAY_FAILURES = 3, 10
LATELY_SECONDS = 30.0
LIMITED_SECONDS = 2.0
"""How long an offer rests after a 429 that names no time."""
ABSENT_SECONDS = 60.0
"""How long it rests after the gateway did not know the model, or our account may not use it."""
LEAST_REQUESTS = 5
_NEWEST = 0.2
"""The weight of the newest value in an average."""
MOST_OFFERS = 20_000

_IGNORED = frozenset({Failure.CLIENT, Failure.CANCELLED})
_OF_GATEWAY = frozenset({Failure.UNREACHABLE, Failure.BROKEN, Failure.SILENT})
"""What counts against the gateway too: not what concerns one model, or our account."""


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


@dataclass(slots=True)
class _Average:
    value: float = 0.0
    number: int = 0

    def add(self, value: float) -> None:
        self.number += 1
        self.value += (value - self.value) * max(_NEWEST, 1 / self.number)

    @property
    def usual(self) -> float | None:
        return self.value if self.number >= LEAST_REQUESTS else None


@dataclass(slots=True)
class _Offer:
    breaker: Breaker = field(default_factory=lambda: Breaker(OFFER_FAILURES))
    failed_at: float | None = None
    latency: _Average = field(default_factory=_Average)
    throughput: _Average = field(default_factory=_Average)


class Observed:
    """Implements `Health` by what the requests of this process met."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._offers: dict[tuple[str, str], _Offer] = {}
        self._gateways: dict[str, Breaker] = {}

    # --- what is known -----------------------------------------------------------------------------------------------
    def rests_until(self, gateway: str, offer_id: str) -> float | None:
        now = self._clock()
        offer, whole = self._offers.get((gateway, offer_id)), self._gateways.get(gateway)
        own = offer.breaker.blocked_until(now) if offer is not None else None
        all_ = whole.blocked_until(now) if whole is not None else None
        return max(own, all_) if own is not None and all_ is not None else (all_ if own is None else own)

    def failed_lately(self, gateway: str, offer_id: str) -> bool:
        offer = self._offers.get((gateway, offer_id))
        return offer is not None and offer.failed_at is not None and self._clock() - offer.failed_at < LATELY_SECONDS

    def latency(self, gateway: str, offer_id: str) -> float | None:
        offer = self._offers.get((gateway, offer_id))
        return offer.latency.usual if offer else None

    def throughput(self, gateway: str, offer_id: str) -> float | None:
        offer = self._offers.get((gateway, offer_id))
        return offer.throughput.usual if offer else None

    # --- what happens ------------------------------------------------------------------------------------------------
    def admit(self, gateway: str, offer_id: str) -> bool:
        """Whether a request may be sent. Each True needs one call of `succeeded` or `failed` at its end."""
        now = self._clock()
        offer, whole = self._offer(gateway, offer_id), self._gateway(gateway)
        if whole.blocked_until(now) is not None or not offer.breaker.admit(now):
            return False
        return whole.admit(now)

    def succeeded(
        self, gateway: str, offer_id: str, *, first_content: float | None, tokens_per_second: float | None
    ) -> None:
        """Report an answer with content. Times are seconds."""
        offer = self._offer(gateway, offer_id)
        offer.breaker.succeeded()
        self._gateway(gateway).succeeded()
        if first_content is not None:
            offer.latency.add(first_content)
        if tokens_per_second is not None:
            offer.throughput.add(tokens_per_second)

    def failed(self, gateway: str, offer_id: str, failure: Failure, *, retry_after: float | None = None) -> None:
        """Report how a request ended otherwise. `retry_after`: the seconds that the gateway asked for."""
        now = self._clock()
        offer, whole = self._offer(gateway, offer_id), self._gateway(gateway)
        if failure in _IGNORED:
            offer.breaker.ignored()
            whole.ignored()
            return
        offer.failed_at = now
        if failure is Failure.LIMITED:  # it works, and says when to come again
            offer.breaker.ignored()
            offer.breaker.rest(now, LIMITED_SECONDS if retry_after is None else retry_after)
        else:
            offer.breaker.failed(now)
            if failure in {Failure.MODEL_ABSENT, Failure.CREDENTIAL}:
                offer.breaker.rest(now, ABSENT_SECONDS)
            elif retry_after is not None:
                offer.breaker.rest(now, retry_after)
        if failure in _OF_GATEWAY:
            whole.failed(now)
        else:
            whole.ignored()

    def _offer(self, gateway: str, offer_id: str) -> _Offer:
        found = self._offers.get((gateway, offer_id))
        if found is None:
            if len(self._offers) >= MOST_OFFERS:
                self._offers.pop(next(iter(self._offers)))
            found = self._offers[gateway, offer_id] = _Offer()
        return found

    def _gateway(self, gateway: str) -> Breaker:
        return self._gateways.setdefault(gateway, Breaker(GATEWAY_FAILURES))
