"""One request to one offer with one key: sent, read until it is certain that there is an answer, and booked."""

from __future__ import annotations

import email.utils
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from catalog.pricing import money
from routing.choose.candidates import Candidate
from routing.ledger.rows import Begun, Ended
from routing.money.costs import Cost, cost_of
from routing.parts import Parts
from routing.slots import Slot
from routing.upstream.client import Answer, Cut, Garbled, Message, NoAnswer, Unsent
from routing.upstream.contract import Dialect
from routing.upstream.credentials import Credential
from routing.wire import headers
from routing.wire.errors import Failure
from routing.wire.request import InferenceRequest, body_for
from routing.wire.tokens import Tokens, estimate_tokens

logger = logging.getLogger(__name__)

MOST_ERROR_BYTES = 262_144
MOST_ANSWER_BYTES = 64 * 1_024 * 1_024
NOTHING_BILLED = frozenset(
    {
        Failure.CLIENT,
        Failure.MODEL_ABSENT,
        Failure.CREDENTIAL,
        Failure.LIMITED,
        Failure.OVERLOADED,
        Failure.UNREACHABLE,
    }
)
"""After these the gateway has run nothing, so the cost is 0. After the others it is not known."""
UNKNOWN_OUTCOME = "unknown outcome"


class Failed(Exception):
    """There is no answer. `body` is the gateway's, if it sent one."""

    def __init__(
        self, failure: Failure, *, status: int | None = None, body: bytes = b"", retry_after: float | None = None
    ) -> None:
        super().__init__(failure.value)
        self.failure, self.status, self.body, self.retry_after = failure, status, body, retry_after


@dataclass(slots=True, kw_only=True, eq=False)
class Request:
    """A request of a client on its way."""

    asked: InferenceRequest
    id: str
    key_id: int
    headers: Mapping[str, str]
    """The client's, by their names in lower case."""
    revision: int
    reserved: Decimal | None
    day: int | None
    """Of whose budgets it was reserved."""
    total_at: float
    """When it must be over, on the clock of the event loop."""


@dataclass(slots=True, eq=False)
class Attempt:
    parts: Parts
    request: Request
    candidate: Candidate
    credential: Credential
    slot: Slot
    number: int
    at: datetime = field(init=False)
    began: float = field(init=False)
    answer: Answer | None = None
    first_content: float | None = None
    """Seconds from the beginning."""
    ended: Ended | None = None

    def __post_init__(self) -> None:
        self.at, self.began = self.parts.now(), self.parts.clock()

    @property
    def dialect(self) -> Dialect:
        return self.parts.dialects[self.candidate.gateway]

    @property
    def offer(self) -> str:
        return f"{self.candidate.gateway}/{self.candidate.offer_id}"

    # --- sending -----------------------------------------------------------------------------------------------------
    async def begin(self) -> None:
        """Book the attempt before anything is sent."""
        asked, candidate = self.request.asked, self.candidate
        row = Begun(
            request_id=self.request.id,
            attempt=self.number,
            at=self.at,
            key_id=self.request.key_id,
            endpoint=asked.kind.value,
            asked_model=candidate.asked,
            gateway=candidate.gateway,
            offer_id=candidate.offer_id,
            model=candidate.model,
            is_stream=asked.is_stream,
            revision=self.request.revision,
            reserved=self.request.reserved,
            day=self.request.day,
        )
        self.parts.ledger.begin(row)
        if self.parts.is_strict:
            await self.parts.ledger.durable()

    async def head(self) -> Answer:
        """Send the request, and return the answer if its status is a good one. Raise Failed."""
        try:
            answer = self.answer = await self.parts.client.send(self._message())
        except Unsent:
            raise Failed(Failure.UNREACHABLE) from None
        except NoAnswer:
            raise Failed(Failure.AMBIGUOUS) from None
        except Garbled:
            raise Failed(Failure.BROKEN) from None
        if answer.status < 200 or answer.status >= 300:
            raise await self._refused(answer)
        if answer.header("content-encoding") not in {"", "identity"}:
            raise Failed(Failure.BROKEN, status=answer.status)
        return answer

    async def whole(self, answer: Answer) -> bytes:
        """Return the body of an answer that is not streamed. Raise Failed."""
        try:
            return await answer.whole(most_bytes=MOST_ANSWER_BYTES)
        except Cut:
            raise Failed(Failure.AMBIGUOUS, status=answer.status) from None
        except ValueError:
            raise Failed(Failure.BROKEN, status=answer.status) from None

    def _message(self) -> Message:
        asked, candidate, dialect = self.request.asked, self.candidate, self.dialect
        sent = {
            **headers.for_upstream(self.request.headers),
            **self.parts.own_headers,
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
            **dialect.headers(self.credential.secret),
        }
        return Message(
            url=self.parts.bases[candidate.gateway] + dialect.path(asked.kind),
            headers=sent,
            body=body_for(asked, candidate.offer_id, asks_usage=dialect.streams_usage),
        )

    async def _refused(self, answer: Answer) -> Failed:
        body = b""
        with suppress(Cut, ValueError):
            body = await answer.whole(most_bytes=MOST_ERROR_BYTES)
        # A redirect is followed nowhere, and is no answer.
        failure = self.dialect.failure(answer.status, body) or Failure.BROKEN
        return Failed(failure, status=answer.status, body=body, retry_after=_retry_after(answer, self.parts.now()))

    # --- ending ------------------------------------------------------------------------------------------------------
    def estimated(self, *, characters: int) -> Tokens:
        """Return the tokens of an answer of which so many characters arrived."""
        return estimate_tokens(input_bytes=len(self.request.asked.body), output_characters=characters)

    def cost(self, tokens: Tokens | None) -> Cost:
        """Return the cost of these tokens at the prices that were in force when the attempt began."""
        if self._costed is None or self._costed[0] != tokens:  # it is asked for twice: for the client, and the books
            found = cost_of(self.candidate.row, tokens, at=self.at, is_subscription=self.dialect.is_subscription)
            self._costed = tokens, found
        return self._costed[1]

    def cost_text(self, tokens: Tokens) -> str:
        """Return the cost as clients read it: US dollars with all digits, or why it is not known."""
        cost = self.cost(tokens)
        if cost.amount is None:
            return f"unknown ({cost.reason})"
        amount = money.plain(cost.amount)
        return f"{amount} (estimated)" if tokens.is_estimate else amount

    def unsend(self) -> None:
        """End an attempt that could not be booked, and so was not sent. It leaves no row."""
        self.slot.release()
        self._report(Failure.CANCELLED)

    def fail(self, failed: Failed, *, is_last_key: bool = True) -> None:
        """End the attempt without an answer. The row is written by `book`, once it is known what the client gets."""
        cost = Cost(Decimal(0), "") if failed.failure in NOTHING_BILLED else Cost(None, UNKNOWN_OUTCOME)
        if failed.failure is Failure.CREDENTIAL:
            self.parts.credentials.refused(self.credential)
            place = self.credential.number + 1
            logger.warning("%s refuses key %d of its setting (%s)", self.candidate.gateway, place, failed.status)
        reported = failed.failure if is_last_key else Failure.CANCELLED
        self._end(failed.failure.value, status=failed.status, tokens=None, cost=cost)
        self._report(reported, retry_after=failed.retry_after)

    def finish(self, tokens: Tokens | None, *, finish_reason: str = "", failure: Failure | None = None) -> Cost:
        """End the attempt whose answer the client has got, or got a part of, and return its cost."""
        cost = self.cost(tokens)
        status = self.answer.status if self.answer is not None else None
        outcome = "ok" if failure is None else failure.value
        if self._end(outcome, status=status, tokens=tokens, cost=cost, finish_reason=finish_reason):
            if failure is None:
                self._succeed(tokens)
            else:
                self._report(failure)
        return cost

    def book(self, *, is_final: bool) -> None:
        """Write the row of an attempt that has ended. A second call does nothing."""
        if self.ended is not None and not self._is_booked:
            self._is_booked = True
            self.ended.is_final = is_final
            self.parts.ledger.end(self.ended)

    _is_booked: bool = field(default=False, init=False)
    _costed: tuple[Tokens | None, Cost] | None = field(default=None, init=False)

    def _end(
        self, outcome: str, *, status: int | None, tokens: Tokens | None, cost: Cost, finish_reason: str = ""
    ) -> bool:
        """Give back all that the attempt uses, whatever happens. Return whether it had not ended before."""
        if self.answer is not None:
            self.answer.close()
        if self.ended is not None:
            return False
        self.slot.release()
        self.ended = Ended(
            request_id=self.request.id,
            attempt=self.number,
            at=self.parts.now(),
            outcome=outcome,
            is_final=False,
            status=status,
            tokens=tokens,
            cost=cost.amount,
            cost_reason=cost.reason,
            first_content_ms=None if self.first_content is None else round(self.first_content * 1_000),
            duration_ms=round((self.parts.clock() - self.began) * 1_000),
            finish_reason=finish_reason,
        )
        return True

    def _report(self, failure: Failure, *, retry_after: float | None = None) -> None:
        self.parts.health.failed(self.candidate.gateway, self.candidate.offer_id, failure, retry_after=retry_after)

    def _succeed(self, tokens: Tokens | None) -> None:
        """Report latency and pace of streams; an answer in one piece shows neither."""
        seconds = self.parts.clock() - self.began - (self.first_content or 0.0)
        is_paced = self.request.asked.is_stream and tokens is not None and not tokens.is_estimate and seconds > 0
        self.parts.health.succeeded(
            self.candidate.gateway,
            self.candidate.offer_id,
            first_content=self.first_content if self.request.asked.is_stream else None,
            tokens_per_second=tokens.output / seconds if is_paced and tokens is not None else None,
        )


def _retry_after(answer: Answer, now: datetime) -> float | None:
    """Return the seconds of Retry-After, which is a number or a date; None if there is none."""
    stated = answer.header("retry-after").strip()
    try:
        return max(0.0, float(stated)) if stated else None
    except ValueError:
        pass
    try:
        at = email.utils.parsedate_to_datetime(stated)
    except ValueError:
        return None
    return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds())
