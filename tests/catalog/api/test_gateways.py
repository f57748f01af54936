"""`GET /catalog/gateways`: the state of each gateway, and the answer while the database is down."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.test import Client

from catalog.memory import following
from catalog.memory.snapshot import Snapshot
from catalog.models import Gateway, SyncRun
from catalog.registry import GATEWAYS
from catalog.sync import decisions
from tests.catalog.api.reading import problem_of, read
from tests.catalog.syncing import Network, sync, sync_rows
from tests.factories import chutes_row, chutes_rows

Json = Any

SYNCED_AT = datetime(2100, 11, 22, 8, tzinfo=UTC)
TWO_INTERVALS = timedelta(minutes=2 * settings.SYNC_INTERVAL_MINUTES)


def chutes(client: Client) -> Json:
    return of("chutes", read(client, "/catalog/gateways"))


def of(slug: str, answer: Json) -> Json:
    [gateway] = [gateway for gateway in answer["data"] if gateway["slug"] == slug]
    return gateway


@pytest.fixture
def synced(db: None) -> None:
    """The bundled catalogue, synced at a fixed time."""
    with time_machine.travel(SYNCED_AT, tick=False):
        sync()
    following.FOLLOWER.refresh()


def test_a_gateway_that_was_never_read_says_so(client: Client, db: None) -> None:
    following.FOLLOWER.refresh()

    assert chutes(client) == {
        "slug": "chutes",
        "name": "Chutes.ai",
        "note": "Chutes.ai catalog",
        "site_url": "https://chutes.ai",
        "models": 0,
        "source": None,
        "recorded_at": None,
        "state": "never",
        "last_checked": None,
        "last_success": None,
        "age_seconds": None,
        "next_run": None,
        "last_outcome": None,
        "error": None,
        "rejected": 0,
        "held_prices": 0,
    }


@pytest.mark.parametrize("address", ["/catalog/gateways", "/catalog/gateways/"])
def test_a_gateway_whose_file_was_read_is_bundled_with_its_facts(client: Client, synced: None, address: str) -> None:
    with time_machine.travel(SYNCED_AT + timedelta(minutes=5), tick=False):
        answer = read(client, address)

    gateway = of("chutes", answer)
    assert gateway.pop("next_run") > "2100-11-22T08:00:00Z"
    assert gateway == {
        "slug": "chutes",
        "name": "Chutes.ai",
        "note": "Chutes.ai catalog",
        "site_url": "https://chutes.ai",
        "models": 104,
        "source": "bundled",
        "recorded_at": "2025-10-08",
        "state": "bundled",
        "last_checked": "2100-11-22T08:00:00Z",
        "last_success": "2100-11-22T08:00:00Z",
        "age_seconds": 300,
        "last_outcome": "published",
        "error": None,
        "rejected": 0,
        "held_prices": 0,
    }
    assert answer | {"data": []} == {
        "data": [],
        "total": len(GATEWAYS),
        "returned": len(GATEWAYS),
        "serving_revision": 1,
        "published_revision": 1,
    }


@pytest.mark.parametrize("age", [timedelta(), TWO_INTERVALS, 100 * TWO_INTERVALS], ids=str)
def test_a_file_makes_no_gateway_fresh_however_lately_it_was_read(client: Client, synced: None, age: timedelta) -> None:
    with time_machine.travel(SYNCED_AT + age, tick=False):
        sync()
        found = chutes(client)

    assert (found["state"], found["source"], found["recorded_at"]) == ("bundled", "bundled", "2025-10-08")


def test_once_an_api_was_read_the_gateway_is_fresh_although_offers_of_the_file_are_left(
    client: Client, shop_api: Network, fixtures_dir: Path, db: None
) -> None:
    sync_rows(fixtures_dir, chutes_rows(5), slug="shop")
    shop_api.list_shop(chutes_rows(4), is_complete=False)

    sync("shop")
    following.FOLLOWER.refresh()

    found = of("shop", read(client, "/catalog/gateways"))
    assert (found["models"], found["state"], found["source"], found["recorded_at"]) == (5, "fresh", "api", None)


@pytest.mark.parametrize(
    ("age", "state"), [(TWO_INTERVALS, "fresh"), (TWO_INTERVALS + timedelta(seconds=1), "stale")], ids=str
)
def test_what_was_read_two_intervals_ago_is_the_last_that_is_fresh(
    client: Client, synced: None, age: timedelta, state: str
) -> None:
    SyncRun.objects.update(source="api")

    with time_machine.travel(SYNCED_AT + age, tick=False):
        assert chutes(client)["state"] == state


def test_a_gateway_fails_until_a_run_succeeds_and_its_offers_stay_served(
    client: Client, synced: None, fixtures_dir: Path
) -> None:
    with time_machine.travel(SYNCED_AT + timedelta(hours=1), tick=False):
        sync()  # the folder is empty
        failing = chutes(client)
        served = read(client, "/catalog/models")["total"]
    with time_machine.travel(SYNCED_AT + timedelta(hours=2), tick=False):
        rows = json.loads((settings.BASE_DIR / "fixtures/chutes_catalog.json").read_bytes())
        sync_rows(fixtures_dir, [*rows, chutes_row("maker/broken", type="Robot")])
        recovered = chutes(client)

    assert (failing["state"], failing["last_outcome"], failing["models"]) == ("failing", "failed", 104)
    assert "chutes_catalog.json cannot be read" in failing["error"]
    assert (failing["last_checked"], failing["last_success"]) == ("2100-11-22T09:00:00Z", "2100-11-22T08:00:00Z")
    assert served == 104
    assert (recovered["state"], recovered["error"], recovered["rejected"]) == ("bundled", None, 1)


def test_a_gateway_whose_listing_is_held_says_why_and_its_offers_stay_served(
    client: Client, synced: None, fixtures_dir: Path
) -> None:
    with time_machine.travel(SYNCED_AT + timedelta(hours=1), tick=False):
        sync_rows(fixtures_dir, [chutes_row()])
        held = chutes(client)
    with time_machine.travel(SYNCED_AT + timedelta(hours=1, minutes=1), tick=False):
        decisions.discard(SyncRun.objects.latest("pk"))
        decided = chutes(client)

    assert (held["state"], held["last_outcome"], held["models"]) == ("held", "held", 104)
    assert held["error"] == "104 of 104 known offers are missing, more than 30 %"
    assert (held["last_checked"], held["last_success"]) == ("2100-11-22T09:00:00Z", "2100-11-22T08:00:00Z")
    assert read(client, "/catalog/models")["total"] == 104
    assert (decided["state"], decided["last_outcome"]) == ("bundled", "discarded")


def test_prices_that_wait_for_a_curator_are_counted_by_gateway(
    client: Client, synced: None, fixtures_dir: Path
) -> None:
    rows = json.loads((settings.BASE_DIR / "fixtures/chutes_catalog.json").read_bytes())
    dearer = [row | {"pricing_per_hour": "900"} for row in rows[:2]]
    with time_machine.travel(SYNCED_AT + timedelta(minutes=5), tick=False):
        sync_rows(fixtures_dir, [*dearer, *rows[2:]])
        answer = read(client, "/catalog/gateways")

    held = {gateway["slug"]: gateway["held_prices"] for gateway in answer["data"]}
    assert held == dict.fromkeys(GATEWAYS, 0) | {"chutes": 2}
    assert of("chutes", answer)["state"] == "bundled"


def test_a_run_under_way_changes_nothing_of_what_the_last_one_said(client: Client, synced: None) -> None:
    with time_machine.travel(SYNCED_AT + timedelta(minutes=1), tick=False):
        before = chutes(client)
        Gateway.objects.update(lease_expires_at=SYNCED_AT + timedelta(minutes=2))
        SyncRun.objects.create(
            gateway=SyncRun.objects.get().gateway,
            trigger="command",
            lease_token=9,
            started_at=SYNCED_AT + timedelta(minutes=1),
        )
        during = chutes(client)

    assert during == before


def test_a_revision_that_is_published_but_not_read_yet_shows(client: Client, synced: None, fixtures_dir: Path) -> None:
    rows = json.loads((settings.BASE_DIR / "fixtures/chutes_catalog.json").read_bytes())
    with time_machine.travel(SYNCED_AT + timedelta(minutes=5), tick=False):
        sync_rows(fixtures_dir, [*rows, chutes_row()])

    answer = read(client, "/catalog/gateways")

    assert (answer["serving_revision"], answer["published_revision"]) == (1, 2)


def test_how_a_gateway_stands_is_kept_by_no_cache(client: Client, synced: None) -> None:
    assert client.get("/catalog/gateways")["Cache-Control"] == "no-store"


@pytest.mark.parametrize("error", [OperationalError("connection refused"), InterfaceError("connection is closed")])
def test_without_a_database_only_this_answer_fails_and_models_are_still_served(
    client: Client, catalogue: Snapshot, break_database: Callable[[Exception], None], error: Exception
) -> None:
    break_database(error)

    problem = problem_of(client.get("/catalog/gateways"), status=503)

    assert problem["detail"] == "the database does not answer, and this answer requires it"
    assert read(client, "/catalog/models")["total"] == 104
    assert read(client, "/catalog/providers")["total"] == 28
    assert read(client, "/catalog/models/iLustMix")["data"]["provider_slug"] == "chutes"
