"""One contract for all servers: uvicorn with our protocol, uvicorn with its own, and WSGI where it applies."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import threading
from collections.abc import Callable, Collection, Iterator
from typing import Any

import pytest
import uvicorn
from pytest_django.fixtures import Settings
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from access.keys import Key
from front import asgi, front, pool, protocol
from front.counts import Counts, Cut, Source, Unavailable
from front.replies import Lane, Output, Push, Reply
from front.requests import Request
from front.wsgi import WsgiShell
from tests.front.servers import (
    PATIENCE_SECONDS,
    PROTOCOLS,
    Behind,
    Got,
    Served,
    ask_wsgi,
    front_of,
    request_bytes,
    serving,
)


@pytest.fixture(autouse=True)
def configured(settings: Settings) -> None:
    settings.RATE_LIMIT_PER_MINUTE = 0
    settings.FRONT_MISSES = True
    settings.ALLOWED_HOSTS = ["localhost", "[::1]", "other.example"]


@pytest.fixture(params=sorted(PROTOCOLS))
def served(request: pytest.FixtureRequest, configured: None) -> Iterator[Served]:
    with serving(request.param) as found:
        yield found


@pytest.fixture
def ours(configured: None) -> Iterator[Served]:
    """A server with our protocol, for what uvicorn's own does not do."""
    with serving("protocol") as found:
        yield found


# --- answers of other services ---------------------------------------------------------------------------------------
class Pieces:
    """A pushed body: one piece at first; the test pushes the others from its own thread."""

    def __init__(self) -> None:
        self.left, self.paused, self.resumed = threading.Event(), threading.Event(), threading.Event()

    def begin(self, output: Output) -> None:
        self.output, self._loop = output, asyncio.get_running_loop()
        output.write(b"piece")

    def do(self, work: Callable[[Output], None]) -> None:
        self._loop.call_soon_threadsafe(work, self.output)

    def pause(self) -> None:
        self.paused.set()

    def resume(self) -> None:
        self.resumed.set()

    def leave(self) -> None:
        self.left.set()


class Running:
    """Implements `Inference`: answers when the test says so, or never."""

    paths: Collection[str] = frozenset({"/run"})
    most_bytes: int = 200_000

    def __init__(self) -> None:
        self.began, self.left, self.closed = threading.Event(), threading.Event(), threading.Event()
        self.pieces = Pieces()

    def refuse(self, request: Request, key: Key | None) -> Reply | None:
        return None if request.method == "POST" else Reply(405, [("Allow", "POST")], b"no", Source.INFERENCE)

    async def answer(self, request: Request, key: Key | None, body: bytes) -> Reply | Push:
        if body == b"stream":
            return Push([("Content-Type", "text/plain")], self.pieces, 200, Source.INFERENCE)
        if body != b"wait":
            return Reply(200, [("X-Cookie", request.headers.get("cookie", ""))], body, Source.INFERENCE)
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.left.set()
        raise AssertionError

    def drain(self) -> None:
        return None

    async def close(self) -> None:
        self.closed.set()


@pytest.mark.parametrize("shell", sorted(PROTOCOLS))
def test_an_application_gets_requests_with_their_credentials_and_refuses_before_the_body(shell: str) -> None:
    running = Running()
    with serving(shell, inference=running) as served:
        client = served.connect()
        got = client.ask("/run", method="POST", body=b"x" * 150_000, cookie="a=1")
        assert (got.status, got.body, got["x-cookie"]) == (200, b"x" * 150_000, "a=1")
        assert got["x-content-type-options"] == "nosniff"
        assert client.ask("/run", method="PUT", body=b"wait").status == 405
        assert client.ask("/run", method="POST", content_length="200001").status == 413
        assert served.connect().ask("/quick").status == 200
    assert running.closed.wait(PATIENCE_SECONDS)


@pytest.mark.parametrize("body", [b"wait", b"stream"])
@pytest.mark.parametrize("shell", sorted(PROTOCOLS))
def test_a_client_that_leaves_ends_what_an_application_does_for_it(shell: str, body: bytes) -> None:
    running = Running()
    with serving(shell, inference=running) as served:
        client = served.connect()
        client.send(request_bytes("/run", method="POST", body=body))
        if body == b"stream":
            client.head()
            assert client.chunk() == b"piece"
        else:
            assert running.began.wait(PATIENCE_SECONDS)
        client.close()
        assert (running.pieces.left if body == b"stream" else running.left).wait(PATIENCE_SECONDS)


@pytest.mark.parametrize("shell", sorted(PROTOCOLS))
def test_an_application_and_others_answer_one_pipeline_in_its_order(shell: str) -> None:
    with serving(shell, inference=Running()) as served:
        client = served.connect()
        asked = [request_bytes("/run", method="POST", body=name) for name in (b"a", b"b", b"c")]
        client.send(asked[0] + request_bytes("/quick") + asked[1] + asked[2] + request_bytes("/django"))
        assert [client.answer().body for _ in range(4)][::2] == [b"a", b"b"]
        assert client.answer().status == 200
        client.send(request_bytes("/run", method="POST", expect="100-continue", content_length="3"))
        assert client.head()[0] == 100
        client.send(b"d!!")
        assert client.answer().body == b"d!!"
        client.send(request_bytes("/run", method="POST", body=b"last").replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert client.answer().body == b"last"
        assert client.is_closed


@pytest.mark.parametrize("shell", sorted(PROTOCOLS))
def test_a_pushed_body_pauses_for_a_slow_client_and_ends_whole_or_not_at_all(shell: str) -> None:
    running = Running()
    with serving(shell, inference=running) as served:
        client = served.connect()
        client.send(request_bytes("/run", method="POST", body=b"stream"))
        client.head()
        assert client.chunk() == b"piece"
        pieces, large = running.pieces, b"x" * 20_000_000
        pieces.do(lambda output: output.write(large))
        assert pieces.paused.wait(PATIENCE_SECONDS)
        read = 0
        while read < len(large):
            read += len(client.chunk())
        assert pieces.resumed.wait(PATIENCE_SECONDS)
        pieces.do(lambda output: output.end(b"last"))
        assert (client.chunk(), client.chunk()) == (b"last", b"")
        pieces.do(lambda output: output.write(b"dropped"))
        client.send(request_bytes("/run", method="POST", body=b"stream"))  # the connection is kept
        assert client.head()[0] == 200
        assert client.chunk() == b"piece"
        pieces.do(lambda output: output.break_off())
        assert client.rest() == b""
        assert not pieces.left.is_set()


# --- the same answers ------------------------------------------------------------------------------------------------
SAME: dict[str, dict[str, Any]] = {
    "page": {"target": "/quick?a=1"},
    "HEAD": {"target": "/quick?a=1", "method": "HEAD"},
    "gzip": {"target": "/quick", "accept_encoding": "gzip"},
    "br": {"target": "/quick", "accept_encoding": "gzip, br"},
    "304": {"target": "/quick", "if_none_match": "*"},
    "preflight": {
        "target": "/quick",
        "method": "OPTIONS",
        "origin": "https://site.example",
        "access_control_request_method": "GET",
    },
    "wrong host": {"target": "/quick", "host": "evil.example"},
    "GET of Django": {"target": "/django?x=%20"},
    "HEAD of Django": {"target": "/django", "method": "HEAD"},
    "OPTIONS of Django": {"target": "/django", "method": "OPTIONS"},
    "not acceptable": {"target": "/quick", "accept": "image/png"},
    "POST": {"target": "/django", "method": "POST", "body": b"a body"},
    "GET with a body": {"target": "/quick", "body": b"a body"},
    "413": {"target": "/django", "method": "POST", "content_length": "99999999"},
    "wrong minimum": {"target": "/quick", "gatewayz_min_revision": "x"},
    "behind": {"target": "/quick", "gatewayz_min_revision": "99"},
    "minimum": {"target": "/quick", "gatewayz_min_revision": "5"},
}


@pytest.mark.parametrize("name", SAME)
def test_all_servers_send_the_same_answers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "WAIT_SECONDS", 0.01)
    question = dict(SAME[name])
    target = question.pop("target")
    # The counts of a request are no part of its answer, so each server answers it twice: made, and cached.
    answers: list[Got] = []
    for shell in PROTOCOLS:
        with serving(shell) as served:
            answers += [served.connect().ask(target, **question) for _ in range(2)]
    wsgi = WsgiShell(front_of(Behind(), counts=Counts()))
    answers += [ask_wsgi(wsgi, target, **question) for _ in range(2)]
    assert [got.lasting for got in answers] == [answers[0].lasting] * 6


def test_all_servers_limit_clients(settings: Settings) -> None:
    settings.RATE_LIMIT_PER_MINUTE = 1
    refused: list[Got] = []
    for shell in PROTOCOLS:
        with serving(shell) as served:
            client = served.connect()
            assert client.ask("/quick").status == 200
            refused.append(client.ask("/quick"))
            assert client.ask("/livez").status == 200
    wsgi = WsgiShell(front_of(Behind(), counts=Counts()))
    ask_wsgi(wsgi, "/quick")
    refused.append(ask_wsgi(wsgi, "/quick"))
    for got in refused:
        assert (got.status, got["retry-after"] is not None, got["ratelimit"] is not None) == (429, True, True)
    names = [[name for name, _ in got.lasting[1]] for got in refused]
    assert names == [names[0]] * 3


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/a%2Fb", "/a/b"),
        ("/a%252Fb", "/a%2Fb"),
        ("/a%FFb", "/a\xffb"),
        ("/%C3%A9", "/\xc3\xa9"),
        ("//evil.example/x", "//evil.example/x"),
        ("/a//b/../c", "/a//b/../c"),
        ("/a;b=c", "/a;b=c"),
        ("/%", "/%"),
    ],
)
def test_paths_are_decoded_once_and_not_changed_otherwise(served: Served, target: str, path: str) -> None:
    assert served.connect().ask(target).json["path"] == path


# --- hostile bytes ---------------------------------------------------------------------------------------------------
CHUNKED = b"5\r\nhello\r\n0\r\n\r\n"
MALFORMED = {
    "CL with TE": b"POST /d HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "TE with CL": b"POST /d HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
    "two lengths": b"POST /d HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "two hosts": b"GET /d HTTP/1.1\r\nHost: localhost\r\nHost: other.example\r\n\r\n",
    "two equal hosts": b"GET /quick HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
    "no host": b"GET /quick HTTP/1.1\r\n\r\n",
    "obs-fold": b"GET /d HTTP/1.1\r\nHost: localhost\r\nX-Value: a\r\n b\r\n\r\n",
    "bare LF": b"GET /d HTTP/1.1\nHost: localhost\n\n",
    "bare CR": b"GET /d HTTP/1.1\r\nHost: localhost\r\nX-Value: a\rb\r\n\r\n",
    "NUL in the target": b"GET /d\0x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "byte above 0x7F in the target": b"GET /d\xe9 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "NUL in a header": b"GET /d HTTP/1.1\r\nHost: localhost\r\nX-Value: a\0b\r\n\r\n",
    "space before the colon": b"GET /d HTTP/1.1\r\nHost : localhost\r\n\r\n",
    "asterisk": b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "CONNECT": b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n",
    "gzip, chunked": b"POST /d HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" + CHUNKED,
    "chunked, gzip": b"POST /d HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, gzip\r\n\r\n" + CHUNKED,
    "chunked twice": b"POST /d HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    "negative length": b"POST /d HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "bad chunk": b"POST /d HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_could_mean_two_things_is_refused_and_the_connection_closed(served: Served, name: str) -> None:
    client = served.connect()
    client.send(MALFORMED[name])
    got = client.answer()
    assert (got.status, got["connection"]) == (400, "close")
    assert client.is_closed
    assert served.behind.calls == []


def test_refusals_of_our_protocol_are_problem_documents_with_an_id(ours: Served) -> None:
    for name, request in MALFORMED.items():
        client = ours.connect()
        client.send(request)
        got = client.answer()
        assert got.json["status"] == 400, name
        assert got["x-request-id"] == got.json["request_id"], name


def test_header_bytes_above_0x7f_reach_django_as_they_are(served: Served) -> None:
    assert served.connect().ask("/d", x_value="\xe9\xff").json["value"] == "\xe9\xff"


def test_header_names_with_underscores_are_dropped(served: Served) -> None:
    client = served.connect()
    client.send(b"GET /d HTTP/1.1\r\nHost: localhost\r\nX_Value: evil\r\nX-Other: 1\r\n\r\n")
    assert client.answer().json["names"] == ["x-other"]


@pytest.mark.parametrize("path", ["/quick", "/django"])
@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("http://localhost{}", 200),
        ("http://localhost:8000{}", 200),
        ("http://[::1]:8000{}", 200),
        ("http://evil.example{}", 400),
    ],
)
def test_the_host_of_an_absolute_target_counts(ours: Served, target: str, status: int, path: str) -> None:
    assert ours.connect().ask(target.format(path), host="other.example").status == status


def test_the_host_of_an_absolute_target_counts_behind_another_request(ours: Served) -> None:
    client = ours.connect()
    client.send(request_bytes("/wait"))
    ours.behind.wait_until_entered()
    client.send(request_bytes("http://evil.example/d") + request_bytes("http://other.example/d"))
    ours.behind.released.set()
    assert client.answer().status == 200
    assert client.answer().status == 400
    assert client.answer().json["host"] == "other.example"


@pytest.mark.parametrize("target", ["http://localhost", "http://localhost?a=1"])
def test_an_absolute_target_without_a_path_means_the_root(ours: Served, target: str) -> None:
    got = ours.connect().ask(target)
    assert (got.status, got.json["path"], got.json["query"]) == (200, "/", target.partition("?")[2])


@pytest.mark.parametrize(
    "head",
    [
        b"X-Value: " + b"a" * 500_000 + b"\r\n\r\n",
        b"X-Value: 1\r\n" * 50_000 + b"\r\n",
        b"X-Value: " + b"a" * 500_000,  # without an end
    ],
)
def test_heads_of_500_kilobytes_are_refused(ours: Served, head: bytes) -> None:
    client = ours.connect()
    client.send(b"GET /quick HTTP/1.1\r\nHost: localhost\r\n" + head)
    assert client.answer().status == 431
    assert client.is_closed
    assert ours.connect().ask("/quick").status == 200


def test_a_target_of_500_kilobytes_is_refused(ours: Served) -> None:
    client = ours.connect()
    client.send(request_bytes("/" + "a" * 500_000))
    assert client.answer().status == 431


def test_a_body_in_the_same_packet_does_not_count_as_the_head(ours: Served) -> None:
    body = b"b" * 300_000
    request = request_bytes("/d", method="POST", body=body)
    for cut in (5, 30, len(request) - len(body) - 1):
        client = ours.connect()
        client.send(request[:cut])
        client.send(request[cut:] + request[:cut])
        assert client.answer().status == 200
        client.send(request[cut:])
        assert client.answer().status == 200
    assert [len(sent) for _, _, sent in ours.behind.calls] == [300_000] * 6


def test_endless_trailers_are_refused(ours: Served) -> None:
    client = ours.connect()
    client.send(b"POST /d HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n")
    client.send(b"X-Trailer: " + b"a" * 2_000_000)
    assert client.answer().status == 431
    assert client.is_closed
    assert ours.behind.calls == []


# --- bodies ----------------------------------------------------------------------------------------------------------
def test_chunked_bodies_are_read_whole_and_their_trailers_ignored(served: Served) -> None:
    client = served.connect()
    head = b"POST /d HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nTrailer: X-Trailer\r\n\r\n"
    client.send(head)
    client.send(b"5;extension=1\r\nhello\r\n1\r\n!\r\n0\r\nX-Trailer: 1\r\n\r\n")
    got = client.answer()
    assert (got.json["body"], got.json["length"]) == ("hello!", "6")
    assert client.ask("/quick").status == 200


def test_trailers_never_become_headers(ours: Served) -> None:
    client = ours.connect()
    client.send(request_bytes("/wait"))
    ours.behind.wait_until_entered()
    client.send(b"POST /d HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
    client.send(b"1\r\n!\r\n0\r\nX-Value: trailer\r\nHost: other.example\r\n\r\n")
    ours.behind.released.set()
    assert client.answer().status == 200
    got = client.answer()
    assert (got.status, got.json["names"], got.json["host"]) == (200, [], "localhost")


@pytest.mark.parametrize("path", ["/django", "/quick"])
def test_chunked_bodies_that_are_too_large_are_refused(served: Served, settings: Settings, path: str) -> None:
    served.front.most_sent = 10
    client = served.connect()
    client.send(request_bytes(path, method="POST", transfer_encoding="chunked"))
    client.send(b"14\r\n" + b"x" * 20 + b"\r\n0\r\n\r\n")
    assert client.answer().status == 413
    assert client.ask("/quick").status == 200  # the rest of the body was read and dropped


def test_only_files_of_the_desk_may_be_as_large_as_a_csv_file(served: Served) -> None:
    content = b"x" * (5 * 1024 * 1024)
    assert served.connect().ask("/quick", method="POST", body=content).status == 413
    assert served.connect().ask("/admin/csv/", method="POST", body=content).status != 413


def test_the_connection_is_usable_after_a_body_that_was_not_read(served: Served) -> None:
    client = served.connect()
    got = client.ask("/quick", method="POST", body=b"b" * 300_000, host="evil.example")
    assert got.status == 400
    assert client.ask("/quick").status == 200


def test_a_client_that_expects_100_continue_gets_it(served: Served) -> None:
    client = served.connect()
    client.send(request_bytes("/d", method="POST", expect="100-continue", content_length="5"))
    assert client.answer().status == 100
    client.send(b"hello")
    assert client.answer().json["body"] == "hello"


def test_a_refused_client_that_expects_100_continue_gets_no_100(served: Served) -> None:
    client = served.connect()
    client.send(
        request_bytes("/d", method="POST", expect="100-continue", content_length="5", host="evil.example"),
    )
    assert client.answer().status == 400


def test_an_unfinished_body_is_answered_with_408(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "BODY_SECONDS", 0.1)
    client = served.connect()
    client.send(request_bytes("/d", method="POST", content_length="5") + b"hel")
    got = client.answer()
    assert (got.status, got["connection"]) == (408, "close")
    assert client.is_closed
    assert served.counts.cut_connections[Cut.SLOW_BODY] == 1
    assert served.behind.calls == []


# --- connections -----------------------------------------------------------------------------------------------------
def test_pipelined_requests_are_answered_in_order(served: Served) -> None:
    client = served.connect()
    client.ask("/quick?a=1")
    client.send(request_bytes("/quick?a=1") + request_bytes("/d", method="POST", body=b"x") + request_bytes("/quick"))
    assert [client.answer().json.get(name) for name in ("query", "path", "query")] == ["a=1", "/d", ""]


def test_many_pipelined_requests_are_all_answered(served: Served) -> None:
    client = served.connect()
    client.send(b"".join(request_bytes(f"/{'quick' if n % 3 else 'd'}?{n}") for n in range(300)))
    assert [client.answer().json["query"] for _ in range(300)] == [str(n) for n in range(300)]


def test_a_malformed_request_behind_others_closes_the_connection_after_their_answers(ours: Served) -> None:
    client = ours.connect()
    client.send(request_bytes("/wait"))
    ours.behind.wait_until_entered()
    client.send(request_bytes("/d") + MALFORMED["two lengths"])
    ours.behind.released.set()
    assert client.answer()["connection"] is None
    assert client.answer()["connection"] == "close"
    assert client.is_closed


def test_http_1_0_clients_are_answered_and_the_connection_closed(served: Served) -> None:
    for path in ("quick", "django"):
        client = served.connect()
        client.send(f"GET /{path} HTTP/1.0\r\n\r\n".encode())
        got = client.answer()
        assert (got.status, got["connection"]) == (200, "close")
        assert client.is_closed


@pytest.mark.parametrize("path", ["/quick", "/django"])
def test_connection_close_is_obeyed(served: Served, path: str) -> None:
    client = served.connect()
    client.send(request_bytes(path, connection="close") + request_bytes(path))
    got = client.answer()
    assert (got.status, got["connection"]) == (200, "close")
    assert client.is_closed


@pytest.mark.parametrize("path", ["/quick", "/django"])
def test_an_upgrade_to_http_2_is_answered_in_http_1(served: Served, path: str) -> None:
    client = served.connect()
    client.send(request_bytes(path, connection="Upgrade, HTTP2-Settings", upgrade="h2c", http2_settings="AAMAAABk"))
    assert client.answer().status == 200
    assert client.ask(path).status == 200


def test_requests_in_the_same_packet_as_an_upgrade_are_answered(ours: Served) -> None:
    client = ours.connect()
    client.send(request_bytes("/quick", connection="Upgrade", upgrade="h2c") + request_bytes("/d?2"))
    assert client.answer().status == 200
    assert client.answer().json["query"] == "2"


def test_a_client_that_has_ended_its_side_gets_its_answer(ours: Served) -> None:
    client = ours.connect()
    client.send(request_bytes("/wait"))
    client.end()
    ours.behind.wait_until_entered()
    ours.behind.released.set()
    assert client.answer().json["path"] == "/wait"
    assert client.is_closed  # at once, not when the connection has been idle for long


def test_a_client_that_ends_in_the_middle_of_its_body_is_not_waited_for(ours: Served) -> None:
    client = ours.connect()
    client.send(request_bytes("/d", method="POST", content_length="5") + b"hel")
    client.end()
    assert client.is_closed
    assert ours.behind.calls == []


@pytest.mark.parametrize("before", [[], ["/django"]])
def test_a_client_that_ends_its_side_at_once_gets_no_stream_without_end(ours: Served, before: list[str]) -> None:
    client = ours.connect()
    client.send(b"".join(map(request_bytes, [*before, "/stream"])))
    client.end()
    assert client.rest().count(b"HTTP/1.1 200 OK") == len(before) + 1
    ours.ask_until(lambda: ours.counts.open_streams == 0)


def test_a_source_that_never_waits_leaves_the_loop_to_other_requests(served: Served) -> None:
    client = served.connect()
    client.send(request_bytes("/stream"))
    client.head()
    client.chunk()
    assert served.connect().ask("/quick").status == 200
    client.close()
    assert served.behind.source.closed.wait(PATIENCE_SECONDS)


# --- streams ---------------------------------------------------------------------------------------------------------
def test_a_slow_reader_holds_back_the_source_of_its_stream(served: Served) -> None:
    source = served.behind.source
    source.piece = b"x" * 65_536
    client = served.connect(receive_buffer=4_096)
    client.send(request_bytes("/stream"))
    status, headers = client.head()
    assert (status, dict(headers)["content-type"]) == (200, "text/event-stream")
    client.chunk()
    for _ in range(20):  # each takes some turns of the loop that would otherwise go to the source
        served.connect().ask("/django")
    made = source.made
    for _ in range(20):
        served.connect().ask("/django")
    assert source.made == made < 200
    for _ in range(made + 5):
        client.chunk()
    assert source.made > made


@pytest.mark.parametrize("leave", ["close", "end"])
def test_the_leaving_of_a_client_closes_its_stream_before_any_deadline(ours: Served, leave: str) -> None:
    ours.behind.source.most = 1
    client = ours.connect()
    client.send(request_bytes("/stream"))
    client.head()
    client.chunk()
    assert ours.counts.open_streams == 1
    getattr(client, leave)()
    assert ours.behind.source.closed.wait(PATIENCE_SECONDS)


def test_a_stream_ends_when_its_client_closes_the_connection(served: Served) -> None:
    served.behind.source.most = 1
    client = served.connect()
    client.send(request_bytes("/stream"))
    client.head()
    client.chunk()
    client.close()
    assert served.behind.source.closed.wait(PATIENCE_SECONDS)


def test_a_stream_that_fails_is_cut(served: Served) -> None:
    served.behind.source = type(served.behind.source)(most=2, fails=True)
    client = served.connect()
    got = client.ask("/stream")
    assert (got.body, got.is_whole) == (b"data: x\n\n" * 2, False)
    assert client.is_closed
    assert served.behind.source.closed.is_set()


def test_streams_end_when_the_process_does(ours: Served) -> None:
    ours.behind.source.most = 1
    client = ours.connect()
    client.send(request_bytes("/stream"))
    client.head()
    client.chunk()
    ours.drain()
    assert client.chunk() == b""
    assert client.is_closed
    ours.join()


def test_a_head_of_a_stream_is_answered_by_django(served: Served) -> None:
    assert served.connect().ask("/stream", method="HEAD").status == 200
    assert served.behind.calls == [("HEAD", "/stream", b"")]


# --- revisions -------------------------------------------------------------------------------------------------------
def test_a_request_waits_for_the_revision_that_its_client_has_seen(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "WAIT_SECONDS", 10.0)
    waiting = _noted(served, monkeypatch)
    client = served.connect()
    client.send(request_bytes("/quick", gatewayz_min_revision="6"))
    assert waiting.wait(10)
    served.publish(6)
    got = client.answer()
    assert (got.status, got["cache-control"]) == (200, "no-store")


def _noted(served: Served, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Return an event that is set when a request begins to wait for a revision."""
    noted = threading.Event()
    wait = served.revisions.wait_beyond

    async def wait_beyond(revision: int, seconds: float) -> int | None:
        noted.set()
        return await wait(revision, seconds)

    monkeypatch.setattr(served.revisions, "wait_beyond", wait_beyond)
    return noted


def test_a_process_that_stays_behind_answers_503(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "WAIT_SECONDS", 0.05)
    got = served.connect().ask("/quick", gatewayz_min_revision="6")
    assert (got.status, got["retry-after"], got["cache-control"]) == (503, "1", "no-store")


def test_the_minimum_is_no_part_of_the_cache_key(served: Served) -> None:
    client = served.connect()
    plain = client.ask("/quick?a=1")
    counted = client.ask("/quick?a=1", gatewayz_min_revision="5")
    named = client.ask("/quick?a=1&min_revision=5")
    assert plain.body == counted.body == named.body
    assert plain["etag"] == counted["etag"] == named["etag"]
    assert (plain["cache-control"], counted["cache-control"]) == ("public, max-age=60", "no-store")
    assert served.counts.cached_answers == 1
    assert client.ask("/quick?a=1")["cache-control"] == "public, max-age=60"


# --- work that takes long --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/held", "/wait"])
def test_work_that_hangs_is_answered_with_503_at_the_deadline(
    served: Served, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(front, "READ_SECONDS", 0.1)
    monkeypatch.setattr(front, "COMPUTE_SECONDS", 0.1)
    client = served.connect()
    got = client.ask(path)
    assert (got.status, got["retry-after"]) == (503, "5")
    assert served.counts.unavailable[Unavailable.OVERDUE] == 1
    assert client.ask("/quick").status == 200


def test_a_full_lane_answers_503_at_once(served: Served) -> None:
    most = pool.THREADS[Lane.WRITES] + pool.MOST_WAITING[Lane.WRITES]
    clients = [served.connect() for _ in range(most)]
    for client in clients:
        client.send(request_bytes("/wait", method="POST", body=b"x"))
    for _ in range(pool.THREADS[Lane.WRITES]):
        served.behind.wait_until_entered()
    served.ask_until(lambda: len(served.pool._lanes[Lane.WRITES]._jobs) == most)
    got = served.connect().ask("/d", method="POST", body=b"x")
    assert (got.status, got["retry-after"]) == (503, "2")
    assert served.counts.unavailable[Unavailable.FULL] == 1
    assert served.connect().ask("/d").status == 200  # reads have other threads
    served.behind.released.set()
    assert [client.answer().status for client in clients] == [200] * most


# --- slow clients ----------------------------------------------------------------------------------------------------
@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch, configured: None) -> Iterator[Served]:
    """A server with our protocol that checks its connections often."""
    monkeypatch.setattr(protocol, "SWEEP_SECONDS", 0.02)
    with serving("protocol") as found:
        yield found


@pytest.mark.parametrize("sent", [b"G", b"GET /quick HTTP/1.1\r\nHost: local"])
def test_a_slow_head_is_answered_with_408(hasty: Served, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.1)
    client = hasty.connect()
    client.send(sent)
    got = client.answer()
    assert (got.status, got["connection"]) == (408, "close")
    assert client.is_closed
    assert hasty.counts.cut_connections[Cut.SLOW_HEAD] == 1


def test_idle_connections_are_closed(hasty: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "IDLE_SECONDS", 0.5)
    new, used = hasty.connect(), hasty.connect()
    assert used.ask("/quick").status == 200
    assert new.is_closed
    assert used.is_closed
    assert set(hasty.counts.cut_connections.values()) == {0}


def test_busy_connections_are_not_idle(hasty: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "IDLE_SECONDS", 0.1)
    busy, idle = hasty.connect(), hasty.connect()
    busy.send(request_bytes("/wait"))
    hasty.behind.wait_until_entered()
    assert idle.is_closed
    hasty.behind.released.set()
    assert busy.answer().status == 200


def test_a_body_that_nothing_waits_for_is_limited_too(hasty: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MESSAGE_SECONDS", 0.1)
    client = hasty.connect()
    client.send(request_bytes("/d", method="POST", content_length="5", host="evil.example"))
    assert client.answer().status == 400
    assert client.is_closed
    assert hasty.counts.cut_connections[Cut.SLOW_BODY] == 1


def test_a_slow_body_for_an_application_is_answered_with_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "SWEEP_SECONDS", 0.02)
    monkeypatch.setattr(protocol, "LARGE_BODY_SECONDS", 0.1)
    with serving("protocol", inference=Running()) as served:
        client = served.connect()
        client.send(request_bytes("/run", method="POST", content_length="5") + b"hel")
        got = client.answer()
        assert (got.status, got["connection"]) == (408, "close")
        assert client.is_closed
        assert served.counts.cut_connections[Cut.SLOW_BODY] == 1


def test_a_stalled_reader_is_cut(hasty: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "STALLED_SECONDS", 0.2)
    hasty.behind.source.piece = b"x" * 65_536
    client = hasty.connect(receive_buffer=4_096)
    client.send(request_bytes("/stream"))
    assert hasty.behind.source.closed.wait(10)
    assert hasty.counts.cut_connections[Cut.SLOW_READER] == 1


class _Transport:
    """A transport with as many unread bytes as a test wants."""

    def __init__(self) -> None:
        self.unread = 0
        self.is_cut = False

    def get_write_buffer_size(self) -> int:
        return self.unread

    def get_extra_info(self, name: str) -> Any:
        raise OSError(name)

    def is_closing(self) -> bool:
        return True

    def abort(self) -> None:
        self.is_cut = True


@pytest.mark.parametrize(
    ("unread", "is_cut"),
    [
        ([80_000, 70_000, 60_000, 50_000, 40_000, 30_000, 20_000] * 10, False),  # steady: refilled at the low mark
        ([16_000, 80_000] * 40, False),
        ([80_000] * 40, True),
        ([1_000 + 100 * second for second in range(40)], True),  # the events of a stream that is not read
        ([80_000 - second for second in range(40)], True),  # a byte a second is nothing
        ([80_000, 0] * 40, False),
    ],
)
def test_only_readers_that_read_nothing_for_long_are_cut(
    ours: Served, monkeypatch: pytest.MonkeyPatch, unread: list[int], is_cut: bool
) -> None:
    ours.connect().ask("/quick")
    (connection,) = ours.server.server_state.connections
    assert isinstance(connection, protocol.FrontProtocol)
    transport = _Transport()
    monkeypatch.setattr(connection, "transport", transport)
    for second, transport.unread in enumerate(unread):
        connection.check(float(second))
    assert transport.is_cut is is_cut


def test_a_slow_request_does_not_make_those_behind_it_slow(hasty: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HEAD_SECONDS", "MESSAGE_SECONDS", "IDLE_SECONDS"):
        monkeypatch.setattr(protocol, name, 0.1)
    client, idle = hasty.connect(), hasty.connect()
    client.send(request_bytes("/wait"))
    hasty.behind.wait_until_entered()
    second = request_bytes("/d", method="POST", body=b"hello")
    client.send(second + second[:10])  # not read to its end before the first is answered
    assert idle.is_closed
    assert set(hasty.counts.cut_connections.values()) == {0}
    hasty.behind.released.set()
    assert [client.answer().status for _ in range(2)] == [200, 200]


# --- the end of the process ------------------------------------------------------------------------------------------
def test_requests_on_their_way_are_answered_when_the_process_ends(ours: Served) -> None:
    busy, idle = ours.connect(), ours.connect()
    assert idle.ask("/quick").status == 200
    busy.send(request_bytes("/wait"))
    ours.behind.wait_until_entered()
    ours.drain()
    answers = [idle.ask("/quick")]
    ours.behind.released.set()
    answers.append(busy.answer())
    assert [(got.status, got["connection"]) for got in answers] == [(200, "close")] * 2
    assert idle.is_closed
    assert busy.is_closed
    ours.join()


def test_a_request_for_django_on_an_idle_connection_is_answered_when_the_process_ends(ours: Served) -> None:
    client = ours.connect()
    client.ask("/quick")
    ours.drain()
    got = client.ask("/django")
    assert (got.status, got["connection"]) == (200, "close")
    assert client.is_closed
    ours.join()


def test_a_connection_that_is_accepted_at_that_moment_is_answered_and_closed(ours: Served) -> None:
    ours.loop.call_soon_threadsafe(ours.revisions.drain)
    ours.ask_until(lambda: ours.revisions.is_draining)
    idle, client = ours.connect(), ours.connect()
    got = client.ask("/quick")
    assert (got.status, got["connection"]) == (200, "close")
    assert client.is_closed
    assert idle.is_closed


# --- uvicorn ---------------------------------------------------------------------------------------------------------
def test_uvicorn_is_the_version_that_our_protocol_extends() -> None:
    """If this fails, read the changes of both classes, compare them with `front/protocol.py`, and update the digest."""
    assert uvicorn.__version__ == "0.54.0"
    source = inspect.getsource(HttpToolsProtocol) + inspect.getsource(RequestResponseCycle)
    assert (
        hashlib.sha256(source.encode()).hexdigest()
        == "70e7393260abf01c74b912ad453c795995fdb0908020fbf68c9f1d87f4a47a2f"
    )
