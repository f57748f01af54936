"""A stream on its way to the client: its bytes as the gateway sends them, and what is done at its end.

Two things are changed. Where the client did not ask for the usage, its chunk is taken out; where it did, `cost` is
added. One comment with the cost comes before the end. It has no empty line of its own: after an `id:`
line, some clients take a comment with one for an event.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress

import orjson

from routing.attempts import Attempt, Failed
from routing.reading import (
    Seen,
    characters_of,
    has_content,
    is_special,
    is_usage_alone,
    note,
    parsed,
    with_cost,
)
from routing.upstream.client import Answer, Cut
from routing.wire.errors import Failure, failure_of_event
from routing.wire.sse import Event, Tap

MOST_HELD_EVENTS, MOST_HELD_BYTES = 64, 262_144
"""What is held until the first content. With more, the stream begins without it."""
COMMENTS_ALONE = 3
"""After so many times the idle deadline, a stream that sends nothing but comments has ended."""
CLOSE_SECONDS = 1.0
"""How long the end of the connection is waited for after the end of the stream, so that it can be used again."""
_REASONS = {
    Failure.CUT: (502, "The gateway ended the stream before its end."),
    Failure.SILENT: (504, "The gateway sent nothing more."),
    Failure.CANCELLED: (503, "This service ends; the answer is not whole."),
}


async def until_content(attempt: Attempt, answer: Answer) -> tuple[Tap, list[Event]]:
    """Read until the first content, and return all events so far. Raise Failed: another offer may be tried then."""
    if not answer.header("content-type").lower().startswith("text/event-stream"):
        body = await attempt.whole(answer)
        raise Failed(attempt.dialect.failure(answer.status, body) or Failure.BROKEN, status=answer.status, body=body)
    tap = Tap()
    held: list[Event] = []
    size = 0
    while True:
        try:
            data = await answer.read()
            events = tap.feed(data)
        except (Cut, ValueError):
            raise Failed(Failure.BROKEN, status=answer.status) from None
        size += len(data)
        held += events
        for event in events:
            if event.data is not None and (failure := failure_of_event(event.data)) is not None:
                raise Failed(failure, status=answer.status, body=event.data)
            chunk = parsed(event)
            if chunk is not None and has_content(chunk):
                return tap, held
        if not data or any(event.is_done for event in events):
            raise Failed(Failure.BROKEN, status=answer.status)
        if len(held) >= MOST_HELD_EVENTS or size >= MOST_HELD_BYTES:
            return tap, held


class Relayed:
    """The events of an answer, as `front.replies.Stream` sends them. `aclose` ends the attempt in every case."""

    def __init__(
        self,
        attempt: Attempt,
        answer: Answer,
        tap: Tap,
        held: Sequence[Event],
        *,
        on_end: Callable[[Relayed], None],
        drain: Callable[[Relayed], bool],
    ) -> None:
        """`on_end` is called once, when the attempt has ended. `drain` has the rest read if the client leaves; False if
        it cannot be."""
        self.attempt = attempt
        self.seen = Seen()
        self._answer, self._tap = answer, tap
        self._on_end, self._drain = on_end, drain
        self._loop = asyncio.get_running_loop()
        self._idle = attempt.parts.deadlines.idle
        self._reading_since: float | None = None
        self._content_at = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._failure: Failure | None = None
        """Why we closed the connection to the gateway."""
        self._is_ended = self._is_closed = False
        self._unsent = held
        self._pieces = self._all()

    def __aiter__(self) -> Relayed:
        return self

    async def __anext__(self) -> bytes:
        return await anext(self._pieces)

    async def aclose(self) -> None:
        """End the stream, whether or not it has begun. If the gateway bills all of it anyway, the rest is read."""
        if self._is_ended or self._is_closed:
            return
        self._is_closed = True
        await self._pieces.aclose()
        if self.seen.is_whole:  # the client did not wait for the end of the connection
            self.end(None)
        elif self.attempt.dialect.cancel_stops_billing or not self._drain(self):
            self.end(Failure.CANCELLED)

    def interrupt(self, failure: Failure) -> None:
        """Close the connection to the gateway: the stream ends with an error."""
        if self._failure is None:
            self._failure = failure
        self._answer.close()

    async def drained(self) -> None:
        """Read the rest of a stream whose client has left, for its usage."""
        try:
            self._note(self._unsent)
            with suppress(Cut, ValueError):
                while not self.seen.is_done and (data := await self._read()):
                    self._note(self._tap.feed(data))
        finally:
            self.end(Failure.CANCELLED)

    def end(self, failure: Failure | None) -> None:
        """Book the end, and give everything back. A second call does nothing."""
        if self._is_ended:
            return
        self._is_ended = True
        if self._timer is not None:
            self._timer.cancel()
        seen, attempt = self.seen, self.attempt
        tokens = seen.tokens or attempt.estimated(characters=seen.characters)
        attempt.finish(tokens, finish_reason=seen.finish_reason, failure=failure)
        self._on_end(self)

    # --- the stream --------------------------------------------------------------------------------------------------
    async def _all(self) -> AsyncGenerator[bytes, None]:
        """Yield what the client gets: whole events, as many at once as were read at once."""
        self._watch()
        held, self._unsent = self._unsent, []
        if begun := self._passed(held):
            yield begun
        while not self.seen.is_done:
            try:
                data = await self._read()
                piece = self._passed(self._tap.feed(data))
            except Cut as cut:
                data, piece = b"", self._last(cut.received)
            except ValueError:  # an event too long to be read
                self.interrupt(Failure.CUT)
                data, piece = b"", b""
            if not data:
                yield piece + self._ending()
                break
            if piece:
                yield piece
        await self._until_closed()
        self.end(None if self.seen.is_whole else self._failure or Failure.CUT)

    async def _read(self) -> bytes:
        self._reading_since = self._loop.time()
        try:
            return await self._answer.read()
        finally:
            self._reading_since = None

    def _passed(self, events: Sequence[Event]) -> bytes:
        """Return the bytes of events as the client gets them."""
        raw = b"".join([event.raw for event in events])
        if not raw.startswith(b":"):
            self._content_at = self._loop.time()
        self.seen.characters += characters_of(raw)
        if not is_special(raw):
            return raw
        return b"".join([self._one(event) if is_special(event.raw) else event.raw for event in events])

    def _one(self, event: Event) -> bytes:
        if event.is_done:
            self.seen.is_done = True
            return self._cost_line() + event.raw
        note(event, self.seen)
        if self.seen.tokens is None or not is_usage_alone(event):
            return event.raw
        if not self.attempt.request.asked.wants_usage:
            return b""
        cost = self.attempt.cost(self.seen.tokens)
        return event.raw if cost.amount is None else with_cost(event, cost.amount)

    def _last(self, received: bytes) -> bytes:
        """Return what came at once with the end of the connection."""
        try:
            return self._passed(self._tap.feed(received))
        except ValueError:
            return b""

    def _ending(self) -> bytes:
        """Return the last bytes of a stream whose connection has ended."""
        rest = b""
        if self._failure is None and (cut := self._tap.rest):
            # Some servers leave out the empty line at the end. An event that is not whole is dropped.
            missing = b"\n" if cut.endswith((b"\n", b"\r")) else b"\n\n"
            events = self._tap.feed(missing)
            if all(event.is_done or parsed(event) is not None for event in events):
                rest = self._passed(events)
            if self.seen.is_done:
                return rest.removesuffix(missing)
        if self.seen.is_whole:
            return rest + self._cost_line()
        return rest + self._cost_line() + self._error_event()

    def _note(self, events: Sequence[Event]) -> None:
        for event in events:
            note(event, self.seen)
            self.seen.characters += characters_of(event.raw)

    async def _until_closed(self) -> None:
        """Wait a moment for the end of the connection."""
        with suppress(TimeoutError, Cut):
            async with asyncio.timeout(CLOSE_SECONDS):
                while await self._answer.read():
                    pass

    def _cost_line(self) -> bytes:
        tokens = self.seen.tokens or self.attempt.estimated(characters=self.seen.characters)
        return b": gatewayz-cost %b\n" % self.attempt.cost_text(tokens).encode()

    def _error_event(self) -> bytes:
        """Return the error as OpenRouter sends it within a stream."""
        code, message = _REASONS[self._failure or Failure.CUT]
        if self.seen.error:
            return b"\n"  # the gateway has sent its own; this ends the comment before
        chunk = {
            "id": self.attempt.request.id,
            "object": "chat.completion.chunk",
            "created": int(self.attempt.at.timestamp()),
            "model": self.attempt.candidate.model,
            "error": {"code": code, "message": message},
            "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
        }
        return b"data: " + orjson.dumps(chunk) + b"\n\n"

    # --- deadlines ---------------------------------------------------------------------------------------------------
    def _watch(self) -> None:
        """Check the deadlines now, and again when the next one may have passed: a timer for each read costs more."""
        now = self._loop.time()
        waits_since = now if self._reading_since is None else self._reading_since
        ends = (
            waits_since + self._idle,
            self._content_at + COMMENTS_ALONE * self._idle if self._reading_since is not None else now + self._idle,
            self.attempt.request.total_at,
        )
        if min(ends) <= now:
            self.interrupt(Failure.SILENT)
        else:
            self._timer = self._loop.call_at(min(ends), self._watch)
