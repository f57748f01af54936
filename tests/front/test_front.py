"""Before Django: what may be answered there, and that such an answer is in nothing another than Django's."""

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
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from access.models import ApiKey
from catalog.memory import following
from front import access_log
from gatewayz.settings import LOGGING
from tests.factories import hourly, offer_record, publish
from tests.front.web import Web

LIST = "/catalog/models"
CACHED = [
    LIST,
    "/catalog/models/",
    "/catalog/models/maker/model",
    "/catalog/models/maker/model/history",
    "/catalog/changes",
    "/catalog/changes.atom",
    "/catalog/providers",
    "/catalog/provider",
    "/catalog/providers/maker",
    "/catalog/canonical/maker/model",
    "/catalog/resolve",
    "/catalog/schema",
    "/catalog/docs",
    "/catalog/logos/maker.svg",
    "/catalog/stats",
    "/catalog/export.json",
    "/catalog/export.ndjson",
    "/catalog/export.csv",
    "/docs/",
    "/docs/api/http",
    "/docs/problems/not-found",
    "/v1/models",
    "/api/v1/models/count",
    "/api/v1/providers",
    "/litellm/model_prices.json",
]
QUERIES = {"/catalog/resolve": "id=model"}
NEVER = ["/catalog/gateways", "/healthz", "/readyz", "/metrics", "/nowhere", "/admin/login/"]
pytestmark = pytest.mark.usefixtures("one_connection")
HEX_ID = re.compile(r"[0-9a-f]{32}")
VOLATILE = r"[0-9a-f]{32}|\d{4}-\d\d-\d\dT[0-9:.]+Z"


@pytest.fixture
def web(db: None, settings: Settings) -> Web:
    settings.RATE_LIMIT_PER_MINUTE = 0
    publish(offer_record(), offer_record("maker/other"))
    following.FOLLOWER.refresh()
    return Web()


# --- a hit is Django's answer ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", CACHED)
@pytest.mark.parametrize("encoding", ["identity", "gzip", "br"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_second_answer_is_the_first_one_without_django(web: Web, path: str, encoding: str, method: str) -> None:
    query = QUERIES.get(path, "")
    first, second = (web.ask(path, query, method=method, HTTP_ACCEPT_ENCODING=encoding) for _ in range(2))

    assert web.asked_django == [path]
    assert first.status == "200 OK"
    assert first.lasting == second.lasting
    assert (first.body == b"") == (method == "HEAD")
    assert first["X-Request-ID"] != second["X-Request-ID"]
    assert first["Access-Control-Allow-Origin"] == "*"
    assert first["Vary"] == "Accept-Encoding"


def test_django_answers_the_same_bytes_and_headers_without_the_front(web: Web) -> None:
    finished = web.ask(LIST)

    from_django = web.ask(LIST, HTTP_TRANSFER_ENCODING="chunked")  # which keeps the front from answering

    added = {"ETag", "Vary"}
    assert from_django.body == finished.body
    assert {name: value for name, value in finished.headers if name not in {*added, "X-Request-ID"}} == {
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


def test_what_names_its_format_in_its_address_is_kept_whatever_a_client_accepts(web: Web) -> None:
    tag = str(web.ask("/catalog/changes.atom", HTTP_ACCEPT="application/atom+xml, text/xml;q=0.5")["ETag"])

    again = web.ask("/catalog/changes.atom", HTTP_ACCEPT="text/html", HTTP_IF_NONE_MATCH=tag)

    assert (again.status, len(web.asked_django)) == ("304 Not Modified", 1)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_client_with_the_same_bytes_gets_none(web: Web, method: str) -> None:
    tag = str(web.ask(LIST)["ETag"])

    kept = web.ask(LIST, method=method, HTTP_IF_NONE_MATCH=f'"old", W/{tag}')
    made = Web().ask(LIST, method=method, HTTP_IF_NONE_MATCH=tag)

    assert kept.lasting == made.lasting
    assert (kept.status, kept.body, kept["ETag"]) == ("304 Not Modified", b"", tag)
    assert kept["Cache-Control"] == web.ask(LIST)["Cache-Control"]
    assert kept["Content-Type"] is None
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
def test_an_answer_is_kept_and_found_by_its_own_media_type(web: Web, path: str, accept: str, status: str) -> None:
    web.ask(path)

    assert web.ask(path, HTTP_ACCEPT=accept).status == status
    assert len(web.asked_django) == (1 if status == "200 OK" else 2)


# --- what never gets in ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", NEVER)
def test_what_is_not_the_snapshot_is_asked_of_django_each_time(web: Web, path: str) -> None:
    for _ in range(2):
        web.ask(path)

    assert web.asked_django == [path, path]
    assert len(web.front._shelf) == 0


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "POST"},
        {"method": "OPTIONS"},
        {"body": b"{}"},
        {"HTTP_ACCEPT": "text/xml"},
        {"HTTP_HOST": "evil.example"},
        {"query": "limit=0"},
        {"path": "/catalog/models/nobody/nothing"},
    ],
    ids=str,
)
def test_whatever_is_not_public_is_neither_kept_nor_answered_from_what_is(web: Web, request_: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"path": LIST, **request_}
    for _ in range(2):
        web.ask(**asked)
    assert len(web.asked_django) == 2
    assert len(web.front._shelf) == 0
    web.ask(LIST)

    web.ask(**asked)

    assert len(web.asked_django) == 4


def test_an_answer_that_sets_a_cookie_or_is_not_public_is_not_kept(web: Web, db: None) -> None:
    for header in (("Set-Cookie", "a=b"), ("Cache-Control", "private")):
        headers = [("Content-Type", "text/plain"), ("Cache-Control", "public"), header]

        def application(environ: Any, start_response: Any, headers: Any = headers) -> list[bytes]:
            web.asked_django.append("")
            start_response("200 OK", headers)
            return [b"hello"]

        web.front._application = application
        web.asked_django.clear()

        assert [web.ask(LIST).body for _ in range(2)] == [b"hello", b"hello"]
        assert len(web.asked_django) == 2


def test_http_is_redirected_even_if_the_answer_for_https_is_kept(web: Web, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    web = Web()
    assert web.ask(LIST, HTTP_X_FORWARDED_PROTO="https").status == "200 OK"

    assert web.ask(LIST, HTTP_X_FORWARDED_PROTO="http").status.startswith("301")
    assert web.ask(LIST).status.startswith("301")


# --- under change ----------------------------------------------------------------------------------------------------


def test_a_new_revision_drops_what_was_kept_and_frees_the_old_snapshot(web: Web) -> None:
    old = web.ask(LIST)
    before = weakref.ref(following.FOLLOWER.current())
    publish(offer_record(prices=(hourly("9"),)), offer_record("maker/other"))
    following.FOLLOWER.refresh()

    new = web.ask(LIST)
    gc.collect()

    assert (orjson.loads(old.body)["revision"], orjson.loads(new.body)["revision"]) == (1, 2)
    assert old["ETag"] != new["ETag"]
    assert before() is None
    assert len(web.front._shelf) == 1


def test_an_answer_made_while_the_snapshot_was_swapped_is_given_and_not_kept(web: Web) -> None:
    ask_django = web.front._application

    def swap_and_answer(environ: Any, start_response: Any) -> Iterable[bytes]:
        publish(offer_record(prices=(hourly("9"),)), offer_record("maker/other"))
        following.FOLLOWER.refresh()
        return ask_django(environ, start_response)

    web.front._application = swap_and_answer
    shelf = web.front._current_shelf()

    assert orjson.loads(web.ask(LIST).body)["revision"] == 2
    assert len(shelf) == 0


def test_before_anything_can_be_served_nothing_is_kept(db: None) -> None:
    web = Web()
    assert web.ask(LIST).status.startswith("503")
    publish(offer_record())
    following.FOLLOWER.refresh()

    assert web.ask(LIST).status == "200 OK"


# --- what holds for every request ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [LIST, "/catalog/gateways", "/nowhere"])
def test_every_request_has_a_new_id_whatever_the_client_says(web: Web, path: str) -> None:
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


def test_everything_is_counted_by_where_it_came_from(web: Web) -> None:
    tag = str(web.ask(LIST)["ETag"])
    web.ask(LIST)
    web.ask(LIST, HTTP_IF_NONE_MATCH=tag)
    web.ask(LIST, "limit=0")
    web.ask("/healthz")

    assert web.counts.requests == {
        ("made", "200"): 1,
        ("kept", "200"): 1,
        ("kept", "304"): 1,
        ("django", "400"): 1,
        ("django", "200"): 1,
    }
    assert sum(web.counts.latencies["kept"].buckets) == 2
    assert (web.counts.kept_answers, web.counts.kept_bytes) == (1, web.front._shelf.size)


@pytest.fixture(params=["json", "console"])
def logged(
    request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[logging.StreamHandler[StringIO]]:
    """What Django's requests are logged as, in each format; the front's own lines go to stderr."""
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

    [made], [kept] = logged.stream.getvalue().splitlines(), capfd.readouterr().err.splitlines()
    made, kept = (re.sub(VOLATILE, "…", line) for line in (made, kept))
    assert json.loads(made) == json.loads(kept) if settings.LOG_FORMAT == "json" else made == kept


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
    told = [*logged.stream.getvalue().splitlines(), *capfd.readouterr().err.splitlines()]
    told += [str(error["value"]) for error in answers[1].json["errors"]]
    assert len(told) == 5
    for line in told:
        assert secret[:10] in line
        assert secret[:11] not in line
    assert secret[:11] not in answers[1].body.decode()


def test_where_requests_are_not_logged_hits_are_not_either(capfd: pytest.CaptureFixture[str], web: Web) -> None:
    for _ in range(2):
        web.ask(LIST)

    assert capfd.readouterr().err == ""
