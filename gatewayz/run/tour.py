"""The tour of `make demo`: requests to models, each shown as the command that repeats it, then what came back."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

Json = Any

FAILING, ANSWERING = "openrouter", "portkey"
"""The gateway that is down, and the one that answers. Both list prices by tokens, so costs can be computed."""
MODEL = "deepseek/deepseek-r1"
QUESTION = "How does a request find its gateway?"
SECONDS = 30.0
STORED_SECONDS = 15.0
"""How long the rows of the ledger may take into the database."""
_JSON = "application/json"
_HEADERS = ("Gatewayz-Offer", "Gatewayz-Attempts", "Gatewayz-Cost")
_USAGE = ("requests", "attempts", "absorbed", "input_tokens", "output_tokens", "cost_usd", "unpriced")


class Unexpected(Exception):
    """The service did not answer as it should; the message says what it did instead."""


@dataclass(frozen=True, slots=True)
class Tour:
    url: str
    """The address of the service, without a slash at its end."""
    key: str
    write: Callable[[str], None]
    """Takes a text that may be less than a line."""

    def run(self) -> None:
        """Raise Unexpected, or OSError or HTTPException if the service cannot be reached."""
        self.write(f"\n--- A tour. To repeat it in another terminal:\n\n  export KEY={self.key}\n")
        self._stream()
        self._fall_back()
        self._route()
        self._usage()

    # --- stops -------------------------------------------------------------------------------------------------------
    def _stream(self) -> None:
        self._title("1. A streamed answer, and its cost")
        body = {**_asking(only=[ANSWERING]), "stream": True}
        self._command("/v1/chat/completions", body, options="-N")
        self.write("  ")
        with closing(self._connection()) as connection:
            answer = self._send(connection, "/v1/chat/completions", body)
            for line in _lines(answer):
                self._streamed(line)
        self._shown(answer.headers.items())

    def _streamed(self, line: str) -> None:
        if line.startswith(": gatewayz-cost "):
            self.write(f"\n\n  {line}    (US dollars)\n")
        elif line.startswith("data: {"):
            choices = json.loads(line.removeprefix("data: "))["choices"]
            self.write("".join(choice["delta"].get("content") or "" for choice in choices))

    def _fall_back(self) -> None:
        self._title(f"2. A fallback: {FAILING} is down in this demo, so {ANSWERING} answers")
        body = _asking(order=[FAILING, ANSWERING])
        self._command("/v1/chat/completions", body, options="-i")
        with closing(self._connection()) as connection:
            answer = self._send(connection, "/v1/chat/completions", body)
            found = json.loads(answer.read())
        self.write(f"  {found['choices'][0]['message']['content']}\n\n")
        self._shown(answer.headers.items())

    def _route(self) -> None:
        self._title("3. Where a request would go, without sending it")
        body = {"model": MODEL, "max_tokens": 1_000, "provider": {"sort": "price"}}
        self._command("/v1/route", body)
        with closing(self._connection()) as connection:
            found = json.loads(self._send(connection, "/v1/route", body).read())
        for number, each in enumerate(found["candidates"], start=1):
            cost = each["expected_cost_usd"] or each["why_no_cost"]
            self.write(f"  {number}. {each['gateway']}/{each['id']}: {cost} USD expected. {each['reason']}\n")

    def _usage(self) -> None:
        self._title("4. What it cost")
        self.write(f'  curl {self.url}/v1/usage -H "Authorization: Bearer $KEY"\n\n')
        total = self._stored_usage(requests=2)
        for name in _USAGE:
            self.write(f"  {name:14} {total[name]}\n")

    def _stored_usage(self, *, requests: int) -> Json:
        """Wait until so many requests are stored, and return the sums."""
        give_up_at = time.monotonic() + STORED_SECONDS
        while True:
            with closing(self._connection()) as connection:
                total = json.loads(self._send(connection, "/v1/usage", None).read())["total"]
            if total["requests"] >= requests:
                return total
            if time.monotonic() > give_up_at:
                raise Unexpected(f"/v1/usage has {total['requests']} of {requests} requests")
            time.sleep(0.2)

    # --- requests ----------------------------------------------------------------------------------------------------
    def _connection(self) -> http.client.HTTPConnection:
        address = urlsplit(self.url)
        return http.client.HTTPConnection(address.hostname or "", address.port, timeout=SECONDS)

    def _send(self, connection: http.client.HTTPConnection, path: str, body: Json) -> http.client.HTTPResponse:
        headers = {"Authorization": f"Bearer {self.key}", "Accept": _JSON}
        if body is None:
            connection.request("GET", path, headers=headers)
        else:
            connection.request("POST", path, json.dumps(body), {**headers, "Content-Type": _JSON})
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise Unexpected(f"{path} answered {answer.status}: {answer.read().decode(errors='replace')[:1_000]}")
        return answer

    # --- text --------------------------------------------------------------------------------------------------------
    def _title(self, words: str) -> None:
        self.write(f"\n--- {words}\n\n")

    def _command(self, path: str, body: Json, *, options: str = "") -> None:
        shown = json.dumps(body).replace("'", "'\\''")
        lines = [
            f"curl {options + ' ' if options else ''}{self.url}{path}",
            '-H "Authorization: Bearer $KEY" -H "Content-Type: application/json"',
            f"-d '{shown}'",
        ]
        self.write("  " + " \\\n    ".join(lines) + "\n\n")

    def _shown(self, headers: Iterable[tuple[str, str]]) -> None:
        found = {name.lower(): value for name, value in headers}
        for name in _HEADERS:
            if name.lower() in found:
                self.write(f"  {name}: {found[name.lower()]}\n")


def _asking(**provider: Json) -> dict[str, Json]:
    messages = [{"role": "user", "content": QUESTION}]
    return {"model": MODEL, "max_tokens": 200, "messages": messages, "provider": provider}


def _lines(answer: http.client.HTTPResponse) -> Iterator[str]:
    for line in answer:
        yield line.decode().rstrip("\n")
