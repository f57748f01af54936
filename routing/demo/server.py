"""The gateways of the demo over HTTP: `http://127.0.0.1:PORT/<gateway>/chat/completions` and `/embeddings`.

Any key is right. A gateway that is to fail answers 503 to everything.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from routing.demo import rules
from routing.demo.rules import Answer

Json = Any

MOST_BYTES = 10 * 1_024 * 1_024
IDLE_SECONDS = 60.0
STATES_USAGE = frozenset({"openrouter"})
"""The gateways whose streams have their usage whether it was asked for or not, as the real ones do."""
_DONE = b"data: [DONE]\n\n"
_OVERLOADED = {"error": {"message": "This gateway of the demo is overloaded, as it is meant to be.", "code": 503}}
_NOT_FOUND = {"error": {"message": "There is nothing at this address.", "code": 404}}
_numbers = itertools.count(1)


class Gateways(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *, failing: Collection[str] = (), pause: float = 0.0) -> None:
        """`failing`: the gateways that are down. `pause`: seconds between two tokens of a stream."""
        self.failing, self.pause = failing, pause
        super().__init__(("127.0.0.1", 0), _Handler)

    def base(self, gateway: str) -> str:
        """Return the value of the setting `<GATEWAY>_INFERENCE_BASE`."""
        return f"http://127.0.0.1:{self.server_port}/{gateway}"


@contextmanager
def gateways(*, failing: Collection[str] = (), pause: float = 0.0) -> Iterator[Gateways]:
    """Run the gateways in threads until the context ends."""
    with Gateways(failing=failing, pause=pause) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Gateways
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), MOST_BYTES))
        _, gateway, path = [*self.path.split("/", 2), "", ""][:3]
        if gateway in self.server.failing:
            return self._whole(503, _OVERLOADED)
        request = json.loads(body)
        if path == "embeddings":
            return self._whole(200, rules.embeddings(request))
        if path != "chat/completions":
            return self._whole(404, _NOT_FOUND)
        found = rules.answer(request)
        head = {"id": f"chatcmpl-demo-{next(_numbers)}", "created": int(time.time()), "model": request.get("model")}
        if request.get("stream"):
            is_asked = bool((request.get("stream_options") or {}).get("include_usage"))
            return self._stream(head, found, has_usage=is_asked or gateway in STATES_USAGE)
        return self._whole(200, completion(head, found))

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing: the terminal belongs to the demo."""

    def _whole(self, status: int, answer: Json) -> None:
        body = json.dumps(answer, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, head: Mapping[str, Json], answer: Answer, *, has_usage: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for chunk in chunks(head, answer, has_usage=has_usage):
                self._piece(b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n")
                time.sleep(self.server.pause)
            self._piece(_DONE)
            self.wfile.write(b"0\r\n\r\n")
        except OSError:  # the client has left
            self.close_connection = True

    def _piece(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))


def completion(head: Mapping[str, Json], answer: Answer) -> Json:
    """Return an answer in one piece."""
    message: Json = {"role": "assistant", "content": answer.text if answer.call is None else None, "refusal": None}
    if answer.call is not None:
        message["tool_calls"] = [_call(head, answer.call.name, answer.call.arguments)]
    choice = {"index": 0, "message": message, "finish_reason": answer.finish_reason, "logprobs": None}
    return {**head, "object": "chat.completion", "choices": [choice], "usage": answer.usage}


def chunks(head: Mapping[str, Json], answer: Answer, *, has_usage: bool) -> Iterator[Json]:
    """Yield the chunks of a stream."""
    head = {**head, "object": "chat.completion.chunk"}
    for delta in _deltas(head, answer):
        yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": answer.finish_reason}]}
    if has_usage:
        yield {**head, "choices": [], "usage": answer.usage}


def _deltas(head: Mapping[str, Json], answer: Answer) -> Iterator[Json]:
    if answer.call is None:
        yield {"role": "assistant", "content": ""}
        for piece in answer.pieces:
            yield {"content": piece}
        return
    begun = {"index": 0, **_call(head, answer.call.name, "")}
    yield {"role": "assistant", "content": None, "tool_calls": [begun]}
    for piece in rules.pieces(answer.call.arguments):
        yield {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}


def _call(head: Mapping[str, Json], name: str, arguments: str) -> Json:
    return {"id": f"call_{head['id']}", "type": "function", "function": {"name": name, "arguments": arguments}}
