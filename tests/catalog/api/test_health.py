"""`/healthz` shows that the process lives, `/readyz` whether it should receive requests."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NoReturn

import orjson
import pytest
from django.db import InterfaceError, OperationalError, connection
from django.test import Client

from access.models import ApiKey
from catalog.memory import following, loading
from catalog.memory.snapshot import Snapshot
from catalog.models import Revision
from tests.catalog.api.reading import body_of
from tests.factories import offer_record, publish

Json = Any


def not_ready(client: Client) -> Json:
    response = client.get("/readyz")
    assert (response.status_code, response["Content-Type"]) == (503, "application/json")
    body = orjson.loads(response.content)
    assert body["status"] == "not ready"
    return body


def fail(*args: object) -> NoReturn:
    raise MemoryError


def test_a_process_is_not_ready_before_anything_is_published(client: Client, db: None) -> None:
    following.FOLLOWER.refresh()

    assert not_ready(client) == {
        "status": "not ready",
        "problems": ["nothing has been published yet; the first sync does it"],
        "serving_revision": 0,
        "published_revision": 0,
    }


def test_a_process_is_not_ready_before_it_has_read_what_is_published(
    client: Client, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(offer_record())
    monkeypatch.setattr(loading, "load", fail)
    with pytest.raises(MemoryError):
        following.FOLLOWER.refresh()

    assert not_ready(client) == {
        "status": "not ready",
        "problems": ["no published revision has been read yet"],
        "serving_revision": None,
        "published_revision": 1,
    }


def test_a_process_that_never_could_read_anything_claims_to_serve_nothing(
    client: Client, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(offer_record())
    monkeypatch.setattr(loading, "load", fail)
    following.FOLLOWER.try_refresh()

    assert following.FOLLOWER.is_failing
    assert not_ready(client)["problems"] == ["no published revision has been read yet"]


def test_a_process_that_serves_what_is_published_is_ready(client: Client, db: None) -> None:
    publish(offer_record())
    following.FOLLOWER.refresh()

    response = client.get("/readyz")

    assert body_of(response) == {"status": "ok", "problems": [], "serving_revision": 1, "published_revision": 1}
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("error", [OperationalError("connection refused"), InterfaceError("connection is closed")])
def test_a_process_without_a_database_lives_but_is_not_ready(
    client: Client, catalogue: Snapshot, break_database: Callable[[Exception], None], error: Exception
) -> None:
    break_database(error)
    with pytest.raises(type(error)):
        following.FOLLOWER.refresh()

    response = client.get("/healthz")

    assert body_of(response) == {"status": "ok"}
    assert response["Cache-Control"] == "no-store"
    assert not_ready(client)["problems"] == ["the database does not answer"]


def test_a_database_that_says_nothing_keeps_no_answer_waiting(
    client: Client, catalogue: Snapshot, break_database: Callable[[Exception], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    break_database(AssertionError("a process that is asked how it is asks nobody"))
    monkeypatch.setattr(following.FOLLOWER, "waiting_since", time.monotonic() - 1.1 * following.LONGEST_SILENCE_SECONDS)
    assert not_ready(client) == {
        "status": "not ready",
        "problems": ["the database does not answer"],
        "serving_revision": 1,
        "published_revision": None,
    }

    monkeypatch.setattr(following.FOLLOWER, "waiting_since", time.monotonic())
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("question", [(ApiKey.objects, "valid"), (Revision.objects, "newest")])
def test_whatever_a_silent_database_was_asked_first_it_is_silent(
    client: Client, catalogue: Snapshot, monkeypatch: pytest.MonkeyPatch, question: tuple[object, str]
) -> None:
    seen: list[Json] = []

    def wait(**options: object) -> NoReturn:
        monkeypatch.setattr(following, "LONGEST_SILENCE_SECONDS", -1)
        seen.append(not_ready(client)["problems"])
        raise OperationalError("nobody is there")

    monkeypatch.setattr(*question, wait)
    monkeypatch.setattr(connection, "close", lambda: None)

    following.FOLLOWER.try_refresh()

    assert seen == [["the database does not answer"]]


def test_a_process_that_has_read_nothing_lives(client: Client) -> None:
    assert body_of(client.get("/healthz")) == {"status": "ok"}
