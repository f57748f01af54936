"""What a process serves: one whole revision, swapped when there is another, kept when none can be read."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import NoReturn

import orjson
import pytest
from django.db import DatabaseError, connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from access.keys import Keys, WrongKey
from access.models import ApiKey
from catalog.memory import derived, following, loading
from catalog.memory.following import Follower, NotReady
from catalog.models import Revision
from tests.factories import hourly, offer_record, publish

LONGEST_WAIT = 30.0

committed = pytest.mark.django_db(transaction=True)
"""For tests in which another connection must see what was published."""


@pytest.fixture
def follower() -> Follower:
    return Follower(keys=Keys())


def hourly_rates(follower: Follower) -> list[tuple[str, str]]:
    return [(row.id, orjson.loads(row.document)["pricing"]["hourly_rate"]) for row in follower.current().rows]


def refuse(*args: object) -> NoReturn:
    raise DatabaseError("the disk is on fire")


@pytest.fixture
def database_lost(db: None) -> Iterator[pytest.MonkeyPatch]:
    """The newest revision cannot be read until this is undone. The connection of the test itself stays open."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Revision.objects, "newest", refuse)
        patch.setattr(connection, "close", lambda: None)
        yield patch


# --- reading a revision ----------------------------------------------------------------------------------------------


def test_before_anything_was_read_there_is_nothing_to_serve(follower: Follower) -> None:
    with pytest.raises(NotReady):
        follower.current()


def test_the_empty_catalogue_is_a_revision_like_any_other(db: None, follower: Follower) -> None:
    follower.refresh()

    assert (follower.current().revision, follower.current().rows) == (0, [])


def test_only_the_open_version_of_an_offer_is_served(db: None, follower: Follower) -> None:
    for amount in ("1", "2", "3"):
        publish(offer_record(prices=(hourly(amount),)))

    follower.refresh()

    assert follower.current().revision == 3
    assert hourly_rates(follower) == [("maker/model", "3.0")]


# --- following it ----------------------------------------------------------------------------------------------------


def test_a_refresh_with_nothing_new_keeps_the_very_snapshot(db: None, follower: Follower) -> None:
    publish(offer_record())
    follower.refresh()
    before = follower.current()
    publish(offer_record())  # the same again is no news

    follower.refresh()

    assert follower.current() is before


def test_a_publication_is_served_after_a_refresh_and_readers_keep_the_old_one(db: None, follower: Follower) -> None:
    publish(offer_record(prices=(hourly("1"),)))
    follower.refresh()
    before = follower.current()
    publish(offer_record(prices=(hourly("2"),)))

    follower.refresh()

    assert hourly_rates(follower) == [("maker/model", "2.0")]
    assert (before.revision, follower.current().revision) == (1, 2)
    assert orjson.loads(before.rows[0].document)["pricing"]["hourly_rate"] == "1.0"


def test_a_restored_database_with_the_same_revision_number_is_read_again(db: None, follower: Follower) -> None:
    publish(offer_record())
    follower.refresh()
    before = follower.current()
    Revision.objects.filter(number=1).update(published_at=before.published_at + timedelta(seconds=1))

    follower.refresh()

    assert follower.current() is not before
    assert follower.current().published_at == before.published_at + timedelta(seconds=1)


@pytest.mark.parametrize("step", ["newest", "caught_up"])
def test_a_refresh_that_fails_raises_and_leaves_the_old_snapshot(
    db: None, monkeypatch: pytest.MonkeyPatch, step: str, follower: Follower
) -> None:
    publish(offer_record())
    follower.refresh()
    before = follower.current()
    publish(offer_record(prices=(hourly("9"),)))
    monkeypatch.setattr(Revision.objects if step == "newest" else loading, step, refuse)

    with pytest.raises(DatabaseError):
        follower.refresh()

    assert follower.current() is before


# --- the thread ------------------------------------------------------------------------------------------------------


def test_the_thread_outlives_every_failure_and_catches_up_afterwards(
    database_lost: pytest.MonkeyPatch, settings: Settings
) -> None:
    class ShortLived(Follower):
        attempts = 0

        def try_refresh(self) -> None:
            self.attempts += 1
            if self.attempts == 3:
                database_lost.undo()
                publish(offer_record())
                self.stop()
            super().try_refresh()

    settings.SNAPSHOT_POLL_SECONDS = 0.001
    follower = ShortLived(keys=Keys())

    follower.follow()

    assert follower.attempts == 3
    assert follower.current().revision == 1


@pytest.mark.parametrize("error", [DatabaseError("gone"), ValueError("no JSON"), KeyError("name"), MemoryError()])
def test_no_error_of_a_refresh_escapes_into_the_thread(
    db: None, follower: Follower, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail() -> NoReturn:
        raise error

    closed: list[bool] = []
    monkeypatch.setattr(follower, "refresh", fail)
    monkeypatch.setattr(connection, "close", lambda: closed.append(True))

    follower.try_refresh()

    assert closed == [True]  # a broken connection would fail every time from now on


def test_a_revoked_key_ends_even_if_the_newest_revision_cannot_be_read(
    db: None, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, secret = ApiKey.objects.issue(name="a client")
    follower.try_refresh()
    assert follower.keys.key_of(api_key=secret) is not None
    publish(offer_record())
    monkeypatch.setattr(loading, "caught_up", refuse)
    monkeypatch.setattr(connection, "close", lambda: None)

    ApiKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now())
    follower.try_refresh()

    assert follower.is_failing
    with pytest.raises(WrongKey):
        follower.keys.key_of(api_key=secret)


def test_derived_values_are_computed_before_the_next_revision_is_served(
    db: None, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower.refresh()
    before = follower.current()
    carried: list[tuple[object, object]] = []

    def carry_on(old: object, new: object) -> None:
        assert follower.current() is before
        carried.append((old, new))

    monkeypatch.setattr(derived, "carry_on", carry_on)
    follower.refresh()
    assert carried == []

    publish(offer_record())
    follower.refresh()

    assert carried == [(before, follower.current())]


def test_a_failure_that_lasts_is_logged_once_and_its_end_once(
    database_lost: pytest.MonkeyPatch, follower: Follower, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger=following.__name__):
        for _ in range(3):
            follower.try_refresh()
        while_lost = [record.levelname for record in caplog.records]
        database_lost.undo()
        for _ in range(3):
            follower.try_refresh()

    assert while_lost == ["ERROR"]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def snapshot_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "snapshot"]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Follower]]:
    """Followers that a test starts; their threads end with the test."""
    # Objects of other tests must stay collectable, and be collected as before.
    monkeypatch.setattr(gc, "freeze", lambda: None)
    monkeypatch.setattr(gc, "set_threshold", lambda *thresholds: None)
    followers: list[Follower] = []
    yield followers
    for follower in followers:
        follower.stop()
    for thread in snapshot_threads():
        thread.join(LONGEST_WAIT)


def test_complete_collections_are_rare_and_those_of_young_objects_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[int] = []
    monkeypatch.setattr(gc, "freeze", lambda: None)
    monkeypatch.setattr(gc, "set_threshold", lambda *thresholds: chosen.extend(thresholds))

    following.spare_collector()

    young, middle, complete = gc.get_threshold()
    assert chosen == [young, middle, following.YOUNGER_COLLECTIONS]
    assert 10 * complete < following.YOUNGER_COLLECTIONS


@committed
def test_a_starting_process_serves_at_once_and_follows_in_a_daemon_thread(
    follower: Follower, started: list[Follower], settings: Settings
) -> None:
    settings.SNAPSHOT_POLL_SECONDS = 0.001
    publish(offer_record())
    started.append(follower)

    follower.start(wait_seconds=LONGEST_WAIT)

    assert follower.current().revision == 1
    assert [thread.daemon for thread in snapshot_threads()] == [True]


def test_a_start_that_takes_long_refuses_until_it_can_serve(started: list[Follower], settings: Settings) -> None:
    settings.SNAPSHOT_POLL_SECONDS = LONGEST_WAIT
    may_read = threading.Event()

    class Slow(Follower):
        def try_refresh(self) -> None:
            may_read.wait(LONGEST_WAIT)

    follower = Slow(keys=Keys())
    started.append(follower)

    follower.start(wait_seconds=0.01)

    with pytest.raises(NotReady):
        follower.current()
    may_read.set()
