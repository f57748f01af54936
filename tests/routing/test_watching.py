"""What answers show reaches the states and figures of offers. Numbers refer to the acceptance list of the research."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections, transaction
from django.db.models import Sum

from catalog.models import Offer
from monitoring import traffic
from monitoring.models import TrafficFiveMinutes, Watched
from routing import watching
from routing.ledger import storing
from tests.factories import offer_record, publish
from tests.routing.ledger.rows import open_entry, whole_entry
from usage.router import alias

pytestmark = pytest.mark.django_db(databases="__all__")
NOW = datetime(2026, 11, 1, 12, 2, tzinfo=UTC)
MODEL = "maker/Model"


@pytest.fixture(autouse=True)
def offer() -> int:
    publish(offer_record(MODEL))
    return Offer.objects.get().pk


def answers(name: str, outcome: str, *, at: datetime, count: int = 1, **more: Any) -> None:
    entries = [
        whole_entry(open_entry(f"{name}-{each}", at=at, gateway="chutes"), at=at, outcome=outcome, **more)
        for each in range(count)
    ]
    with transaction.atomic(using=alias()), connections[alias()].cursor() as cursor:
        storing.write(cursor, entries)


def state() -> str | None:
    return Watched.objects.values_list("state", flat=True).first()


def test_29_answers_are_evidence_within_a_minute_and_few_of_them_are_none() -> None:
    watching.tell(now=NOW)
    answers("few", "ok", at=NOW + timedelta(seconds=5), count=19)
    watching.tell(now=NOW + timedelta(seconds=30))
    assert state() is None

    answers("more", "ok", at=NOW + timedelta(seconds=35))
    watching.tell(now=NOW + timedelta(seconds=60))
    assert state() == "online"


def test_29_one_burst_of_failures_is_one_strike_and_three_in_five_minutes_are_an_outage() -> None:
    watching.tell(now=NOW)
    answers("good", "ok", at=NOW + timedelta(seconds=5), count=20)
    watching.tell(now=NOW + timedelta(seconds=30))
    for minute in range(1, 8):  # a burst in the first of them
        if minute == 1:
            answers("burst", "broken", at=NOW + timedelta(minutes=1), count=40)
        watching.tell(now=NOW + timedelta(minutes=minute, seconds=30))
    assert state() == "online"

    for minute in range(8, 16):
        answers(f"bad{minute}", "broken", at=NOW + timedelta(minutes=minute), count=6)
        watching.tell(now=NOW + timedelta(minutes=minute, seconds=30))
    assert state() == "offline"


def test_29_the_faults_of_clients_and_limits_are_no_failures() -> None:
    watching.tell(now=NOW)
    for outcome in ("client", "credential", "cancelled"):
        answers(outcome, outcome, at=NOW + timedelta(seconds=5), count=10)
    watching.tell(now=NOW + timedelta(seconds=30))
    assert state() is None

    answers("limited", "limited", at=NOW + timedelta(seconds=35), count=50)
    watching.tell(now=NOW + timedelta(seconds=60))
    row = Watched.objects.get()
    assert (row.state, row.limited_until) == ("unknown", NOW + timedelta(seconds=57) + timedelta(minutes=5))


def test_13_counts_are_those_of_the_ledger_however_often_and_late_they_are_told(offer: int) -> None:
    answers("one", "ok", at=NOW, count=3, first_content_ms=120)
    for _ in range(3):
        watching.tell(now=NOW + timedelta(seconds=30))
    answers("late", "broken", at=NOW, count=2)
    watching.tell(now=NOW + timedelta(minutes=4))
    traffic.roll(now=NOW + timedelta(hours=1))
    watching.tell(now=NOW + timedelta(hours=1))

    sums = TrafficFiveMinutes.objects.filter(offer=offer).aggregate(*map(Sum, ("ok", "error", "ttft_1")))
    assert sums == {"ok__sum": 3, "error__sum": 2, "ttft_1__sum": 3}
    assert traffic.totals(now=NOW + timedelta(hours=1))["1d"][offer]["ok"] == 3


def test_two_processes_and_a_clock_that_is_set_back_tell_nothing_twice() -> None:
    watching.tell(now=NOW)
    answers("good", "ok", at=NOW + timedelta(seconds=5), count=20)
    watching.tell(now=NOW + timedelta(seconds=30))
    before = Watched.objects.get().checked_at

    watching.tell(now=NOW + timedelta(seconds=30))
    watching.tell(now=NOW - timedelta(hours=2))
    assert Watched.objects.get().checked_at == before
