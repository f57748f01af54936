"""Clients: their keys, limits and cookies, scripts of other sites, and what is refused before Django."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NoReturn

import orjson
import pytest
import time_machine
from django.core.signals import request_finished
from django.db import OperationalError, close_old_connections, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoDbBlocker
from pytest_django.fixtures import Settings

from access.keys import Keys
from access.models import ApiKey
from catalog.api.limits import LIMITED
from catalog.memory import following, loading
from catalog.memory.following import Follower
from catalog.memory.snapshot import Snapshot
from front.front import CREDENTIALS, PERSONAL
from tests.catalog.addresses import ONE_EACH, declared
from tests.factories import offer_record, publish, token_priced_record
from tests.front.web import Answered, Web

pytestmark = pytest.mark.usefixtures("one_connection")

LIST = "/catalog/models"
PATHS = [address.path() for address in ONE_EACH]
QUERIES = {address.path(): address.query() for address in ONE_EACH}
WRITES = [address.path() for address in declared() if address.method == "POST"]


@pytest.fixture(scope="module")
def published(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Snapshot]:
    """Two offers, published once: what a test changes is rolled back to here."""
    with django_db_blocker.unblock(), transaction.atomic():
        publish(token_priced_record(), gateway="openrouter")  # OpenRouter's list has only its own offers
        publish(offer_record("maker/other"))
        yield loading.load()
        transaction.set_rollback(True)


@pytest.fixture
def web(published: Snapshot, db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Web:
    settings.RATE_LIMIT_PER_MINUTE = 5
    settings.API_KEY_RATE_LIMIT_PER_MINUTE = 7
    settings.FRONT_MISSES = False
    monkeypatch.setattr(following, "FOLLOWER", Follower(keys=Keys(), snapshot=published))
    following.FOLLOWER.keys.refresh()
    return Web()


def issued(**fields: Any) -> tuple[ApiKey, str]:
    key, secret = ApiKey.objects.issue(name="a client", **fields)
    following.FOLLOWER.keys.refresh()
    return key, secret


def problem_of(answered: Answered, status: str) -> Any:
    assert answered.status.startswith(status)
    assert answered["Content-Type"] == "application/problem+json"
    assert answered["Cache-Control"] == "no-store"
    assert answered["Access-Control-Allow-Origin"] == "*"
    assert answered.json["request_id"] == answered["X-Request-ID"]
    return answered.json


# --- limits ----------------------------------------------------------------------------------------------------------


def test_hits_and_misses_share_one_limit_and_probes_have_none(web: Web) -> None:
    paths = (LIST, LIST, "/catalog/gateways", LIST, "/v1/nothing", "/catalog/gateways")
    statuses = [web.ask(path).status[:3] for path in paths]

    refused = web.ask(LIST)

    assert statuses == ["200", "200", "200", "200", "404", "429"]
    assert web.ask("/healthz").status == "200 OK"
    assert web.ask(LIST, REMOTE_ADDR="192.0.2.2").status == "200 OK"
    problem = problem_of(refused, "429")
    wait = int(str(refused["Retry-After"]))
    assert 1 <= wait <= 60
    assert refused["RateLimit-Policy"] == '"address";q=5;w=60'
    assert re.fullmatch(rf'"address";r=0;t=({wait}|{wait + 1})', str(refused["RateLimit"]))
    assert problem | {"detail": "", "request_id": ""} == {
        "type": "/docs/problems/too-many-requests",
        "title": "Too many requests",
        "status": 429,
        "detail": "",
        "instance": LIST,
        "request_id": "",
    }


UNLIMITED = ["/static/", "/assets/", "/logos/", "/admin", "/metrics", "/healthz", "/readyz"]


@pytest.mark.parametrize("path", [*UNLIMITED, "/nowhere", "/catalog"])
def test_other_addresses_have_no_limit(web: Web, path: str) -> None:
    assert "429" not in {web.ask(path).status[:3] for _ in range(9)}


@pytest.mark.parametrize("path", LIMITED)
def test_every_request_of_a_limited_address_counts(web: Web, path: str) -> None:
    methods = ("GET", "HEAD", "POST", "OPTIONS", "BREW")
    assert "429" not in {web.ask(f"{path}nothing", method=method).status[:3] for method in methods}

    assert web.ask(f"{path}nothing").status[:3] == "429"


@pytest.mark.parametrize(
    ("document", "part"),
    [(".env.example", r"Counted is .*?Default"), ("docs/api/http.md", r"Counted is .*?\n\n")],
)
def test_the_documents_name_what_is_counted_and_what_is_not(settings: Settings, document: str, part: str) -> None:
    [text] = re.findall(part, (settings.BASE_DIR / document).read_text("utf-8"), re.DOTALL)
    counted, uncounted = text.split("Not counted")

    named = set(re.findall(r"(?<![a-z])/[a-z0-9.-]+/", counted.replace("(drop-in.md)", "")))
    assert "/catalog/" in named
    assert named <= set(LIMITED)
    assert set(re.findall(r"/[a-z]+/?", uncounted)) == set(UNLIMITED)


def test_an_answer_without_a_key_has_no_limits_because_it_is_the_same_for_all(web: Web) -> None:
    answers = [web.ask(path) for path in (LIST, LIST, "/catalog/gateways")]

    assert [(answer["RateLimit"], answer["RateLimit-Policy"]) for answer in answers] == [(None, None)] * 3


def test_a_key_has_a_limit_of_its_own_wherever_it_is_used(web: Web) -> None:
    _, secret = issued()
    for _ in range(6):
        web.ask(LIST)

    with_key = [web.ask(LIST, HTTP_X_API_KEY=secret, REMOTE_ADDR=f"192.0.2.{number}") for number in range(1, 9)]

    assert [answer.status[:3] for answer in with_key] == ["200"] * 7 + ["429"]
    assert [str(answer["RateLimit"])[:9] for answer in with_key[:3]] == ['"key";r=6', '"key";r=5', '"key";r=4']
    assert with_key[-1]["RateLimit-Policy"] == '"key";q=7;w=60'
    assert problem_of(with_key[-1], "429")["detail"].startswith("This key has sent too many requests")


@pytest.mark.parametrize(("own", "policy"), [(None, '"key";q=7;w=60'), (2, '"key";q=2;w=60'), (0, None)])
def test_a_key_may_have_another_limit_than_the_setting_or_none(web: Web, own: int | None, policy: str | None) -> None:
    _, secret = issued(requests_per_minute=own)

    answer = web.ask(LIST, HTTP_X_API_KEY=secret)

    assert (answer.status, answer["RateLimit-Policy"]) == ("200 OK", policy)


@pytest.mark.parametrize("own", [None, 2, 0])
@pytest.mark.parametrize("path", [LIST, "/v1/models", "/catalog/stats"])
def test_an_answer_to_a_key_is_private_even_if_the_key_has_no_limit(web: Web, path: str, own: int | None) -> None:
    _, secret = issued(requests_per_minute=own)
    public = web.ask(path)

    answers = [
        web.ask(path, HTTP_X_API_KEY=secret),
        web.ask(path, HTTP_AUTHORIZATION=f"Bearer {secret}", HTTP_IF_NONE_MATCH=str(public["ETag"])),
    ]

    assert [answer.status[:3] for answer in answers] == ["200", "304"]
    assert str(public["Cache-Control"]).startswith("public, ")
    for answer in answers:
        assert answer["Cache-Control"] == str(public["Cache-Control"]).replace("public", "private")
    assert web.ask(path)["Cache-Control"] == public["Cache-Control"]


@pytest.mark.parametrize("setting", [0, 7])
def test_the_answer_to_a_key_is_private_when_it_is_the_first_to_be_cached(
    web: Web, settings: Settings, setting: int
) -> None:
    settings.API_KEY_RATE_LIMIT_PER_MINUTE = setting
    web = Web()
    _, secret = issued()

    first, second = web.ask(LIST, HTTP_X_API_KEY=secret), web.ask(LIST)

    assert (str(first["Cache-Control"])[:8], str(second["Cache-Control"])[:7]) == ("private,", "public,")
    assert len(web.asked_django) == 1


# --- keys ------------------------------------------------------------------------------------------------------------


def test_a_key_gets_the_same_bytes_from_memory_and_only_for_itself(
    web: Web, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    _, secret = issued()
    public = web.ask(LIST)
    web.asked_django.clear()

    with django_assert_num_queries(0):
        private = web.ask(LIST, HTTP_AUTHORIZATION=f"bearer {secret}")
        unchanged = web.ask(LIST, HTTP_X_API_KEY=secret, HTTP_IF_NONE_MATCH=str(public["ETag"]))

    assert web.asked_django == []
    assert (private.body, private["ETag"], private["Vary"]) == (public.body, public["ETag"], public["Vary"])
    assert unchanged.status == "304 Not Modified"
    for answer in (private, unchanged):
        assert answer["Cache-Control"] == str(public["Cache-Control"]).replace("public", "private")
        assert answer["RateLimit"] is not None
    assert web.ask(LIST).lasting == public.lasting


@pytest.mark.parametrize("path", [LIST, "/catalog/gateways", "/catalog/sync/chutes", "/v1/models"])
@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_X_API_KEY": "gwz_wrong"},
        {"HTTP_AUTHORIZATION": "Bearer gwz_"},
        {"HTTP_AUTHORIZATION": "Bearer gwz_\xff\x80"},
        {"HTTP_X_API_KEY": "{secret}", "HTTP_AUTHORIZATION": "Bearer gwz_other"},
        {"HTTP_X_API_KEY": "{secret},{secret}"},
        {"HTTP_X_API_KEY": "{secret}x"},
    ],
    ids=str,
)
def test_a_wrong_key_is_refused_everywhere(web: Web, path: str, headers: dict[str, Any]) -> None:
    _, secret = issued()

    sent: dict[str, Any] = {name: value.format(secret=secret) for name, value in headers.items()}
    answer = web.ask(path, **sent)

    assert problem_of(answer, "401")["title"] == "Unauthorized"
    assert answer["WWW-Authenticate"] == 'Bearer realm="gatewayz", error="invalid_token"'
    assert web.asked_django == []


def test_a_refusal_is_logged_as_django_would_log_it(
    web: Web, capfd: pytest.CaptureFixture[str], settings: Settings
) -> None:
    settings.LOG_FORMAT = "json"

    refused = Web().ask(LIST, HTTP_X_API_KEY="gwz_wrong")

    [line] = [orjson.loads(line) for line in capfd.readouterr().err.splitlines() if "request_finished" in line]
    assert (line["level"], line["code"]) == ("warning", 401)
    assert line["request_id"] == refused["X-Request-ID"]


def test_wrong_keys_cannot_be_tried_without_limit(web: Web) -> None:
    statuses = [web.ask(LIST, HTTP_X_API_KEY=f"gwz_{number}").status[:3] for number in range(7)]

    assert statuses == ["401"] * 5 + ["429"] * 2


def test_a_key_ends_when_it_is_revoked_or_expires(web: Web) -> None:
    now = timezone.now()
    revoked, secret = issued()
    assert web.ask(LIST, HTTP_X_API_KEY=secret).status == "200 OK"
    ApiKey.objects.filter(pk=revoked.pk).update(revoked_at=now)
    _, expired = issued(expires_at=now - timedelta(seconds=1))
    _, lasting = issued(expires_at=now + timedelta(hours=1))

    statuses = [web.ask(LIST, HTTP_X_API_KEY=key).status[:3] for key in (secret, expired, lasting)]

    assert statuses == ["401", "401", "200"]


def test_a_key_that_expires_between_two_looks_at_the_table_is_refused_at_once(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, secret = issued(expires_at=timezone.now() + timedelta(hours=1))
    assert web.ask(LIST, HTTP_X_API_KEY=secret).status == "200 OK"

    monkeypatch.setattr(timezone, "now", lambda: key.expires_at)

    assert web.ask(LIST, HTTP_X_API_KEY=secret).status.startswith("401")


def test_keys_work_while_the_database_is_down(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    _, secret = issued()

    def fail() -> NoReturn:
        raise OperationalError("connection refused")

    monkeypatch.setattr(ApiKey.objects, "valid", lambda **options: fail())
    with pytest.raises(OperationalError):
        following.FOLLOWER.keys.refresh()

    assert web.ask(LIST, HTTP_X_API_KEY=secret).status == "200 OK"
    assert web.ask(LIST, HTTP_X_API_KEY="gwz_wrong").status.startswith("401")


def test_before_keys_were_read_no_key_is_called_wrong(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "FOLLOWER", Follower(keys=Keys()))

    answer = Web().ask(LIST, HTTP_X_API_KEY="gwz_perhaps")

    problem_of(answer, "503")
    assert answer["Retry-After"] == "1"


def test_the_keys_are_read_with_the_snapshot(web: Web) -> None:
    _, secret = ApiKey.objects.issue(name="new")
    assert web.ask(LIST, HTTP_X_API_KEY=secret).status.startswith("401")

    following.FOLLOWER.try_refresh()

    assert web.ask(LIST, HTTP_X_API_KEY=secret).status == "200 OK"


def test_no_secret_is_stored(db: None) -> None:
    key, secret = ApiKey.objects.issue(name="a client")

    [row] = ApiKey.objects.values()
    assert re.fullmatch(r"gwz_[\w-]{43}", secret)
    assert secret not in str(row)
    assert secret.startswith(key.prefix)
    assert len(key.prefix) == 10


# --- cookies and foreign tokens --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "credentials",
    [
        {"HTTP_COOKIE": "sessionid={session}; csrftoken=x"},
        {"HTTP_AUTHORIZATION": "Bearer sk-something"},
        {"HTTP_AUTHORIZATION": "Basic Y3VyYXRvcjpodW50ZXIy"},
        {"HTTP_X_API_KEY": "sk-something"},
        {"HTTP_PROXY_AUTHORIZATION": "Basic x"},
    ],
    ids=lambda credentials: next(iter(credentials)),
)
def test_reads_do_not_depend_on_the_client_because_django_gets_no_credentials(
    web: Web, admin_client: Client, path: str, credentials: dict[str, Any]
) -> None:
    session = admin_client.cookies["sessionid"].value
    sent: dict[str, Any] = {name: value.format(session=session) for name, value in credentials.items()}
    query = QUERIES.get(path, "")

    with_credentials = Web().ask(path, query, **sent)
    asked = Web()
    asked.ask(path, query, **sent)
    plain = Web().ask(path, query)

    assert plain.status == "200 OK"
    assert with_credentials.lasting == plain.lasting
    assert not any(header in environ for environ in asked.environs for header in CREDENTIALS)
    assert {"Vary", "Set-Cookie"}.isdisjoint({name for name, _ in plain.headers}) or plain["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("path", PERSONAL)
def test_only_personal_addresses_receive_the_credentials(web: Web, path: str) -> None:
    web.ask(path, HTTP_COOKIE="sessionid=x", HTTP_AUTHORIZATION="Bearer x")

    assert web.environs[0]["HTTP_COOKIE"] == "sessionid=x"
    assert web.environs[0]["HTTP_AUTHORIZATION"] == "Bearer x"


# --- scripts of other sites ------------------------------------------------------------------------------------------


def preflight(web: Web, path: str, *, method: str = "GET") -> Answered:
    asked: dict[str, Any] = {"HTTP_ORIGIN": "https://elsewhere.example", "HTTP_ACCESS_CONTROL_REQUEST_METHOD": method}
    return web.ask(path, method="OPTIONS", **asked)


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        *((path, "GET, HEAD, OPTIONS") for path in (*PATHS, "/catalog/models/unknown/model", "/nowhere", "/%ff")),
        *((path, "OPTIONS, POST") for path in WRITES),
    ],
)
def test_a_preflight_is_answered_before_django_and_has_no_limit(
    web: Web, django_assert_num_queries: DjangoAssertNumQueries, path: str, methods: str
) -> None:
    with django_assert_num_queries(0):
        answers = [preflight(web, path) for _ in range(9)]

    answer = answers[-1]
    assert {answer.status for answer in answers} == {"204 No Content"}
    assert web.asked_django == []
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Access-Control-Allow-Methods"] == methods
    assert answer["Access-Control-Allow-Headers"] == "*, Authorization"
    assert int(str(answer["Access-Control-Max-Age"])) > 0
    assert answer["Access-Control-Allow-Credentials"] is None


@pytest.mark.parametrize(
    "path", [*PATHS, "/nowhere", "/catalog/models/unknown/model", "/catalog/sync/chutes", "/static/web/pages.css"]
)
def test_a_script_may_read_every_answer_and_its_headers_but_never_with_a_cookie(web: Web, path: str) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        answer = web.ask(path, QUERIES.get(path, ""), method=method, REMOTE_ADDR=f"192.0.2.{len(method)}")

        assert answer["Access-Control-Allow-Origin"] == "*"
        assert {"ETag", "Retry-After", "X-Request-ID"} <= set(str(answer["Access-Control-Expose-Headers"]).split(", "))
        assert answer["Access-Control-Allow-Credentials"] is None


@pytest.mark.parametrize("path", [*PATHS, "/nowhere", "/catalog/sync/chutes", "/static/web/pages.css"])
def test_only_the_front_sets_headers_of_cors(db: None, client: Client, path: str) -> None:
    response = client.get(path)
    request_finished.disconnect(close_old_connections)  # Django's client has connected it again
    response.close()

    assert not [name for name in response.headers if name.startswith("Access-Control-")]


@pytest.mark.parametrize("path", ["/admin", "/admin/login/", "/admin/\xff"])
def test_no_script_of_another_site_reads_the_admin(web: Web, path: str) -> None:
    assert web.ask(path)["Access-Control-Allow-Origin"] is None
    assert preflight(web, path)["Access-Control-Allow-Origin"] is None


# --- in every answer -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*PATHS, "/nowhere", "/", "/catalog/models/unknown/model", "/admin/login/"])
def test_a_head_has_the_headers_of_a_get_and_no_body(web: Web, path: str) -> None:
    with time_machine.travel(timezone.now(), tick=False):  # Expires of the admin has the second of the answer
        get, head = (Web().ask(path, QUERIES.get(path, ""), method=method) for method in ("GET", "HEAD"))

    # The admin's form has a new token each time.
    volatile = {"X-Request-ID", "Set-Cookie", "Content-Length" if path.startswith("/admin") else ""}
    assert (head.status, head.body) == (get.status, b"")
    assert [(name, value) for name, value in head.headers if name not in volatile] == [
        (name, value) for name, value in get.headers if name not in volatile
    ]


def test_a_body_that_is_too_large_is_refused_unread(web: Web, settings: Settings) -> None:
    answer = web.ask(LIST, method="POST", CONTENT_LENGTH=str(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1))

    assert problem_of(answer, "413")["type"] == "/docs/problems/content-too-large"
    assert web.asked_django == []


@pytest.mark.parametrize("path", [LIST, "/catalog/gateways", "/metrics"])
def test_a_defect_outside_django_is_a_problem_with_an_id_too(
    db: None, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    def application(environ: Any, start_response: Any) -> NoReturn:
        environ["PATH_INFO"] = "/\N{SNOWMAN}"  # Django writes text there, which is no longer the server's bytes
        raise RuntimeError("hunter2")

    answer = Web(application).ask(path)

    problem = problem_of(answer, "500")
    assert problem["instance"] == path
    assert problem["request_id"] in caplog.text
    assert b"hunter2" not in answer.body


def test_neither_id_of_a_client_reaches_the_logs(web: Web) -> None:
    web.ask(
        "/catalog/gateways", HTTP_X_REQUEST_ID="forged", HTTP_X_CORRELATION_ID="forged", HTTP_TRACEPARENT="00-forged"
    )

    [environ] = web.environs
    assert "HTTP_X_CORRELATION_ID" not in environ
    assert re.fullmatch("[0-9a-f]{32}", environ["HTTP_X_REQUEST_ID"])
