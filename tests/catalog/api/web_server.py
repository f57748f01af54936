"""The front as a web server on 127.0.0.1, for clients that bring their own HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from django.core.wsgi import get_wsgi_application

from catalog.memory import following
from catalog.routes import routes
from front.counts import Counts
from front.django import WsgiDjango
from front.front import Front
from front.wsgi import WsgiShell


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[str]:
    """Answers from the snapshot of this process; yields the address, without a slash at its end."""
    django = WsgiDjango(get_wsgi_application())
    front = WsgiShell(Front(django, counts=Counts(), routes=routes, keys=following.FOLLOWER.keys))
    with make_server("127.0.0.1", 0, front, server_class=_Server, handler_class=_Silent) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
