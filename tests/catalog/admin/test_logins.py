"""Logging in: one password hash at a time, ten wrong logins a minute for an address, and a log line for each."""

from __future__ import annotations

import errno
import fcntl
import io
import os
import subprocess
import sys
from pathlib import Path
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

from catalog.admin import logins, wrong_logins

pytestmark = pytest.mark.django_db

RIGHT = "correct horse battery"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    set_clock(monkeypatch, 0)
    User.objects.create_superuser("ada", password=RIGHT)


def set_clock(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    monkeypatch.setattr(wrong_logins, "time", SimpleNamespace(time=lambda: float(seconds)))


def log_in(password: str, *, address: str = "127.0.0.1", forwarded: str = "") -> Any:
    entered = {"username": "ada", "password": password, "next": "/admin/"}
    return Client(REMOTE_ADDR=address, HTTP_X_FORWARDED_FOR=forwarded).post(reverse("admin:login"), entered)


def test_a_right_login_is_let_in_and_leaves_no_line(caplog: pytest.LogCaptureFixture) -> None:
    answer = log_in(RIGHT)

    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    assert not [record for record in caplog.records if record.name == logins.__name__]


def test_after_ten_wrong_logins_no_further_password_is_hashed(
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
    assert b"permission" not in refused.content  # the admin's menu is for those who are logged in
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
    set_clock(monkeypatch, 60)

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


HOLDING = """
import fcntl, sys
file = open(sys.argv[1], "ab")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""
COUNTING = """
import django, pathlib, sys
django.setup()
from types import SimpleNamespace
from catalog.admin import wrong_logins
wrong_logins.time = SimpleNamespace(time=lambda: 0.0)
for _ in range(10):
    with wrong_logins.turn(pathlib.Path(sys.argv[1])) as wrong:
        wrong.count("127.0.0.1")
"""


def test_while_another_process_checks_a_password_a_login_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDING, str(tmp_path / "logins.json")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin
        assert other.stdout
        assert other.stdout.readline() == b"held\n"
        refused = log_in(RIGHT)
        other.stdin.close()
        other.wait(60)

    assert (refused.status_code, refused["Retry-After"]) == (429, "2")
    assert log_in(RIGHT).status_code == 302


def test_the_wrong_logins_of_all_processes_are_counted_together(tmp_path: Path) -> None:
    command = [sys.executable, "-c", COUNTING, str(tmp_path / "logins.json")]
    subprocess.run(command, check=True, timeout=60, env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"})

    assert log_in(RIGHT).status_code == 429
    assert log_in(RIGHT, address="192.0.2.7").status_code == 302


@pytest.mark.parametrize("text", [b"", b"{", b'{"window": 0, "coun', b'{"window": 7, "counts": {"127.0.0.1": 10}}'])
def test_a_file_of_another_minute_or_half_a_file_counts_nothing(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "logins.json").write_bytes(text)

    assert [log_in("wrong").status_code for _ in range(11)] == [200] * 10 + [429]


def test_without_a_place_for_the_file_a_login_is_checked_and_the_log_has_a_line(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    settings.DATA_DIR = tmp_path / "file"

    assert log_in(RIGHT).status_code == 302
    [line] = [record.getMessage() for record in caplog.records if record.name == wrong_logins.__name__]
    assert line.startswith("Wrong logins are not counted: ")


def test_on_a_file_system_without_locks_wrong_logins_are_counted_all_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refusing = Mock(side_effect=OSError(errno.ENOLCK, "No locks available"))
    monkeypatch.setattr(fcntl, "flock", refusing)

    assert [log_in("wrong").status_code for _ in range(11)] == [200] * 10 + [429]
    assert "Logins are checked without a lock: [Errno 37] No locks available" in caplog.messages


def test_on_a_full_disk_a_wrong_login_is_answered_and_the_log_has_a_line(caplog: pytest.LogCaptureFixture) -> None:
    file = Mock(wraps=io.BytesIO(), write=Mock(side_effect=OSError(errno.ENOSPC, "No space left on device")))

    wrong_logins.WrongLogins(file).count("192.0.2.1")

    assert caplog.messages == ["Wrong logins are not counted: [Errno 28] No space left on device"]


def test_the_page_itself_is_shown_to_everybody() -> None:
    for _ in range(11):
        log_in("wrong")

    assert Client().get(reverse("admin:login")).status_code == 200
