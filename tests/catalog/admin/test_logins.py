"""The pages that hash passwords: one at a time, with limits, and a log line without the name for each failure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from threading import Event, Lock, Thread
from typing import Any
from unittest.mock import Mock

import pytest
import time_machine
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from access import logins
from access.logins import account_of
from access.models import FailedLogin, HashTurn, KnownAddress
from front.counts import counts

pytestmark = pytest.mark.django_db

NOW = datetime(2100, 11, 22, 8, tzinfo=UTC)
RIGHT, NEW = "correct horse battery", "staple correct horse"
PATIENCE_SECONDS = 60
ENCODE = MD5PasswordHasher.encode


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture(autouse=True)
def ada(monkeypatch: pytest.MonkeyPatch) -> User:
    monkeypatch.setattr(counts, "failed_logins", dict.fromkeys(counts.failed_logins, 0))
    return User.objects.create_superuser("ada", password=RIGHT)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch, ada: User) -> Mock:
    """Called for each hash that is computed; each must have the turn."""

    def encode(password: str, salt: str) -> str:
        assert HashTurn.objects.get().holder
        return ENCODE(MD5PasswordHasher(), password, salt)

    hashed = Mock(side_effect=encode)
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda _, password, salt: hashed(password, salt))
    return hashed


def log_in(password: str, name: str = "ada", *, address: str = "127.0.0.1", forwarded: str = "") -> Any:
    entered = {"username": name, "password": password, "next": "/admin/"}
    return Client(REMOTE_ADDR=address, HTTP_X_FORWARDED_FOR=forwarded).post(reverse("admin:login"), entered)


def logged(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    lines: list[Any] = [record.msg for record in caplog.records if record.name == "catalog.admin.logins"]
    return [{key: line[key] for key in ("event", "level", "reason", "address", "account")} for line in lines]


# --- logging in ------------------------------------------------------------------------------------------------------


def test_a_right_login_is_let_in_and_leaves_no_line(caplog: pytest.LogCaptureFixture, ada: User) -> None:
    answer = log_in(RIGHT)

    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    assert logged(caplog) == []
    assert not any(counts.failed_logins.values())
    assert KnownAddress.objects.values_list("user", "address", "logged_in_at").get() == (ada.pk, "127.0.0.1", NOW)


def test_a_failure_is_a_line_and_a_metric_and_neither_has_the_name(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(6):
        log_in("wrong", "my password")

    line = {"event": "login_failed", "level": "warning", "address": "127.0.0.1"}
    account = account_of("my password")[:12]
    wrong, refused = [{**line, "reason": reason, "account": account} for reason in ("wrong", "pair")]
    assert logged(caplog) == [wrong] * 5 + [refused]
    assert counts.failed_logins == {"wrong": 5, "address": 0, "pair": 1, "account": 0, "busy": 0}
    assert "my password" not in caplog.text


def test_after_five_wrong_logins_to_an_account_no_further_password_is_hashed(hashed: Mock) -> None:
    statuses = [log_in("wrong").status_code for _ in range(7)]
    refused = log_in(RIGHT)

    assert statuses == [200] * 5 + [429] * 2
    assert hashed.call_count == 5
    assert (refused.status_code, refused["Retry-After"], refused["Cache-Control"]) == (429, "300", "no-store")
    shown = b"There were too many wrong logins to this account from your address. Please try again in 300 seconds."
    assert shown in refused.content
    assert b"permission" not in refused.content  # the admin's menu is for those who are logged in


def test_after_ten_wrong_logins_from_an_address_no_further_password_is_hashed(hashed: Mock) -> None:
    statuses = [log_in("wrong", f"user {number}").status_code for number in range(12)]
    refused = log_in(RIGHT)

    assert statuses == [200] * 10 + [429] * 2
    assert hashed.call_count == 10
    assert refused["Retry-After"] == "60"
    assert b"There were too many wrong logins from your address. Please try again in 60 seconds." in refused.content


def test_strangers_cannot_log_in_to_an_account_that_many_addresses_guess(hashed: Mock) -> None:
    log_in(RIGHT, address="192.0.2.1")
    FailedLogin.objects.bulk_create(
        FailedLogin(account=account_of("ada"), address=f"198.51.100.{number}", failed_at=NOW) for number in range(100)
    )

    refused = log_in(RIGHT, address="192.0.2.2")

    assert (refused.status_code, refused["Retry-After"]) == (429, "3600")
    assert b"There were too many wrong logins to this account. Please" in refused.content
    assert log_in(RIGHT, address="192.0.2.1").status_code == 302
    assert hashed.call_count == 2


def test_when_the_wait_is_over_the_account_may_try_again(clock: time_machine.Traveller) -> None:
    for _ in range(6):
        log_in("wrong")
    clock.shift(timedelta(minutes=5))

    assert log_in(RIGHT).status_code == 302


def test_an_account_that_is_unlocked_may_try_again_at_once() -> None:
    for _ in range(6):
        log_in("wrong")
    logins.unlock(account=account_of("ada"))

    assert log_in(RIGHT).status_code == 302


def test_an_unknown_account_is_answered_like_a_known_one(hashed: Mock) -> None:
    known = [log_in("wrong", "ada", address="192.0.2.1") for _ in range(6)]
    hashes = hashed.call_count
    unknown = [log_in("wrong", "eve", address="192.0.2.2") for _ in range(6)]

    assert [without_what_differs(answer) for answer in known] == [without_what_differs(answer) for answer in unknown]
    assert hashed.call_count == 2 * hashes == 10


def without_what_differs(answer: Any) -> tuple[int, str, dict[str, str]]:
    """Return an answer without its CSRF token and the name that was typed."""
    text = re.sub(r'name="csrfmiddlewaretoken" value="\w+"|value="(ada|eve)"', "", answer.content.decode())
    return answer.status_code, text, {**answer.headers, "Content-Length": ""}


def test_spellings_that_the_form_takes_for_one_name_share_its_limit() -> None:
    statuses = [log_in("wrong", name).status_code for name in ("ada", " ada", "ada ", "\uff41da", "ada", "ada")]

    assert statuses == [200] * 5 + [429]


def test_a_login_without_a_password_costs_no_hash_and_does_not_count(hashed: Mock) -> None:
    answers = [log_in("").status_code for _ in range(20)]
    answers += [log_in("wrong", "").status_code for _ in range(20)]

    assert answers == [200] * 40
    assert hashed.call_count == 0
    assert log_in(RIGHT).status_code == 302


def test_the_right_password_of_an_account_that_is_no_staff_is_a_wrong_login(caplog: pytest.LogCaptureFixture) -> None:
    User.objects.create_user("bob", password=RIGHT)

    assert [log_in(RIGHT, "bob").status_code for _ in range(6)] == [200] * 5 + [429]
    assert logged(caplog)[0]["reason"] == "wrong"
    assert not KnownAddress.objects.exists()


def test_behind_a_proxy_the_address_is_the_clients(settings: Settings) -> None:
    settings.TRUSTED_PROXY_HOPS = 1
    for _ in range(6):
        log_in("wrong", forwarded="198.51.100.1, 192.0.2.1")

    assert log_in(RIGHT, forwarded="192.0.2.1, 198.51.100.1").status_code == 302
    assert log_in(RIGHT, forwarded="192.0.2.1").status_code == 429


def test_the_page_itself_is_shown_to_all_addresses() -> None:
    for _ in range(11):
        log_in("wrong")

    assert Client().get(reverse("admin:login")).status_code == 200


# --- one hash at a time ----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_flood_of_logins_leaves_one_hash_at_a_time_and_the_others_are_refused_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, finish, lock = Event(), Event(), Lock()
    running: list[int] = []
    most = [0]

    def hash_slowly(hasher: MD5PasswordHasher, password: str, salt: str) -> str:
        with lock:
            running.append(1)
            most[0] = max(most[0], len(running))
        begun.set()
        assert finish.wait(PATIENCE_SECONDS)
        with lock:
            running.pop()
        return ENCODE(hasher, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", hash_slowly)
    answers: list[Any] = []

    def guess(address: str) -> None:
        try:
            answers.append(log_in("wrong", address=address))
        finally:
            connection.close()

    first, *others = [Thread(target=guess, args=[f"192.0.2.{number}"]) for number in range(4)]
    first.start()
    assert begun.wait(PATIENCE_SECONDS)
    for thread in others:
        thread.start()
    for thread in others:
        thread.join(PATIENCE_SECONDS)
    refused = list(answers)
    finish.set()
    first.join(PATIENCE_SECONDS)

    assert [(answer.status_code, answer["Retry-After"]) for answer in refused] == [(429, "2")] * 3
    assert b"Another password is being checked at this moment." in refused[0].content
    assert answers[-1].status_code == 200
    assert most == [1]
    assert log_in(RIGHT).status_code == 302
    assert counts.failed_logins == {"wrong": 1, "address": 0, "pair": 0, "account": 0, "busy": 3}


def change_own(client: Client, _: int, old: str = RIGHT) -> Any:
    sent = {"old_password": old, "new_password1": NEW, "new_password2": NEW}
    return client.post(reverse("admin:password_change"), sent)


def set_of_another(client: Client, pk: int) -> Any:
    sent = {"password1": NEW, "password2": NEW, "usable_password": "true", "set-password": "1"}
    return client.post(reverse("admin:auth_user_password_change", args=[pk]), sent)


def add_account(client: Client, _: int) -> Any:
    sent = {"username": "bob", "password1": NEW, "password2": NEW, "usable_password": "true"}
    return client.post(reverse("admin:auth_user_add"), sent)


@pytest.fixture
def curator(ada: User) -> Client:
    """A client with a session, which was not made by a login."""
    client = Client()
    client.force_login(ada)
    return client


@pytest.mark.parametrize("post", [change_own, set_of_another, add_account])
def test_a_page_that_sets_a_password_has_the_turn_or_is_refused(
    post: Callable[[Client, int], Any], curator: Client, hashed: Mock, ada: User
) -> None:
    holder = HashTurn.objects.take(now=NOW, duration=logins.LONGEST_TURN)
    assert holder
    refused = post(curator, ada.pk)
    assert hashed.call_count == 0
    HashTurn.objects.release(holder)

    assert (refused.status_code, refused["Retry-After"]) == (429, "2")
    assert post(curator, ada.pk).status_code == 302
    assert hashed.call_count >= 1
    assert HashTurn.objects.get().holder == ""


@pytest.mark.parametrize(
    "name", ["admin:password_change", "admin:auth_user_add", "admin:auth_user_password_change", "admin:login"]
)
def test_while_a_password_is_hashed_all_pages_are_shown(name: str, curator: Client, ada: User) -> None:
    arguments = [ada.pk] if name == "admin:auth_user_password_change" else []
    with logins.turn(now=NOW):
        answer = curator.get(reverse(name, args=arguments))

    assert answer.status_code == (302 if name == "admin:login" else 200)


# --- the own password ------------------------------------------------------------------------------------------------


def test_a_session_is_no_place_to_guess_the_password(curator: Client, caplog: pytest.LogCaptureFixture) -> None:
    statuses = [change_own(curator, 0, "wrong").status_code for _ in range(6)]

    assert statuses == [200] * 5 + [429]
    assert log_in(RIGHT).status_code == 429
    assert [line["reason"] for line in logged(caplog)] == ["wrong"] * 5 + ["pair"] * 2


def test_the_right_old_password_forgets_the_wrong_ones(curator: Client) -> None:
    for _ in range(4):
        change_own(curator, 0, "wrong")
    differ = {"old_password": RIGHT, "new_password1": NEW, "new_password2": "something else"}
    curator.post(reverse("admin:password_change"), differ)

    assert not FailedLogin.objects.exists()
    assert change_own(curator, 0).status_code == 302
    assert log_in(NEW).status_code == 302


def test_a_password_is_changed_by_those_alone_who_are_logged_in() -> None:
    answer = change_own(Client(), 0)

    assert answer["Location"] == "/admin/login/?next=/admin/password_change/"
