from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from pytest_django import DjangoAssertNumQueries

from catalog import queries
from catalog.models import Gateway, SyncRun, freshness
from catalog.records import Source
from tests.catalog.syncing import Shop, sync_rows
from tests.factories import chutes_rows

Outcome = SyncRun.Outcome

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
NOW = datetime(2100, 11, 22, 8, tzinfo=UTC)


def state_of_chutes(*, now: datetime = NOW) -> queries.GatewayState:
    return queries.gateway_states(["chutes"], now=now)["chutes"]


def test_a_gateway_that_was_never_read_has_the_state_never() -> None:
    assert state_of_chutes() == queries.GatewayState(
        slug="chutes",
        models=0,
        last_run=None,
        last_success_at=None,
        next_run_at=None,
        source=None,
        recorded_on=None,
        age_seconds=None,
        state="never",
        held_prices=0,
    )
    assert not Gateway.objects.exists()


def test_a_gateway_that_was_read_shows_when_and_how_much(fixtures_dir: Path) -> None:
    sync_rows(fixtures_dir, chutes_rows(5))
    SyncRun.objects.update(started_at=NOW - HOUR)
    with time_machine.travel(NOW - timedelta(minutes=10), tick=False):
        run = sync_rows(fixtures_dir, chutes_rows(4)).run

    state = state_of_chutes()

    assert (state.models, state.source, state.age_seconds, state.state) == (4, "bundled", 600, "bundled")
    assert state.last_run == run
    assert state.next_run_at is not None


def test_a_run_that_has_not_ended_is_not_the_last_one(fixtures_dir: Path) -> None:
    run = sync_rows(fixtures_dir, chutes_rows(1)).run
    SyncRun.objects.create(gateway=run.gateway, lease_token=9, trigger="schedule", started_at=run.started_at + HOUR)
    Gateway.objects.update(lease_expires_at=NOW + HOUR)

    assert state_of_chutes().last_run == run


def test_a_run_without_a_lease_that_never_ended_is_shown_as_lost(fixtures_dir: Path) -> None:
    run = sync_rows(fixtures_dir, chutes_rows(1)).run
    SyncRun.objects.create(gateway=run.gateway, lease_token=9, trigger="schedule", started_at=run.started_at + HOUR)
    Gateway.objects.update(lease_expires_at=NOW)

    state = state_of_chutes()

    assert state.state == "failing"
    assert state.last_run is not None
    assert state.last_run.outcome == SyncRun.Outcome.LOST
    assert SyncRun.objects.latest("pk").outcome == SyncRun.Outcome.RUNNING


def test_states_come_in_the_order_asked_for(shop: Shop) -> None:
    Gateway.objects.ensure(["chutes"])

    assert list(queries.gateway_states(["shop", "chutes"], now=NOW)) == ["shop", "chutes"]


@pytest.mark.parametrize(
    ("age", "outcome", "state"),
    [
        (None, None, "never"),
        (timedelta(0), Outcome.PUBLISHED, "fresh"),
        (2 * HOUR, Outcome.UNCHANGED, "fresh"),
        (2 * HOUR + timedelta(microseconds=1), Outcome.UNCHANGED, "stale"),
        (timedelta(minutes=5), Outcome.FAILED, "failing"),
        (timedelta(minutes=5), Outcome.LOST, "failing"),
        (timedelta(days=9), Outcome.FAILED, "failing"),
        (None, Outcome.FAILED, "failing"),
        (timedelta(minutes=5), Outcome.HELD, "held"),
        (timedelta(days=9), Outcome.HELD, "held"),
        (None, Outcome.HELD, "held"),
        (timedelta(minutes=5), Outcome.RELEASED, "fresh"),
        (timedelta(minutes=5), Outcome.DISCARDED, "fresh"),
        (timedelta(days=9), Outcome.DISCARDED, "stale"),
        (None, Outcome.DISCARDED, "never"),
    ],
)
def test_a_gateway_is_fresh_for_two_intervals_and_failing_when_its_last_run_did(
    age: timedelta | None, outcome: Outcome | None, state: str
) -> None:
    last_run = SyncRun(outcome=outcome) if outcome else None
    success = None if age is None else NOW - age

    of_api, of_file = (
        freshness.state_of(success, last_run=last_run, source=source, now=NOW, interval=HOUR) for source in Source
    )

    assert of_api == state
    assert of_file == ("bundled" if state in {"fresh", "stale"} else state)


def test_the_states_take_as_many_queries_however_many_offers_and_runs_there_are(
    fixtures_dir: Path, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for count in (1, 30, 60):
        sync_rows(fixtures_dir, chutes_rows(count))

        with django_assert_max_num_queries(6):
            state_of_chutes()
