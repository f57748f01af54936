"""Which offers of the served catalogue can run a request, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from catalog.memory.rows import Row
from catalog.memory.snapshot import Snapshot
from routing.choose.health import Health
from routing.wire.request import InferenceRequest


class UnknownModel(Exception):
    """No model has this name. The message says which names there are."""


class NoCandidate(Exception):
    """The model exists, and no offer of it may run the request. The message says why for each."""

    def __init__(self, message: str, *, left_out: tuple[LeftOut, ...]) -> None:
        super().__init__(message)
        self.left_out = left_out


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    gateway: str
    offer_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    gateway: str
    offer_id: str
    """Its id at the gateway, which is the `model` that is sent."""
    model: str
    """The slug of the canonical model, or `gateway/id` of an offer that belongs to none."""
    row: Row
    """The offer with its tariff and document, of the snapshot in force when the request began."""
    reason: str
    """Why it stands at this place, in one sentence."""
    expected: Decimal | None
    """The expected cost in US dollars: the input as estimated, the output as limited, else 500 tokens."""
    why_no_cost: str
    """Why `expected` is None: `unknown price`, `billed by the hour`, `subscription`. Else empty."""
    most_output: int | None
    """The most tokens that can come out: the client's limit, else the offer's; None if neither is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    candidates: tuple[Candidate, ...]
    left_out: tuple[LeftOut, ...]
    revision: int


def choose(
    request: InferenceRequest,
    snapshot: Snapshot,
    *,
    gateways: Collection[str],
    health: Health,
    now: datetime,
    chance: Callable[[], float],
) -> Choice:
    """Return the offers that may run the request, the first to be tried first.

    `gateways` are those with a key. `chance` returns numbers in [0, 1). Raise UnknownModel or NoCandidate.
    """
    raise NotImplementedError
