"""Logging in: one password hash at a time, ten wrong logins a minute for an address, and a log line for each."""

from __future__ import annotations

from threading import Event, Thread
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from django.contrib import admin
from django.contrib.auth import hashers
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from access import limits
from access.limits import Limiter
from catalog.admin import logins

pytestmark = pytest.mark.django_db

RIGHT = "correct horse battery"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "_wrong", Limiter())
    monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=lambda: 0.0))
    User.objects.create_superuser("ada", password=RIGHT)


def log_in(password: str, *, address: str = "127.0.0.1", forwarded: str = "") -> Any:
    entered = {"username": "ada", "password": password, "next": "/admin/"}
    return Client(REMOTE_ADDR=address, HTTP_X_FORWARDED_FOR=forwarded).post(reverse("admin:login"), entered)


def test_a_right_login_is_let_in_and_leaves_no_line(caplog: pytest.LogCaptureFixture) -> None:
    answer = log_in(RIGHT)

    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    assert not [record for record in caplog.records if record.name == logins.__name__]


def test_after_ten_wrong_logins_an_address_waits_and_no_further_password_is_hashed(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = Mock(wraps=hashers.verify_password)
    monkeypatch.setattr(hashers, "verify_password", check)

    statuses = [log_in("wrong").status_code for _ in range(12)]
    refused = log_in(RIGHT)

    assert statuses == [200] * 10 + [429] * 2
    assert check.call_count == 10
    assert (refused.status_code, refused["Retry-After"], refused["Cache-Control"]) == (429, "60", "no-store")
    assert b"too many wrong logins from your address. Please try again in 60 seconds." in refused.content
    lines = [record.getMessage() for record in caplog.records if record.name == logins.__name__]
    assert (
        lines
        == ["A wrong login from 127.0.0.1"] * 10
        + ["A login from 127.0.0.1 was refused: 10 wrong ones within a minute"] * 3
    )
    assert "ada" not in "".join(lines)


def test_another_address_is_not_made_to_wait() -> None:
    for _ in range(11):
        log_in("wrong")

    assert log_in(RIGHT, address="192.0.2.7").status_code == 302


def test_a_minute_later_the_address_may_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(11):
        log_in("wrong")
    monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=lambda: 60.0))

    assert log_in(RIGHT).status_code == 302


def test_behind_a_proxy_the_address_is_the_clients(settings: Settings) -> None:
    settings.TRUSTED_PROXY_HOPS = 1
    for _ in range(11):
        log_in("wrong", forwarded="198.51.100.1, 192.0.2.1")

    assert log_in(RIGHT, forwarded="192.0.2.1, 198.51.100.1").status_code == 302
    assert log_in(RIGHT, forwarded="192.0.2.1").status_code == 429


def test_while_one_password_is_hashed_another_login_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, finish = Event(), Event()

    def hash_slowly(request: object) -> HttpResponse:
        begun.set()
        assert finish.wait(60)
        return HttpResponse(status=302)

    monkeypatch.setattr(admin.site, "login", hash_slowly)
    first: list[Any] = []
    thread = Thread(target=lambda: first.append(log_in(RIGHT)))
    thread.start()
    assert begun.wait(60)

    second = log_in(RIGHT, address="192.0.2.7")
    finish.set()
    thread.join(60)

    assert (second.status_code, second["Retry-After"]) == (429, "2")
    assert b"Another login is being checked at this moment." in second.content
    assert first[0].status_code == 302
    assert log_in(RIGHT).status_code == 302  # the one who was before has made room


def test_the_page_itself_is_shown_to_everybody() -> None:
    for _ in range(11):
        log_in("wrong")

    assert Client().get(reverse("admin:login")).status_code == 200
