"""`/metrics`: figures of the serving processes and of the sync, for clients with the token."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import pytest
from celery import current_app
from django.apps import apps
from django.core.checks import run_checks
from django.db import OperationalError, connection, transaction
from django.test import Client
from django.utils import timezone
from kombu import Connection
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings

from catalog import tasks
from catalog.api import metrics
from catalog.memory import following, loading
from catalog.memory.snapshot import Snapshot
from catalog.models import Offer, PriceHold, RunCount, SyncRun, patience
from catalog.models.patience import Gathered, bounded
from catalog.sync import decisions, retention
from front.counts import Counts, Cut, Source, Unavailable, counts
from front.shared_counts import SharedCounts
from gatewayz.run.pulse import touch_pulse
from tests.catalog.scraping import TOKEN, fresh_metrics, gather_again
from tests.catalog.syncing import age_runs, sync_rows
from tests.factories import chutes_rows, offer_record, publish

__all__ = ["fresh_metrics"]

pytestmark = pytest.mark.usefixtures("fresh_metrics")


def scrape(client: Client) -> dict[str, float]:
    response = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    families = text_string_to_metric_families(response.content.decode())
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.mark.parametrize("sent", [None, "", "Bearer", "Bearer ", "Bearer wrong", TOKEN, f"Basic {TOKEN}", "Bearer é"])
def test_without_the_token_there_is_nothing_at_this_address(client: Client, sent: str | None) -> None:
    headers = {} if sent is None else {"Authorization": sent}

    assert client.get("/metrics", headers=headers).status_code == 404


def test_without_a_token_in_the_settings_nobody_reads_metrics(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = ""

    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


def test_a_token_that_can_be_guessed_is_refused_at_start(settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN[:19]

    assert [message.id for message in run_checks()] == ["catalog.E005"]


def test_a_scrape_shows_requests_snapshot_and_sync(client: Client, catalogue: Snapshot, fresh_metrics: Counts) -> None:
    fresh_metrics.add(Source.HIT, "200", 0.00002)
    fresh_metrics.add(Source.HIT, "304", 9.0)
    publish(offer_record(), gateway="openrouter")

    found = scrape(client)

    assert found["gatewayz_requests_total kept 200"] == 1
    assert found["gatewayz_request_seconds_bucket kept 0.0001"] == 1
    assert found["gatewayz_request_seconds_bucket kept 2.5"] == 1
    assert found["gatewayz_request_seconds_bucket kept +Inf"] == found["gatewayz_request_seconds_count kept"] == 2
    assert found["gatewayz_snapshot_offers"] == 104
    assert found["gatewayz_snapshot_build_seconds"] > 0
    assert (found["gatewayz_snapshot_revision"], found["gatewayz_published_revision"]) == (1, 2)
    assert found["gatewayz_revision_lag"] == 1
    assert found["gatewayz_sync_runs_total chutes published"] == found["gatewayz_stored_runs chutes published"] == 1
    assert found["gatewayz_rejected_rows chutes"] == 0
    assert found["gatewayz_gateway_state chutes bundled"] == 1
    assert found["gatewayz_gateway_state portkey never"] == 1
    assert (found["gatewayz_database_up"], found["gatewayz_snapshot_failing"]) == (1, 0)


def test_pruning_lowers_the_stored_runs_and_never_the_counter(
    client: Client, db: None, fixtures_dir: Path, settings: Settings
) -> None:
    settings.KEEP_RUNS_DAYS = 1
    for _ in range(3):
        sync_rows(fixtures_dir, chutes_rows(5))
    before = scrape(client)
    age_runs(hours=48)
    retention.prune(now=timezone.now())
    gather_again()

    after = scrape(client)

    assert before["gatewayz_stored_runs chutes unchanged"] == before["gatewayz_sync_runs_total chutes unchanged"] == 2
    assert "gatewayz_stored_runs chutes unchanged" not in after
    assert after["gatewayz_sync_runs_total chutes unchanged"] == 2


def test_a_decision_about_a_held_run_does_not_lower_the_counter(client: Client, db: None, fixtures_dir: Path) -> None:
    sync_rows(fixtures_dir, chutes_rows(20))
    held = sync_rows(fixtures_dir, chutes_rows(5)).run
    waiting = scrape(client)
    decisions.discard(held)
    gather_again()

    decided = scrape(client)

    assert waiting["gatewayz_held_runs chutes"] == 1
    assert waiting["gatewayz_oldest_held_runs_timestamp_seconds chutes"] == held.started_at.timestamp()
    assert decided["gatewayz_held_runs chutes"] == 0
    assert "gatewayz_oldest_held_runs_timestamp_seconds chutes" not in decided
    assert waiting["gatewayz_sync_runs_total chutes held"] == decided["gatewayz_sync_runs_total chutes held"] == 1


def test_a_run_whose_process_was_killed_is_counted_as_lost_and_logged(
    client: Client, db: None, fixtures_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = sync_rows(fixtures_dir, chutes_rows(5)).run.gateway
    SyncRun.objects.create(gateway=gateway, lease_token=9, trigger="schedule", started_at=timezone.now())
    sync_rows(fixtures_dir, chutes_rows(5))

    assert scrape(client)["gatewayz_sync_runs_total chutes lost"] == 1
    assert "chutes: lost; the process ended before the run did" in caplog.text


def test_held_prices_are_counted_with_the_age_of_the_oldest(client: Client, catalogue: Snapshot) -> None:
    now = timezone.now()
    hold = {
        "amount": "9",
        "first_amount": "9",
        "kept": "1",
        "rule": "move",
        "reason": "it moved",
        "reported_since": now,
    }
    for number, offer in enumerate(Offer.objects.order_by("pk")[:2]):
        made_at = now - timedelta(hours=number)
        PriceHold.objects.create(offer=offer, meter="compute.hour", **hold, made_at=made_at)

    found = scrape(client)

    assert (found["gatewayz_held_prices chutes"], found["gatewayz_held_prices portkey"]) == (2, 0)
    oldest = (now - timedelta(hours=1)).timestamp()
    assert found["gatewayz_oldest_held_prices_timestamp_seconds chutes"] == pytest.approx(oldest)


def test_a_scrape_shows_whether_worker_and_beat_do_their_work(
    client: Client, db: None, settings: Settings, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path
    assert "gatewayz_pulse_timestamp_seconds worker" not in scrape(client)
    touch_pulse("worker")
    before = time.time()
    tasks.prune()
    tasks.dispatch_due()
    gather_again()

    found = scrape(client)

    assert found["gatewayz_pulse_timestamp_seconds worker"] == (tmp_path / "worker.pulse").stat().st_mtime
    assert before <= found["gatewayz_task_end_timestamp_seconds catalog.prune"] <= time.time()
    assert before <= found["gatewayz_task_end_timestamp_seconds catalog.dispatch_due"] <= time.time()
    assert found["gatewayz_broker_up"] == 1
    assert found["gatewayz_queue_messages"] >= 0
    assert found["gatewayz_database_bytes"] > 100_000


def test_a_broker_that_is_down_costs_no_other_figure(client: Client, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = partial(Connection, "redis://127.0.0.1:1/0")
    monkeypatch.setattr(current_app, "connection_for_read", gone)

    found = scrape(client)

    assert (found["gatewayz_broker_up"], found["gatewayz_database_up"]) == (0, 1)
    assert "gatewayz_queue_messages" not in found


def test_failed_logins_are_counted(client: Client, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "failed_logins", dict.fromkeys(counts.failed_logins, 0))
    for _ in range(6):
        client.post("/admin/login/", {"username": "ada", "password": "wrong"})

    found = scrape(client)

    assert (found["gatewayz_failed_logins_total wrong"], found["gatewayz_failed_logins_total pair"]) == (5, 1)
    assert found["gatewayz_failed_logins_total busy"] == 0


def test_a_statement_that_takes_too_long_is_ended(db: None) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    began = time.monotonic()

    with pytest.raises(OperationalError), bounded(0.2), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(endless)

    assert time.monotonic() - began < 10


def test_after_a_bounded_read_statements_have_their_usual_time(db: None) -> None:
    with bounded(0.001):
        pass
    rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT count(*) FROM n"

    with connection.cursor() as cursor:
        cursor.execute(rows)
        assert cursor.fetchone() == (300_000,)


def test_the_counter_begins_with_the_stored_runs(db: None, fixtures_dir: Path) -> None:
    sync_rows(fixtures_dir, chutes_rows(20))
    decisions.discard(sync_rows(fixtures_dir, chutes_rows(5)).run)
    RunCount.objects.all().delete()

    import_module("catalog.migrations.0014_run_counts_and_task_ends").count_stored_runs(apps, None)

    counted = RunCount.objects.order_by("outcome").values_list("gateway__slug", "outcome", "count")
    assert list(counted) == [("chutes", "held", 1), ("chutes", "published", 1)]


def test_what_the_door_did_to_slow_clients_and_at_its_limits_is_counted(
    client: Client, db: None, fresh_metrics: Counts
) -> None:
    before = scrape(client)
    fresh_metrics.add_unavailable(Unavailable.FULL)
    fresh_metrics.add_unavailable(Unavailable.OVERDUE)
    fresh_metrics.add_cut_connection(Cut.SLOW_BODY)
    fresh_metrics.stream_opened()
    fresh_metrics.stream_opened()
    fresh_metrics.stream_closed()

    after = scrape(client)

    names = [f"gatewayz_unavailable_total {reason}" for reason in Unavailable]
    names += [f"gatewayz_cut_connections_total {reason}" for reason in Cut]
    assert [before[name] for name in names] == [0] * 5
    assert [after[name] for name in names] == [1, 1, 0, 1, 0]
    assert (before["gatewayz_open_streams"], after["gatewayz_open_streams"]) == (0, 1)


def test_a_scrape_covers_all_serving_processes(
    client: Client, catalogue: Snapshot, fresh_metrics: Counts, tmp_path: Path
) -> None:
    of_another, serving = Counts(), {**metrics.snapshot_gauges(), "snapshot_revision": 0, "snapshot_failing": 1}
    another = SharedCounts(of_another, gauges=lambda: serving)
    for each in (fresh_metrics, of_another):
        each.add(Source.HIT, "200", 0.00002)
        each.add_failed_login("wrong")
        each.cached_bytes = 1_000
    for shared in (another, metrics.SHARED_COUNTS):
        shared.start(tmp_path)

    try:
        found = scrape(client)
    finally:
        for shared in (another, metrics.SHARED_COUNTS):
            shared.stop()

    assert found["gatewayz_processes"] == 2
    assert found["gatewayz_requests_total kept 200"] == found["gatewayz_request_seconds_count kept"] == 2
    assert found["gatewayz_request_seconds_bucket kept 0.0001"] == 2
    assert found["gatewayz_failed_logins_total wrong"] == 2
    assert found["gatewayz_kept_answers_bytes"] == 2_000
    assert (found["gatewayz_snapshot_revision"], found["gatewayz_revision_lag"]) == (0, 1)
    assert found["gatewayz_snapshot_failing"] == 1
    assert found[f"process_resident_memory_bytes {os.getpid()}"] > 1_000_000


def test_a_database_and_a_broker_that_never_answer_cost_only_their_figures(
    client: Client, catalogue: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_over = threading.Event()
    silent = Gathered(is_over.wait)
    monkeypatch.setattr(patience, "Thread", threading.Thread)
    monkeypatch.setattr(metrics, "WAIT_SECONDS", 0.01)
    monkeypatch.setattr(metrics, "_FIGURES", silent)
    monkeypatch.setattr(metrics, "_QUEUE", silent)

    found = scrape(client)
    scrape(client)
    waiting = [thread for thread in threading.enumerate() if thread.name == "gathering"]
    is_over.set()
    for thread in waiting:
        thread.join()

    assert (found["gatewayz_database_up"], found["gatewayz_broker_up"]) == (0, 0)
    assert found["gatewayz_snapshot_offers"] == 104
    assert "gatewayz_published_revision" not in found
    assert len(waiting) == 1


def test_a_scrape_succeeds_without_a_database_and_says_so(
    client: Client, catalogue: Snapshot, break_database: Callable[[Exception], None]
) -> None:
    break_database(OperationalError("gone"))

    found = scrape(client)

    assert found["gatewayz_database_up"] == 0
    assert found["gatewayz_snapshot_offers"] == 104


def test_a_scrape_before_anything_was_read_succeeds(client: Client, db: None) -> None:
    assert "gatewayz_snapshot_revision" not in scrape(client)


def test_a_revision_that_cannot_be_read_is_told_here_and_by_the_probe(client: Client, catalogue: Snapshot) -> None:
    def fail(held: Snapshot) -> NoReturn:
        raise MemoryError

    publish(offer_record(), gateway="openrouter")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "caught_up", fail)
        following.FOLLOWER.try_refresh()
    failing, ready = scrape(client)["gatewayz_snapshot_failing"], client.get("/readyz")
    following.FOLLOWER.try_refresh()

    assert failing == 1
    assert ready.status_code == 503
    assert ready.json()["problems"] == ["the newest revision cannot be read; the last one that could stays served"]
    assert (ready.json()["serving_revision"], ready.json()["published_revision"]) == (1, 2)
    assert client.get("/readyz").json()["serving_revision"] == 2
