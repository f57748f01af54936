"""The gateway behind all contenders of `benchmarks.routing`: canned bytes, and counts of what it has sent.

`python -m benchmarks.routing_upstream --port 18700` serves until SIGTERM. What is sent is written in the content of the
message, so it passes every contender unchanged: `@unary-0000-0000-00000017` asks for one answer, `@burst-…` for a
stream of 36 writes, `@paced-0050-0100-00000017` for a stream of 100 events, one each 50 ms. The last number comes back
as the id of the answer, so an answer that reaches another client is noticed. Counts are kept by the credential that
came with a request: each contender has its own. `GET /counts` returns them; `GET /abort` also ends all open streams.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import uvloop

EVENTS = 36
"""The writes of a burst: a role, content, a finish reason and `[DONE]`, with the usage if it was asked for."""
PROMPT_TOKENS, STREAM_TOKENS, UNARY_TOKENS = 40, EVENTS - 3, 180
MOST_EVENTS = 9_999
"""A stream of so many events has no end: it goes on until the client leaves."""
BACKLOG = 4_096
_WANTED = re.compile(rb"@(unary|burst|paced)-(\d{4})-(\d{4})-(\d{8})")
_ASKS_USAGE = re.compile(rb'"include_usage"\s*:\s*true')
_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_CREDENTIAL = re.compile(rb"\r\nauthorization:\s*bearer ([\w-]+)", re.IGNORECASE)
_ID = b"00000000"
"""Where the number of a request goes."""


@dataclass
class Counts:
    """What one contender has asked for."""

    requests: int = 0
    answers: int = 0
    """Answers sent to their end."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    """Both as stated in usage that was sent."""
    open: int = 0
    """Streams that go on."""
    aborted: int = 0
    """Streams whose connection ended before they did."""


def wanted(kind: str, number: int, *, interval_ms: int = 0, events: int = 0) -> str:
    """Return the content of a message that asks for an answer."""
    return f"@{kind}-{interval_ms:04}-{events:04}-{number:08}"


# --- canned bytes ----------------------------------------------------------------------------------------------------
def _event(**fields: Any) -> bytes:
    head = {"id": f"bench-{_ID.decode()}", "object": "chat.completion.chunk", "created": 1_790_000_000}
    return b"data: " + json.dumps(head | {"model": "bench"} | fields, separators=(",", ":")).encode() + b"\n\n"


def _delta(finish: str | None = None, **content: str) -> bytes:
    return _event(choices=[{"index": 0, "delta": content, "finish_reason": finish}])


def _usage(completion: int) -> dict[str, int]:
    return {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": completion, "total_tokens": PROMPT_TOKENS + completion}


_WORD = _delta(content="word ")
_DONE = b"data: [DONE]\n\n"


def _unary() -> bytes:
    message = {"role": "assistant", "content": "word " * 200}
    choices = [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}]
    head = {"id": f"bench-{_ID.decode()}", "object": "chat.completion", "created": 1_790_000_000, "model": "bench"}
    return json.dumps(head | {"choices": choices, "usage": _usage(UNARY_TOKENS)}, separators=(",", ":")).encode()


_UNARY = _unary()


@lru_cache(maxsize=64)
def _events(number: int, asks_usage: bool) -> tuple[bytes, ...]:
    """Return the writes of a stream. The usage is one with the end: who takes it out sends nothing later for that."""
    usage = _event(choices=[], usage=_usage(number - 3)) if asks_usage else b""
    return (_delta(role="assistant", content=""), *[_WORD] * (number - 3), _delta("stop"), usage + _DONE)


def unary_body(number: int) -> bytes:
    """Return the body that a client must get for a request that is not streamed."""
    return _UNARY.replace(_ID, b"%08d" % number)


def stream_body(number: int, *, events: int = EVENTS) -> bytes:
    """Return the body that a client must get for a stream, if it has not asked for the usage."""
    return b"".join(_events(events, False)).replace(_ID, b"%08d" % number)


_STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def _as_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _json_answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


# --- the server ------------------------------------------------------------------------------------------------------
class _Connection(asyncio.Protocol):
    transport: Any

    def __init__(self, counts: defaultdict[str, Counts], streaming: set[_Connection]) -> None:
        self._counts, self._all_streaming = counts, streaming
        self._received = b""
        self._handle: asyncio.Handle | None = None
        self._streaming: Counts | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._handle is not None:
            self._handle.cancel()
        if self._streaming is not None:
            self._streaming.open -= 1
            self._streaming.aborted += 1
            self._streaming = None
            self._all_streaming.discard(self)

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._next()

    def _next(self) -> None:
        """Answer the next request, if it has arrived and the one before is answered."""
        if self._streaming is not None:
            return
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._received[: end + 2]
        length = _LENGTH.search(head)
        size = end + 4 + (int(length[1]) if length else 0)
        if len(self._received) < size:
            return
        body, self._received = self._received[end + 4 : size], self._received[size:]
        if head.startswith(b"GET "):
            shown = {name: asdict(counts) for name, counts in self._counts.items()}
            self.transport.write(_json_answer(json.dumps(shown).encode()))
            if head.startswith(b"GET /abort "):
                for connection in list(self._all_streaming):
                    connection.transport.abort()
        else:
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        found, credential = _WANTED.search(body), _CREDENTIAL.search(head)
        counts = self._counts[credential[1].decode() if credential else ""]
        counts.requests += 1
        if found is None:
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}")
            return
        kind, interval, events, number = found.groups()
        if kind == b"unary":
            self.transport.write(_json_answer(_UNARY.replace(_ID, number)))
            self._finished(counts, UNARY_TOKENS)
            return
        asks_usage = _ASKS_USAGE.search(body) is not None
        self._streaming = counts
        self._all_streaming.add(self)
        counts.open += 1
        self.transport.write(_STREAM_HEAD)
        if kind == b"burst":
            self._burst(iter(_events(EVENTS, asks_usage)), number, STREAM_TOKENS if asks_usage else None)
        else:
            pace = int(interval) / 1_000
            self._paced(int(events), number, pace, asks_usage=asks_usage)

    def _finished(self, counts: Counts, tokens: int | None) -> None:
        counts.answers += 1
        if tokens is not None:
            counts.prompt_tokens += PROMPT_TOKENS
            counts.completion_tokens += tokens

    def _stream_finished(self, tokens: int | None) -> None:
        counts = self._streaming
        assert counts is not None
        self.transport.write(b"0\r\n\r\n")
        self._streaming, self._handle = None, None
        self._all_streaming.discard(self)
        counts.open -= 1
        self._finished(counts, tokens)
        self._next()

    def _burst(self, events: Iterator[bytes], number: bytes, tokens: int | None) -> None:
        event = next(events, None)
        if event is None:
            self._stream_finished(tokens)
            return
        self.transport.write(_as_chunk(event.replace(_ID, number)))
        # In the next turn of the loop: uvloop would join what is written in one turn.
        self._handle = self._loop.call_soon(self._burst, events, number, tokens)

    def _paced(self, number_of_events: int, number: bytes, pace: float, *, asks_usage: bool) -> None:
        is_endless = number_of_events >= MOST_EVENTS
        events = _events(MOST_EVENTS if is_endless else number_of_events, asks_usage)
        tokens = number_of_events - 3 if asks_usage else None
        self._pace(iter(events), number, pace, self._loop.time(), tokens)

    def _pace(self, events: Iterator[bytes], number: bytes, pace: float, at: float, tokens: int | None) -> None:
        event = next(events, None)
        if event is None:
            self._stream_finished(tokens)
            return
        self.transport.write(_as_chunk(event.replace(_ID, number)))
        # By the time at which it should have been: delays of this loop do not add up.
        self._handle = self._loop.call_at(at + pace, self._pace, events, number, pace, at + pace, tokens)


async def _serve(port: int) -> None:
    counts: defaultdict[str, Counts] = defaultdict(Counts)
    streaming: set[_Connection] = set()
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    server = await loop.create_server(lambda: _Connection(counts, streaming), "127.0.0.1", port, backlog=BACKLOG)
    await ended.wait()
    server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
