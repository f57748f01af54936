"""A worker that is killed at any statement leaves the old catalogue or the new one, never a mixture, and no debris.

Each worker is a process of its own, killed by SIGKILL: nothing of it gets to clean up. Statements that end a
transaction are counted too. `make prove` kills it at every statement of a run; otherwise some are tried, COMMITs among
them.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from catalog.models import Gateway, Offer, Price, PriceHold, Provider, SyncRun
from catalog.sync.run import AlreadyRunning
from tests import clock
from tests.catalog.syncing import database_url
from tests.faults.stage import (
    OPENROUTER,
    PROVE,
    Catalogue,
    catalogue,
    check_integrity,
    offer_id,
    openrouter,
    openrouter_row,
    sync,
)
from tests.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)

Json = Any
Outcome = SyncRun.Outcome
ROWS = 12
NEW = "another/one"
SPREAD = 6
PATIENCE_SECONDS = 60
TIME = re.compile(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """Runs each sync in a process of its own, which `tests.faults.dying` forks."""

    dying: subprocess.Popen[str]
    outcome: Path
    log: Path

    def run(self) -> list[str]:
        """The outcome of a whole run, and its statements."""
        assert self._status(0) == 0, self.log.read_text()
        return self.outcome.read_text().splitlines()

    def die(self, *, at: int) -> None:
        assert self._status(at) == -signal.SIGKILL, (at, self.log.read_text())

    def _status(self, deadly: int) -> int:
        assert self.dying.stdin is not None
        assert self.dying.stdout is not None
        self.dying.stdin.write(f"{deadly}\n")
        self.dying.stdin.flush()
        assert select.select([self.dying.stdout], [], [], PATIENCE_SECONDS)[0], "it runs for too long"
        return int(self.dying.stdout.readline() or 1)


@pytest.fixture
def worker(upstream: Upstream, tmp_path: Path) -> Iterator[Worker]:
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "gatewayz.settings",
        "ENV_FILE": os.devnull,
        "SECRET_KEY": settings.SECRET_KEY,
        "DATABASE_URL": database_url(),
        "DATA_DIR": str(tmp_path),
        "OPENROUTER_API_BASE": upstream.base,
        "OPENROUTER_SOURCE": "api",
        **clock.environment(),
    }
    outcome, log = tmp_path / "outcome", tmp_path / "log"
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            [sys.executable, "-m", "tests.faults.dying", str(outcome)],
            cwd=settings.BASE_DIR,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        ) as dying,
    ):
        yield Worker(dying=dying, outcome=outcome, log=log)
        os.killpg(dying.pid, signal.SIGKILL)


def old_catalogue(upstream: Upstream) -> Catalogue:
    """Publish a catalogue into an empty database; OpenRouter lists something new since then."""
    call_command("flush", interactive=False, verbosity=0)
    upstream.serve(OPENROUTER, openrouter(1, rows=ROWS))
    assert sync("openrouter").outcome == Outcome.PUBLISHED
    upstream.serve(OPENROUTER, {"data": news()})
    return catalogue("openrouter")


def news() -> list[Json]:
    """Everything that a publication can do: new, changed, withdrawn, a price that moved or is held, a bad row."""
    rows = [openrouter_row(number, 2) for number in range(ROWS) if number != 1]
    rows[1]["pricing"]["prompt"] = "0.000003"
    rows[2]["pricing"]["prompt"] = "0.0003"
    rows[3]["name"] = 7
    return [*rows, openrouter_row(ROWS, 2) | {"id": NEW}]


def content(documents: Mapping[str, str]) -> Json:
    """The documents without the times of publications in them, which no two publications share."""
    return {key: json.loads(TIME.sub('"a time"', text)) for key, text in documents.items()}


def besides_the_documents() -> Json:
    """Return what a publication writes besides the documents."""
    return (
        list(
            Offer.objects.order_by("model_id").values("model_id", "upstream", "fingerprint", "row_print", "missed_runs")
        ),
        list(Price.objects.order_by("offer__model_id", "meter", "pk").values_list("meter", "amount", "valid_to")),
        list(PriceHold.objects.order_by("offer__model_id").values_list("offer__model_id", "amount", "state")),
        list(Provider.objects.order_by("key").values_list("key", "slug")),
    )


def chosen(statements: Sequence[str]) -> list[int]:
    """The numbers of the statements at which the worker is killed, counted from 1."""
    everything = range(1, len(statements) + 1)
    if PROVE:
        return list(everything)
    commits = [number for number in everything if statements[number - 1] == "COMMIT"]
    spread = everything[:: max(1, len(statements) // SPREAD)]
    return sorted({*spread, *commits[-2:], commits[-2] + 1})


def test_a_worker_killed_at_any_statement_leaves_the_old_catalogue_or_the_new_one(
    upstream: Upstream, worker: Worker
) -> None:
    old_catalogue(upstream)
    assert sync("openrouter").outcome == Outcome.PUBLISHED
    new = content(catalogue("openrouter").documents)
    assert {key for key, document in new.items() if document["withdrawn_at"]} == {offer_id(1)}
    assert {key for key, document in new.items() if document["held_prices"]} == {offer_id(3)}
    old_catalogue(upstream)
    outcome, *statements = worker.run()
    assert (outcome, content(catalogue("openrouter").documents)) == (Outcome.PUBLISHED, new)

    left = [kill_and_recover(upstream, worker, at=number, new=new) for number in chosen(statements)]

    # Up to the end of the one transaction that publishes nothing is new, and from there on everything.
    assert left == sorted(left)
    assert set(left) == {False, True}


def kill_and_recover(upstream: Upstream, worker: Worker, *, at: int, new: Json) -> bool:
    """Whether the worker, killed at this statement, had published."""
    old = old_catalogue(upstream)
    before = besides_the_documents()

    worker.die(at=at)

    left = catalogue("openrouter")
    has_published = left.revision == old.revision + 1
    if has_published:
        assert content(left.documents) == new, at
    else:
        assert (left, besides_the_documents()) == (old, before), at
    check_integrity()
    if is_leased():
        with pytest.raises(AlreadyRunning):
            sync("openrouter")
        Gateway.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    recovered = sync("openrouter")
    assert recovered.outcome == (Outcome.UNCHANGED if has_published else Outcome.PUBLISHED), (at, recovered.error)
    found = catalogue("openrouter")
    assert (found.revision, content(found.documents)) == (old.revision + 1, new), at
    assert not SyncRun.objects.filter(outcome=Outcome.RUNNING).exists(), at
    assert not is_leased(), at
    check_integrity()
    return has_published


def is_leased() -> bool:
    return Gateway.objects.filter(slug="openrouter", lease_expires_at__gt=timezone.now()).exists()
