"""The client of `benchmarks.routing`: sends requests over raw sockets, measures streams, and checks what arrives.

It runs as a process of its own, on the core of the upstream, and writes one line of JSON. A connection sends its next
request when its answer has arrived, and ends with a whole answer, so that everything sent can be counted. With `--hold`
it opens streams that do not end, writes a line, and resets all connections when standard input ends.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import resource
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import uvloop

from benchmarks import routing_upstream as upstream

OPEN_SECONDS = 60.0
"""How long streams are waited for."""
SLOWEST_SECONDS = 60.0
"""An answer that takes longer has failed."""
_LAST_CHUNK = b"\r\n0\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:\s*chunked", re.IGNORECASE)
_OUR_COMMENT = re.compile(rb"^: gatewayz-cost [^\n]*\n", re.MULTILINE)
_FILLER = "The quick brown fox jumps over the lazy dog. " * 6


@dataclass
class Found:
    """What was measured. Times are in milliseconds, None if there are none."""

    requests: int = 0
    failed: int = 0
    seconds: float = 0.0
    first_p50: float | None = None
    """From the request to the first event or, without a stream, to the end of the answer."""
    gap_p50: float | None = None
    gap_p99: float | None = None
    checked: int = 0
    equal: int = 0
    """Answers whose bytes are those of the upstream, without our comment with the cost."""
    same_text: int = 0
    """Answers with the same text and the id of their own request."""
    example: str = ""
    """A failure, or an answer with another text."""

    @property
    def rate(self) -> float:
        return self.requests / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, kw_only=True)
class Work:
    port: int
    path: str
    headers: Mapping[str, str]
    model: str
    kind: str
    connections: int
    seconds: float = 0.0
    requests: int = 0
    """Send so many requests, instead of for some seconds."""
    interval_ms: int = 0
    events: int = 0
    check_every: int = 100
    start: int = 0
    """The number of the first request."""

    def request(self, number: int) -> bytes:
        content = upstream.wanted(self.kind, number, interval_ms=self.interval_ms, events=self.events)
        body = json.dumps(body_of(self.model, content, is_stream=self.kind != "unary")).encode()
        lines = [f"POST {self.path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in {"Content-Type": "application/json", **self.headers}.items()]
        return "\r\n".join([*lines, "", ""]).encode() + body

    def expected(self, number: int) -> bytes:
        if self.kind == "unary":
            return upstream.unary_body(number)
        return upstream.stream_body(number, events=self.events if self.kind == "paced" else upstream.EVENTS)


def body_of(model: str, content: str, *, is_stream: bool) -> dict[str, Any]:
    """Return the body of a request; about 450 bytes."""
    streamed = {"stream": True} if is_stream else {}
    messages = [{"role": "user", "content": f"{content} {_FILLER}"}]
    return {"model": model, "messages": messages, "max_tokens": 256, "temperature": 0.5} | streamed


# --- answers ---------------------------------------------------------------------------------------------------------
def body_in(received: bytes) -> bytes:
    """Return the body of a whole answer."""
    head, _, rest = received.partition(b"\r\n\r\n")
    if not _CHUNKED.search(head):
        return rest
    body = b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        body, rest = body + rest[:length], rest[length + 2 :]
        if not length:
            break
    return body


def text_in(body: bytes, *, is_stream: bool) -> tuple[str, str]:
    """Return the id and the text of an answer. Raise ValueError or KeyError if it has another form."""
    if not is_stream:
        answer = json.loads(body)
        return answer["id"], answer["choices"][0]["message"]["content"]
    events = [line[5:].strip() for line in body.splitlines() if line.startswith(b"data:")]
    if not events or events[-1] != b"[DONE]":
        raise ValueError("the stream has no [DONE]")
    chunks = [json.loads(event) for event in events[:-1]]
    choices = [choice for chunk in chunks for choice in chunk.get("choices", [])]
    return chunks[0]["id"], "".join(choice.get("delta", {}).get("content") or "" for choice in choices)


class _Connection(asyncio.Protocol):
    """Sends one request after the other."""

    transport: Any

    def __init__(self, load: _Load) -> None:
        self._load, self._work = load, load.work
        self._loop = asyncio.get_running_loop()
        self._is_checked = self._is_waiting = False
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if self._is_waiting:
            self._is_waiting = False
            self._load.failed(f"the connection ended after {self._all[-200:]!r}")
        self._load.closed(self)

    def _send(self) -> None:
        number = self._load.next_number()
        if number is None:
            self.transport.close()
            return
        self._number = number
        self._is_checked = number % self._work.check_every == 0
        self._head: bytes | None = None
        self._all = b""
        self._length, self._left = -1, 0
        self._tail = b""
        self._last = 0.0
        self._is_waiting = True
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self._loop.call_later(SLOWEST_SECONDS, self.transport.abort)
        self._sent_at = time.perf_counter()  # uvloop's own clock counts whole milliseconds
        self.transport.write(self._work.request(number))

    def data_received(self, data: bytes) -> None:
        if not self._is_waiting:
            return
        now = time.perf_counter()
        if self._head is None:
            self._all += data
            head, separator, rest = self._all.partition(b"\r\n\r\n")
            if not separator:
                return
            self._head, data = head, rest
            length = _LENGTH.search(head)
            self._left = int(length[1]) if length else -1
        elif self._is_checked:
            self._all += data
        self._body(data, now)

    def _body(self, data: bytes, now: float) -> None:
        if events := data.count(b"\n\n"):
            if not self._last:
                self._load.first.append(now - self._sent_at)
            else:
                self._load.gaps.append(now - self._last)
                self._load.gaps.extend([0.0] * (events - 1))
            self._last = now
        if self._left >= 0:
            self._left -= len(data)
            is_whole = self._left <= 0
        else:
            self._tail = (self._tail + data)[-len(_LAST_CHUNK) :]
            is_whole = self._tail.endswith(_LAST_CHUNK)
        if is_whole:
            self._finished(now)

    def _finished(self, now: float) -> None:
        assert self._head is not None
        self._is_waiting = False
        if not self._last:
            self._load.first.append(now - self._sent_at)
        if b" 200 " in self._head[:15]:
            self._load.answered(self._number, self._all if self._is_checked else None)
        else:
            self._load.failed(f"{self._head[:200]!r} {self._all[-300:]!r}")
        self._send()


@dataclass
class _Load:
    work: Work
    found: Found = field(default_factory=Found)
    first: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    _sent: int = 0
    _open: int = 0
    _until: float = 0.0

    async def run(self) -> Found:
        loop, work = asyncio.get_running_loop(), self.work
        self._ended = asyncio.Event()
        self._open = work.connections
        began = time.perf_counter()
        self._until = began + work.seconds
        # Paced streams begin at different moments of the pace, as those of different users do.
        pause = work.interval_ms / 1_000 / work.connections
        for _ in range(work.connections):
            try:
                await loop.create_connection(lambda: _Connection(self), "127.0.0.1", work.port)
            except OSError as error:
                self.failed(repr(error))
                self.closed(None)
            if pause:
                await asyncio.sleep(pause)
        await self._ended.wait()
        self.found.seconds = time.perf_counter() - began
        self.found.first_p50 = _milliseconds(self.first, 50)
        self.found.gap_p50, self.found.gap_p99 = _milliseconds(self.gaps, 50), _milliseconds(self.gaps, 99)
        return self.found

    def next_number(self) -> int | None:
        """Return the number of the next request, or None if there is none."""
        work = self.work
        is_over = self._sent >= work.requests if work.requests else time.perf_counter() >= self._until
        if is_over:
            return None
        self._sent += 1
        return work.start + self._sent

    def answered(self, number: int, received: bytes | None) -> None:
        self.found.requests += 1
        if received is None:
            return
        found, expected, is_stream = self.found, self.work.expected(number), self.work.kind != "unary"
        body = body_in(received)
        found.checked += 1
        found.equal += _OUR_COMMENT.sub(b"", body) == expected
        try:
            is_same = text_in(body, is_stream=is_stream) == text_in(expected, is_stream=is_stream)
        except (ValueError, KeyError, IndexError, TypeError):
            is_same = False
        found.same_text += is_same
        if not is_same:
            found.example = body[-300:].decode(errors="replace")

    def failed(self, why: str) -> None:
        self.found.failed += 1
        self.found.example = why

    def closed(self, _: object) -> None:
        self._open -= 1
        if not self._open:
            self._ended.set()


def _milliseconds(seconds: Sequence[float], percentile: int) -> float | None:
    if len(seconds) < 2:
        return None
    return statistics.quantiles(seconds, n=100, method="inclusive")[percentile - 1] * 1_000


# --- open streams ----------------------------------------------------------------------------------------------------
class _Held(asyncio.Protocol):
    """A stream that is only opened."""

    def __init__(self, request: bytes, opened: asyncio.Queue[bool]) -> None:
        self._request, self._opened = request, opened
        self._is_open = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self._is_open and b"data:" in data:
            self._is_open = True
            self._opened.put_nowait(True)


async def _hold(work: Work) -> None:
    """Open the streams, write how many are open, and reset them when standard input ends."""
    loop = asyncio.get_running_loop()
    opened: asyncio.Queue[bool] = asyncio.Queue()
    held: list[_Held] = []
    for number in range(work.connections):
        request = work.request(work.start + number)
        _, protocol = await loop.create_connection(
            lambda request=request: _Held(request, opened),  # type: ignore[misc]  # mypy infers no default
            "127.0.0.1",
            work.port,
        )
        held.append(protocol)
        await asyncio.sleep(0.001)  # a burst of connections is measured nowhere
    count = 0
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            while count < work.connections:
                await opened.get()
                count += 1
    except TimeoutError:
        pass
    _write({"open": count})
    await asyncio.to_thread(sys.stdin.read)
    for each in held:
        each.transport.abort()
    await asyncio.sleep(0.1)


def _write(line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", help="a JSON object with the fields of Work")
    parser.add_argument("--hold", action="store_true")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    work = Work(**json.loads(options.work))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if options.hold:
            runner.run(_hold(work))
        else:
            _write(asdict(runner.run(_Load(work).run())))


if __name__ == "__main__":
    main()
