"""The Celery tasks: alone, and with a real worker that receives real messages through Redis."""

from __future__ import annotations

import base64
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.conf import settings
from django.utils import timezone
from kombu import Connection

from catalog import gateway_settings, registry, tasks
from catalog.models import Gateway, SyncRun
from catalog.sync import schedule
from gatewayz.run.children import end_with_parent
from tests.catalog.syncing import Shop, environment, published, served, sync_rows
from tests.factories import chutes_row, chutes_rows, write_listing

Json = Any
Outcome = SyncRun.Outcome

PATIENCE_SECONDS = 60.0


# --- the tasks alone -------------------------------------------------------------------------------------------------


@pytest.fixture
def queue() -> Iterator[Path]:
    """The message folder of an installation without Redis."""
    folder: Path = settings.BROKER_DIR / "queue"
    _empty(folder)
    yield folder
    _empty(folder)


def _empty(folder: Path) -> None:
    """Delete the messages but not the folder: a connection that another test has opened writes there again."""
    for message in folder.glob("*"):
        message.unlink()


def seconds_between(planned: Json) -> float:
    if isinstance(planned, int | float):
        return planned
    assert len(planned.hour) == len(planned.minute) == 1, "a crontab that is not met once a day"
    return 86_400


def messages(queue: Path) -> list[Json]:
    return [json.loads(path.read_text()) for path in sorted(queue.iterdir())]


@pytest.mark.django_db
def test_the_start_sends_a_gateway_that_failed_long_ago_at_once(queue: Path, two_gateways: None) -> None:
    now = timezone.now()
    failed = Gateway.objects.create(slug="chutes", failures=9, next_run_at=now + timedelta(hours=5))
    Gateway.objects.create(slug="openrouter", next_run_at=now + timedelta(hours=1))
    SyncRun.objects.create(
        gateway=failed,
        trigger="schedule",
        outcome="failed",
        lease_token=0,
        started_at=now - timedelta(hours=1),
        finished_at=now - timedelta(hours=1),
    )

    tasks.begin()

    [message] = messages(queue)
    assert json.loads(base64.b64decode(message["body"]))[0] == ["chutes"]


@pytest.mark.django_db
def test_what_is_due_is_sent_once_in_messages_of_json_that_expire(queue: Path, shop: Shop) -> None:
    tasks.dispatch_due()
    tasks.dispatch_due()

    sent = messages(queue)
    assert [message["headers"]["task"] for message in sent] == ["catalog.sync_gateway"] * len(registry.GATEWAYS)
    assert {message["content-type"] for message in sent} == {"application/json"}
    arguments = [json.loads(base64.b64decode(message["body"]))[0] for message in sent]
    assert sorted(arguments) == [[slug] for slug in sorted(registry.GATEWAYS)]
    latest = timezone.now() + schedule.RETRY_AFTER
    assert all(message["headers"]["expires"] <= latest.isoformat() for message in sent)


@pytest.mark.django_db
def test_a_task_reads_its_gateway_as_the_schedule_asked() -> None:
    tasks.sync_gateway("chutes")

    run = SyncRun.objects.get()
    assert (run.trigger, run.outcome) == (SyncRun.Trigger.SCHEDULE, Outcome.PUBLISHED)


@pytest.mark.django_db
def test_a_task_whose_run_fails_does_not_fail_itself(fixtures_dir: Path) -> None:
    tasks.sync_gateway("chutes")

    assert SyncRun.objects.get().outcome == Outcome.FAILED


@pytest.mark.django_db
def test_a_failed_run_is_a_warning_of_one_line_with_its_reason(
    fixtures_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        tasks.sync_gateway("chutes")

    [record] = [each for each in caplog.records if each.name == tasks.logger.name]
    reason = SyncRun.objects.get().error
    assert record.levelno == logging.WARNING
    assert reason
    assert record.getMessage() == f"chutes: failed {' '.join(reason.split())}"


@pytest.mark.django_db
def test_a_run_that_succeeds_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        tasks.sync_gateway("chutes")

    [record] = [each for each in caplog.records if each.name == tasks.logger.name]
    assert (record.levelno, record.getMessage().split()[:2]) == (logging.INFO, ["chutes:", "published"])


@pytest.mark.django_db
def test_a_task_that_overlaps_another_run_ends_at_once(caplog: pytest.LogCaptureFixture) -> None:
    now = timezone.now()
    Gateway.objects.create(slug="chutes", lease_token=1, lease_expires_at=now + timedelta(minutes=2))

    with caplog.at_level(logging.WARNING):
        tasks.sync_gateway("chutes")

    assert "chutes is being read by another run" in caplog.text
    assert not SyncRun.objects.exists()


def test_a_run_is_ended_gently_first_and_killed_when_that_does_not_help() -> None:
    limits = (tasks.sync_gateway.soft_time_limit, tasks.sync_gateway.time_limit)

    assert limits == (settings.SYNC_SOFT_TIME_LIMIT_SECONDS, settings.SYNC_TIME_LIMIT_SECONDS)
    assert 0 < limits[0] < limits[1]


@pytest.mark.parametrize("entry", settings.CELERY_BEAT_SCHEDULE.values(), ids=settings.CELERY_BEAT_SCHEDULE)
def test_beat_sends_a_task_that_exists_in_a_message_that_expires_before_the_next_one(entry: Json) -> None:
    import_module(f"{entry['task'].partition('.')[0]}.tasks")  # as the worker does
    assert entry["task"] in current_app.tasks
    assert entry["options"]["expires"] < seconds_between(entry["schedule"])


def test_beat_looks_for_what_is_due_each_minute_and_prunes_each_day() -> None:
    entries: Json = settings.CELERY_BEAT_SCHEDULE.values()

    seconds = {entry["task"]: seconds_between(entry["schedule"]) for entry in entries}

    ours = {task: every for task, every in seconds.items() if task.startswith("catalog.")}
    assert ours == {"catalog.dispatch_due": 60, "catalog.end_overrides": 60, "catalog.prune": 86_400}


def test_nothing_but_json_is_taken() -> None:
    assert current_app.conf.accept_content == ["json"]
    assert current_app.conf.task_serializer == "json"


# --- a worker and Redis ----------------------------------------------------------------------------------------------


def with_a_worker(test: Callable[..., None]) -> Callable[..., None]:
    for mark in (
        pytest.mark.redis,
        pytest.mark.xdist_group("worker"),  # run in sequence: each starts two processes on a small machine
        pytest.mark.django_db(transaction=True),
    ):
        test = mark(test)
    return test


class WritesAFile:
    """An object that runs the sender's code when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self._path,)


@contextmanager
def worker(folder: Path, *, fixtures_dir: Path, redis_url: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker as a deployment starts it, in its own session. It writes its output to `folder`/worker.log."""
    options = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--concurrency", "1"]
    with (folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "gatewayz", "worker", *options],
            cwd=settings.BASE_DIR,
            env=environment(data_dir=folder, fixtures_dir=fixtures_dir, redis_url=redis_url) | variables,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=end_with_parent(os.getpid(), signal.SIGKILL),
        )
    try:
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the worker and its pool immediately."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def send(redis_url: str, task: str, *arguments: object, serializer: str = "json") -> None:
    with Connection(redis_url) as broker:
        current_app.send_task(task, arguments, connection=broker, serializer=serializer)


def wait_until(condition: Callable[[], object], *, log: Path) -> None:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up_at, log.read_text()
        time.sleep(0.05)


def is_free() -> bool:
    """Return whether no run holds Chutes: a run first stores its outcome, and frees its gateway last."""
    return Gateway.objects.filter(slug="chutes", lease_expires_at=None).exists()


def outcomes() -> list[str]:
    """Return the outcomes of Chutes' runs, oldest first. The other gateways do not matter to these tests."""
    return list(SyncRun.objects.filter(gateway__slug="chutes").order_by("pk").values_list("outcome", flat=True))


@with_a_worker
def test_a_message_to_dispatch_has_every_gateway_read_and_a_pickled_one_does_nothing(
    redis_url: str, tmp_path: Path, fixtures_dir: Path
) -> None:
    write_listing(fixtures_dir, chutes_rows(3))
    log, trap = tmp_path / "worker.log", tmp_path / "unpickled"

    with worker(tmp_path, fixtures_dir=fixtures_dir, redis_url=redis_url):
        send(redis_url, "catalog.sync_gateway", WritesAFile(trap), serializer="pickle")
        send(redis_url, "catalog.dispatch_due")
        wait_until(lambda: outcomes() == [Outcome.PUBLISHED] and is_free(), log=log)

    assert not trap.exists()
    assert "ContentDisallowed" in log.read_text()
    assert (published()[0], len(served())) == (1, 3)
    assert set(Gateway.objects.values_list("slug", flat=True)) == set(registry.GATEWAYS)
    run = SyncRun.objects.get(gateway__slug="chutes")
    assert (run.trigger, run.seen, run.new) == (SyncRun.Trigger.SCHEDULE, 3, 3)
    assert run.finished_at is not None
    slot = gateway_settings.next_slot("chutes", after=run.finished_at, interval=timedelta(hours=1))
    assert run.gateway.next_run_at == slot


@with_a_worker
def test_a_worker_that_is_killed_in_a_run_costs_one_run_and_nothing_of_the_catalogue(
    redis_url: str, tmp_path: Path, fixtures_dir: Path
) -> None:
    rows = [chutes_row(f"a/{number}") for number in range(5)]
    sync_rows(fixtures_dir, rows)
    before = published()
    log, listing = tmp_path / "worker.log", fixtures_dir / "chutes_catalog.json"
    listing.unlink()
    os.mkfifo(listing)  # a reader waits for a writer that never comes
    Gateway.objects.update(next_run_at=None)

    with worker(tmp_path, fixtures_dir=fixtures_dir, redis_url=redis_url) as process:
        send(redis_url, "catalog.dispatch_due")
        wait_until(lambda: outcomes() == [Outcome.PUBLISHED, Outcome.RUNNING], log=log)
        kill(process)

    assert published() == before
    listing.unlink()
    write_listing(fixtures_dir, [row | {"name": "renamed"} for row in rows[1:]])
    assert schedule.claim_due(now=timezone.now()) == []
    past = timezone.now() - timedelta(seconds=1)
    Gateway.objects.update(lease_expires_at=past, next_run_at=past)

    with worker(tmp_path, fixtures_dir=fixtures_dir, redis_url=redis_url):
        send(redis_url, "catalog.dispatch_due")
        wait_until(lambda: outcomes()[2:] == [Outcome.PUBLISHED] and is_free(), log=log)

    assert outcomes() == [Outcome.PUBLISHED, Outcome.LOST, Outcome.PUBLISHED]
    assert [row["name"] for row in served().values()] == ["Model", *["renamed"] * 4]
    assert served()["a/0"]["withdrawn_at"]


@with_a_worker
def test_a_run_that_hangs_is_ended_by_its_time_limit_and_reports_it(
    redis_url: str, tmp_path: Path, fixtures_dir: Path
) -> None:
    os.mkfifo(fixtures_dir / "chutes_catalog.json")

    with worker(tmp_path, fixtures_dir=fixtures_dir, redis_url=redis_url, SYNC_SOFT_TIME_LIMIT_SECONDS="10"):
        send(redis_url, "catalog.dispatch_due")
        wait_until(lambda: outcomes() == [Outcome.FAILED] and is_free(), log=tmp_path / "worker.log")

    assert SyncRun.objects.get(gateway__slug="chutes").error == "took longer than 10 seconds"
