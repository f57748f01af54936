from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from threading import Barrier

import pytest
import time_machine
from celery import current_app
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st
from kombu.exceptions import OperationalError
from pytest_django.fixtures import Settings

from catalog import gateway_settings, registry
from catalog.models import Gateway
from catalog.sync import schedule
from tests.catalog.syncing import Shop, sync, sync_rows
from tests.factories import chutes_rows

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def moments() -> st.SearchStrategy[datetime]:
    return st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  as Hypothesis asks


def intervals() -> st.SearchStrategy[timedelta]:
    return st.integers(5, 10_080).map(lambda minutes: timedelta(minutes=minutes))


@given(after=moments(), interval=intervals(), count=st.integers(1, 7), place=st.integers(0, 6), part=st.floats(0, 1))
def test_a_gateway_has_one_fixed_slot_in_each_interval(
    after: datetime, interval: timedelta, count: int, place: int, part: float
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(registry, "GATEWAYS", {f"g{number}": Shop() for number in range(count)})
        slug = f"g{place % count}"

        slot = gateway_settings.next_slot(slug, after=after, interval=interval)

        assert after < slot <= after + interval
        between = min(after + part * (slot - after), slot - MICROSECOND)
        assert gateway_settings.next_slot(slug, after=between, interval=interval) == slot
        assert gateway_settings.next_slot(slug, after=slot, interval=interval) == slot + interval


@given(after=moments(), interval=intervals(), count=st.integers(2, 7))
def test_the_gateways_are_spread_evenly_over_the_interval(after: datetime, interval: timedelta, count: int) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(registry, "GATEWAYS", {f"g{number}": Shop() for number in range(count)})

        slots = sorted(gateway_settings.next_slot(slug, after=after, interval=interval) for slug in registry.GATEWAYS)

        gaps = [later - earlier for earlier, later in pairwise(slots)]
        assert all(abs(gap - interval / count) <= MICROSECOND for gap in gaps)


# --- claiming --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_gateway_that_was_never_read_is_due_at_once_and_claimed_once(shop: Shop) -> None:
    assert schedule.claim_due(now=NOW) == sorted(registry.GATEWAYS)
    assert schedule.claim_due(now=NOW) == []


@pytest.mark.django_db
def test_a_gateway_whose_message_was_lost_is_sent_again_after_a_while() -> None:
    schedule.claim_due(now=NOW)

    assert schedule.claim_due(now=NOW + schedule.RETRY_AFTER - MICROSECOND) == []
    assert schedule.claim_due(now=NOW + schedule.RETRY_AFTER) == sorted(registry.GATEWAYS)


@pytest.mark.django_db
def test_a_gateway_is_not_sent_while_a_living_run_holds_it(two_gateways: None) -> None:
    until = NOW + timedelta(minutes=2)
    Gateway.objects.create(slug="chutes", lease_expires_at=until)

    assert schedule.claim_due(now=until - MICROSECOND) == ["openrouter"]
    assert schedule.claim_due(now=until) == ["chutes"]


@pytest.mark.django_db
def test_a_gateway_that_the_program_no_longer_knows_is_left_alone() -> None:
    Gateway.objects.create(slug="closed-down")

    assert schedule.claim_due(now=NOW) == sorted(registry.GATEWAYS)


@pytest.mark.django_db
@pytest.mark.parametrize("rows", [b"[]", None], ids=["after a hold", "after a success"])
def test_a_gateway_that_was_read_waits_for_its_next_slot(rows: bytes | None, fixtures_dir: Path) -> None:
    with time_machine.travel(NOW, tick=False):
        schedule.claim_due(now=NOW)
        sync_rows(fixtures_dir, chutes_rows(1) if rows is None else rows)

    slot = gateway_settings.next_slot("chutes", after=NOW, interval=timedelta(hours=1))
    assert "chutes" not in schedule.claim_due(now=slot - MICROSECOND)
    assert "chutes" in schedule.claim_due(now=slot)


@pytest.mark.django_db
def test_the_interval_is_the_one_of_the_settings(settings: Settings) -> None:
    settings.SYNC_INTERVAL_MINUTES = 10_080

    with time_machine.travel(NOW, tick=False):
        sync()

    gateway = Gateway.objects.get()
    assert gateway.next_run_at == gateway_settings.next_slot("chutes", after=NOW, interval=timedelta(days=7))


@pytest.mark.django_db(transaction=True)
def test_of_callers_at_once_only_one_is_given_each_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    slugs = [f"g{number}" for number in range(8)]
    monkeypatch.setattr(registry, "GATEWAYS", {slug: Shop() for slug in slugs})
    callers = 4
    start = Barrier(callers, timeout=60)

    def claim(_: int) -> list[str]:
        start.wait()
        try:
            return schedule.claim_due(now=NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(callers) as threads:
        claimed = [slug for slugs in threads.map(claim, range(callers)) for slug in slugs]

    assert sorted(claimed) == slugs


# --- requested runs --------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_requested_run_is_due_at_once_and_is_listed() -> None:
    Gateway.objects.create(slug="chutes", next_run_at=NOW + timedelta(hours=1))

    run = schedule.request_run("chutes", now=NOW)

    assert (run.gateway.slug, run.outcome, run.trigger) == ("chutes", "waiting", "request")
    assert "chutes" in schedule.claim_due(now=NOW)


@pytest.mark.django_db
def test_a_request_gets_the_waiting_run_and_a_later_one_gets_its_own() -> None:
    first, second, other = (schedule.request_run(slug, now=NOW) for slug in ("chutes", "chutes", "portkey"))

    assert first == second != other


def test_beat_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, **options: sent.append(name))

    schedule.send_due()

    assert sent == ["catalog.dispatch_due"]


@pytest.mark.parametrize("error", [OperationalError("no broker"), ConnectionRefusedError()])
def test_without_a_broker_the_answer_is_that_the_next_beat_does_it(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str, **options: object) -> None:
        raise error

    monkeypatch.setattr(current_app, "send_task", refuse)

    with pytest.raises(schedule.NoBroker, match="the next beat will send what is due"):
        schedule.send_due()
