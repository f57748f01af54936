"""Concurrent writers, each with its own connection: nothing is lost or half-written, and no writer waits forever."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from catalog.curation import overrides, wishes
from catalog.models import Gateway, Offer, OfferVersion, Provider, Revision, SyncRun
from catalog.publication import diff
from catalog.sync.run import AlreadyRunning
from catalog.sync.task import Report
from tests.catalog.syncing import Shop, environment, published, served, sync, sync_rows
from tests.factories import chutes_row, chutes_rows, write_listing

Json = Any
Outcome = SyncRun.Outcome

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_SECONDS = 60.0


def at_once(*acts: Callable[[], object]) -> list[Any]:
    """Start all acts at one moment, each in its own thread, and return their results.

    If one of them raises an exception, it is raised here.
    """
    start = Barrier(len(acts), timeout=PATIENCE_SECONDS)

    def perform(act: Callable[[], object]) -> object:
        start.wait()
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as threads:
        return [future.result(PATIENCE_SECONDS) for future in [threads.submit(perform, act) for act in acts]]


def sync_if_free(slug: str = "chutes") -> Report | None:
    with suppress(AlreadyRunning):
        return sync(slug)
    return None


def add_tag(model_id: str, tag: str) -> int:
    return overrides.set_override(
        Offer.objects.get(model_id=model_id),
        field="tags",
        value={"add": [tag], "remove": []},
        reason="why",
        author=None,
        is_confirmed=True,
        now=timezone.now(),
    )


def check_that_the_history_has_no_gap() -> None:
    """Check that revisions have no gap, and that each offer's versions follow one another up to the open version."""
    numbers = list(Revision.objects.order_by("number").values_list("number", flat=True))
    assert numbers == list(range(len(numbers)))
    for offer in Offer.objects.all():
        periods = list(offer.versions.order_by("from_revision").values_list("from_revision", "to_revision"))
        assert [end for _, end in periods] == [*[start for start, _ in periods[1:]], None]


def test_of_runs_that_begin_at_once_exactly_one_publishes() -> None:
    reports = [report for report in at_once(*[sync_if_free] * 4) if report]

    assert [report.run.outcome for report in reports].count(Outcome.PUBLISHED) == 1
    assert {report.run.error for report in reports} == {""}
    revision, rows = published()
    assert (revision, len(rows)) == (1, 104)
    assert SyncRun.objects.count() == len(reports)
    assert Gateway.objects.get().lease_expires_at is None
    assert Gateway.objects.get().lease_token == len(reports)
    check_that_the_history_has_no_gap()


def test_gateways_with_common_providers_publish_at_once_without_a_deadlock(
    shop: Shop, fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds, offers = 3, 200
    write_providers = Provider.objects.bulk_create

    def write_some_at_a_time(*args: Any, **kwargs: Any) -> list[Provider]:
        return write_providers(*args, **kwargs | {"batch_size": 10})  # many statements collide more surely than one

    def publish_often(slug: str, keys: Sequence[int]) -> Callable[[], None]:
        def act() -> None:
            for number in range(rounds):
                # Providers that are new: both gateways write the same rows.
                rows = [chutes_row(f"{slug}/{key}", provider=f"p{number}-{key}", name=f"v{number}") for key in keys]
                assert sync_rows(fixtures_dir, rows, slug=slug).run.error == ""

        return act

    monkeypatch.setattr(Provider.objects, "bulk_create", write_some_at_a_time)
    at_once(publish_often("chutes", range(offers)), publish_often(shop.slug, range(offers)[::-1]))

    assert Revision.objects.newest().number == 2 * rounds
    assert len(served()) == 2 * offers
    assert {row["name"] for row in served().values()} == {f"v{rounds - 1}"}
    assert Provider.objects.count() == rounds * offers
    check_that_the_history_has_no_gap()


def test_edits_made_while_a_gateway_is_synced_again_and_again_are_all_kept(fixtures_dir: Path) -> None:
    rows = chutes_rows(12)
    sync_rows(fixtures_dir, rows)

    def sync_often() -> None:
        for number in range(6):
            assert sync_rows(fixtures_dir, [row | {"name": f"v{number}"} for row in rows]).run.error == ""

    def edit_all(tag: str, ids: Sequence[object]) -> Callable[[], None]:
        def act() -> None:
            for model_id in ids:
                add_tag(str(model_id), tag)

        return act

    ids = [row["id"] for row in rows]
    at_once(sync_often, edit_all("first", ids[:6]), edit_all("second", ids[6:]))

    assert [row["tags"] for row in served().values()] == [["first"]] * 6 + [["second"]] * 6
    assert {row["name"] for row in served().values()} == {"v5"}
    check_that_the_history_has_no_gap()


def test_an_edit_that_begins_during_a_publication_is_laid_over_its_outcome(
    fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_rows(fixtures_dir, [chutes_row("a/1", name="old")])
    locked, editing = Event(), Event()
    effects = diff.effects

    def compare_slowly(*args: Any, **kwargs: Any) -> diff.Effects:
        locked.set()
        assert editing.wait(PATIENCE_SECONDS)
        return effects(*args, **kwargs)

    def edit() -> None:
        assert locked.wait(PATIENCE_SECONDS)
        editing.set()
        add_tag("a/1", "hot")

    monkeypatch.setattr(diff, "effects", compare_slowly)
    at_once(lambda: sync_rows(fixtures_dir, [chutes_row("a/1", name="new")]), edit)

    assert (served()["a/1"]["name"], served()["a/1"]["tags"]) == ("new", ["hot"])
    check_that_the_history_has_no_gap()


def test_a_publication_that_begins_during_an_edit_keeps_the_edit(
    fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_rows(fixtures_dir, [chutes_row("a/1", name="old")])
    write_listing(fixtures_dir, [chutes_row("a/1", name="new")])
    locked, syncing = Event(), Event()
    decide = wishes.decide

    def decide_slowly(*args: Any, **kwargs: Any) -> wishes.Decision:
        locked.set()
        assert syncing.wait(PATIENCE_SECONDS)
        return decide(*args, **kwargs)

    def sync_meanwhile() -> None:
        assert locked.wait(PATIENCE_SECONDS)
        syncing.set()
        sync()

    monkeypatch.setattr(wishes, "decide", decide_slowly)
    at_once(lambda: add_tag("a/1", "hot"), sync_meanwhile)

    assert (served()["a/1"]["name"], served()["a/1"]["tags"]) == ("new", ["hot"])
    check_that_the_history_has_no_gap()


DIE_WHILE_PUBLISHING = """
import os, signal
import django
django.setup()
from catalog.models import Offer
from catalog.publication import revision
from catalog.sync.run import run_gateway

def die(*args, **kwargs):
    assert Offer.objects.filter(model_id="b/new").exists(), "the offers should have been written by now"
    os.kill(os.getpid(), signal.SIGKILL)

revision.publish_next = die
print(run_gateway("chutes", trigger="command").run.error)
"""


def test_a_process_that_is_killed_while_it_publishes_leaves_no_trace_but_a_lost_run(
    fixtures_dir: Path, tmp_path: Path
) -> None:
    others = [chutes_row("a/3"), chutes_row("a/4")]
    sync_rows(fixtures_dir, [chutes_row("a/1"), chutes_row("a/2"), *others])
    before = published()
    write_listing(fixtures_dir, [chutes_row("a/1", name="renamed"), chutes_row("b/new"), *others])

    killed = subprocess.run(
        [sys.executable, "-c", DIE_WHILE_PUBLISHING],
        cwd=settings.BASE_DIR,
        env=environment(data_dir=tmp_path, fixtures_dir=fixtures_dir),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert killed.returncode == -signal.SIGKILL, killed.stdout + killed.stderr
    assert published() == before
    assert not Offer.objects.filter(model_id="b/new").exists()
    with pytest.raises(AlreadyRunning):
        sync()

    Gateway.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert sync().run.outcome == Outcome.PUBLISHED
    outcomes = SyncRun.objects.order_by("pk").values_list("outcome", flat=True)
    assert list(outcomes) == [Outcome.PUBLISHED, Outcome.LOST, Outcome.PUBLISHED]
    assert list(served()) == ["a/1", "a/2", "a/3", "a/4", "b/new"]
    assert OfferVersion.objects.count() == 7
    check_that_the_history_has_no_gap()
