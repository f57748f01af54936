"""What the ledger records of a request. No prompt, answer, address or credential has a place here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from routing.wire.tokens import Tokens


@dataclass(slots=True, kw_only=True)  # not frozen: that takes three times as long for each request
class Begun:
    """An attempt that is about to be sent."""

    request_id: str
    attempt: int
    """From 1."""
    at: datetime
    key_id: int
    endpoint: str
    """`chat/completions` or `embeddings`."""
    asked_model: str
    """What resolved: the slug of a model, `gateway/id`, or `@name` of a saved filter. Never free text of a client."""
    gateway: str
    offer_id: str
    model: str
    is_stream: bool
    revision: int
    reserved: Decimal | None
    """What was reserved for the whole request, in US dollars; None if its cost is not known."""
    day: int | None = None
    """The day, since 1970, of whose budgets it was reserved: `Reservation.day`. None: the day of `at`."""


@dataclass(slots=True, kw_only=True)  # not frozen: that takes three times as long for each request
class Ended:
    request_id: str
    attempt: int
    at: datetime
    outcome: str
    """`ok`, or a value of `routing.wire.errors.Failure`."""
    is_final: bool
    """Whether the client got this attempt's answer, rather than the one of a later attempt."""
    status: int | None
    """The gateway's status; None if it sent none."""
    tokens: Tokens | None
    cost: Decimal | None
    """US dollars at the prices valid when the attempt began; None with `cost_reason`."""
    cost_reason: str
    first_content_ms: int | None
    duration_ms: int
    finish_reason: str


class CannotRecord(Exception):
    """The spool cannot be written, so nothing may be sent (503)."""


class Ledger(Protocol):
    """Where attempts are recorded. `routing.ledger.spool.Spool` is the one of a serving process."""

    def begin(self, row: Begun) -> None:
        """Record an attempt before it is sent. What was recorded survives the end of this process. Raise CannotRecord
        if that is not possible."""

    def end(self, row: Ended) -> None:
        """Record the end of an attempt, once. Never raises for a disk that is full: the row is written later."""

    async def durable(self) -> None:
        """Wait until everything recorded so far is on the disk (for `INFERENCE_DURABILITY=strict`). Raise CannotRecord
        if the disk refuses it."""
