"""What a serving process has in memory, and hands to the catalogue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from access.keys import Keys
from catalog.memory import following
from catalog.models import Offer
from catalog.records import Availability
from monitoring import evidence, follow, traffic
from monitoring.evidence import News
from monitoring.follow import Follower, Observed, load
from monitoring.machine import Evidence, Verdict
from monitoring.models import Watched, WatchedGateway
from monitoring.traffic import Counts
from tests.factories import offer_record, publish

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
IDS = ["maker/one", "maker/two"]


@pytest.fixture(autouse=True)
def offers() -> None:
    publish(*(offer_record(name) for name in IDS))


def learn(name: str, verdict: Verdict, *, at: datetime) -> None:
    told = {name: [Evidence(verdict=verdict, at=at, lasts=timedelta(days=9))]}
    evidence.take(News(gateway="chutes", evidence=told, is_reached=True), now=at)


def same(one: Observed, other: Observed) -> bool:
    return (one.generations, one.as_of, one.offers) == (other.generations, other.as_of, other.offers)


def test_catching_up_gives_what_loading_does() -> None:
    observed = load()
    assert observed.offers == {}
    for minutes, (name, verdict) in enumerate(
        [
            (IDS[0], Verdict.UP),
            (IDS[1], Verdict.UP),
            *[(IDS[0], Verdict.COLD)] * 2,
            (IDS[1], Verdict.DOWN),
            (IDS[0], Verdict.UP),
        ]
    ):
        learn(name, verdict, at=NOW + minutes * MINUTE)
        observed = load(observed)
        assert same(observed, load()), f"after {minutes} minutes"

    states = [period.state for period in observed.offers["chutes", IDS[0]].periods]
    assert states == [Availability.ONLINE, Availability.COLD, Availability.ONLINE]
    assert observed.as_of == NOW + 5 * MINUTE
    assert load(observed) is observed


def test_a_restored_database_is_read_as_a_whole() -> None:
    for minutes in range(5):
        learn(IDS[0], Verdict.UP, at=NOW + minutes * MINUTE)
    observed = load()
    Watched.objects.all().delete()
    WatchedGateway.objects.update(generation=2)

    assert load(observed).offers == {}


def test_nothing_new_costs_one_query() -> None:
    learn(IDS[0], Verdict.UP, at=NOW)
    observed = load()

    with CaptureQueriesContext(connection) as queries:
        load(observed)

    assert len([each for each in queries if each["sql"].startswith("SELECT")]) == 1


def test_the_requests_of_clients_are_read_too() -> None:
    learn(IDS[0], Verdict.UP, at=NOW)
    offer = Offer.objects.get(model_id=IDS[0]).pk
    traffic.put(int(NOW.timestamp()) // 300, {offer: Counts(ok=3)})

    assert load().offers["chutes", IDS[0]].sums["5m"]["ok"] == 3


def test_a_failing_database_leaves_the_last_state(monkeypatch: pytest.MonkeyPatch) -> None:
    learn(IDS[0], Verdict.UP, at=NOW)
    follower = Follower()
    follower.try_refresh()
    before = follower.current()

    def broken(_: object) -> None:
        raise OperationalError("the database is down")

    monkeypatch.setattr(follow, "load", broken)
    monkeypatch.setattr(connection, "close", lambda: None)  # this test's own
    follower.try_refresh()

    assert follower.current() is before


def test_15_the_catalogue_gets_what_its_pages_show_once_an_hour() -> None:
    follower = Follower()
    catalogue = following.Follower(keys=Keys())
    catalogue.read_watches = follower.watches
    identities = []
    for minutes in (0, 5, 59, 60, 70):
        learn(IDS[0], Verdict.UP, at=NOW + minutes * MINUTE)
        follower.try_refresh()
        catalogue._sellers_due_at = 0
        catalogue.refresh()
        identities.append(catalogue.current().identity)

    assert [one is other for one, other in pairwise(identities)] == [True, True, False, True]
    assert catalogue.current().watches["chutes", IDS[0]].uptime_1d is None
    learn(IDS[0], Verdict.UP, at=NOW + timedelta(hours=20))
    follower.try_refresh()
    assert follower.watches()["chutes", IDS[0]].uptime_1d == 100
