"""What a process serves: one whole revision, swapped when there is another, kept when none can be read."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, NoReturn

import orjson
import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from pytest_django.fixtures import Settings

from access.keys import Keys, WrongKey
from access.models import ApiKey
from catalog.memory import derived, following, loading
from catalog.memory.following import Follower, NotReady
from catalog.models import OfferVersion, Revision
from catalog.models.moment import one_moment
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


def in_a_thread(work: Callable[[], object]) -> None:
    """Do it on another connection, and raise here what it raised there."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(LONGEST_WAIT)
    assert not thread.is_alive()
    if raised:
        raise raised[0]


# --- reading a revision ----------------------------------------------------------------------------------------------


def test_before_anything_was_read_there_is_nothing_to_serve(follower: Follower) -> None:
    with pytest.raises(NotReady):
        follower.current()


def test_the_empty_catalogue_is_a_revision_like_any_other(db: None, follower: Follower) -> None:
    follower.refresh()

    assert (follower.current().revision, follower.current().rows) == (0, [])


def test_a_snapshot_holds_the_published_documents_byte_for_byte_by_id(db: None) -> None:
    publish(offer_record("maker/z"), offer_record("maker/a", tags=("Hot",)), offer_record("unmade", provider_slug=None))

    held = loading.load()

    published = OfferVersion.objects.current().values_list("offer__model_id", "document", "offer__canonical__slug")
    assert {row.id: row.document.decode() for row in held.rows} == {
        # The canonical model is stored next to the document, because it can change without the document.
        offer_id: document.replace('"canonical_model":null', f'"canonical_model":"{slug}"')
        for offer_id, document, slug in published
    }
    assert [row.id for row in held.rows] == ["maker/a", "maker/z", "unmade"]
    assert [held.rows_of_id(row.id) for row in held.rows] == [[row] for row in held.rows]
    facets = held.index.facets.items()
    counts = {name: {value: len(offers) for value, offers in found.items()} for name, found in facets}
    assert counts | {"canonical_model": {}} == {
        "gateway": {"chutes": 3},
        "provider": {"maker": 2},
        "host": {},
        "model_type": {"LLM": 3},
        "tags": {"hot": 1},
        "modality": {"text->text": 3},
        "input_modalities": {"text": 3},
        "output_modalities": {"text": 3},
        "supported_parameters": {},
        "price_status": {"priced": 3},
        "price_basis": {"hourly": 3},
        "price_tier": {"standard": 3},
        "execution_mode": {"standard": 3},
        "availability": {"unknown": 3},
        "source": {"bundled": 3},
        "quantization": {},
        "status": {"active": 3},
        "canonical_model": {},
        "variant": {},
        "hugging_face_id": {},
    }


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
    held = follower.current()
    publish(offer_record())  # the same again is no news

    follower.refresh()

    assert follower.current() is held


def test_a_refresh_after_a_publication_serves_it_and_leaves_readers_the_old_one(db: None, follower: Follower) -> None:
    publish(offer_record(prices=(hourly("1"),)))
    follower.refresh()
    held = follower.current()
    publish(offer_record(prices=(hourly("2"),)))

    follower.refresh()

    assert hourly_rates(follower) == [("maker/model", "2.0")]
    assert (held.revision, follower.current().revision) == (1, 2)
    assert orjson.loads(held.rows[0].document)["pricing"]["hourly_rate"] == "1.0"


def test_a_restored_database_whose_revision_has_the_same_number_is_read_anew(db: None, follower: Follower) -> None:
    publish(offer_record())
    follower.refresh()
    held = follower.current()
    Revision.objects.filter(number=1).update(published_at=held.published_at + timedelta(seconds=1))

    follower.refresh()

    assert follower.current() is not held
    assert follower.current().published_at == held.published_at + timedelta(seconds=1)


@pytest.mark.parametrize("step", ["newest", "caught_up"])
def test_a_refresh_that_fails_says_so_and_leaves_the_old_snapshot(
    db: None, monkeypatch: pytest.MonkeyPatch, step: str, follower: Follower
) -> None:
    publish(offer_record())
    follower.refresh()
    held = follower.current()
    publish(offer_record(prices=(hourly("9"),)))
    monkeypatch.setattr(Revision.objects if step == "newest" else loading, step, refuse)

    with pytest.raises(DatabaseError):
        follower.refresh()

    assert follower.current() is held


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


def test_a_revoked_key_ends_though_the_newest_revision_cannot_be_read(
    db: None, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, secret = ApiKey.objects.issue(name="a client")
    follower.try_refresh()
    assert follower.keys.key_of({"HTTP_X_API_KEY": secret}) is not None
    publish(offer_record())
    monkeypatch.setattr(loading, "caught_up", refuse)
    monkeypatch.setattr(connection, "close", lambda: None)

    ApiKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now())
    follower.try_refresh()

    assert follower.is_failing
    with pytest.raises(WrongKey):
        follower.keys.key_of({"HTTP_X_API_KEY": secret})


def test_what_clients_used_of_the_last_revision_is_computed_before_the_next_is_served(
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
    monkeypatch.setattr(gc, "freeze", lambda: None)  # objects of other tests must stay collectable
    followers: list[Follower] = []
    yield followers
    for follower in followers:
        follower.stop()
    for thread in snapshot_threads():
        thread.join(LONGEST_WAIT)


@committed
def test_a_starting_process_serves_at_once_and_follows_in_a_thread_that_ends_with_it(
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


# --- one moment ------------------------------------------------------------------------------------------------------


@committed
def test_what_is_read_is_of_one_moment_and_keeps_no_writer_waiting() -> None:
    publish(offer_record(prices=(hourly("1"),)))

    with one_moment():
        before = Revision.objects.newest().number
        in_a_thread(lambda: publish(offer_record(prices=(hourly("2"),))))
        [document] = OfferVersion.objects.current().values_list("document", flat=True)
        during = Revision.objects.newest().number

    assert (before, during) == (1, 1)
    assert orjson.loads(document)["pricing"]["hourly_rate"] == "1.0"
    assert Revision.objects.newest().number == 2


@committed
def test_a_publication_in_the_middle_of_a_load_is_wholly_in_or_wholly_out(
    monkeypatch: pytest.MonkeyPatch, follower: Follower
) -> None:
    publish(*(offer_record(f"maker/{number}", prices=(hourly("1"),)) for number in range(3)))
    read_rows = loading._rows

    def read_rows_after_another_publication(versions: Any) -> object:
        if Revision.objects.newest().number == 1:
            in_a_thread(
                lambda: publish(*(offer_record(f"maker/{number}", prices=(hourly("2"),)) for number in range(3)))
            )
        return read_rows(versions)

    monkeypatch.setattr(loading, "_rows", read_rows_after_another_publication)

    follower.refresh()
    first = (follower.current().revision, [rate for _, rate in hourly_rates(follower)])
    follower.refresh()
    second = (follower.current().revision, [rate for _, rate in hourly_rates(follower)])

    assert (first, second) == ((1, ["1.0"] * 3), (2, ["2.0"] * 3))


@committed
@pytest.mark.parametrize("error", [DatabaseError("gone"), KeyError("name")])
def test_a_read_that_fails_leaves_no_transaction_open(
    monkeypatch: pytest.MonkeyPatch, error: Exception, follower: Follower
) -> None:
    def fail(versions: object) -> NoReturn:
        raise error

    publish(offer_record())
    with monkeypatch.context() as patch:
        patch.setattr(loading, "_rows", fail)
        with pytest.raises(type(error)):
            loading.load()

    publish(offer_record(prices=(hourly("2"),)))
    follower.refresh()

    assert hourly_rates(follower) == [("maker/model", "2.0")]


@committed
def test_a_process_reads_while_a_publication_is_being_written(follower: Follower) -> None:
    publish(offer_record(prices=(hourly("1"),)))
    is_written, may_end = threading.Event(), threading.Event()

    def publish_slowly() -> None:
        with transaction.atomic():
            publish(offer_record(prices=(hourly("2"),)))
            is_written.set()
            assert may_end.wait(LONGEST_WAIT)

    writer = threading.Thread(target=lambda: in_a_thread(publish_slowly))
    writer.start()
    try:
        assert is_written.wait(LONGEST_WAIT)
        follower.refresh()
        during = hourly_rates(follower)
    finally:
        may_end.set()
        writer.join(LONGEST_WAIT)
    follower.refresh()

    assert during == [("maker/model", "1.0")]
    assert hourly_rates(follower) == [("maker/model", "2.0")]
