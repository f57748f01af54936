"""The requests of the signals, against an upstream on this machine. Numbers refer to the acceptance list."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from catalog.models import Observation, Offer, TaskEnd
from catalog.publication.listeners import Statement
from catalog.records import Availability
from monitoring import asking, listing, settling, tasks
from monitoring.models import Signal, Watched, WatchedGateway
from tests.factories import offer_record, publish
from tests.monitoring.answers import chute, endpoints, host
from tests.upstream import Upstream, connection_reset, html, rate_limited, status

Json = Any
pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
UTILIZATION, ZDR = "/chutes/utilization", "/api/v1/endpoints/zdr"
OF_MODEL = "/api/v1/models/maker/model/endpoints"


@pytest.fixture
def upstream(settings: Settings) -> Iterator[Upstream]:
    publish(offer_record())
    publish(offer_record(), offer_record("openrouter/auto"), gateway="openrouter")
    with Upstream() as upstream:
        settings.GATEWAY_BASES = {
            **settings.GATEWAY_BASES,
            "chutes": {"api": upstream.base, "llm": upstream.base},
            "openrouter": {"api": upstream.base},
        }
        upstream.serve(UTILIZATION, [chute()])
        upstream.serve(ZDR, {"data": [host()]})
        upstream.serve(OF_MODEL, endpoints(host()))
        yield upstream


def paths(upstream: Upstream) -> list[str]:
    return [seen.path for seen in upstream.seen]


def states() -> dict[tuple[str, str], str]:
    return {
        (gateway, offer): state
        for gateway, offer, state in Watched.objects.order_by("pk").values_list(
            "offer__gateway__slug", "offer__model_id", "state"
        )
    }


def test_by_default_only_chutes_is_asked_every_five_minutes_and_without_a_key(
    upstream: Upstream, settings: Settings
) -> None:
    settings.GATEWAY_KEYS = {**settings.GATEWAY_KEYS, "chutes": "secret"}
    for minutes in range(11):
        asking.ask_due(now=NOW + minutes * MINUTE)

    assert paths(upstream) == [UTILIZATION] * 3
    assert all("authorization" not in seen.headers for seen in upstream.seen)
    assert states() == {("chutes", "maker/model"): "online"}
    row = Watched.objects.get()
    assert (row.reason, row.figures["utilization_current"]) == ("instances run", 0.41)


def test_11_everything_together_asks_openrouter_at_most_once_a_minute_and_never_for_a_warmup(
    upstream: Upstream, settings: Settings
) -> None:
    settings.MONITORING = "on"
    for seconds in range(0, 3_600, 20):
        asking.ask_due(now=NOW + timedelta(seconds=seconds))

    asked = paths(upstream)
    assert {path: asked.count(path) for path in set(asked)} == {UTILIZATION: 12, ZDR: 12, OF_MODEL: 60}
    assert not any("warmup" in path for path in asked)
    assert states() == {("chutes", "maker/model"): "online", ("openrouter", "maker/model"): "online"}


def test_the_model_of_which_we_know_least_is_asked_first(upstream: Upstream) -> None:
    publish(*(offer_record(f"maker/{name}") for name in "abc"), gateway="openrouter", is_complete=False)
    for name, minutes in (("maker/a", 30), ("maker/c", 20), ("maker/model", 10)):
        offer = Offer.objects.get(gateway__slug="openrouter", model_id=name)
        Watched.objects.create(offer=offer, state="online", since=NOW, asked_at=NOW - minutes * MINUTE)

    assert asking.next_model(now=NOW) == "maker/b"
    Offer.objects.filter(model_id="maker/b").update(withdrawn_at=NOW)
    assert asking.next_model(now=NOW) == "maker/a"
    Watched.objects.filter(offer__model_id="maker/model").update(memory={"halves": 2})
    assert asking.next_model(now=NOW) == "maker/a"
    assert asking.next_model(now=NOW + MINUTE) == "maker/model", "in every other minute, what is in doubt"


@pytest.mark.parametrize("setting", ["MONITORING", "enabled", "source"])
def test_what_the_operator_switched_off_is_not_asked(upstream: Upstream, settings: Settings, setting: str) -> None:
    if setting == "MONITORING":
        settings.MONITORING = "off"
    elif setting == "enabled":
        settings.GATEWAY_ENABLED = {**settings.GATEWAY_ENABLED, "chutes": False}
        settings.SET_BY_ENVIRONMENT = {"CHUTES_ENABLED"}
    else:
        settings.GATEWAY_SOURCES = {**settings.GATEWAY_SOURCES, "chutes": "bundled"}
        settings.SET_BY_ENVIRONMENT = {"CHUTES_SOURCE"}

    asking.ask_due(now=NOW)

    assert paths(upstream) == []


@pytest.mark.parametrize("fault", [html(), status(500), status(404), rate_limited(7_200), connection_reset()])
def test_broken_answers_change_no_state(upstream: Upstream, fault: Any) -> None:
    asking.ask_due(now=NOW)
    before = Watched.objects.values("state", "since", "valid_until", "memory").get()
    upstream.breaks(UTILIZATION, fault)

    asking.ask_due(now=NOW + 5 * MINUTE)

    assert Watched.objects.values("state", "since", "valid_until", "memory").get() == before
    assert Signal.objects.get(name=asking.CHUTES).error


def test_a_gateway_that_limits_us_is_asked_no_sooner_than_it_wants(upstream: Upstream) -> None:
    upstream.breaks(UTILIZATION, rate_limited(7_200), times=1)
    began = timezone.now()

    asking.ask_due(now=began)

    assert Signal.objects.get(name=asking.CHUTES).next_at >= began + timedelta(hours=2)  # type: ignore[operator]  # it is not None
    gateway = WatchedGateway.objects.get()
    assert (gateway.unreachable_since, gateway.reached_at is not None) == (None, True)


def test_a_gateway_that_cannot_be_reached_is_suspected(upstream: Upstream) -> None:
    asking.ask_due(now=NOW)
    upstream.breaks(UTILIZATION, connection_reset())

    asking.ask_due(now=NOW + 5 * MINUTE)

    gateway = WatchedGateway.objects.get()
    assert gateway.unreachable_since is not None
    assert gateway.suspected_until is not None
    assert states() == {("chutes", "maker/model"): "online"}


def test_the_listing_states_what_is_loaded_and_what_is_not(upstream: Upstream) -> None:
    publish(*(offer_record(f"maker/{state}") for state in ("hot", "cold", "off")), gateway="featherless")
    told = {"maker/hot": Availability.ONLINE, "maker/cold": Availability.COLD, "maker/off": Availability.OFFLINE}
    statement = Statement(gateway="featherless", at=timezone.now(), states={**told, "no/offer": Availability.ONLINE})

    listing.take_listing(statement)

    found = {offer: state for (gateway, offer), state in states().items() if gateway == "featherless"}
    assert found == {"maker/hot": "online", "maker/cold": "cold", "maker/off": "unknown"}, "one strike is no outage"


@pytest.mark.django_db(transaction=True)
def test_10_two_workers_send_a_request_once(upstream: Upstream) -> None:
    Signal.objects.create(name=asking.CHUTES)
    both = Barrier(2)
    claimed: list[bool] = []

    def claim() -> None:
        both.wait()
        try:
            claimed.append(asking.claim(asking.CHUTES, interval=MINUTE, now=NOW))
        finally:
            connection.close()

    threads = [Thread(target=claim) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(claimed) == [False, True]
    assert not asking.claim(asking.CHUTES, interval=MINUTE, now=NOW + MINUTE / 2)
    assert asking.claim(asking.CHUTES, interval=MINUTE, now=NOW + MINUTE), "a lost worker is replaced"


def test_14_a_time_that_a_wrong_clock_stored_does_not_stop_requests(upstream: Upstream) -> None:
    Signal.objects.create(name=asking.CHUTES, next_at=NOW + timedelta(days=400))

    assert asking.claim(asking.CHUTES, interval=MINUTE, now=NOW)


# --- the tasks -------------------------------------------------------------------------------------------------------
def test_a_minute_asks_ages_and_settles(upstream: Upstream) -> None:
    tasks.observe()

    assert paths(upstream) == [UTILIZATION]
    assert Observation.objects.get(offer__gateway__slug="chutes").served == "online"
    assert TaskEnd.objects.filter(task="monitoring.observe").exists()
    tasks.tidy()
    assert TaskEnd.objects.filter(task="monitoring.tidy").exists()


def test_nothing_is_done_if_it_is_switched_off(upstream: Upstream, settings: Settings) -> None:
    settings.MONITORING = "off"

    tasks.observe()

    assert (paths(upstream), Watched.objects.count(), TaskEnd.objects.count()) == ([], 0, 0)


def test_a_failing_database_is_one_line(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def locked(**_: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(settling, "settle", locked)
    tasks.observe()

    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "availability was not observed: the database failed (database is locked)"
    ]
