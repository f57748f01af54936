"""Django's test client with the front before Django, so that tests of views are tests of the front too."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http.cookies import SimpleCookie
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from django.test import Client
from django.test.client import ClientHandler

from catalog.memory import following
from catalog.routes import routes
from front.counts import Counts
from front.django import WsgiDjango
from front.front import Front
from front.wsgi import WsgiShell


class FrontClient(Client):
    """Every request is the first one to a new front: nothing is cached or limited."""

    def __init__(self) -> None:
        super().__init__()
        self.handler = FrontHandler(self.handler.enforce_csrf_checks)


class FrontHandler(ClientHandler):
    def __call__(self, environ: dict[str, Any]) -> Any:
        front = Front(WsgiDjango(self._django), counts=Counts(), routes=routes, keys=following.FOLLOWER.keys)
        started: list[Any] = []
        body = b"".join(WsgiShell(front)(environ, lambda *given: started.extend(given)))
        status, headers = started
        response = HttpResponse(body, status=int(status[:3]), reason=status[4:])
        del response["Content-Type"]
        cookies: SimpleCookie = SimpleCookie()
        for name, value in headers:
            if name.lower() == "set-cookie":
                cookies.load(value)
            else:
                response[name] = value
        response.cookies = cookies
        response.wsgi_request = WSGIRequest(environ)  # type: ignore[attr-defined]  # as ClientHandler does
        return response

    def _django(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        response = super().__call__(environ)
        headers = [*response.items(), *(("Set-Cookie", each.OutputString()) for each in response.cookies.values())]
        start_response(f"{response.status_code} {response.reason_phrase}", headers)
        return [response.getvalue()]
