"""What an operator chooses for a gateway applies at once, unless the environment sets it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from celery import current_app
from django.test import Client
from pytest_django.fixtures import Settings

from access.models import ApiKey
from catalog import gateway_settings, queries
from catalog.curation import gateways
from catalog.curation.gateways import InvalidSettings
from catalog.gateway_settings import Origin
from catalog.memory import following, loading
from catalog.models import CurationItem, Gateway, GatewaySetting, Offer, SyncRun
from catalog.publication import audit
from catalog.publication.audit import Actor
from catalog.sync import run, schedule
from tests.catalog.api.reading import body_of, problem_of
from tests.catalog.syncing import sync_rows
from tests.factories import chutes_rows

Json = Any

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
OPERATOR = Actor("ada", 1)


def choose(slug: str = "chutes", *, reason: str = "quieter", now: datetime = NOW, **wanted: Json) -> Any:
    changes = {name.replace("__", "."): value for name, value in wanted.items()}
    return gateways.choose(slug, changes, reason=reason, actor=OPERATOR, now=now)


def reasons(slug: str = "chutes", **wanted: Json) -> dict[str, str]:
    with pytest.raises(InvalidSettings) as refused:
        choose(slug, **wanted)
    assert not GatewaySetting.objects.exists()
    return {problem.setting: problem.reason for problem in refused.value.problems}


# --- what applies ----------------------------------------------------------------------------------------------------


def test_each_value_is_the_environments_then_the_desks_then_the_default(settings: Settings) -> None:
    choose("portkey", interval_minutes=30, source="bundled", options__providers=["openai", "groq", "openai"])
    settings.SET_BY_ENVIRONMENT = {"PORTKEY_SOURCE"}
    settings.GATEWAY_SOURCES = {**settings.GATEWAY_SOURCES, "portkey": "api"}

    found = gateway_settings.settings_of("portkey")

    assert (found.enabled.value, found.enabled.origin) == (True, Origin.DEFAULT)
    assert (found.interval, found.interval_minutes.origin) == (timedelta(minutes=30), Origin.DESK)
    assert (found.source.value, found.source.is_locked, found.source.variable) == ("api", True, "PORTKEY_SOURCE")
    assert found.config().options == {"providers": ("openai", "groq")}
    assert gateway_settings.all_settings()["portkey"] == found
    assert gateway_settings.settings_of("chutes").interval == timedelta(hours=1)


def test_a_change_is_in_the_audit_trail_with_its_reason() -> None:
    choose("portkey", enabled=False, options__providers=["groq"], reason=" It is too slow. ")

    assert audit.verify().broken is None
    items = CurationItem.objects.order_by("position").values_list(
        "action__reason", "action__actor", "subject", "field", "before", "after"
    )
    assert list(items) == [
        ("It is too slow.", "ada", "portkey", "enabled", None, False),
        ("It is too slow.", "ada", "portkey", "options.providers", None, ["groq"]),
    ]


def test_a_value_that_is_cleared_leaves_the_default() -> None:
    assert choose("portkey", enabled=False, options__providers=["groq"]) == ("enabled", "options.providers")
    assert choose("portkey", enabled=None, options__providers=[]) == ("enabled", "options.providers")

    found = gateway_settings.settings_of("portkey")
    assert (found.enabled.origin, found.options["providers"].origin) == (Origin.DEFAULT, Origin.DEFAULT)
    assert choose("portkey", enabled=None, options__providers=None) == ()


def test_all_wrong_values_are_named_at_once_and_nothing_is_changed(settings: Settings) -> None:
    settings.SET_BY_ENVIRONMENT = {"SYNC_INTERVAL_MINUTES"}

    assert reasons("portkey", interval_minutes=30, source="apis", enabled="yes", options__hosts=["a"], colour=1) == {
        "interval_minutes": "is set by the environment (SYNC_INTERVAL_MINUTES); it can only be changed there",
        "source": "must be one of auto, api, bundled",
        "enabled": "must be true or false",
        "options.hosts": "is not an option of Portkey; it has providers",
        "colour": "is not a setting; those are enabled, interval_minutes, source and options.<name>",
    }
    for word in ("a/../b?c", "a b", "\x00", "", "ö", "x" * 101):
        assert "must consist of words" in reasons("portkey", options__providers=["openai", word])["options.providers"]
    for minutes in (4, 10_081, True, "30", 10**30):
        assert "must be a whole number" in reasons(interval_minutes=minutes, enabled=False)["interval_minutes"]
    assert reasons(reason="\x00 ", enabled=False) == {"reason": "is required, as text"}


# --- the schedule ----------------------------------------------------------------------------------------------------


def test_a_new_interval_moves_the_next_run_but_not_the_pause_after_failures(fixtures_dir: Path) -> None:
    with time_machine.travel(NOW, tick=False):
        sync_rows(fixtures_dir, chutes_rows(1))
    choose(interval_minutes=10)

    next_run = Gateway.objects.get(slug="chutes").next_run_at
    assert next_run == gateway_settings.next_slot("chutes", after=NOW, interval=timedelta(minutes=10))

    paused_until = NOW + timedelta(hours=6)
    Gateway.objects.update(failures=9, next_run_at=paused_until)
    choose(interval_minutes=5)
    assert Gateway.objects.get(slug="chutes").next_run_at == paused_until


def test_a_new_source_is_read_at_the_next_look(fixtures_dir: Path) -> None:
    with time_machine.travel(NOW, tick=False):
        sync_rows(fixtures_dir, chutes_rows(1))
    assert "chutes" not in schedule.claim_due(now=NOW)

    choose(source="bundled")

    assert "chutes" in schedule.claim_due(now=NOW)
    assert run.run_gateway("chutes", trigger="command").run.source == "bundled"


# --- a disabled gateway ----------------------------------------------------------------------------------------------


def test_a_disabled_gateway_is_not_read_and_neither_failing_nor_stale_and_its_offers_stay(fixtures_dir: Path) -> None:
    with time_machine.travel(NOW, tick=False):
        sync_rows(fixtures_dir, chutes_rows(2))
    waiting = schedule.request_run("chutes", now=NOW)

    choose(enabled=False)

    later = NOW + timedelta(days=30)
    assert "chutes" not in schedule.claim_due(now=later)
    waiting.refresh_from_db()
    assert (waiting.outcome, waiting.error) == (SyncRun.Outcome.FAILED, "the gateway was disabled before the run began")
    with pytest.raises(schedule.Disabled, match=r"Chutes.ai is disabled in the desk; it is not read until"):
        schedule.request_run("chutes", now=later)
    state = queries.gateway_states(["chutes"], now=later)["chutes"]
    assert (state.state, state.models, state.next_run_at) == ("disabled", 2, None)
    snapshot = loading.load()
    assert snapshot.sellers["chutes"].state == "disabled"
    assert (len(snapshot.rows), Offer.objects.filter(withdrawn_at=None).count()) == (2, 2)

    choose(enabled=None)
    assert "chutes" in schedule.claim_due(now=later)


def test_a_client_that_asks_for_a_run_of_a_disabled_gateway_gets_a_conflict(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(current_app, "send_task", lambda name, **options: None)
    _, secret = ApiKey.objects.issue(name="the deployment", scopes=["sync"])
    following.FOLLOWER.keys.refresh()
    choose(enabled=False)

    refused = client.post(
        "/catalog/sync/chutes", content_type="application/json", headers={"authorization": f"Bearer {secret}"}
    )

    assert "Chutes.ai is disabled in the desk" in problem_of(refused, status=409)["detail"]
    following.FOLLOWER.refresh()
    states = {each["slug"]: each["state"] for each in body_of(client.get("/catalog/gateways"))["data"]}
    assert states["chutes"] == "disabled"


def test_the_page_of_a_disabled_gateway_and_of_its_offers_say_that_it_is_not_read(
    client: Client, fixtures_dir: Path
) -> None:
    sync_rows(fixtures_dir, chutes_rows(1))
    Offer.objects.update(source="api")
    SyncRun.objects.update(source="api")
    choose(enabled=False)
    following.FOLLOWER.refresh()

    assert "does not read it at present" in client.get("/gateways/chutes").text
    assert "It is not read at present; its prices may have moved." in client.get("/?gateway=chutes").text
