"""A database whose disk is full: the run ends in one clear line, and `status` shows it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.db.backends.signals import connection_created

from catalog import tasks
from catalog.gateways.chutes import Chutes
from catalog.models import Gateway, SyncRun
from catalog.models.failures import line_of
from catalog.records import OfferRecord
from tests.catalog.syncing import published, sync, sync_rows
from tests.factories import chutes_row, chutes_rows, write_listing

Json = Any
Outcome = SyncRun.Outcome

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("two_gateways")]

FULL = r"the disk of the database is full \(.+\)"
MANY = [chutes_row(f"new/{number}", description="word " * 200, tags=[str(number)]) for number in range(300)]


def execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def value_of(statement: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        [value] = cursor.fetchone()
    return int(value)


def refuse_on_postgresql(*tables: str) -> Iterator[None]:
    execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
        "'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$",
        *(f"CREATE TRIGGER full_{t} BEFORE INSERT OR UPDATE ON {t} EXECUTE FUNCTION refuse()" for t in tables),
    )
    try:
        yield
    finally:
        execute("DROP FUNCTION refuse() CASCADE")


def on_every_connection(statement: str) -> Iterator[None]:
    """Execute the statement on this connection, and on each one that is opened after an error."""

    def spoil(**_: object) -> None:
        execute(statement)

    spoil()
    connection_created.connect(spoil)
    try:
        yield
    finally:
        connection_created.disconnect(spoil)


@contextmanager
def full_disk() -> Iterator[None]:
    """Simulate a full disk: existing data can be overwritten, but nothing can grow."""
    if connection.vendor == "postgresql":
        yield from refuse_on_postgresql("catalog_offerversion", "catalog_rejectedrow")
        return
    execute("VACUUM")  # otherwise the pages that earlier tests left would have room
    yield from on_every_connection(f"PRAGMA max_page_count = {value_of('PRAGMA page_count')}")
    execute("PRAGMA max_page_count = 4294967294")


@contextmanager
def dead_disk() -> Iterator[None]:
    """Simulate a disk on which nothing can be written."""
    if connection.vendor == "postgresql":
        yield from refuse_on_postgresql("catalog_offerversion", "catalog_syncrun", "catalog_gateway")
        return
    yield from on_every_connection("PRAGMA query_only = ON")
    execute("PRAGMA query_only = OFF")


@contextmanager
def while_reading(fault: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start the fault when the next run has read its listing; the fault stays."""
    record = Chutes.record
    with ExitStack() as faults:

        def record_at_last(gateway: Chutes, row: Json) -> OfferRecord:
            monkeypatch.setattr(Chutes, "record", record)
            faults.enter_context(fault())
            return record(gateway, row)

        monkeypatch.setattr(Chutes, "record", record_at_last)
        yield


def status_line() -> str:
    out = StringIO()
    call_command("status", stdout=out)
    [line] = [line for line in out.getvalue().splitlines() if line.startswith("chutes")]
    return line


def errors_of_sync() -> list[str]:
    errors = StringIO()
    with pytest.raises(CommandError, match="^not synced: chutes$"):
        call_command("sync", "chutes", "--source", "bundled", stdout=StringIO(), stderr=errors)
    return errors.getvalue().splitlines()


def test_a_run_on_a_full_disk_ends_in_one_line_and_status_shows_it(
    fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sync_rows(fixtures_dir, chutes_rows(2))
    before = published()
    write_listing(fixtures_dir, [*chutes_rows(2), *MANY])

    with while_reading(full_disk, monkeypatch):
        [line] = errors_of_sync()
        shown = status_line()

    run = SyncRun.objects.latest("pk")
    assert run.outcome == Outcome.FAILED
    assert line == f"chutes: {run.error}"
    assert not caplog.records
    assert run.error.startswith("the disk of the database is full (")
    assert shown.split()[1] == "failing"
    assert shown.endswith(f"failed {run.error}")
    assert published() == before
    assert sync(source="bundled").run.outcome == Outcome.PUBLISHED


def test_a_run_that_can_store_nothing_any_more_is_shown_as_lost(
    fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sync_rows(fixtures_dir, chutes_rows(2))
    before = published()
    write_listing(fixtures_dir, [*chutes_rows(2), *MANY])

    with while_reading(dead_disk, monkeypatch):
        [line] = errors_of_sync()
    Gateway.objects.update(lease_expires_at=None)  # the lease could not be returned, and has expired by now

    assert line.startswith("chutes: the d")
    assert [record.exc_info for record in caplog.records] == [None]
    assert "How the run of chutes ended could not be stored" in caplog.text
    assert status_line().split()[1] == "failing"
    assert "lost it did not store how it ended" in status_line()
    assert published() == before


def test_a_run_that_cannot_even_begin_is_reported_in_one_line(
    fixtures_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sync_rows(fixtures_dir, chutes_rows(2))

    with dead_disk():
        [line] = errors_of_sync()
        with caplog.at_level(logging.ERROR):
            tasks.sync_gateway("chutes")

    assert line.startswith("chutes: the d")
    assert [record.exc_info for record in caplog.records] == [None]
    assert "chutes was not read: the d" in caplog.text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("SQLITE_FULL", "the disk of the database is full (reason)"),
        ("53100", "the disk of the database is full (reason)"),
        ("SQLITE_IOERR_WRITE", "the database cannot write to its disk (reason)"),
        ("58030", "the database cannot write to its disk (reason)"),
        ("SQLITE_BUSY", "the database failed (reason)"),
        ("57P01", "the database failed (reason)"),
    ],
)
def test_what_failed_is_recognised_by_the_databases_own_code(name: str, words: str) -> None:
    cause = Exception()
    cause.sqlstate = name  # type: ignore[attr-defined]  # psycopg's name; sqlite3 calls it sqlite_errorname
    error = OperationalError("\n reason ")
    error.__cause__ = cause

    assert line_of(error) == words
