"""`POST /catalog/sync/{gateway}` and the run that it starts: who may, what they get, and that nothing is lost."""

from __future__ import annotations

from threading import Event, Thread
from typing import Any, NoReturn

import orjson
import pytest
from celery import current_app
from django.contrib.auth.models import Permission, User
from django.db import OperationalError, connection, transaction
from django.test import Client
from kombu.exceptions import OperationalError as BrokerError

from access.models import ApiKey
from catalog.memory import following
from catalog.models import Gateway, SyncRun
from catalog.publication import locks
from catalog.sync import schedule
from tests.catalog.api.reading import Response, body_of, problem_of
from tests.catalog.syncing import sync

Json = Any
START = "/catalog/sync/chutes"
LONGEST_WAIT = 30.0


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The messages to the worker."""
    names: list[str] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, **options: names.append(name))
    return names


@pytest.fixture
def key(db: None) -> dict[str, str]:
    """The header of a key that may sync."""
    return header(scopes=["sync"])


def header(**fields: Any) -> dict[str, str]:
    _, secret = ApiKey.objects.issue(name="the deployment", **fields)
    following.FOLLOWER.keys.refresh()
    return {"authorization": f"Bearer {secret}"}


def start(client: Client, address: str = START, *, headers: dict[str, str] | None = None) -> Response:
    return client.post(address, content_type="application/json", headers=headers)


def started(response: Response) -> Json:
    assert (response.status_code, response["Cache-Control"]) == (202, "no-store"), response.content
    return orjson.loads(response.content)["data"]


def run_at(client: Client, address: str, headers: dict[str, str]) -> Json:
    return body_of(client.get(address, headers=headers))["data"]


def staff(*codenames: str) -> User:
    user = User.objects.create_user("alice", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


# --- what it does ----------------------------------------------------------------------------------------------------


def test_a_run_is_asked_for_and_can_be_followed_until_it_has_ended(
    client: Client, key: dict[str, str], sent: list[str]
) -> None:
    response = start(client, headers=key)

    asked = started(response)
    address = response["Location"]
    assert sent == ["catalog.dispatch_due"]
    assert address == f"/catalog/sync/runs/{asked['id']}"
    assert asked == run_at(client, address, key)
    assert (asked["state"], asked["outcome"], asked["started_at"]) == ("waiting", None, None)
    sync()
    ended = run_at(client, address, key)
    assert (ended["state"], ended["outcome"], ended["error"]) == ("ended", "published", None)
    assert (ended["trigger"], ended["source"]) == ("request", "bundled")
    assert (ended["counts"]["seen"], ended["counts"]["new"]) == (104, 104)
    assert (ended["revision_before"], ended["revision_after"]) == (0, 1)
    assert ended["started_at"] <= ended["finished_at"]
    assert SyncRun.objects.count() == 1


def test_whoever_asks_again_while_the_run_waits_gets_that_run(
    client: Client, key: dict[str, str], sent: list[str]
) -> None:
    first, second = (started(start(client, headers=key))["id"] for _ in range(2))

    assert first == second
    assert SyncRun.objects.count() == 1


def test_whoever_asks_while_one_is_reading_gets_the_next_one(
    client: Client, key: dict[str, str], sent: list[str], db: None
) -> None:
    sync()
    SyncRun.objects.update(outcome=SyncRun.Outcome.RUNNING, finished_at=None)
    [reading] = SyncRun.objects.all()

    asked = started(start(client, headers=key))

    assert asked["id"] != reading.pk
    assert run_at(client, f"/catalog/sync/runs/{reading.pk}", key)["state"] == "running"


@pytest.mark.parametrize("error", [BrokerError("no broker"), ConnectionRefusedError()])
def test_without_a_broker_the_run_is_not_lost(
    client: Client, key: dict[str, str], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(name: str, **options: object) -> NoReturn:
        raise error

    monkeypatch.setattr(current_app, "send_task", refuse)

    response = start(client, headers=key)

    assert "will begin later" in problem_of(response, status=503)["detail"]
    assert response["Retry-After"] == "60"
    assert run_at(client, response["Location"], key)["state"] == "waiting"
    assert "chutes" in schedule.claim_due(now=SyncRun.objects.get().started_at)


def test_without_a_database_nothing_is_asked_for(
    client: Client, key: dict[str, str], sent: list[str], break_database: Any
) -> None:
    break_database(OperationalError("connection refused"))

    response = start(client, headers=key)

    assert problem_of(response, status=503)["detail"] == "The database does not answer."
    assert response["Retry-After"] == "5"
    assert sent == []


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_long_for_a_publication(
    client: Client, key: dict[str, str], sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "PATIENCE_SECONDS", 0.1)
    Gateway.objects.ensure(["chutes"])
    is_locked, may_end = Event(), Event()

    def publish() -> None:
        with transaction.atomic():
            locks.lock_gateway("chutes")
            is_locked.set()
            may_end.wait(LONGEST_WAIT)
        connection.close()

    publication = Thread(target=publish)
    publication.start()
    assert is_locked.wait(LONGEST_WAIT)
    response = start(client, headers=key)
    may_end.set()
    publication.join()

    assert "being published" in problem_of(response, status=503)["detail"]
    assert response["Retry-After"] == "5"
    assert (sent, SyncRun.objects.count()) == ([], 0)
    assert started(start(client, headers=key))["state"] == "waiting"


@pytest.mark.parametrize("address", ["/catalog/sync/acme", "/catalog/sync/Chutes", "/catalog/sync/runs"])
def test_a_gateway_that_there_is_not_is_not_found(client: Client, key: dict[str, str], address: str) -> None:
    assert "openrouter" in problem_of(start(client, address, headers=key), status=404)["detail"]


@pytest.mark.parametrize("number", ["0", "1", "99999999999999999999", "9" * 5_000, "x", "-1"])
def test_a_run_that_there_is_not_is_not_found(client: Client, key: dict[str, str], number: str) -> None:
    problem_of(client.get(f"/catalog/sync/runs/{number}", headers=key), status=404)


@pytest.mark.parametrize("body", [b'{"source": "api"}', b"{not json", b"[]"])
def test_what_is_not_read_is_refused(client: Client, key: dict[str, str], sent: list[str], body: bytes) -> None:
    problem_of(client.post(START, data=body, content_type="application/json", headers=key), status=400)
    problem_of(client.post(f"{START}?source=api", headers=key), status=400)
    problem_of(client.post(START, headers=key | {"Transfer-Encoding": "chunked"}), status=411)

    assert (sent, SyncRun.objects.count()) == ([], 0)


# --- who may ---------------------------------------------------------------------------------------------------------


def both(client: Client, headers: dict[str, str] | None = None) -> list[Response]:
    return [start(client, headers=headers), client.get("/catalog/sync/runs/1", headers=headers)]


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer sk-foreign"}, {"x-api-key": "sk-foreign"}], ids=str)
def test_without_a_key_of_ours_one_is_asked_for(client: Client, db: None, headers: dict[str, str]) -> None:
    for response in both(client, headers):
        assert problem_of(response, status=401)["title"] == "Unauthorized"
        assert response["WWW-Authenticate"] == 'Bearer realm="gatewayz"'


def test_whoever_asks_what_an_address_takes_needs_no_key(client: Client, db: None) -> None:
    for address, methods in (("/catalog/sync/chutes", "POST, OPTIONS"), ("/catalog/sync/runs/1", "GET, HEAD, OPTIONS")):
        response = client.options(address)

        assert (response.status_code, response["Allow"]) == (200, methods)


def test_a_wrong_key_is_refused(client: Client, key: dict[str, str]) -> None:
    for response in both(client, {"x-api-key": "gwz_wrong"}):
        problem_of(response, status=401)


def test_a_key_without_the_scope_may_not(client: Client, db: None, sent: list[str]) -> None:
    for response in both(client, header(scopes=[])):
        assert "the scope sync" in problem_of(response, status=403)["detail"]
    assert sent == []


def test_a_member_of_staff_who_may_start_a_sync_may(client: Client, db: None, sent: list[str]) -> None:
    client.force_login(staff("desk_sync"))

    response = start(client)

    assert run_at(client, response["Location"], {}) == started(response)


@pytest.mark.parametrize(
    "who", [{"is_staff": True}, {"is_staff": False, "is_superuser": True}, {"is_staff": False}], ids=str
)
def test_others_who_are_logged_in_may_not(client: Client, db: None, sent: list[str], who: dict[str, Any]) -> None:
    client.force_login(User.objects.create_user("bob", **who))

    for response in both(client):
        problem_of(response, status=403)
    assert sent == []


def test_a_session_alone_is_not_enough_to_write_for_another_site_could_have_sent_it(db: None, sent: list[str]) -> None:
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(staff("desk_sync"))

    assert "CSRF" in problem_of(start(careful), status=403)["detail"]
    assert sent == []


def test_a_key_needs_no_csrf_token(key: dict[str, str], sent: list[str]) -> None:
    started(start(Client(enforce_csrf_checks=True), headers=key))
