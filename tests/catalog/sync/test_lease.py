"""One run at a time reads a gateway; a run that took too long can no longer publish."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from pytest_django.fixtures import Settings

from catalog.adapter.contract import Request
from catalog.adapter.errors import Unreachable
from catalog.gateways.chutes import Chutes
from catalog.models import Gateway, SyncRun
from catalog.records import OfferRecord
from catalog.sync.run import AlreadyRunning
from tests.catalog.syncing import Network, Shop, published, served, stored, sync, sync_rows
from tests.factories import chutes_row, chutes_rows, write_listing

Json = Any
Outcome = SyncRun.Outcome

pytestmark = pytest.mark.django_db


def take_lease(*, minutes: int = 2) -> int:
    """Take the lease of a run that begins now, and return its token."""
    Gateway.objects.ensure(["chutes"])
    now = timezone.now()
    token = Gateway.objects.take_lease(slug="chutes", now=now, until=now + timedelta(minutes=minutes))
    assert token is not None
    return token


def expire_lease() -> None:
    Gateway.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))


def do_while_reading(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Make the next run do something once, after it has read its listing and before it publishes."""
    record = Chutes.record

    def act_once(gateway: Chutes, row: Json) -> OfferRecord:
        monkeypatch.setattr(Chutes, "record", record)
        act()
        return record(gateway, row)

    monkeypatch.setattr(Chutes, "record", act_once)


def test_while_a_run_reads_a_gateway_no_other_begins(fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused: list[AlreadyRunning] = []

    def begin_another() -> None:
        with pytest.raises(AlreadyRunning, match="chutes is being read by another run") as refusal:
            sync()
        refused.append(refusal.value)

    do_while_reading(monkeypatch, begin_another)
    report = sync_rows(fixtures_dir, chutes_rows(2))

    assert refused
    assert report.run.outcome == Outcome.PUBLISHED
    assert SyncRun.objects.count() == 1


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_run_that_finds_the_gateway_held_writes_nothing(dry_run: bool) -> None:
    take_lease()
    before = stored()

    with pytest.raises(AlreadyRunning):
        sync(dry_run=dry_run)

    assert stored() == before


def test_another_gateway_is_read_all_the_same(shop: Shop, fixtures_dir: Path) -> None:
    take_lease()

    assert sync_rows(fixtures_dir, chutes_rows(2), slug=shop.slug).run.outcome == Outcome.PUBLISHED


def test_a_lease_that_has_expired_can_be_taken(fixtures_dir: Path) -> None:
    token = take_lease()
    expire_lease()

    report = sync_rows(fixtures_dir, chutes_rows(2))

    assert report.run.outcome == Outcome.PUBLISHED
    assert report.run.lease_token > token


def test_a_run_that_was_overtaken_publishes_nothing_and_reports_it(
    fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer: list[SyncRun] = []

    def overtake() -> None:
        expire_lease()
        newer.append(sync_rows(fixtures_dir, [chutes_row("a/1", name="newer")]).run)

    do_while_reading(monkeypatch, overtake)
    older = sync_rows(fixtures_dir, [chutes_row("a/1", name="older"), chutes_row("a/2")]).run

    assert newer[0].outcome == Outcome.PUBLISHED
    assert (older.outcome, older.revision_after) == (Outcome.FAILED, None)
    assert older.error == "another run of chutes has begun since this one took its lease"
    assert {model_id: row["name"] for model_id, row in served().items()} == {"a/1": "newer"}
    assert Gateway.objects.get().last_success_at is not None


def test_a_run_that_was_overtaken_leaves_the_newer_one_its_lease(
    fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtake() -> None:
        expire_lease()
        take_lease()
        Gateway.objects.update(next_run_at=None)

    do_while_reading(monkeypatch, overtake)
    report = sync_rows(fixtures_dir, chutes_rows(2))

    gateway = Gateway.objects.get()
    assert report.has_failed
    assert gateway.lease_token == report.run.lease_token + 1
    assert gateway.lease_expires_at is not None
    assert (gateway.next_run_at, gateway.last_success_at) == (None, None)
    assert published() == (0, {})


def test_a_run_that_outlived_its_lease_unchallenged_still_publishes(
    fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    do_while_reading(monkeypatch, expire_lease)

    assert sync_rows(fixtures_dir, chutes_rows(2)).run.outcome == Outcome.PUBLISHED


def test_pages_that_fail_slowly_do_not_outlast_the_lease(network: Network, settings: Settings) -> None:
    settings.GATEWAY_SOURCES = {**settings.GATEWAY_SOURCES, "portkey": "api"}
    is_free: list[bool] = []

    with time_machine.travel(datetime(2100, 11, 22, 8, tzinfo=UTC), tick=False) as clock:

        def drip(slug: str, request: Request) -> bytes:
            clock.shift(settings.FETCH_TOTAL_SECONDS)
            is_free.append(Gateway.objects.free(now=timezone.now()).exists())
            raise Unreachable(f"{slug} did not finish its answer")

        network.get = drip  # type: ignore[method-assign]  # as slow as the limits allow
        report = sync("portkey")

    assert report.has_failed
    assert len(is_free) > 1
    assert not any(is_free)


def test_a_run_whose_process_died_is_marked_lost_by_the_next_one(shop: Shop, fixtures_dir: Path) -> None:
    dead = SyncRun(lease_token=take_lease(), trigger="schedule", source="bundled", started_at=timezone.now())
    dead.gateway = Gateway.objects.get(slug="chutes")
    dead.save()
    elsewhere = SyncRun.objects.create(
        gateway=Gateway.objects.create(slug=shop.slug), lease_token=1, trigger="schedule", started_at=timezone.now()
    )
    expire_lease()
    write_listing(fixtures_dir, chutes_rows(2))

    sync(dry_run=True)
    dead.refresh_from_db()
    assert dead.outcome == Outcome.RUNNING

    report = sync()
    dead.refresh_from_db()
    elsewhere.refresh_from_db()
    assert (dead.outcome, dead.finished_at) == (Outcome.LOST, report.run.started_at)
    assert elsewhere.outcome == Outcome.RUNNING
    assert report.run.outcome == Outcome.PUBLISHED
