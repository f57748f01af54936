"""A request as the front reads it, whichever server received it.

Text of a request has one character for each byte (latin-1), as in WSGI: nothing is lost, and nothing has to be valid.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

_PROCESS = os.urandom(12).hex()
_numbers = itertools.count(1)
_ONCE = frozenset({"host", "content-length"})
"""Headers that mean something else to each reader if they are repeated."""


class Malformed(Exception):
    """The request may mean different things to different readers of it. The message names what is wrong."""


def _new_id() -> str:
    """Return 32 hexadecimal digits: always new ones, because a client's own would be written into the logs."""
    return f"{_PROCESS}{next(_numbers) & 0xFFFFFFFF:08x}"


@dataclass(slots=True, eq=False)
class Request:
    method: str
    path: str
    """Percent-decoded."""
    query: str
    headers: Mapping[str, str]
    """By their names in lower case. The values of repeated ones are joined by commas."""
    scheme: str = "http"
    peer: str = ""
    """The address at the other end of the connection; empty if it has none."""
    http_version: str = "1.1"
    id: str = field(default_factory=_new_id)
    began: float = field(default_factory=time.perf_counter)

    @property
    def is_read(self) -> bool:
        """Whether it asks for an answer and sends no body."""
        return self.method in {"GET", "HEAD"} and not self.has_body

    @property
    def has_body(self) -> bool:
        return self.headers.get("content-length", "0") != "0" or "transfer-encoding" in self.headers

    def with_length(self, length: int) -> None:
        """Announce the length of a body that was read whole: one in chunks has none."""
        if "transfer-encoding" not in self.headers and self.length == length:
            return
        others = {name: value for name, value in self.headers.items() if name != "transfer-encoding"}
        self.headers = {**others, "content-length": str(length)}

    @property
    def length(self) -> int | None:
        """The length of the body in bytes, as the client announced it; None if it did not."""
        announced = self.headers.get("content-length", "")
        return int(announced) if announced.isdecimal() else None


def of_scope(scope: Mapping[str, Any]) -> Request:
    """Return the request of an ASGI scope. Raise Malformed."""
    return of_parts(
        scope["headers"],
        method=scope["method"],
        raw_path=scope["raw_path"],
        query=scope["query_string"],
        scheme=scope["scheme"],
        peer=scope["client"][0] if scope["client"] else "",
        http_version=scope["http_version"],
    )


def of_parts(
    headers: Iterable[tuple[bytes, bytes]],
    *,
    method: str,
    raw_path: bytes,
    query: bytes,
    scheme: str,
    peer: str,
    http_version: str,
) -> Request:
    """Return the request that was received in these bytes. Raise Malformed."""
    found = headers_of(headers)
    if "host" not in found and http_version != "1.0":
        raise Malformed("The request has no Host header.")
    if "content-length" in found and "transfer-encoding" in found:
        raise Malformed("The request has both Content-Length and Transfer-Encoding.")
    if not raw_path.startswith(b"/"):
        raise Malformed("The target of the request is neither a path nor an address.")
    if found.get("transfer-encoding", "chunked").strip().lower() != "chunked":
        raise Malformed("The only Transfer-Encoding that is read is chunked.")
    return Request(
        method=method,
        path=(unquote_to_bytes(raw_path) if b"%" in raw_path else raw_path).decode("latin-1"),
        query=query.decode("latin-1"),
        headers=found,
        scheme=scheme,
        peer=peer,
        http_version=http_version,
    )


def headers_of(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the headers by name; `pairs` has the names in lower case. Raise Malformed.

    A name with an underscore is dropped: WSGI could not distinguish it from the name with a hyphen, which a proxy sets.
    """
    found: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if name not in found:
            found[name] = value
        elif name not in _ONCE:
            found[name] += (";" if name == "cookie" else ",") + value
        elif name == "host" or value != found[name]:
            raise Malformed(f"The request has several {name.title()} headers.")
    if "_" in "".join(found):
        return {name: value for name, value in found.items() if "_" not in name}
    return found
