"""What the relay of a process is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from routing.choose.health import Observed
from routing.ledger.rows import Ledger
from routing.money.budgets import Budgets
from routing.slots import Slots
from routing.upstream.client import Client
from routing.upstream.contract import Dialect
from routing.upstream.credentials import Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Seconds."""

    first_content: float
    """Until the first content of a stream."""
    unary: float
    """Until the end of an answer that is not streamed."""
    idle: float
    """Between two pieces of a stream."""
    total: float
    """For a request with all its attempts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    client: Client
    ledger: Ledger
    budgets: Budgets
    health: Observed
    slots: Slots
    credentials: Credentials
    dialects: Mapping[str, Dialect]
    """By the slug of the gateway, likewise `bases`: the addresses without the path of a request."""
    bases: Mapping[str, str]
    deadlines: Deadlines
    is_strict: bool
    """Whether a request is sent only once its row of the ledger is on the disk."""
    own_headers: Mapping[str, str]
    """What every gateway learns of this service, in place of what clients send."""
    now: Callable[[], datetime]
    clock: Callable[[], float]
    """Monotonic seconds, as the event loop counts them."""
