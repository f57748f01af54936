"""What a process serves: one whole revision, swapped when there is another, kept when none can be read."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, NoReturn

import orjson
import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from access import keys
from access.models import ApiKey
from catalog.memory import derived, following, loading
from catalog.models import OfferVersion, Revision
from catalog.models.moment import one_moment
from tests.factories import hourly, offer_record, publish

LONGEST_WAIT = 30.0

committed = pytest.mark.django_db(transaction=True)
"""For tests in which another connection must see what was published."""


def hourly_rates() -> list[tuple[str, str]]:
    return [(row.id, orjson.loads(row.document)["pricing"]["hourly_rate"]) for row in following.current().rows]


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


def test_before_anything_was_read_there_is_nothing_to_serve() -> None:
    with pytest.raises(following.NotReady):
        following.current()


def test_the_empty_catalogue_is_a_revision_like_any_other(db: None) -> None:
    following.refresh()

    assert (following.current().revision, following.current().rows) == (0, [])


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


def test_only_the_open_version_of_an_offer_is_served(db: None) -> None:
    for amount in ("1", "2", "3"):
        publish(offer_record(prices=(hourly(amount),)))

    following.refresh()

    assert following.current().revision == 3
    assert hourly_rates() == [("maker/model", "3.0")]


# --- following it ----------------------------------------------------------------------------------------------------


def test_a_refresh_with_nothing_new_keeps_the_very_snapshot(db: None) -> None:
    publish(offer_record())
    following.refresh()
    held = following.current()
    publish(offer_record())  # the same again is no news

    following.refresh()

    assert following.current() is held


def test_a_refresh_after_a_publication_serves_it_and_leaves_readers_the_old_one(db: None) -> None:
    publish(offer_record(prices=(hourly("1"),)))
    following.refresh()
    held = following.current()
    publish(offer_record(prices=(hourly("2"),)))

    following.refresh()

    assert hourly_rates() == [("maker/model", "2.0")]
    assert (held.revision, following.current().revision) == (1, 2)
    assert orjson.loads(held.rows[0].document)["pricing"]["hourly_rate"] == "1.0"


def test_a_restored_database_whose_revision_has_the_same_number_is_read_anew(db: None) -> None:
    publish(offer_record())
    following.refresh()
    held = following.current()
    Revision.objects.filter(number=1).update(published_at=held.published_at + timedelta(seconds=1))

    following.refresh()

    assert following.current() is not held
    assert following.current().published_at == held.published_at + timedelta(seconds=1)


@pytest.mark.parametrize("step", ["newest", "caught_up"])
def test_a_refresh_that_fails_says_so_and_leaves_the_old_snapshot(
    db: None, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    publish(offer_record())
    following.refresh()
    held = following.current()
    publish(offer_record(prices=(hourly("9"),)))
    monkeypatch.setattr(Revision.objects if step == "newest" else loading, step, refuse)

    with pytest.raises(DatabaseError):
        following.refresh()

    assert following.current() is held


# --- the thread ------------------------------------------------------------------------------------------------------


class Enough(BaseException):
    """Ends a loop that nothing else ends."""


def test_the_thread_outlives_every_failure_and_catches_up_afterwards(
    database_lost: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            database_lost.undo()
            publish(offer_record())
        if len(naps) == 4:
            raise Enough

    monkeypatch.setattr(
        following, "time", SimpleNamespace(sleep=nap, perf_counter=time.perf_counter, monotonic=time.monotonic)
    )

    with pytest.raises(Enough):
        following._follow()

    assert naps == [settings.SNAPSHOT_POLL_SECONDS] * 4
    assert following.current().revision == 1


@pytest.mark.parametrize("error", [DatabaseError("gone"), ValueError("no JSON"), KeyError("name"), MemoryError()])
def test_no_error_of_a_refresh_escapes_into_the_thread(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail() -> NoReturn:
        raise error

    closed: list[bool] = []
    monkeypatch.setattr(following, "refresh", fail)
    monkeypatch.setattr(connection, "close", lambda: closed.append(True))

    following._refresh_or_say_why()

    assert closed == [True]  # a broken connection would fail every time from now on


def test_a_revoked_key_ends_though_the_newest_revision_cannot_be_read(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, secret = ApiKey.objects.issue(name="a client")
    following._refresh_or_say_why()
    assert keys.key_of({"HTTP_X_API_KEY": secret}) is not None
    publish(offer_record())
    monkeypatch.setattr(loading, "caught_up", refuse)
    monkeypatch.setattr(connection, "close", lambda: None)

    ApiKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now())
    following._refresh_or_say_why()

    assert following.is_failing()
    with pytest.raises(keys.WrongKey):
        keys.key_of({"HTTP_X_API_KEY": secret})


def test_what_was_asked_of_the_last_revision_is_there_before_anybody_can_ask_for_the_next(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    following.refresh()
    before = following.current()
    carried: list[tuple[object, object]] = []

    def carry_on(old: object, new: object) -> None:
        assert following.current() is before
        carried.append((old, new))

    monkeypatch.setattr(derived, "carry_on", carry_on)
    following.refresh()
    assert carried == []

    publish(offer_record())
    following.refresh()

    assert carried == [(before, following.current())]


def test_a_failure_that_lasts_is_said_once_and_its_end_once(
    database_lost: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger=following.__name__):
        for _ in range(3):
            following._refresh_or_say_why()
        while_lost = [record.levelname for record in caplog.records]
        database_lost.undo()
        for _ in range(3):
            following._refresh_or_say_why()

    assert while_lost == ["ERROR"]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


@pytest.fixture
def followers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[threading.Thread]]:
    """The thread that follows, once it has tried to read something; it ends before it would wait for more."""
    threads: list[threading.Thread] = []

    def follow() -> None:
        connection.close()
        threads.append(threading.current_thread())

    monkeypatch.setattr(following, "_follow", follow)
    monkeypatch.setattr(gc, "freeze", lambda: None)  # objects of other tests must stay collectable
    yield threads
    wait_for_its_end()


def wait_for_its_end() -> None:
    for thread in threading.enumerate():
        if thread.name == "snapshot":
            thread.join(LONGEST_WAIT)


@committed
def test_a_starting_process_serves_at_once_and_follows_in_a_thread_that_keeps_nothing_alive(
    followers: list[threading.Thread],
) -> None:
    publish(offer_record())

    following.start_following()

    assert following.current().revision == 1
    wait_for_its_end()
    assert [(thread.name, thread.daemon) for thread in followers] == [("snapshot", True)]


def test_a_start_that_takes_long_refuses_until_it_can_serve(
    followers: list[threading.Thread], monkeypatch: pytest.MonkeyPatch
) -> None:
    may_read = threading.Event()
    monkeypatch.setattr(following, "START_SECONDS", 0.01)
    monkeypatch.setattr(following, "_refresh_or_say_why", lambda: may_read.wait(LONGEST_WAIT))

    following.start_following()

    assert followers == []
    with pytest.raises(following.NotReady):
        following.current()
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
def test_a_publication_in_the_middle_of_a_load_is_wholly_in_or_wholly_out(monkeypatch: pytest.MonkeyPatch) -> None:
    publish(*(offer_record(f"maker/{number}", prices=(hourly("1"),)) for number in range(3)))
    read_rows = loading._rows

    def read_rows_after_another_publication(versions: Any) -> object:
        if Revision.objects.newest().number == 1:
            in_a_thread(
                lambda: publish(*(offer_record(f"maker/{number}", prices=(hourly("2"),)) for number in range(3)))
            )
        return read_rows(versions)

    monkeypatch.setattr(loading, "_rows", read_rows_after_another_publication)

    following.refresh()
    first = (following.current().revision, [rate for _, rate in hourly_rates()])
    following.refresh()
    second = (following.current().revision, [rate for _, rate in hourly_rates()])

    assert (first, second) == ((1, ["1.0"] * 3), (2, ["2.0"] * 3))


@committed
@pytest.mark.parametrize("error", [DatabaseError("gone"), KeyError("name")])
def test_a_read_that_fails_leaves_no_transaction_open(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(versions: object) -> NoReturn:
        raise error

    publish(offer_record())
    with monkeypatch.context() as patch:
        patch.setattr(loading, "_rows", fail)
        with pytest.raises(type(error)):
            loading.load()

    publish(offer_record(prices=(hourly("2"),)))
    following.refresh()

    assert hourly_rates() == [("maker/model", "2.0")]


@committed
def test_a_process_reads_while_a_publication_is_being_written() -> None:
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
        following.refresh()
        during = hourly_rates()
    finally:
        may_end.set()
        writer.join(LONGEST_WAIT)
    following.refresh()

    assert during == [("maker/model", "1.0")]
    assert hourly_rates() == [("maker/model", "2.0")]
