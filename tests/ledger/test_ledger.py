"""The ledger finds changed answers; a small WSGI application replaces the product."""

from __future__ import annotations

import ast
import gzip
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.ledger import answers, book, differences
from tests.ledger.__main__ import ALLOWED, FOLDER, LEDGER
from tests.ledger.differences import Allowance
from tests.ledger.request import Request

MODELS = Request("GET", "/catalog/models?limit=1")
WRONG = Request("GET", "/catalog/models?limit=x")


@dataclass
class Service:
    """Answers as the product does. A test changes one field and expects the ledger to find it."""

    body: bytes = b'{"data":[{"id":"a"}],"total":1}'
    headers: dict[str, str] = field(default_factory=lambda: {"Vary": "Accept-Encoding"})
    detail: str = "must be a number"
    kind: str = "invalid-parameter"
    level: int = 6
    etag: Callable[[bytes], str] = lambda body: f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    has_models: bool = True
    numbers: Iterable[int] = field(default_factory=count)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        request_id = f"{next(iter(self.numbers)):032x}"
        shared = [("X-Request-ID", request_id)]
        if environ["PATH_INFO"] != "/catalog/models" or not self.has_models:
            start_response("404 Not Found", shared)
            return [b""]
        if environ["QUERY_STRING"] == "limit=x":
            problem = {"type": self.kind, "detail": self.detail, "request_id": request_id}
            start_response("400 Bad Request", [*shared, ("Content-Type", "application/problem+json")])
            return [orjson.dumps(problem)]
        is_gzip = environ.get("HTTP_ACCEPT_ENCODING") == "gzip"
        body = gzip.compress(self.body, compresslevel=self.level, mtime=0) if is_gzip else self.body
        etag = self.etag(body)
        described = [*shared, *self.headers.items(), ("ETag", etag), ("Content-Type", "application/json")]
        if environ.get("HTTP_IF_NONE_MATCH") == etag:
            start_response("304 Not Modified", described)
            return []
        encoded = [("Content-Encoding", "gzip")] if is_gzip else []
        start_response("200 OK", [*described, *encoded, ("Content-Length", str(len(body)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


@pytest.fixture
def bodies(tmp_path: Path) -> book.Bodies:
    return book.Bodies(tmp_path / "bodies")


def asked(service: Service, bodies: book.Bodies, *requests: Request) -> book.Book:
    return answers.entries(requests or (MODELS, WRONG), service, bodies)


def found(was: Service, now: Service, bodies: book.Bodies, *requests: Request) -> dict[str, set[str]]:
    """Return what differs, by request."""
    compared = differences.compare(asked(was, bodies, *requests), asked(now, bodies, *requests))
    return {difference.request: set(difference.aspects) for difference in compared}


# --- what is found ---------------------------------------------------------------------------------------------------
def test_a_changed_byte_of_a_body_is_found(bodies: book.Bodies) -> None:
    changed = Service(body=Service().body.replace(b"a", b"b", 1))

    assert found(Service(), changed, bodies) == {"GET /catalog/models?limit=1": {"body"}}


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"Vary": "Accept-Encoding, Origin"}, "vary"),
        ({}, "vary"),
        ({"Vary": "Accept-Encoding", "Server": "x"}, "server"),
    ],
)
def test_a_changed_missing_or_new_header_is_found(headers: dict[str, str], name: str, bodies: book.Bodies) -> None:
    expected = {"GET /catalog/models?limit=1": {f"header {name}"}}

    assert found(Service(), Service(headers=headers), bodies) == expected


def test_a_missing_endpoint_is_found(bodies: book.Bodies) -> None:
    differs = found(Service(), Service(has_models=False), bodies)

    assert differs.keys() == {"GET /catalog/models?limit=1", "GET /catalog/models?limit=x"}
    assert all({"status", "body", "header content-type"} <= aspects for aspects in differs.values())


def test_changed_sentences_of_errors_are_separate_from_changed_bodies(bodies: book.Bodies) -> None:
    assert found(Service(), Service(detail="is no number"), bodies) == {"GET /catalog/models?limit=x": {"sentences"}}
    assert found(Service(), Service(kind="bad-request"), bodies) == {"GET /catalog/models?limit=x": {"body"}}


def test_an_etag_or_a_length_that_does_not_follow_from_the_body_is_found(bodies: book.Bodies) -> None:
    conditional = Request("GET", MODELS.target, (("if-none-match", "{etag}"),))
    requests = (MODELS, Request("HEAD", MODELS.target), conditional)

    differs = found(Service(), Service(etag=lambda body: '"1"'), bodies, *requests)

    assert differs == {str(request): {"header etag"} for request in requests}


def test_a_read_that_is_answered_differently_the_second_time_stops_the_run(bodies: book.Bodies) -> None:
    service = Service()

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        service.body += b" "
        return service(environ, start_response)

    with pytest.raises(answers.Unsteady, match="GET /catalog/models"):
        answers.entries([MODELS], application, bodies)


# --- what is not a difference ----------------------------------------------------------------------------------------
def test_request_ids_and_compression_levels_are_no_differences(bodies: book.Bodies) -> None:
    packed = Request("GET", MODELS.target, (("accept-encoding", "gzip"),))
    long = Service().body * 100

    assert found(Service(long, level=9), Service(long, level=1, numbers=count(7)), bodies, packed, WRONG) == {}


def test_a_conditional_request_sends_the_etag_of_its_own_answer(bodies: book.Bodies) -> None:
    for encoding in ("gzip", "identity"):
        conditional = Request("GET", MODELS.target, (("if-none-match", "{etag}"), ("accept-encoding", encoding)))

        (entry,) = asked(Service(), bodies, conditional).values()

        assert entry.status == "304"
        assert "etag: <hash of the body>" in entry.headers


# --- what is allowed -------------------------------------------------------------------------------------------------
def test_an_allowance_covers_what_it_names_and_nothing_else(bodies: book.Bodies) -> None:
    was, now = asked(Service(), bodies), asked(Service(headers={"Server": "x"}, detail="is no number"), bodies)
    allowed = differences.allowances("# a remark\n\nGET /catalog/models* | header vary, sentences | the reason\n")

    left, stale = differences.judge(differences.compare(was, now), allowed)

    assert [(difference.request, set(difference.aspects)) for difference in left] == [
        ("GET /catalog/models?limit=1", {"header server"})
    ]
    assert stale == []


def test_an_allowance_that_allows_nothing_is_stale(bodies: book.Bodies) -> None:
    was, now = asked(Service(), bodies), asked(Service(detail="is no number"), bodies)
    lines = ["* | sentences | plain English", "GET /catalog/models?limit=1 | body | elsewhere", "* | status | never"]

    left, stale = differences.judge(differences.compare(was, now), differences.allowances("\n".join(lines)))

    assert left == []
    assert [allowance.line for allowance in stale] == lines[1:]


@pytest.mark.parametrize("line", ["* | body", "* | body | ", "* | bdy | a reason", "* | header | a reason", "*"])
def test_an_allowance_without_a_reason_or_with_an_unknown_aspect_is_refused(line: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  the line shows which part is wrong
        Allowance.parse(line)


# --- what is reported ------------------------------------------------------------------------------------------------
def test_a_report_has_the_request_the_change_and_the_first_bytes_that_differ(bodies: book.Bodies) -> None:
    long = b'{"data":[' + b'{"id":"same"},' * 50
    was, now = Service(long + b'{"price":"1"}]}'), Service(long + b'{"price":"2"}]}', headers={})

    lines = list(differences.report(differences.compare(asked(was, bodies), asked(now, bodies)), bodies.find))

    place = len(long) + len(b'{"price":"')
    assert lines == [
        "",
        "  GET /catalog/models?limit=1",
        "      vary: Accept-Encoding -> (missing)",
        "      body of /catalog/models",
        f"      from byte {place} on:",
        "      - " + repr((was.body[place - 45 :]).decode()),
        "      + " + repr((now.body[place - 45 :]).decode()),
    ]


def test_equal_differences_are_reported_once(bodies: book.Bodies) -> None:
    requests = [Request("GET", f"/catalog/models?limit={number}") for number in range(10)]
    was, now = asked(Service(), bodies, *requests), asked(Service(headers={}), bodies, *requests)

    lines = list(differences.report(differences.compare(was, now), bodies.find))

    assert lines[-2:] == ["  and 7 more", "      vary: Accept-Encoding -> (missing)"]
    assert len(lines) == 6


def test_a_body_that_was_not_kept_is_reported_as_such(bodies: book.Bodies) -> None:
    was, now = asked(Service(), bodies), asked(Service(body=b"{}"), bodies)
    bodies.drop_all_but(entry.body for entry in now.values())

    lines = list(differences.report(differences.compare(was, now), bodies.find))

    assert "was not kept here" in lines[-1]


# --- the files -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "request_",
    [
        MODELS,
        Request("OPTIONS", "/a%2Fb?c=%FF", (("origin", "https://example.org"), ("accept", "a/b, c/d;q=0.1"))),
        Request("POST", "/a", (("content-type", "application/json"),), b'{"a": "\\u0000 | body: \\n"}'),
        Request("POST", "/a", (), bytes(range(256))),
    ],
    ids=str,
)
def test_a_request_is_read_as_it_was_written(request_: Request) -> None:
    line = str(request_)

    assert Request.parse(line) == request_
    assert line.isprintable()


def test_a_book_is_read_as_it_was_written(tmp_path: Path, bodies: book.Bodies) -> None:
    written = asked(Service(), bodies)

    book.write(tmp_path / "book.txt", written)

    assert book.read(tmp_path / "book.txt") == written


def test_the_ledger_has_three_thousand_requests_of_all_kinds() -> None:
    recorded = book.read(LEDGER)

    requests = [Request.parse(line) for line in recorded]

    assert len(requests) >= 3_000
    assert [str(request) for request in requests] == list(recorded)
    assert {"GET", "HEAD", "OPTIONS", "POST"} <= {request.method for request in requests}
    assert {"200", "204", "304", "400", "401", "404", "405", "406", "413", "415", "429"} <= {
        entry.status for entry in recorded.values()
    }
    assert not [request for request, entry in recorded.items() if entry.status.startswith("5")]
    assert LEDGER.stat().st_size < 600_000


def test_every_allowed_difference_has_a_reason() -> None:
    assert differences.allowances(ALLOWED.read_text("utf-8")) is not None


def test_the_ledger_imports_nothing_that_may_move() -> None:
    """A refactoring must not have to edit the ledger that it is compared with."""
    files = [path for path in FOLDER.glob("*.py") if path != Path(__file__)]
    nodes = [node for path in files for node in ast.walk(ast.parse(path.read_text("utf-8")))]

    imported = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    imported |= {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}

    assert {name for name in imported if name.startswith(("catalog", "gatewayz"))} == {"gatewayz.settings"}
