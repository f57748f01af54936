"""Sends a request to its candidates, one after the other, until one answers.

Until the first content another offer may be tried, never after it. No offer is tried twice with the same key, and there
are at most four attempts. The client's own mistakes are returned at once. So is an unknown outcome, where a request was
sent and the connection ended without an answer: it may be billed, and a second one would be billed as well. A client
that prefers that to an error sets `provider.allow_fallbacks` to true.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from front.replies import Push, Reply
from routing.attempts import Request
from routing.background import Background
from routing.chain import Chain
from routing.choose.candidates import Candidate, Choice
from routing.exhausted import refused_budget
from routing.money import budgets
from routing.money.budgets import Reservation
from routing.money.costs import most_of
from routing.parts import Parts
from routing.wire.request import InferenceRequest


class Relay:
    """The requests of this process."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.background = Background()

    async def answer(
        self, asked: InferenceRequest, choice: Choice, *, request_id: str, key_id: int, sent: Mapping[str, str]
    ) -> Reply | Push:
        """Return the answer of the first candidate that has one, or an error. `sent`: the client's headers."""
        parts = self.parts
        try:
            reservation, candidates = await self._reserved(asked, choice.candidates, key_id)
        except (budgets.Exceeded, budgets.PriceUnknown, budgets.Unavailable) as error:
            return refused_budget(error, now=parts.now())
        request = Request(
            asked=asked,
            id=request_id,
            key_id=key_id,
            headers=sent,
            revision=choice.revision,
            reserved=reservation.amount,
            day=reservation.day,
            total_at=asyncio.get_running_loop().time() + parts.deadlines.total,
        )
        return await Chain(parts, self.background, request, reservation).answer(candidates)

    async def _reserved(
        self, asked: InferenceRequest, candidates: tuple[Candidate, ...], key_id: int
    ) -> tuple[Reservation, tuple[Candidate, ...]]:
        """Reserve the most that the request can cost, and return the candidates for which that is enough.

        Under a hard budget those are left out whose cost is not known, or is more than the budget has left. Raise
        PriceUnknown or Exceeded if none remains, and Unavailable.
        """
        at = self.parts.now()
        while True:
            try:
                most = most_of(asked, candidates, at=at)
                return await self.parts.budgets.reserved(key_id, most.amount), candidates
            except budgets.PriceUnknown as error:
                refusal: Exception = error
                left = None
            except budgets.Exceeded as error:
                refusal, left = error, error.left
            costs = [(each, most_of(asked, [each], at=at).amount) for each in candidates]
            fitting = tuple(each for each, cost in costs if cost is not None and (left is None or cost <= left))
            if len(fitting) in {0, len(candidates)}:
                raise refusal
            candidates = fitting

    def drain(self) -> None:
        """Let open streams end soon, because the process ends."""
        self.background.end_soon()

    async def close(self) -> None:
        """End what is left, and close all connections."""
        await self.background.close()
        await self.parts.slots.close()
        await self.parts.client.close()
