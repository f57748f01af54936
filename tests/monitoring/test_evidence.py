"""Evidence in the tables, and what is published of it. Numbers refer to the acceptance list of the research."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError

from catalog.models import Observation, Offer, Revision
from catalog.records import Availability
from monitoring import evidence, settling, uptime
from monitoring.evidence import News
from monitoring.machine import Evidence, Verdict
from monitoring.models import Interval, Watched, WatchedGateway
from tests.catalog.syncing import served
from tests.factories import offer_record, publish

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
IDS = [f"maker/model-{number}" for number in range(10)]


@pytest.fixture(autouse=True)
def offers(settings: object) -> None:
    publish(*(offer_record(offer_id) for offer_id in IDS))
    Observation.objects.all().delete()


def learn(
    verdicts: Mapping[str, Verdict], *, at: datetime, lasts: timedelta = timedelta(hours=3), gateway: str = "chutes"
) -> int:
    told = {name: [Evidence(verdict=verdict, at=at, lasts=lasts, reason=verdict)] for name, verdict in verdicts.items()}
    return evidence.take(News(gateway=gateway, evidence=told, is_reached=True), now=at)


def fall(names: Iterable[str], *, start: datetime) -> datetime:
    """Let these offers fail for ten minutes, and return the time of the last evidence."""
    names = list(names)
    for minutes in (0, 3, 6, 9):
        learn(dict.fromkeys(names, Verdict.DOWN), at=start + minutes * MINUTE)
    return start + 9 * MINUTE


def states() -> dict[str, str]:
    return dict(Watched.objects.order_by("offer__model_id").values_list("offer__model_id", "state"))


def test_evidence_opens_and_ends_intervals() -> None:
    assert learn(dict.fromkeys([IDS[0], "maker/unknown"], Verdict.UP), at=NOW) == 1
    learn({IDS[0]: Verdict.COLD}, at=NOW + MINUTE)
    assert learn({IDS[0]: Verdict.COLD}, at=NOW + 2 * MINUTE) == 1

    assert states() == {IDS[0]: "cold"}
    found = list(Interval.objects.order_by("start").values_list("state", "start", "end"))
    assert found == [("online", NOW, NOW + 2 * MINUTE), ("cold", NOW + 2 * MINUTE, None)]
    row = Watched.objects.get()
    assert (row.reason, row.checked_at, row.generation) == ("cold", NOW + 2 * MINUTE, 3)


def test_14_a_clock_that_is_set_back_leaves_no_negative_interval() -> None:
    learn({IDS[0]: Verdict.UP}, at=NOW)
    ahead = NOW + timedelta(hours=2)
    for _ in range(2):
        learn({IDS[0]: Verdict.COLD}, at=ahead)
    learn({IDS[0]: Verdict.UP}, at=NOW)

    periods = [
        uptime.Period(Availability(state), start.timestamp(), end.timestamp() if end else None)
        for state, start, end in Interval.objects.order_by("pk").values_list("state", "start", "end")
    ]

    assert [(each.state, each.end) for each in periods] == [("online", ahead.timestamp()), ("online", None)]
    for now in (NOW, ahead, ahead + timedelta(days=40)):
        for each in uptime.windows(periods, now=now.timestamp()).values():
            assert each.percent is None or 0 <= each.percent <= 100


def test_strikes_survive_a_restart() -> None:
    learn({IDS[0]: Verdict.UP}, at=NOW)
    end = fall([IDS[0]], start=NOW + MINUTE)

    assert states() == {IDS[0]: "offline"}
    assert Watched.objects.get().since == end - 3 * MINUTE
    learn({IDS[0]: Verdict.UP}, at=end + MINUTE)
    assert states() == {IDS[0]: "offline"}
    learn({IDS[0]: Verdict.UP}, at=end + 2 * MINUTE)
    assert states() == {IDS[0]: "online"}


def test_07_states_that_nobody_confirms_become_unknown() -> None:
    learn({IDS[0]: Verdict.UP, IDS[1]: Verdict.UP}, at=NOW)
    learn({IDS[1]: Verdict.UP}, at=NOW + 170 * MINUTE)

    assert evidence.age("chutes", now=NOW + 179 * MINUTE) == 0
    assert evidence.age("chutes", now=NOW + 181 * MINUTE) == 1

    assert states() == {IDS[0]: "unknown", IDS[1]: "online"}


def test_04_nothing_changes_while_no_gateway_can_be_reached(caplog: pytest.LogCaptureFixture) -> None:
    learn(dict.fromkeys(IDS, Verdict.UP), at=NOW, lasts=5 * MINUTE)
    before = list(Watched.objects.order_by("pk").values())

    with caplog.at_level(logging.WARNING, logger="monitoring"):
        for minutes in range(1, 60):
            now = NOW + minutes * MINUTE
            for gateway in ("chutes", "openrouter"):
                evidence.take(News(gateway=gateway, is_reached=False), now=now)
            evidence.age("chutes", now=now)

    assert list(Watched.objects.order_by("pk").values()) == before
    assert sum("No gateway can be reached" in message for message in caplog.messages) == 1


def test_02_a_failed_write_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    learn({IDS[0]: Verdict.UP}, at=NOW)
    before = list(Watched.objects.values())

    def locked(*_: object, **__: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(evidence, "_write_intervals", locked)
    with pytest.raises(OperationalError):
        learn({IDS[0]: Verdict.DOWN}, at=NOW + MINUTE)

    assert list(Watched.objects.values()) == before


# --- what is published -----------------------------------------------------------------------------------------------
def availabilities() -> dict[str, str]:
    return {offer_id: document["availability"] for offer_id, document in served().items()}


def test_15_evidence_without_a_settled_change_publishes_nothing() -> None:
    learn(dict.fromkeys(IDS, Verdict.UP), at=NOW)
    assert settling.settle(now=NOW) == len(IDS)
    before = Revision.objects.newest().number

    learn({IDS[0]: Verdict.DOWN, **dict.fromkeys(IDS[1:], Verdict.UP)}, at=NOW + MINUTE)

    assert settling.settle(now=NOW + MINUTE) == 0
    assert Revision.objects.newest().number == before


def test_16_settled_changes_are_one_revision_once_they_have_lasted() -> None:
    learn(dict.fromkeys(IDS, Verdict.UP), at=NOW)
    settling.settle(now=NOW)
    Revision.objects.filter(is_observed=True).update(published_at=NOW - timedelta(days=1))
    before = Revision.objects.newest().number
    end = fall(IDS[:2], start=NOW + MINUTE)

    assert settling.settle(now=end) == 0, "it has not lasted"
    assert settling.settle(now=end + 7 * MINUTE) == 2

    assert Revision.objects.newest().number == before + 1
    assert availabilities() == {offer_id: "offline" if offer_id in IDS[:2] else "online" for offer_id in IDS}
    observed = Observation.objects.get(offer=Offer.objects.get(model_id=IDS[0]))
    assert (observed.availability, observed.since) == ("offline", end - 3 * MINUTE)


def test_an_outage_of_a_gateway_is_published_at_once_after_its_suspicion() -> None:
    learn(dict.fromkeys(IDS, Verdict.UP), at=NOW)
    settling.settle(now=NOW)
    end = fall(IDS, start=NOW + MINUTE)
    assert set(states().values()) == {"online"}
    assert WatchedGateway.objects.get().suspected_until is not None

    later = fall(IDS, start=end + 31 * MINUTE)

    assert set(states().values()) == {"offline"}
    assert settling.settle(now=later + 10 * MINUTE) == len(IDS), "although the last one was published just now"
    assert set(availabilities().values()) == {"offline"}


def test_a_new_offer_begins_with_what_is_served() -> None:
    offer = Offer.objects.get(model_id=IDS[0])
    Observation.objects.create(offer=offer, availability="cold", since=NOW, served="cold")

    learn({IDS[0]: Verdict.NOTHING}, at=NOW)

    assert states() == {IDS[0]: "cold"}


def test_18_evidence_that_changes_nothing_adds_no_rows() -> None:
    for hours in range(24):
        learn(dict.fromkeys(IDS, Verdict.UP), at=NOW + timedelta(hours=hours))

    assert (Watched.objects.count(), Interval.objects.count()) == (len(IDS), len(IDS))
    last = NOW + timedelta(hours=23)
    assert set(Watched.objects.values_list("checked_at", "valid_until")) == {(last, last + timedelta(hours=3))}


def test_18_a_listing_of_thousands_is_a_few_statements(django_assert_max_num_queries: Any) -> None:
    publish(*(offer_record(f"maker/{number}") for number in range(1_200)), gateway="featherless")
    names = [f"maker/{number}" for number in range(1_200)]
    learn(dict.fromkeys(names, Verdict.UP), at=NOW, gateway="featherless")

    with django_assert_max_num_queries(25):
        learn(dict.fromkeys(names, Verdict.UP), at=NOW + timedelta(hours=1), gateway="featherless")
