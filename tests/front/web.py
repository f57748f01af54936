"""A serving process without its web server. A folder that uses it has `one_connection` in its conftest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from wsgiref.util import setup_testing_defaults

import orjson
import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from catalog.memory import following
from catalog.routes import routes
from front.counts import Counts
from front.django import Application, WsgiDjango
from front.front import Front
from front.routes import Usage
from front.wsgi import WsgiShell


@dataclass
class Answered:
    status: str
    headers: list[tuple[str, str]]
    body: bytes

    def __getitem__(self, name: str) -> str | None:
        found = [value for each, value in self.headers if each.lower() == name.lower()]
        assert len(found) <= 1
        return found[0] if found else None

    @property
    def lasting(self) -> tuple[str, list[tuple[str, str]], bytes]:
        """The answer without the id of its request."""
        return self.status, [header for header in self.headers if header[0] != "X-Request-ID"], self.body

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass
class Web:
    application: Application | None = None
    """What the front passes requests to. Default: Django."""
    counts: Counts = field(default_factory=Counts)
    asked_django: list[str] = field(default_factory=list)
    usage: Usage | None = None
    """Where answers are counted. Default: nowhere."""
    environs: list[dict[str, Any]] = field(default_factory=list)
    """The WSGI environ of each request that Django received."""

    def __post_init__(self) -> None:
        behind = self.application or WSGIHandler()

        def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            self.asked_django.append(environ["PATH_INFO"])
            self.environs.append(dict(environ))
            return behind(environ, start_response)

        self.front = Front(
            WsgiDjango(application),
            counts=self.counts,
            routes=routes,
            keys=following.FOLLOWER.keys,
            usage=self.usage,
        )
        self.shell = WsgiShell(self.front)

    def ask(self, path: str, query: str = "", *, method: str = "GET", body: bytes = b"", **headers: str) -> Answered:
        environ: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query}
        environ |= {"HTTP_HOST": "localhost", "REMOTE_ADDR": "192.0.2.1", "wsgi.input": BytesIO(body), **headers}
        if body:
            environ.setdefault("CONTENT_LENGTH", str(len(body)))
        setup_testing_defaults(environ)
        started: list[Any] = []
        chunks = self.shell(environ, lambda *given: started.extend(given))
        content = b"".join(chunks)
        if (close := getattr(chunks, "close", None)) is not None:  # as a web server does
            close()
        return Answered(started[-2], started[-1], content)


@pytest.fixture
def one_connection() -> Iterator[None]:
    """Keep the connection open: Django would close it after each request, and so end the transaction of the test."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)
