"""`check --deploy` tries the database and Redis, and never shows a password."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import NoReturn

import pytest
from django.core.checks import CheckMessage
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from pytest_django.fixtures import Settings

from catalog import checks
from catalog.models import patience
from tests.catalog.scraping import AtOnce


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Both servers accept what is sent, and never answer."""
    is_over = threading.Event()
    monkeypatch.setattr(checks, "ANSWER_SECONDS", 0.01)
    monkeypatch.setattr(checks, "_missing_migrations", is_over.wait)
    monkeypatch.setattr(checks, "_ping_redis", is_over.wait)
    yield
    is_over.set()


def database() -> list[CheckMessage]:
    return checks.check_database(None)


def redis() -> list[CheckMessage]:
    return checks.check_redis(None)


def test_a_database_with_all_tables_passes(db: None) -> None:
    assert database() == []


def test_migrations_that_are_not_applied_are_named(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "Thread", AtOnce)  # another thread would not see this test's transaction
    monkeypatch.setattr(connection, "close", lambda: None)
    last = MigrationRecorder(connection).migration_qs.filter(app="catalog").latest("name")
    last.delete()

    (found,) = database()

    assert found.id == "catalog.W008"
    assert f"1 migrations are not applied, from catalog.{last.name} on; run `python manage.py migrate`" in found.msg


def test_a_database_that_refuses_is_an_error_of_one_line_without_the_password(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> NoReturn:
        raise OperationalError('connection failed\n\tfor "u" with "hunter2"\n\tIs the server running?')

    monkeypatch.setitem(settings.DATABASES["default"], "PASSWORD", "hunter2")
    monkeypatch.setattr(checks, "_missing_migrations", fail)

    (found,) = database()

    expected = 'The database cannot be used: connection failed for "u" with "…"; start it, or correct DATABASE_URL.'
    assert (found.id, found.msg) == ("catalog.E007", expected)


@pytest.mark.usefixtures("silence")
def test_servers_that_never_answer_are_given_up(settings: Settings) -> None:
    settings.REDIS_URL = "redis://localhost"

    found = [*database(), *redis()]

    assert [message.id for message in found] == ["catalog.E007", "catalog.E009"]
    assert all("does not answer within 0.01 seconds" in message.msg for message in found)


def test_without_a_redis_none_is_tried(settings: Settings) -> None:
    settings.REDIS_URL = ""

    assert redis() == []


def test_a_redis_that_answers_passes(settings: Settings, redis_url: str) -> None:
    settings.REDIS_URL = redis_url

    assert redis() == []


def test_a_wrong_password_of_redis_is_not_shown(settings: Settings, redis_url: str) -> None:
    settings.REDIS_URL = redis_url.replace("redis://:", "redis://:hunter2")

    (found,) = redis()

    assert "Redis cannot be used: invalid username-password pair or user is disabled; start it" in found.msg
    assert "hunter2" not in found.msg


@pytest.mark.parametrize("address", ["redis://:hunter2/@localhost:6379", "localhost:6379", "http://:hunter2@localhost"])
def test_a_wrong_address_of_redis_is_not_shown(settings: Settings, address: str) -> None:
    settings.REDIS_URL = address

    (found,) = redis()

    assert "its address is not like redis://localhost:6379/0" in found.msg
    assert "hunter" not in found.msg
