"""The sums of requests, and what is deleted. Numbers refer to the acceptance list of the research."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError
from django.db.models import Sum

from catalog.models import Offer
from monitoring import retention, traffic
from monitoring.models import Interval, Rolled, TrafficDay, TrafficFiveMinutes, TrafficHour
from monitoring.traffic import Counts
from tests.factories import offer_record, publish

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SLOT = int(NOW.timestamp()) // 300


@pytest.fixture
def offers() -> list[int]:
    publish(offer_record("maker/one"), offer_record("maker/two"))
    return list(Offer.objects.order_by("model_id").values_list("pk", flat=True))


def fill(offers: list[int], *, hours: int) -> int:
    """Add a request for each slot of the hours before NOW to both offers, and return their number."""
    slots = range(SLOT - 12 * hours, SLOT)
    one = Counts(ok=1, tokens_out=10, ttft=(0, 1, *[0] * 10))
    for slot in slots:
        traffic.put(slot, dict.fromkeys(offers, one))
    return len(slots) * len(offers)


def total(table: type) -> int:
    return table._default_manager.aggregate(Sum("ok"))["ok__sum"] or 0  # type: ignore[attr-defined]  # a model


def test_13_adding_up_twice_gives_the_sums_of_once(offers: list[int]) -> None:
    number = fill(offers, hours=50)

    for _ in range(3):
        traffic.roll(now=NOW + timedelta(hours=1))

    assert [total(table) for table in (TrafficFiveMinutes, TrafficHour, TrafficDay)] == [number] * 3


def test_13_a_killed_sum_is_made_again(offers: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    number = fill(offers, hours=3)

    def killed(*_: object, **__: object) -> None:
        raise DatabaseError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(type(Rolled.objects.all()), "update", killed)
        with pytest.raises(DatabaseError):
            traffic.roll(now=NOW + timedelta(hours=1))
    assert total(TrafficHour) == 0
    traffic.roll(now=NOW + timedelta(hours=1))

    assert total(TrafficHour) == number


def test_a_slot_may_be_counted_again_until_it_is_added_up(offers: list[int]) -> None:
    fill(offers, hours=1)
    before = TrafficFiveMinutes.objects.get(slot=SLOT - 5, offer=offers[1])
    for number in (3, 7):  # rows of the ledger came late
        traffic.put(SLOT - 5, {offers[0]: Counts(ok=number, error=1), offers[1]: Counts(ok=2)})
    after = TrafficFiveMinutes.objects.get(slot=SLOT - 5, offer=offers[1])
    traffic.put(SLOT - 5, {offers[0]: Counts(ok=7, error=1), offers[1]: Counts(ok=2)})
    assert after.pk != before.pk, "another number"
    assert TrafficFiveMinutes.objects.get(slot=SLOT - 5, offer=offers[1]).pk == after.pk, "nothing is written again"
    traffic.put(SLOT - 5, {offers[0]: Counts(ok=7, error=1)})
    traffic.roll(now=NOW + timedelta(hours=1))
    traffic.put(SLOT - 5, {offers[0]: Counts(ok=9)})
    traffic.roll(now=NOW + timedelta(hours=2))

    assert total(TrafficHour) == 22 + 7


def test_windows_take_what_is_added_up_and_what_is_not_yet(offers: list[int]) -> None:
    fill(offers, hours=60)
    traffic.roll(now=NOW - timedelta(hours=3))
    traffic.roll(now=NOW)

    found = traffic.totals(now=NOW)

    assert {window: sums[offers[0]]["ok"] for window, sums in found.items()} == {
        "5m": 1,
        "30m": 6,
        "1d": 288,
        "30d": 720,
    }
    assert found["1d"][offers[0]]["ttft_1"] == 288


@pytest.mark.parametrize(("milliseconds", "column"), [(0, 0), (100, 0), (101, 1), (30_000, 10), (30_001, 11)])
def test_a_time_belongs_to_the_column_of_its_bound(milliseconds: float, column: int) -> None:
    assert traffic.ttft_column(milliseconds) == column


def test_what_is_old_is_deleted_and_short_old_periods_are_joined(offers: list[int]) -> None:
    def period(state: str, start: float, end: float | None) -> Interval:
        """A period in days before NOW."""
        day = timedelta(days=1)
        return Interval(
            offer_id=offers[0], state=state, start=NOW - start * day, end=None if end is None else NOW - end * day
        )

    Interval.objects.bulk_create(
        [
            period("online", 500, 401),
            period("online", 401, 60),
            period("offline", 60, 59.99),
            period("online", 59.99, 10),
            period("offline", 10, 9.99),
            period("online", 9.99, None),
        ]
    )
    fill(offers, hours=2)
    TrafficFiveMinutes.objects.create(offer_id=offers[0], slot=SLOT - 12 * 24 * 4, ok=1)

    retention.prune(now=NOW)
    retention.prune(now=NOW)

    kept = [(each.state, each.end) for each in Interval.objects.order_by("start")]
    assert [state for state, _ in kept] == ["online", "online", "offline", "online"]
    assert kept[0][1] == NOW - timedelta(days=59.99)
    assert TrafficFiveMinutes.objects.count() == 48
