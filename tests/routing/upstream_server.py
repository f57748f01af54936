"""A gateway that runs models, on a port of 127.0.0.1: what a request meets is written in the name of its model.

`any/name!H R D40 cut` answers with a head, a role, 40 pieces of content and a reset connection. A model without a
scenario is answered well. The steps, in the order in which they are carried out:

- `H` the head of a stream; `Hclose` the same, which ends with the connection
- `C` a comment, `R` the delta with the role, `D` or `D40` content, `T` a tool call, `F` the finish reason
- `U` the usage, if the client asked for it; `UU` always; `W` the usage of an answer that counts nothing
- `X` `[DONE]` and the end of the body; `E` an error within the stream; `bad` a line that is no JSON; `odd` odd framing
- `J` a good answer in one piece; `J0` one without choices; `html` a page; `none` an empty body; `err` an error with 200
- `S429` a status with an error; `S429:7` the same with Retry-After
- `cut` resets the connection; `fin` closes it; `stall` sends nothing more; `drip20:50` 20 deltas, one each 50 ms
- `drop` comments, one each 50 ms, without an end; `gate` waits until the test opens it; `split3` writes 3 bytes at once
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
import uvloop

PATIENCE_SECONDS = 10.0
WORDS = ("one ", "zwei ", "trois ", "四つ ", "пять ", "🙂 ")
PROMPT_TOKENS = 9
_STEP = re.compile(r"([A-Za-z]+)(\d*)(?::(\d+))?")


@dataclass(eq=False)
class Seen:
    """A request that has arrived."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: int
    gone: threading.Event = field(default_factory=threading.Event)
    """Set once the connection has ended, by either side."""
    done: threading.Event = field(default_factory=threading.Event)
    """Set once the scenario was carried out."""
    sent: bytearray = field(default_factory=bytearray)
    """The body of the answer, as far as it was sent."""
    deltas: int = 0

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def model(self) -> str:
        return str(self.json["model"])


def chunk(model: str, **fields: Any) -> bytes:
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_790_000_000, "model": model}
    return b"data: " + orjson.dumps(base | fields) + b"\n\n"


def delta(model: str, finish: str | None = None, **content: Any) -> bytes:
    return chunk(model, choices=[{"index": 0, "delta": content, "finish_reason": finish}])


def usage(tokens: int) -> dict[str, Any]:
    return {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": tokens,
        "total_tokens": PROMPT_TOKENS + tokens,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def completion(model: str, *, choices: bool = True) -> bytes:
    message = {"role": "assistant", "content": "Hello.", "refusal": None}
    found = [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}] if choices else []
    answer = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_790_000_000, "model": model}
    return orjson.dumps(answer | {"choices": found, "usage": usage(2)})


def embedding(model: str) -> bytes:
    data = [{"object": "embedding", "index": 0, "embedding": [0.25, -0.5]}]
    counted = {"prompt_tokens": PROMPT_TOKENS, "total_tokens": PROMPT_TOKENS}
    return orjson.dumps({"object": "list", "data": data, "model": model, "usage": counted})


def refusal(status: int) -> bytes:
    return orjson.dumps({"error": {"message": f"status {status}", "type": "x", "code": status, "param": None}})


def _usage_if_asked(seen: Seen, asked: Any) -> bytes | None:
    is_asked = (asked.get("stream_options") or {}).get("include_usage")
    return chunk(seen.model, choices=[], usage=usage(seen.deltas)) if is_asked else None


def _good(seen: Seen, number: int) -> tuple[int, bytes]:
    if seen.path.endswith("/embeddings"):
        return 200, embedding(seen.model)
    return 200, completion(seen.model, choices=number != 0)


def _reset(transport: Any) -> None:
    lingering = struct.pack("ii", 1, 0)  # the kernel then sends RST instead of FIN
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, lingering)
    transport.abort()


_CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
_EVENTS: dict[str, Callable[[Seen, Any], bytes | None]] = {
    "C": lambda seen, asked: b": PROCESSING\n\n",
    "R": lambda seen, asked: delta(seen.model, role="assistant", content=""),
    "T": lambda seen, asked: delta(seen.model, tool_calls=[_CALL]),
    "F": lambda seen, asked: delta(seen.model, "stop"),
    "U": _usage_if_asked,
    "UU": lambda seen, asked: chunk(seen.model, choices=[], usage=usage(seen.deltas)),
    "W": lambda seen, asked: chunk(seen.model, choices=[], usage={"prompt_tokens": 0, "completion_tokens": 0}),
    "E": lambda seen, asked: b'data: {"error":{"code":429,"message":"too many"}}\n\n',
    "bad": lambda seen, asked: b'data: {"choices":[{bro\n\n',
    "odd": lambda seen, asked: b": a\r\n\r\n:b\n\ndata:\r\rid: 7\n\n",
}
_ANSWERS: dict[str, Callable[[Seen, int], tuple[Any, ...]]] = {
    "J": _good,
    "html": lambda seen, number: (200, b"<html>hello</html>", "text/html"),
    "none": lambda seen, number: (200, b""),
    "err": lambda seen, number: (200, b'{"error":{"code":503,"message":"overloaded"}}'),
}
_ENDS: dict[str, Callable[[Any], None]] = {"cut": _reset, "fin": lambda transport: transport.close()}


class _Connection(asyncio.Protocol):
    def __init__(self, server: UpstreamServer) -> None:
        self._server = server
        self._received = b""
        self._current: Seen | None = None
        self._task: asyncio.Task[None] | None = None
        self._can_write = asyncio.Event()
        self._can_write.set()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.number = self._server.connected(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._server.lost(self)
        if self._current is not None:
            self._current.gone.set()
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._can_write.clear()

    def resume_writing(self) -> None:
        self._can_write.set()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, rest = self._received.partition(b"\r\n\r\n")
        if not separator:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            return
        self._received = rest[length:]
        seen = Seen(first.split(" ")[1], headers, rest[:length], self.number)
        self._current = seen
        self._server.add(seen)
        self._task = asyncio.get_running_loop().create_task(self._answer(seen))

    # --- scenarios ---------------------------------------------------------------------------------------------------
    async def _answer(self, seen: Seen) -> None:
        asked = seen.json
        _, is_given, scenario = seen.model.partition("!")
        if not is_given:
            scenario = "H R D6 F U X" if asked.get("stream") else "J"
        self._is_chunked, self._split = True, 0
        for word in scenario.split(" "):
            found = _STEP.fullmatch(word)
            assert found is not None, word
            name, number, more = found[1], int(found[2] or -1), int(found[3] or -1)
            if not await self._step(seen, asked, name, number, more):
                break
        seen.done.set()

    async def _step(self, seen: Seen, asked: Any, name: str, number: int, more: int) -> bool:
        """Carry out a step. Return whether the next one follows."""
        if name in _EVENTS:
            if (event := _EVENTS[name](seen, asked)) is not None:
                await self._send(seen, event)
            return True
        if name in _ENDS:
            _ENDS[name](self.transport)
            return False
        if name in _ANSWERS:
            self._whole(seen, *_ANSWERS[name](seen, number))
            return True
        if name in {"H", "Hclose"}:
            self._head(is_chunked=name == "H")
        elif name == "S":
            headers = f"Retry-After: {more}\r\n" if more >= 0 else ""
            self._whole(seen, number, refusal(number), headers=headers)
        elif name == "X":
            await self._send(seen, b"data: [DONE]\n\n")
            self._end_body()
        elif name == "split":
            self._split = number
        else:
            await self._slowly(seen, name, number, more)
        return True

    async def _slowly(self, seen: Seen, name: str, number: int, more: int) -> None:
        if name == "stall":
            await asyncio.Event().wait()
        elif name == "gate":
            await self._server.gate.wait()
        elif name == "drop":
            while True:
                await self._send(seen, b": PROCESSING\n\n")
                await asyncio.sleep(0.05)
        elif name in {"D", "drip"}:
            for _ in range(max(1, number)):
                await self._send(seen, delta(seen.model, content=WORDS[seen.deltas % len(WORDS)]))
                seen.deltas += 1
                if more > 0:
                    await asyncio.sleep(more / 1_000)
        else:
            raise AssertionError(name)

    def _head(self, *, is_chunked: bool) -> None:
        self._is_chunked = is_chunked
        ending = "Transfer-Encoding: chunked" if is_chunked else "Connection: close"
        self._raw(f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{ending}\r\n\r\n".encode())

    def _end_body(self) -> None:
        if self._is_chunked:
            self._raw(b"0\r\n\r\n")
        else:
            self.transport.close()

    async def _send(self, seen: Seen, data: bytes) -> None:
        size = self._split or len(data)
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            await self._can_write.wait()
            if self.transport.is_closing():
                raise asyncio.CancelledError
            self._raw(b"%x\r\n%b\r\n" % (len(piece), piece) if self._is_chunked else piece)
            seen.sent += piece
            await asyncio.sleep(0)  # so that each piece is a write of its own

    def _whole(
        self, seen: Seen, status: int, body: bytes, kind: str = "application/json", *, headers: str = ""
    ) -> None:
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        self._raw(head.encode() + body)
        seen.sent += body

    def _raw(self, data: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(data)


class UpstreamServer:
    """A server in a thread with a loop of its own."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=2_048)
        self.port: int = self._listening.getsockname()[1]
        self.seen: list[Seen] = []
        self._open: set[_Connection] = set()
        self._numbers = 0
        self._changed = threading.Condition()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._started.wait(PATIENCE_SECONDS)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    # --- for tests ---------------------------------------------------------------------------------------------------
    def models(self) -> list[str]:
        """Return the models that were asked for, in their order."""
        return [each.model for each in self.seen]

    def wait_for(self, number: int) -> Seen:
        """Wait for this many requests, and return the last of them."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.seen) >= number, PATIENCE_SECONDS)
        return self.seen[number - 1]

    def wait_until_left(self) -> None:
        """Wait until no connection is open."""
        with self._changed:
            assert self._changed.wait_for(lambda: not self._open, PATIENCE_SECONDS), len(self._open)

    def open_gate(self) -> None:
        self.loop.call_soon_threadsafe(self.gate.set)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self._end.set)
        self._thread.join(PATIENCE_SECONDS)
        self._listening.close()

    # --- for connections ---------------------------------------------------------------------------------------------
    def add(self, seen: Seen) -> None:
        with self._changed:
            self.seen.append(seen)
            self._changed.notify_all()

    def connected(self, connection: _Connection) -> int:
        with self._changed:
            self._open.add(connection)
            self._numbers += 1
            return self._numbers

    def lost(self, connection: _Connection) -> None:
        with self._changed:
            self._open.discard(connection)
            self._changed.notify_all()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.gate, self._end = asyncio.Event(), asyncio.Event()
        server = await self.loop.create_server(lambda: _Connection(self), sock=self._listening)
        self._started.set()
        await self._end.wait()
        server.close()
        for connection in list(self._open):
            connection.transport.abort()


@contextmanager
def upstream_server() -> Iterator[UpstreamServer]:
    server = UpstreamServer()
    try:
        yield server
    finally:
        server.close()
