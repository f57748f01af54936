"""One request on its way through its candidates."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from front.counts import Source
from front.replies import Headers, Push, Reply
from routing import refusals
from routing.attempts import Attempt, Failed, Request
from routing.background import Background
from routing.choose.candidates import Candidate
from routing.deadline import Deadline
from routing.exhausted import as_client_error, exhausted
from routing.ledger.rows import CannotRecord
from routing.money.budgets import Reservation
from routing.parts import Parts
from routing.slots import Slot
from routing.streams import Relayed, until_content
from routing.upstream.credentials import Credential
from routing.wire import headers
from routing.wire.errors import Failure, parsed_body
from routing.wire.tokens import Tokens, read_tokens

_Result = TypeVar("_Result")

MOST_ATTEMPTS = 4
_EXPOSED = ("Access-Control-Expose-Headers", "Gatewayz-Attempts, Gatewayz-Cost, Gatewayz-Offer")
"""What scripts of the sites in INFERENCE_ORIGINS may read, besides the headers that the front names."""
_OF_GATEWAY = frozenset({Failure.UNREACHABLE, Failure.CREDENTIAL, Failure.OVERLOADED, Failure.SILENT})
"""After these the offers of other gateways come first: the gateway's own would probably fail in the same way."""
_LARGE_BYTES = 262_144
"""Larger answers are parsed in a thread."""


class Chain:
    """One request on its way through its candidates."""

    def __init__(self, parts: Parts, background: Background, request: Request, reservation: Reservation) -> None:
        self._parts, self._background = parts, background
        self._request, self._reservation = request, reservation
        self._attempts: list[Attempt] = []
        self._failures: list[Failed] = []
        self._rests: list[float] = []
        """When offers that were left out may be asked again, on the clock of the parts."""
        self._full: list[Candidate] = []
        self._is_over = False

    async def answer(self, candidates: tuple[Candidate, ...]) -> Reply | Push:
        try:
            found: Reply | Push | None = None
            waiting = deque(candidates)
            while waiting and found is None and not self._is_over:
                candidate = waiting.popleft()
                found = await self._try(candidate)
                if self._failures and self._failures[-1].failure in _OF_GATEWAY:
                    waiting = deque(sorted(waiting, key=lambda each: each.gateway == candidate.gateway))
            if found is None and not self._attempts and self._full:
                found = await self._try_when_free(self._full[0])
            if found is None:
                self._settle()
                found = exhausted(
                    self._attempts, self._failures, rests=self._rests, now=self._parts.clock(), is_full=bool(self._full)
                )
            return found
        except BaseException:
            self._abandon()
            raise

    # --- candidates --------------------------------------------------------------------------------------------------
    async def _try(self, candidate: Candidate) -> Reply | Push | None:
        """Return the answer of an offer; None if it has none, or may not be asked."""
        health = self._parts.health
        if not health.admit(candidate.gateway, candidate.offer_id):
            until = health.rests_until(candidate.gateway, candidate.offer_id)
            self._rests.append(self._parts.clock() + 1.0 if until is None else until)
            return None
        is_asked = False
        try:
            keys = self._parts.credentials.usable(candidate.gateway)
            for place, credential in enumerate(keys, start=1):
                slot = await self._parts.slots.take(credential, self._weight(candidate))
                if slot is None:
                    continue
                is_asked = True
                found = await self._send(candidate, credential, slot, is_last_key=place == len(keys))
                if found is not None or self._is_over or self._failures[-1].failure is not Failure.CREDENTIAL:
                    return found
        finally:
            if not is_asked:
                health.failed(candidate.gateway, candidate.offer_id, Failure.CANCELLED)
        if not is_asked:
            self._full.append(candidate)
        return None

    async def _try_when_free(self, candidate: Candidate) -> Reply | Push | None:
        """Wait for a slot: every other offer that could answer is full or rests too."""
        keys = self._parts.credentials.usable(candidate.gateway)
        slot = await self._parts.slots.wait(keys, self._weight(candidate), key_id=self._request.key_id)
        if slot is None:
            return None
        if not self._parts.health.admit(candidate.gateway, candidate.offer_id):
            slot.release()
            return None
        return await self._send(candidate, slot.credential, slot, is_last_key=True)

    def _weight(self, candidate: Candidate) -> int:
        return self._parts.dialects[candidate.gateway].weight(candidate.offer_id)

    # --- attempts ----------------------------------------------------------------------------------------------------
    async def _send(
        self, candidate: Candidate, credential: Credential, slot: Slot, *, is_last_key: bool
    ) -> Reply | Push | None:
        if self._attempts:
            self._attempts[-1].book(is_final=False)
        attempt = Attempt(self._parts, self._request, candidate, credential, slot, len(self._attempts) + 1)
        self._attempts.append(attempt)
        try:
            await attempt.begin()
            return await self._unless_left(attempt, self._answered(attempt))
        except CannotRecord as error:
            attempt.unsend()
            self._attempts.pop()
            self._settle()
            return refusals.error(503, str(error), type=refusals.SERVER, code="ledger_unavailable", retry_after=1.0)
        except Failed as failed:
            self._failed(attempt, failed, is_last_key=is_last_key)
        if self._failures[-1].failure is Failure.CLIENT:
            self._settle()
            return as_client_error(attempt, self._failures[-1])
        return None

    def _failed(self, attempt: Attempt, failed: Failed, *, is_last_key: bool) -> None:
        attempt.fail(failed, is_last_key=is_last_key or len(self._attempts) >= MOST_ATTEMPTS)
        self._failures.append(failed)
        is_late = asyncio.get_running_loop().time() >= self._request.total_at
        is_final = failed.failure is Failure.CLIENT or (failed.failure is Failure.AMBIGUOUS and not self._may_repeat)
        self._is_over = is_late or is_final or len(self._attempts) >= MOST_ATTEMPTS

    @property
    def _may_repeat(self) -> bool:
        """Whether the client prefers an answer to the certainty that nothing is billed twice."""
        provider = self._request.asked.parsed.get("provider")
        return isinstance(provider, dict) and provider.get("allow_fallbacks") is True

    async def _unless_left(self, attempt: Attempt, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Do the work of an attempt. If the client leaves and that does not stop the bill, it goes on without him."""
        if attempt.dialect.cancel_stops_billing:
            return await work
        task = asyncio.get_running_loop().create_task(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._is_left = self._background.do(self._go_on(attempt, task))
            if not self._is_left:
                task.cancel()
                task.add_done_callback(_forget)
            raise

    _is_left = False
    """Whether an attempt goes on without the client, and settles itself."""

    async def _go_on(self, attempt: Attempt, task: asyncio.Task[_Result]) -> None:
        try:
            found = await task
            if isinstance(found, Push) and isinstance(found.body, Relayed):
                await found.body.drained()
        except Failed as failed:
            attempt.fail(failed)
        finally:
            task.cancel()
            self._cancelled(attempt)
            self._settle()

    async def _answered(self, attempt: Attempt) -> Reply | Push:
        """Return the answer of an attempt. Raise Failed."""
        asked, deadlines = self._request.asked, self._parts.deadlines
        loop = asyncio.get_running_loop()
        longest = deadlines.first_content if asked.is_stream else deadlines.unary
        try:
            with Deadline(min(loop.time() + longest, self._request.total_at)):
                answer = await attempt.head()
                if asked.is_stream:
                    tap, held = await until_content(attempt, answer)
                else:
                    body = await attempt.whole(answer)
        except TimeoutError:
            raise Failed(Failure.SILENT, status=attempt.answer.status if attempt.answer else None) from None
        attempt.first_content = self._parts.clock() - attempt.began
        if not asked.is_stream:
            return await self._unary(attempt, body)
        stream = Relayed(attempt, answer, tap, held, on_end=self._ended, drain=self._drain)
        self._background.open.add(stream)
        described = [*self._described(attempt), ("X-Accel-Buffering", "no")]
        return Push(described, stream, 200, Source.INFERENCE)

    async def _unary(self, attempt: Attempt, body: bytes) -> Reply:
        answer = attempt.answer
        if answer is None:
            raise RuntimeError("the attempt has no answer")
        if len(body) <= _LARGE_BYTES:
            failure, parsed = _examined(attempt, answer.status, body)
        else:
            failure, parsed = await asyncio.to_thread(_examined, attempt, answer.status, body)
        if failure is not None:
            raise Failed(failure, status=answer.status, body=body)
        tokens = _tokens(parsed) or attempt.estimated(characters=len(body))
        cost = attempt.cost_text(tokens)
        left = Failure.CANCELLED if self._is_left else None
        attempt.finish(tokens, finish_reason=_finish_reason(parsed), failure=left)
        self._settle()
        return Reply(200, [*self._described(attempt), ("Gatewayz-Cost", cost)], body, Source.INFERENCE)

    def _described(self, attempt: Attempt) -> Headers:
        passed = headers.for_client(attempt.answer.headers if attempt.answer is not None else [])
        return [
            *passed,
            ("Cache-Control", "no-store"),
            ("Gatewayz-Offer", attempt.offer.encode("ascii", "backslashreplace").decode()),
            ("Gatewayz-Attempts", str(attempt.number)),
            _EXPOSED,
        ]

    # --- the end -----------------------------------------------------------------------------------------------------
    def _drain(self, stream: Relayed) -> bool:
        return self._background.do(stream.drained())

    def _ended(self, stream: Relayed) -> None:
        self._background.open.discard(stream)
        self._settle()

    def _settle(self) -> None:
        """Book the last attempt as the one whose answer the client got, and pay for all of them."""
        for attempt in self._attempts:
            attempt.book(is_final=attempt is self._attempts[-1])
        self._parts.budgets.settle(self._reservation, self._spent())

    def _spent(self) -> Decimal | None:
        """Return the sum over all attempts; None if what the last one cost is not known."""
        ends = [attempt.ended for attempt in self._attempts if attempt.ended is not None]
        if ends and ends[-1].cost is None:
            return None
        return sum((end.cost for end in ends if end.cost is not None), Decimal(0))

    def _abandon(self) -> None:
        """End everything, because the client has left or the program has a defect."""
        if self._is_left:
            return
        if self._attempts:
            self._cancelled(self._attempts[-1])
        self._settle()

    def _cancelled(self, attempt: Attempt) -> None:
        """End an attempt without an answer, unless it has ended. What was sent may be billed."""
        if attempt.ended is not None:
            return
        attempt.finish(attempt.estimated(characters=0), failure=Failure.CANCELLED)


def _forget(task: asyncio.Task[Any]) -> None:
    """End what a task has made at the moment at which it was cancelled."""
    if task.cancelled() or task.exception() is not None:
        return
    found = task.result()
    if isinstance(found, Push) and isinstance(found.body, Relayed):
        found.body.end(Failure.CANCELLED)


def _examined(attempt: Attempt, status: int, body: bytes) -> tuple[Failure | None, Mapping[str, Any]]:
    """Return the failure that an answer means, and the object that it has."""
    answer = parsed_body(body)
    failure = attempt.dialect.failure(status, body, answer)
    return (failure, {}) if failure is not None else (None, answer)


def _tokens(parsed: Mapping[str, Any]) -> Tokens | None:
    usage = parsed.get("usage")
    return read_tokens(usage) if isinstance(usage, dict) else None


def _finish_reason(parsed: Mapping[str, Any]) -> str:
    choices = parsed.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    reason = first.get("finish_reason") if isinstance(first, dict) else None
    return reason[:40] if isinstance(reason, str) else ""
