"""The response cache in front of Django: which requests it may answer, and that its answers equal Django's."""

from __future__ import annotations

import gc
import json
import logging
import re
import weakref
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Any

import orjson
import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import transaction
from pytest_django import DjangoAssertNumQueries, DjangoDbBlocker
from pytest_django.fixtures import Settings

from access.keys import Keys
from access.models import ApiKey
from catalog.memory import following, loading
from catalog.memory.following import Follower
from catalog.memory.snapshot import Snapshot
from front import access_log
from front.counts import Source
from front.response_cache import OVERHEAD_BYTES
from gatewayz.settings import LOGGING
from tests.catalog.addresses import CACHED, ONE_EACH, READS, Address
from tests.factories import hourly, offer_record, publish, token_priced_record
from tests.front.web import Web

LIST = "/catalog/models"
LISTED_EVERYWHERE = "maker/token"
NEVER = [
    *(address.path() for address in READS if not address.endpoint.is_cacheable),
    *("/catalog", "/metrics", "/nowhere", "/admin/login/"),
]
pytestmark = pytest.mark.usefixtures("one_connection")
HEX_ID = re.compile(r"[0-9a-f]{32}")
DURATION = r"(duration_ms\W+)[\d.e-]+"
VOLATILE = r"[0-9a-f]{32}|\d{4}-\d\d-\d\dT[0-9:.]+Z"


@pytest.fixture(scope="module")
def published(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Snapshot]:
    """Three offers of two gateways, published once: what a test changes is rolled back to here."""
    with django_db_blocker.unblock(), transaction.atomic():
        publish(token_priced_record(LISTED_EVERYWHERE), gateway="openrouter")
        publish(offer_record(), offer_record("maker/other"))
        yield loading.load()
        transaction.set_rollback(True)


@pytest.fixture
def web(published: Snapshot, db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Web:
    settings.RATE_LIMIT_PER_MINUTE = 0
    settings.FRONT_MISSES = False  # test_misses.py is about the answers that the front makes itself
    monkeypatch.setattr(following, "FOLLOWER", Follower(keys=Keys(), snapshot=published))
    return Web()


# --- a hit is Django's answer ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", CACHED, ids=lambda address: address.route)
def test_every_answer_that_is_declared_cacheable_is_cached(web: Web, address: Address) -> None:
    path, query = address.path(model=LISTED_EVERYWHERE), address.query(model=LISTED_EVERYWHERE)

    answers = [web.ask(path, query) for _ in range(2)]

    assert web.asked_django == [path]
    assert {answer.status for answer in answers} == {"200 OK"}
    assert address.endpoint.media_type in {str(answers[0]["Content-Type"]).partition(";")[0], "*/*"}


@pytest.mark.parametrize(
    "address", [address for address in ONE_EACH if address in CACHED], ids=lambda address: address.route
)
@pytest.mark.parametrize("encoding", ["identity", "gzip", "br"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_second_answer_is_the_first_one_without_django(
    web: Web, address: Address, encoding: str, method: str
) -> None:
    path, query = address.path(model=LISTED_EVERYWHERE), address.query(model=LISTED_EVERYWHERE)

    first, second = (web.ask(path, query, method=method, HTTP_ACCEPT_ENCODING=encoding) for _ in range(2))

    assert web.asked_django == [path]
    assert first.status == "200 OK"
    assert first.lasting == second.lasting
    assert (first.body == b"") == (method == "HEAD")
    assert first["X-Request-ID"] != second["X-Request-ID"]
    assert first["Access-Control-Allow-Origin"] == "*"
    assert first["Vary"] == "Accept-Encoding"


def test_django_answers_the_same_bytes_and_headers_without_the_front(web: Web) -> None:
    cached = web.ask(LIST)

    from_django = web.ask(LIST, HTTP_TRANSFER_ENCODING="chunked")  # the front does not answer such a request

    added = {"ETag", "Vary"}
    assert from_django.body == cached.body
    assert {name: value for name, value in cached.headers if name not in {*added, "X-Request-ID"}} == {
        name: value for name, value in from_django.headers if name not in {"X-Request-ID", "Vary"}
    }


def test_a_hit_asks_the_database_nothing(web: Web, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        for _ in range(2):
            web.ask(LIST, "limit=1")
            web.ask("/catalog/providers")


def test_the_order_and_the_spelling_of_parameters_do_not_matter(web: Web) -> None:
    answers = [web.ask(LIST, query) for query in ("limit=1&gateway=chutes", "gateway=chutes&limit=01")]

    assert len(web.asked_django) == 1
    assert len({answer.body for answer in answers}) == 1
    assert orjson.loads(answers[0].body)["next"] == "/catalog/models?gateway=chutes&limit=1&offset=1"


def test_an_answer_whose_address_names_its_format_ignores_what_a_client_accepts(web: Web) -> None:
    tag = str(web.ask("/catalog/changes.atom", HTTP_ACCEPT="application/atom+xml, text/xml;q=0.5")["ETag"])

    again = web.ask("/catalog/changes.atom", HTTP_ACCEPT="text/html", HTTP_IF_NONE_MATCH=tag)

    assert (again.status, len(web.asked_django)) == ("304 Not Modified", 1)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_client_with_the_same_bytes_gets_none(web: Web, method: str) -> None:
    tag = str(web.ask(LIST)["ETag"])

    hit = web.ask(LIST, method=method, HTTP_IF_NONE_MATCH=f'"old", W/{tag}')
    miss = Web().ask(LIST, method=method, HTTP_IF_NONE_MATCH=tag)

    assert hit.lasting == miss.lasting
    assert (hit.status, hit.body, hit["ETag"]) == ("304 Not Modified", b"", tag)
    assert hit["Cache-Control"] == web.ask(LIST)["Cache-Control"]
    assert hit["Content-Type"] is None
    assert web.ask(LIST, HTTP_IF_NONE_MATCH=tag, HTTP_ACCEPT_ENCODING="gzip").status == "200 OK"


@pytest.mark.parametrize(
    ("path", "accept", "status"),
    [
        ("/catalog/export.csv", "text/csv", "200 OK"),
        ("/catalog/export.csv", "text/*;q=0.5", "200 OK"),
        ("/catalog/export.csv", "application/json", "406 Not Acceptable"),
        ("/catalog/export.ndjson", "application/x-ndjson", "200 OK"),
        (LIST, "text/csv", "406 Not Acceptable"),
    ],
)
def test_an_answer_is_cached_and_found_by_its_own_media_type(web: Web, path: str, accept: str, status: str) -> None:
    web.ask(path)

    assert web.ask(path, HTTP_ACCEPT=accept).status == status
    assert len(web.asked_django) == (1 if status == "200 OK" else 2)


# --- what is never cached --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", NEVER)
def test_an_answer_that_is_not_of_the_snapshot_is_never_cached(web: Web, path: str) -> None:
    for _ in range(2):
        web.ask(path)

    assert web.asked_django == [path, path]
    assert web.counts.cached_answers == 0


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "POST"},
        {"method": "OPTIONS"},
        {"body": b"{}"},
        {"HTTP_ACCEPT": "text/xml"},
        {"query": "limit=0"},
        {"path": "/catalog/models/unknown/model"},
        {"path": "/catalog/models/unknown/model", "HTTP_ACCEPT": "text/html,*/*;q=0.8"},
    ],
    ids=str,
)
def test_a_request_that_is_not_public_is_neither_cached_nor_a_hit(web: Web, request_: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"path": LIST, **request_}
    for _ in range(2):
        web.ask(**asked)
    assert len(web.asked_django) == 2
    assert web.counts.cached_answers == 0
    web.ask(LIST)

    web.ask(**asked)

    assert len(web.asked_django) == 4


def test_an_answer_that_sets_a_cookie_or_is_not_public_is_not_cached(web: Web) -> None:
    for header in (("Set-Cookie", "a=b"), ("Cache-Control", "private")):
        headers = [("Content-Type", "text/plain"), ("Cache-Control", "public"), header]

        def application(environ: Any, start_response: Any, headers: Any = headers) -> list[bytes]:
            start_response("200 OK", headers)
            return [b"hello"]

        other = Web(application)

        assert [other.ask(LIST).body for _ in range(2)] == [b"hello", b"hello"]
        assert len(other.asked_django) == 2


def test_http_is_redirected_even_if_the_answer_for_https_is_cached(web: Web, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    web = Web()
    assert web.ask(LIST, HTTP_X_FORWARDED_PROTO="https").status == "200 OK"

    assert web.ask(LIST, HTTP_X_FORWARDED_PROTO="http").status.startswith("301")
    assert web.ask(LIST).status.startswith("301")


# --- under change ----------------------------------------------------------------------------------------------------


def test_a_new_revision_empties_the_cache_and_frees_the_old_snapshot(web: Web) -> None:
    following.FOLLOWER.snapshot = loading.load()  # the module keeps the other one
    old = web.ask(LIST)
    before = weakref.ref(following.FOLLOWER.current())
    publish(offer_record(prices=(hourly("9"),)), offer_record("maker/other"))
    following.FOLLOWER.refresh()

    new = web.ask(LIST)
    gc.collect()

    assert (orjson.loads(old.body)["revision"], orjson.loads(new.body)["revision"]) == (2, 3)
    assert old["ETag"] != new["ETag"]
    assert before() is None
    assert web.counts.cached_answers == 1


@pytest.mark.usefixtures("web")
def test_an_answer_made_while_the_snapshot_was_swapped_is_not_cached() -> None:
    django = WSGIHandler()

    def swap_and_answer(environ: Any, start_response: Any) -> Iterable[bytes]:
        publish(offer_record(prices=(hourly("9"),)), offer_record("maker/other"))
        following.FOLLOWER.refresh()
        return django(environ, start_response)

    web = Web(swap_and_answer)

    assert orjson.loads(web.ask(LIST).body)["revision"] == 3
    assert web.counts.cached_answers == 0


def test_before_a_snapshot_is_read_nothing_is_cached(db: None) -> None:
    web = Web()
    assert web.ask(LIST).status.startswith("503")
    publish(offer_record())
    following.FOLLOWER.refresh()

    assert web.ask(LIST).status == "200 OK"


# --- what holds for every request ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [LIST, "/catalog/gateways", "/nowhere"])
def test_every_request_has_a_new_id_even_if_the_client_sends_one(web: Web, path: str) -> None:
    found = [web.ask(path, HTTP_X_REQUEST_ID="forged\nline")["X-Request-ID"] for _ in range(3)]

    assert len(set(found)) == 3
    assert all(HEX_ID.fullmatch(str(request_id)) for request_id in found)


def test_the_id_of_a_refusal_is_the_one_of_the_header(web: Web) -> None:
    refused = web.ask(LIST, "limit=0")

    assert orjson.loads(refused.body)["request_id"] == refused["X-Request-ID"]


@pytest.mark.parametrize(
    ("path", "instance"),
    [("/\xff", "/%FF"), ("/%FF", "/%25FF"), ("/\xc3\xa4 ;", "/%C3%A4%20;"), ("/%C3%A4", "/%25C3%25A4")],
)
@pytest.mark.parametrize("below", ["", "/catalog"])
def test_a_problem_names_the_address_by_the_bytes_that_were_asked(
    web: Web, settings: Settings, path: str, instance: str, below: str
) -> None:
    settings.RATE_LIMIT_PER_MINUTE = 1
    web = Web()
    asked = [web.ask(f"{below}{path}") for _ in range(2)]

    assert {answer.json["instance"] for answer in asked} == {f"{below}{instance}"}


def test_requests_are_counted_by_the_source_of_their_answers(web: Web) -> None:
    tag = str(web.ask(LIST)["ETag"])
    web.ask(LIST)
    web.ask(LIST, HTTP_IF_NONE_MATCH=tag)
    web.ask(LIST, "limit=0")
    web.ask("/healthz")

    assert web.counts.requests == {
        (Source.MISS, "200"): 1,
        (Source.HIT, "200"): 1,
        (Source.HIT, "304"): 1,
        (Source.DJANGO, "400"): 1,
        (Source.DJANGO, "200"): 1,
    }
    assert sum(web.counts.latencies[Source.HIT].buckets) == 2
    assert web.counts.cached_answers == 1
    assert web.counts.cached_bytes > OVERHEAD_BYTES


@pytest.fixture(params=["json", "console"])
def logged(
    request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[logging.StreamHandler[StringIO]]:
    """The log lines of Django's requests, in each format; the front's own lines go to stderr."""
    log_format = settings.LOG_FORMAT = request.param
    formatters: Any = LOGGING["formatters"]
    options = dict(formatters[log_format])
    handler = logging.StreamHandler(StringIO())
    handler.setFormatter(options.pop("()")(**options))
    logger = logging.getLogger(access_log.LOGGER)
    monkeypatch.setattr(logger, "handlers", [handler])
    monkeypatch.setattr(logger, "propagate", False)
    before = logger.level
    logger.setLevel(logging.INFO)
    yield handler
    logger.setLevel(before)


def test_a_hit_is_logged_as_django_logs_a_miss(
    web: Web, logged: logging.StreamHandler[StringIO], settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    web = Web()
    for _ in range(2):
        web.ask(LIST, "limit=1&tags=%0A%1B")

    [miss], [hit] = logged.stream.getvalue().splitlines(), capfd.readouterr().err.splitlines()
    miss, hit = (re.sub(DURATION, r"\1 0", re.sub(VOLATILE, "…", line)) for line in (miss, hit))
    assert json.loads(miss) == json.loads(hit) if settings.LOG_FORMAT == "json" else miss == hit


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", [LIST, "/healthz", "/catalog/nothing"])
def test_a_line_has_the_duration_and_the_bytes_of_the_answer(
    logged: logging.StreamHandler[StringIO], capfd: pytest.CaptureFixture[str], web: Web, path: str, method: str
) -> None:
    web = Web()
    answers = [web.ask(path, method=method) for _ in range(2)]

    lines = [*logged.stream.getvalue().splitlines(), *capfd.readouterr().err.splitlines()]
    found = [re.search(r"bytes\W+(\d+)", line) for line in lines]
    durations = [re.search(r"duration_ms\W+(\d+\.\d+)", line) for line in lines]
    # A cacheable HEAD is a GET for Django: it logs the bytes that it made for the cache.
    made = [path == LIST and method == "HEAD", False]
    expected = [
        len(web.ask(path).body) if is_made else len(each.body) for each, is_made in zip(answers, made, strict=True)
    ]
    assert [int(each[1]) for each in found if each] == expected
    assert all(each and 0 < float(each[1]) < 60_000 for each in durations)


def test_a_key_in_an_address_is_neither_logged_nor_repeated(
    web: Web, logged: logging.StreamHandler[StringIO], settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    _, secret = ApiKey.objects.issue(name="a client")
    settings.RATE_LIMIT_PER_MINUTE = 2
    web = Web()

    answers = [
        web.ask(LIST, f"tags={secret}"),
        web.ask(LIST, f"api_key={secret}&limit={secret}"),
        web.ask("/v1/models", f"k={secret}"),
    ]

    assert [answer.status[:3] for answer in answers] == ["200", "400", "429"]
    written = [*logged.stream.getvalue().splitlines(), *capfd.readouterr().err.splitlines()]
    written += [str(error["value"]) for error in answers[1].json["errors"]]
    assert len(written) == 5
    for line in written:
        assert secret[:10] in line
        assert secret[:11] not in line
    assert secret[:11] not in answers[1].body.decode()


def test_where_requests_are_not_logged_hits_are_not_either(capfd: pytest.CaptureFixture[str], web: Web) -> None:
    for _ in range(2):
        web.ask(LIST)

    assert capfd.readouterr().err == ""
