from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from gatewayz.run.probe import answers_ok


class Answer(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def is_ready(server: HTTPServer) -> bool:
    return answers_ok("/readyz", host="127.0.0.1", port=server.server_port)


def test_a_server_that_answers_ok_is_ready(server: HTTPServer) -> None:
    assert is_ready(server)


def test_a_server_that_answers_with_an_error_is_not_ready(server: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answer, "status", 503)

    assert not is_ready(server)


def test_a_port_without_a_server_is_not_ready(server: HTTPServer) -> None:
    server.server_close()

    assert not is_ready(server)


def test_a_proxy_for_outgoing_requests_is_not_used(server: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    assert is_ready(server)
