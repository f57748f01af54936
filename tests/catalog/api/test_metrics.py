"""`/metrics`: figures of one process and of the sync, for clients with the token."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import pytest
from django.core.checks import run_checks
from django.db import OperationalError, connection
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings

from catalog.api import metrics
from catalog.memory import following, loading
from catalog.memory.snapshot import Snapshot
from front.counts import Source, counts
from tests.factories import offer_record, publish

TOKEN = "0123456789" * 3


@pytest.fixture(autouse=True)
def fresh(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.METRICS_TOKEN = TOKEN
    monkeypatch.setattr(metrics, "_figures", None)


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


def test_a_scrape_tells_of_requests_snapshot_and_sync(
    client: Client, catalogue: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts, "requests", type(counts.requests)(int))
    monkeypatch.setattr(counts, "latencies", type(counts.latencies)(counts.latencies.default_factory))
    counts.add(Source.HIT, "200", 0.00002)
    counts.add(Source.HIT, "304", 9.0)
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
    assert found["gatewayz_sync_runs chutes published"] == 1
    assert found["gatewayz_rejected_rows chutes"] == 0
    assert found["gatewayz_gateway_state chutes bundled"] == 1
    assert found["gatewayz_gateway_state portkey never"] == 1
    assert (found["gatewayz_database_up"], found["gatewayz_snapshot_failing"]) == (1, 0)


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
        patch.setattr(connection, "close", lambda: None)
        following.FOLLOWER.try_refresh()
    failing, ready = scrape(client)["gatewayz_snapshot_failing"], client.get("/readyz")
    following.FOLLOWER.try_refresh()

    assert failing == 1
    assert ready.status_code == 503
    assert ready.json()["problems"] == ["the newest revision cannot be read; the last one that could stays served"]
    assert (ready.json()["serving_revision"], ready.json()["published_revision"]) == (1, 2)
    assert client.get("/readyz").json()["serving_revision"] == 2
