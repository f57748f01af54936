"""A stream on its way to the client: its bytes as the gateway sends them, and what is done at its end.

Two things are changed. Where the client did not ask for the usage, its chunk is taken out; where it did, `cost` is
added. One comment with the cost comes before the end. It has no empty line of its own: after an `id:`
line, some clients take a comment with one for an event.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

import orjson

from front.replies import Output
from routing.attempts import Attempt, Failed
from routing.reading import (
    Alike,
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

logger = logging.getLogger(__name__)

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
            content = event.data
            if content is not None and (failure := failure_of_event(content)) is not None:
                raise Failed(failure, status=answer.status, body=content)
            chunk = parsed(event)
            if chunk is not None and has_content(chunk):
                return tap, held
        if not data or any(event.is_done for event in events):
            raise Failed(Failure.BROKEN, status=answer.status)
        if len(held) >= MOST_HELD_EVENTS or size >= MOST_HELD_BYTES:
            return tap, held


class Relayed:
    """The rest of an answer: a `front.replies.Pushed` that hears the gateway as a `Receiver`.

    Whatever the gateway sends at once, the client gets at once: whole events only. `end` is called in every case.
    """

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
        self._answer, self._tap, self._alike = answer, tap, Alike()
        self._on_end, self._drain = on_end, drain
        self._loop = asyncio.get_running_loop()
        self._idle = attempt.parts.deadlines.idle
        self._output: Output | None = None
        self._over: asyncio.Future[None] | None = None
        """Set once the rest has been read after the client has left."""
        self.is_paused = False
        """Whether nothing is read from the gateway, because the client reads slowly."""
        self._received_at = self._content_at = self._loop.time()
        """When the last bytes came, and the last that were no comment; or when they were waited for again."""
        self._timer: asyncio.TimerHandle | None = None
        self._failure: Failure | None = None
        """Why we closed the connection to the gateway."""
        self._is_begun = self._is_ending = self._is_ended = self._is_left = False
        self._unsent = held

    # --- for the front -----------------------------------------------------------------------------------------------
    def begin(self, output: Output) -> None:
        self._output = output
        if self._is_ended:  # the process ends
            output.end(self._ending())
            return
        held, self._unsent = self._unsent, []
        output.write(self._passed(held))
        self._follow()

    def pause(self) -> None:
        if not self._is_ended:
            self.is_paused = True
            self._answer.pause()

    def resume(self) -> None:
        if not self._is_ended:
            self.is_paused = False
            self._received_at = self._content_at = self._loop.time()
            self._answer.resume()

    def leave(self) -> None:
        """End the stream, whether or not it has begun. If the gateway bills all of it anyway, the rest is read."""
        if self._is_ended or self._is_left:
            return
        self._is_left = True
        self._output = None
        if self.seen.is_whole:  # the client did not wait for the end of the connection
            self.end(None)
        elif self.attempt.dialect.cancel_stops_billing or not self._drain(self):
            self.end(Failure.CANCELLED)

    async def drained(self) -> None:
        """Read the rest of a stream whose client has left, for its usage."""
        self._over = self._loop.create_future()
        try:
            if not self._is_begun:
                self._passed(self._unsent)
                self._follow()
            self.resume()
            if not self._is_ended:
                await self._over
        finally:
            self.end(Failure.CANCELLED)

    def interrupt(self, failure: Failure) -> None:
        """Close the connection to the gateway: the stream ends with an error."""
        if self._failure is None:
            self._failure = failure
        self._answer.close()
        self.ended(is_cut=True)

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
        if self._over is not None and not self._over.done():
            self._over.set_result(None)

    # --- for the gateway's answer ------------------------------------------------------------------------------------
    def received(self, data: bytes) -> None:
        """Pass on what has come. A defect ends the stream: the gateway's answer would not be followed any more."""
        if self._is_ended or self._is_ending:
            return
        self._received_at = now = self._loop.time()
        try:
            if self._tap.is_at_event and (characters := self._alike.characters(data)) is not None:
                self.seen.characters += characters
                piece = data
            else:
                piece = self._read(data)
            if not piece.startswith(b":"):
                self._content_at = now
            if self._output is not None and piece:
                self._output.write(piece)
            if self.seen.is_done:
                self._end_soon()
        except ValueError:  # an event too long to be read
            self.interrupt(Failure.CUT)
        except Exception:
            logger.exception("A stream of %s cannot be relayed", self.attempt.offer)
            self.interrupt(Failure.CUT)

    def ended(self, is_cut: bool) -> None:
        """Send the last bytes: the connection has ended, or the answer in it."""
        if self._is_ended:
            return
        last = b"" if self.seen.is_done else self._ending()
        if self._is_left:
            self.end(Failure.CANCELLED)
            return
        self.end(None if self.seen.is_whole else self._failure or Failure.CUT)
        if self._output is not None:
            self._output.end(last)

    # --- the stream --------------------------------------------------------------------------------------------------
    def _follow(self) -> None:
        self._is_begun = True
        self._received_at = self._loop.time()
        self._watch()
        if self.seen.is_done:
            self._end_soon()
        self._answer.follow(self)

    def _read(self, data: bytes) -> bytes:
        """Return what the client gets of these bytes. Raise ValueError for an event that is too long."""
        if self._tap.is_at_event and data.endswith(b"\n\n") and not is_special(data):
            self.seen.characters += characters_of(data)
            self._alike.learn(data)
            return data
        return self._passed(self._tap.feed(data))

    def _passed(self, events: Sequence[Event]) -> bytes:
        """Return the bytes of events as the client gets them."""
        raw = b"".join([event.raw for event in events])
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
        if self.is_paused:
            self._received_at = self._content_at = now
        ends = (
            self._received_at + self._idle,
            self._content_at + COMMENTS_ALONE * self._idle,
            self.attempt.request.total_at,
        )
        if min(ends) <= now:
            self.interrupt(Failure.SILENT)
        else:
            self._timer = self._loop.call_at(min(ends), self._watch)

    def _end_soon(self) -> None:
        """After the last event wait only a moment for the end of the connection; without a client do not."""
        self._is_ending = True
        if self._over is not None:
            self.end(Failure.CANCELLED)
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(CLOSE_SECONDS, self.ended, True)
