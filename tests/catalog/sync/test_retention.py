"""What is deleted after how long, and what is never deleted."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from pytest_django.fixtures import Settings

from access.models import FailedLogin
from catalog import tasks
from catalog.models import Capture, Gateway, Offer, OfferVersion, Price, PriceHold, RejectedRow, RunPage, SyncRun
from catalog.sync import decisions, retention
from tests.catalog.syncing import published, stored, sync_rows
from tests.factories import chutes_row, chutes_rows

Outcome = SyncRun.Outcome

pytestmark = pytest.mark.django_db

START = datetime(2100, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
ROWS = chutes_rows(6)


@pytest.fixture(autouse=True)
def keep_for_ever(settings: Settings) -> None:
    settings.KEEP_RUNS_DAYS = settings.KEEP_CAPTURES_DAYS = settings.KEEP_VERSIONS_DAYS = 0


def list_on(day: int, folder: Path, rows: list[dict[str, object]]) -> SyncRun:
    with time_machine.travel(START + day * DAY, tick=False):
        return sync_rows(folder, rows).run


def edition(name: str) -> list[dict[str, object]]:
    return [row | {"name": name} for row in ROWS]


def prune_on(day: float) -> dict[str, int]:
    return retention.prune(now=START + day * DAY)


def rebuilt_on(day: float) -> SyncRun:
    with time_machine.travel(START + day * DAY, tick=False):
        return decisions.rebuild("chutes").run


@pytest.fixture
def history(fixtures_dir: Path) -> dict[str, SyncRun]:
    """A run every ten days, each with its own edition: published, overtaken, published, held."""
    runs = {
        "first": list_on(0, fixtures_dir, [*edition("first"), chutes_row("bad", type="?")]),
        "overtaken": list_on(10, fixtures_dir, edition("overtaken")[:2]),
        "second": list_on(20, fixtures_dir, edition("second")),
        "held": list_on(30, fixtures_dir, edition("held")[:2]),
    }
    outcomes = list(SyncRun.objects.order_by("pk").values_list("outcome", flat=True))
    assert outcomes == [Outcome.PUBLISHED, Outcome.OVERTAKEN, Outcome.PUBLISHED, Outcome.HELD]
    return runs


def left(history: dict[str, SyncRun]) -> set[str]:
    kept = set(SyncRun.objects.values_list("pk", flat=True))
    return {name for name, run in history.items() if run.pk in kept}


def with_captures(history: dict[str, SyncRun]) -> set[str]:
    return {name for name, run in history.items() if RunPage.objects.filter(run=run.pk).exists()}


def test_without_limits_everything_is_kept_for_ever(history: dict[str, SyncRun]) -> None:
    before = stored()

    assert prune_on(40_000) == {"runs": 0, "captures": 0, "versions": 0, "logins": 0}
    assert stored() == before


def test_runs_are_forgotten_after_their_days_but_not_the_accepted_one_nor_what_is_held(
    history: dict[str, SyncRun], settings: Settings
) -> None:
    settings.KEEP_RUNS_DAYS = 5

    assert prune_on(100)["runs"] == 2

    assert left(history) == {"held", "second"}
    assert Gateway.objects.get().accepted_run == history["second"]
    assert not RejectedRow.objects.filter(model_id="bad").exists()


@pytest.mark.parametrize(("day", "kept"), [(5, True), (5.001, False)])
def test_a_run_is_kept_for_its_days_to_the_last(
    day: float, kept: bool, history: dict[str, SyncRun], settings: Settings
) -> None:
    settings.KEEP_RUNS_DAYS = 5

    prune_on(day)

    assert ("first" in left(history)) == kept


def test_captures_are_forgotten_after_their_days_and_their_runs_stay(
    history: dict[str, SyncRun], settings: Settings
) -> None:
    settings.KEEP_CAPTURES_DAYS = 5

    assert prune_on(100)["captures"] == 2

    assert left(history) == set(history)
    assert with_captures(history) == {"held", "second"}
    assert Capture.objects.count() == 2
    assert Capture.objects.filter(pages=None).count() == 0


def test_a_capture_that_a_younger_run_got_too_is_kept(fixtures_dir: Path, settings: Settings) -> None:
    list_on(0, fixtures_dir, edition("first"))
    list_on(10, fixtures_dir, edition("second"))
    again = list_on(20, fixtures_dir, edition("first"))
    settings.KEEP_CAPTURES_DAYS = 5

    prune_on(21)

    assert Capture.objects.count() == 1
    assert again.pages.get().capture == Capture.objects.get()


def test_a_young_capture_that_no_run_has_yet_is_kept(settings: Settings) -> None:
    settings.KEEP_CAPTURES_DAYS = 5
    Capture.objects.create(sha256="0" * 64, body=b"", size=0, captured_at=START)

    assert prune_on(4)["captures"] == 0
    assert prune_on(6)["captures"] == 1


def test_after_pruning_the_catalogue_can_be_rebuilt_and_the_held_run_released(
    history: dict[str, SyncRun], settings: Settings
) -> None:
    settings.KEEP_RUNS_DAYS = settings.KEEP_CAPTURES_DAYS = settings.KEEP_VERSIONS_DAYS = 1
    before = published()

    prune_on(1_000)

    assert published() == before
    assert rebuilt_on(1_000).outcome == Outcome.UNCHANGED
    assert published() == before
    assert RunPage.objects.filter(run=history["held"].pk).exists()


def test_equal_answers_do_not_keep_the_accepted_run_from_being_the_one_that_is_kept(
    fixtures_dir: Path, settings: Settings
) -> None:
    accepted = list_on(0, fixtures_dir, ROWS)
    for day in (10, 20, 30):
        list_on(day, fixtures_dir, ROWS)
    settings.KEEP_RUNS_DAYS = settings.KEEP_CAPTURES_DAYS = 1

    prune_on(100)

    assert list(SyncRun.objects.all()) == [accepted]
    assert rebuilt_on(100).outcome == Outcome.UNCHANGED


def test_versions_are_forgotten_once_they_have_not_been_served_for_their_days(
    fixtures_dir: Path, settings: Settings
) -> None:
    for number, day in enumerate((0, 10, 20), start=1):
        list_on(day, fixtures_dir, edition(f"v{number}"))
    settings.KEEP_VERSIONS_DAYS = 15
    before = published()

    # The first version was served until day 10, the second until day 20.
    assert prune_on(24)["versions"] == 0
    assert prune_on(25.1)["versions"] == len(ROWS)
    assert prune_on(35.1)["versions"] == len(ROWS)
    assert prune_on(10_000)["versions"] == 0

    assert published() == before
    assert Counter(OfferVersion.objects.values_list("to_revision", flat=True)) == {None: len(ROWS)}


def test_the_history_of_prices_outlives_all_of_it(fixtures_dir: Path, settings: Settings) -> None:
    for day, amount in ((0, "2.5"), (10, "3"), (20, "99")):
        list_on(day, fixtures_dir, [row | {"pricing_per_hour": amount} for row in ROWS])
    prices = list(Price.objects.order_by("pk").values())
    settings.KEEP_RUNS_DAYS = settings.KEEP_CAPTURES_DAYS = settings.KEEP_VERSIONS_DAYS = 1
    list_on(30, fixtures_dir, [row | {"pricing_per_hour": "99", "name": "renamed"} for row in ROWS])

    prune_on(10_000)

    assert list(Price.objects.order_by("pk").values()) == prices
    assert Offer.objects.count() == len(ROWS)
    # The holds remain, even though the run that made them is deleted.
    assert PriceHold.objects.filter(state=PriceHold.State.OPEN, run=None).count() == len(ROWS)
    assert PriceHold.objects.count() == len(ROWS)


def test_beat_prunes_and_the_feed_reports_what_was_forgotten(
    history: dict[str, SyncRun], settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.KEEP_RUNS_DAYS = 5
    caplog.set_level("INFO", logger="catalog.tasks")

    with time_machine.travel(START + 100 * DAY, tick=False):
        tasks.prune()

    assert "pruned {'runs': " in caplog.text
    assert "first" not in left(history)


def test_failed_logins_are_pruned_without_a_setting() -> None:
    for hours in (0, 23, 24):
        FailedLogin.objects.create(account="a", address="192.0.2.1", failed_at=START + timedelta(hours=hours))

    assert prune_on(1)["logins"] == 2
    assert FailedLogin.objects.get().failed_at == START + DAY
