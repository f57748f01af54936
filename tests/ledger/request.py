"""One request of the ledger, and its line in the file.

    GET /catalog/models?limit=2 | accept-encoding: gzip
    POST /catalog/estimate | content-type: application/json | body: {"workload": {"requests": 1}}

Parts are separated by ` | `. The body comes last, with backslash escapes for bytes that are not printable ASCII.
`{etag}` in a header means the ETag of the same GET without conditions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

ETAG = "{etag}"
_SEPARATOR = " | "
_BODY = "body: "
_CONDITIONS = frozenset({"if-none-match", "if-match", "if-modified-since"})
_CREDENTIALS = frozenset({"authorization", "x-api-key", "cookie"})


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    """Path and query as in the request line, so percent-encoded."""
    headers: tuple[tuple[str, str], ...] = ()
    """The headers, with names in lower case. Defaults: `host` is localhost, `content-length` follows the body."""
    body: bytes = b""

    @classmethod
    def parse(cls, line: str) -> Request:
        """Raises ValueError if the line is not a request."""
        head, found, escaped = line.partition(_SEPARATOR + _BODY)
        first, *others = head.split(_SEPARATOR)
        method, target = first.split(" ")
        headers = tuple((name, value) for name, _, value in (part.partition(": ") for part in others))
        return cls(method, target, headers, _unescaped(escaped) if found else b"")

    def __str__(self) -> str:
        parts = [f"{self.method} {self.target}", *(f"{name}: {value}" for name, value in self.headers)]
        return _SEPARATOR.join([*parts, *([_BODY + _escaped(self.body)] if self.body else [])])

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def base(self) -> Request:
        """The unconditional GET for a HEAD or a conditional request; for other requests, the request itself."""
        if self.method not in {"GET", "HEAD"}:
            return self
        return replace(self, method="GET", headers=tuple(h for h in self.headers if h[0] not in _CONDITIONS))

    @property
    def is_public_read(self) -> bool:
        return self.method in {"GET", "HEAD"} and _CREDENTIALS.isdisjoint(name for name, _ in self.headers)

    def environ(self, *, etag: str) -> dict[str, Any]:
        """Return the WSGI environ that a server makes of the request."""
        path, _, query = self.target.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "192.0.2.1",
            "HTTP_HOST": "localhost",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(self.body),
            "wsgi.errors": None,
            "wsgi.multithread": False,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }
        if self.body:
            environ["CONTENT_LENGTH"] = str(len(self.body))
        for name, value in self.headers:
            key = name.upper().replace("-", "_")
            plain = key in {"CONTENT_TYPE", "CONTENT_LENGTH"}
            environ[key if plain else f"HTTP_{key}"] = value.replace(ETAG, etag)
        return environ


def _escaped(body: bytes) -> str:
    return body.decode("latin-1").encode("unicode_escape").decode("ascii")


def _unescaped(text: str) -> bytes:
    return text.encode("ascii").decode("unicode_escape").encode("latin-1")
