"""What an attempt costs, exactly, by the catalogue's prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from catalog.memory.rows import Row
from routing.choose.candidates import Candidate
from routing.wire.request import InferenceRequest
from routing.wire.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Cost:
    amount: Decimal | None
    """US dollars; None with a reason. Never 0 because something is unknown."""
    reason: str
    """`unknown price`, `billed by the hour`, `subscription`, or the reason of the bill; empty with an amount."""


def cost_of(row: Row, tokens: Tokens | None, *, at: datetime) -> Cost:
    """Return the cost of an attempt at the prices of `row`, which were in force when it began."""
    raise NotImplementedError


def most_of(request: InferenceRequest, candidates: Sequence[Candidate], *, at: datetime) -> Cost:
    """Return the most that the request can cost: its input, and all the output that it may have, at the dearest
    candidate's prices. None if one candidate's cost is not known."""
    raise NotImplementedError
