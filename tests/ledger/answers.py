"""Asks the service, and records the parts of each answer that must stay the same.

These parts are left out or replaced, because they differ between two equal answers:
- the request id, wherever it occurs, and tokens against forged requests (CSRF);
- `ETag` and `Content-Length` if they follow from the body, which has its own hash;
- the bytes of a compressed body, which depend on the library: the hash is that of the decompressed body;
- the length of an error that a HEAD gets and a GET does not get;
- the time when a static file was written to the disk;
- the samples of `/metrics` and its length: only the names and descriptions are recorded.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import brotli

from tests.ledger.book import Bodies, Book, Entry, digest
from tests.ledger.request import Request
from tests.ledger.service import Application

Json = Any

SENTENCES = frozenset({"detail", "reason", "message", "description", "summary"})
"""The keys whose texts are prose, in the media types below."""
_WITH_SENTENCES = ("application/problem+json", "application/vnd.oai.openapi+json")
_UNPACK = {"br": brotli.decompress, "gzip": gzip.decompress}
_TOKENS = re.compile(rb'(?<=name="csrfmiddlewaretoken" value=")\w+')
_COOKIE = re.compile(r"\bcsrftoken=\w+")


class Unsteady(Exception):
    """The same request got two different answers."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: str
    headers: tuple[tuple[str, str], ...]
    """The headers, with names in lower case."""
    body: bytes

    def header(self, name: str) -> str:
        """Return "" if the answer has no such header."""
        return next((value for known, value in self.headers if known == name), "")


def entries(requests: Sequence[Request], application: Application, bodies: Bodies) -> Book:
    """Ask all requests. Raises Unsteady if repeating a public read gives another answer."""
    ordered = sorted(requests, key=lambda request: request.method == "POST")  # a run that begins must not change a read
    found = {request: _entry(request, application, bodies) for request in ordered}
    return {str(request): found[request] for request in requests}


def _entry(request: Request, application: Application, bodies: Bodies) -> Entry:
    base = ask(request.base, application) if request.base != request else None
    answer = ask(request, application, etag=base.header("etag") if base else "")
    noted = _noted(request, answer, base or answer)
    if request.is_public_read:
        again = ask(request, application, etag=base.header("etag") if base else "")
        if _noted(request, again, base or again) != noted:
            raise Unsteady(str(request))
    headers, body = noted
    structure = without_sentences(body) if answer.header("content-type") in _WITH_SENTENCES else None
    kept = bodies.keep(body)
    return Entry(answer.status, headers, kept, digest(structure) if structure is not None else "")


def ask(request: Request, application: Application, *, etag: str = "") -> Answer:
    started: list[Any] = []
    chunks = application(request.environ(etag=etag), lambda *given: started.extend(given))
    try:
        body = b"".join(chunks)
    finally:
        if (close := getattr(chunks, "close", None)) is not None:
            close()
    status, headers = started[:2]
    return Answer(status.partition(" ")[0], tuple((name.lower(), value) for name, value in headers), body)


def _noted(request: Request, answer: Answer, base: Answer) -> tuple[str, bytes]:
    """Return the headers and the body without what differs between two equal answers."""
    replaced = {
        "x-request-id": (answer.header("x-request-id"), "<request id>"),
        "etag": (f'"{hashlib.sha256(base.body).hexdigest()[:32]}"', "<hash of the body>"),
        "content-length": (str(len(base.body)), "<length of the body>"),
    }
    headers = []
    for name, value in answer.headers:
        wanted, short = replaced.get(name, ("", ""))
        headers.append((name, short if wanted and value == wanted else _COOKIE.sub("csrftoken=<token>", value)))
    left_out = _left_out(request, answer)
    headers = [header for header in headers if header[0] not in left_out]
    return " | ".join(f"{name}: {value}" for name, value in sorted(headers)), _noted_body(request, answer)


def _left_out(request: Request, answer: Answer) -> frozenset[str]:
    """Return the names of the headers that are not recorded."""
    if request.path.startswith("/static/"):
        return frozenset({"etag", "last-modified"})
    is_other_error = request.method == "HEAD" and answer.status == "405"  # its body names the method
    return frozenset({"content-length"} if is_other_error or request.path == "/metrics" else ())


def _noted_body(request: Request, answer: Answer) -> bytes:
    encoding = answer.header("content-encoding")
    body = _UNPACK[encoding](answer.body) if encoding and answer.body else answer.body
    if request_id := answer.header("x-request-id"):
        body = body.replace(request_id.encode(), b"<request id>")
    if request.path.startswith("/metrics") and answer.status == "200":
        return b"\n".join(line for line in body.splitlines() if line.startswith(b"#"))
    return _TOKENS.sub(b"<token>", body)


def without_sentences(body: bytes) -> bytes:
    """Return the JSON with empty texts instead of prose."""
    return json.dumps(_emptied(json.loads(body))).encode() if body else b""


def _emptied(value: Json) -> Json:
    if isinstance(value, list):
        return [_emptied(part) for part in value]
    if not isinstance(value, dict):
        return value
    return {name: "" if name in SENTENCES and isinstance(part, str) else _emptied(part) for name, part in value.items()}
