"""The time of a publication: from the database, in order, and never in the future."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.db import transaction

from catalog.models import Price, Revision, SyncRun
from catalog.publication import clock
from catalog.publication.clock import database_time  # before a fixture replaces it with the clock of the tests
from tests.catalog.syncing import published, say_price, sync_rows
from tests.factories import chutes_row, offer_record, publish

pytestmark = pytest.mark.django_db

MORNING = datetime(2100, 11, 22, 8, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def publication_times() -> list[datetime]:
    revisions = Revision.objects.filter(number__gt=0).order_by("number")
    return list(revisions.values_list("published_at", flat=True))


def test_a_publication_has_the_time_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "database_time", lambda: MORNING)

    publish(offer_record("a/1"))

    assert publication_times() == [MORNING]
    assert {price.valid_from for price in Price.objects.order_by("pk")} == {MORNING}


def test_the_database_is_asked_when_the_publication_is_written_not_when_it_began() -> None:
    with transaction.atomic():
        first, second = database_time(), database_time()

    assert first < second
    assert second.tzinfo is not None


@pytest.mark.parametrize("back", [SECOND, clock.MOST_AHEAD], ids=str)
def test_publications_are_in_order_although_the_clock_was_set_back_a_little(back: timedelta) -> None:
    for moment in (MORNING, MORNING - back):
        with time_machine.travel(moment, tick=False):
            publish(offer_record(f"a/{moment:%H-%M-%S}"))

    assert publication_times() == [MORNING, MORNING]


def test_after_a_clock_that_was_days_ahead_the_run_fails_and_names_both_times(fixtures_dir: Path) -> None:
    with time_machine.travel(MORNING + timedelta(days=9), tick=False):
        sync_rows(fixtures_dir, [chutes_row("a/1")])
    before = published()

    with time_machine.travel(MORNING, tick=False):
        run = sync_rows(fixtures_dir, [chutes_row("a/1"), chutes_row("a/2")]).run

    assert run.outcome == SyncRun.Outcome.FAILED
    assert run.error == (
        "the clock moved: it is 2100-11-22 08:00:00 UTC, and the newest publication is dated 2100-12-01 08:00:00 UTC; "
        "nothing can be published before that time"
    )
    assert published() == before
    assert not Price.objects.filter(offer__model_id="a/2").exists()


def test_a_price_that_began_without_a_revision_counts_as_a_stored_time() -> None:
    with time_machine.travel(MORNING, tick=False):
        publish(offer_record("a/1"))
    Price.objects.update(valid_from=MORNING + timedelta(hours=1))

    with time_machine.travel(MORNING, tick=False), pytest.raises(clock.ClockMoved, match="2100-11-22 09:00:00"):
        publish(offer_record("a/2"))


def test_a_curator_cannot_publish_either_while_the_clock_is_wrong() -> None:
    with time_machine.travel(MORNING, tick=False):
        publish(offer_record("a/1"))
    before = published()

    with time_machine.travel(MORNING - 61 * SECOND, tick=False), pytest.raises(clock.ClockMoved):
        say_price("a/1", "3")

    assert published() == before
