"""An offer whose row is rejected shows since when; an unreadable price does not reject a row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from catalog.adapter.contract import Request
from catalog.models import Offer, Revision, SyncRun
from catalog.records import Source
from catalog.sync import decisions
from tests.catalog.syncing import Network, published, served, sync, sync_rows
from tests.factories import chutes_row, chutes_rows, openrouter_row

Json = Any
Outcome = SyncRun.Outcome

pytestmark = pytest.mark.django_db

DAY = datetime(2026, 11, 23, 8, tzinfo=UTC)
GOOD, BAD = chutes_row("a/1"), chutes_row("a/1", type="Teleportation")
OTHERS = chutes_rows(9)


@pytest.fixture
def listed(fixtures_dir: Path) -> Any:
    """Make Chutes list these rows, this many hours after the first ones."""

    def sync_after(hours: int, *rows: Json) -> SyncRun:
        with time_machine.travel(DAY + timedelta(hours=hours), tick=False):
            return sync_rows(fixtures_dir, [*rows, *OTHERS]).run

    return sync_after


def stale_since() -> str | None:
    value = served()["a/1"]["stale_since"]
    assert value is None or isinstance(value, str)
    return value


def test_an_offer_is_stale_since_the_first_run_that_rejects_its_row_until_one_reads_it(listed: Any) -> None:
    listed(0, GOOD)
    assert stale_since() is None

    first = listed(1, BAD)
    second = listed(2, BAD | {"name": "another"})
    third = listed(3, BAD | {"name": "another"})  # the same bytes

    assert stale_since() == "2026-11-23T09:00:00Z"
    assert [run.rejected for run in (first, second, third)] == [1, 1, 1]
    assert [run.outcome for run in (first, second, third)] == [
        Outcome.PUBLISHED,
        Outcome.UNCHANGED,
        Outcome.UNCHANGED,
    ]
    assert (first.changed, first.unchanged) == (0, 9)
    listed(4, GOOD)
    assert stale_since() is None
    assert Revision.objects.newest().number == 3


def test_a_stale_offer_that_is_read_with_another_content_is_fresh(listed: Any) -> None:
    listed(0, GOOD)
    listed(1, BAD)

    listed(2, GOOD | {"name": "Renamed"})

    assert (stale_since(), served()["a/1"]["name"]) == (None, "Renamed")


def test_the_second_of_two_rows_with_one_id_makes_no_offer_stale(listed: Any) -> None:
    listed(0, GOOD)

    assert listed(1, GOOD, GOOD | {"name": "again"}).rejected == 1
    assert stale_since() is None


def test_a_row_that_was_never_read_makes_no_offer(listed: Any) -> None:
    assert listed(0, BAD).rejected == 1
    assert "a/1" not in served()


def test_a_stale_offer_that_is_withdrawn_is_stale_no_more(listed: Any, settings: Any) -> None:
    settings.SYNC_WITHDRAW_AFTER_RUNS = 1
    listed(0, GOOD)
    listed(1, BAD)

    listed(2)

    assert served()["a/1"]["withdrawn_at"] == "2026-11-23T10:00:00Z"
    assert stale_since() is None


def test_a_rebuild_and_a_dry_run_leave_the_time_as_it_was(listed: Any) -> None:
    listed(0, GOOD)
    listed(1, BAD)
    before = published()

    decisions.rebuild("chutes", say=lambda _: None)
    sync(dry_run=True)

    assert published() == before


# Prices


def test_a_row_with_a_price_that_cannot_be_read_stays_and_is_not_stale(listed: Any) -> None:
    listed(0, GOOD)

    run = listed(1, GOOD | {"pricing_per_hour": "by agreement", "name": "Renamed"})

    found = served()["a/1"]
    assert (run.outcome, run.rejected, run.changed) == (Outcome.PUBLISHED, 0, 1)
    assert (found["name"], found["price_status"], found["stale_since"]) == ("Renamed", "unknown", None)
    assert found["notes"] == [
        "The price of hourly_rate is unknown: its amount must be a decimal number, not 'by agreement'."
    ]
    assert not Offer.objects.get(model_id="a/1").prices.open().exists()


@pytest.mark.parametrize(("unreadable", "is_held"), [(9, False), (10, True)])
def test_a_listing_is_held_if_a_price_of_many_offers_cannot_be_read_any_more(
    unreadable: int, is_held: bool, fixtures_dir: Path
) -> None:
    rows = chutes_rows(20)
    sync_rows(fixtures_dir, rows)

    run = sync_rows(
        fixtures_dir, [*(row | {"pricing_per_hour": "5 USD"} for row in rows[:unreadable]), *rows[unreadable:]]
    ).run

    assert (run.outcome == Outcome.HELD) == is_held
    if is_held:
        assert run.error.startswith("10 of 20 offers with a price have none any more, more than 30 %")


def test_a_listing_is_held_where_one_side_of_the_price_has_another_name(network: Network, settings: Any) -> None:
    settings.GATEWAY_SOURCES = {**settings.GATEWAY_SOURCES, "openrouter": Source.API.value}
    list_openrouter(network, *(openrouter_row(f"a/{number}") for number in range(20)))
    sync("openrouter")
    renamed = {"input": "0.000001", "completion": "0.000002"}
    list_openrouter(network, *(openrouter_row(f"a/{number}", pricing=renamed) for number in range(20)))

    run = sync("openrouter").run

    assert (run.outcome, run.rejected) == (Outcome.HELD, 0)
    assert run.error == "20 of 20 offers with a price of input.text have none any more, more than 30 %"


def list_openrouter(network: Network, *rows: Json) -> None:
    query = {"output_modalities": "all"}
    network.answer("openrouter", Request(host="api", path="/api/v1/models", query=query), {"data": list(rows)})


def test_while_a_window_hides_other_hours_published_prices_stay_new_ones_are_partial(
    network: Network, settings: Any
) -> None:
    settings.GATEWAY_SOURCES = {**settings.GATEWAY_SOURCES, "openrouter": Source.API.value}
    window = {"utc_start": "1630", "utc_end": "0030", "prompt": "0.0000005", "completion": "0.000001"}
    by_day = {"prompt": "0.000001", "completion": "0.000002", "overrides": [window]}
    by_night = by_day | {"prompt": "0.0000005", "completion": "0.000001"}
    list_openrouter(network, openrouter_row("a/known", pricing=by_day))
    sync("openrouter")
    before = served()["a/known"]
    list_openrouter(network, openrouter_row("a/known", pricing=by_night), openrouter_row("a/new", pricing=by_night))

    run = sync("openrouter").run

    assert (run.rejected, run.error) == (0, "2 offers were listed only in part")
    assert served()["a/known"] == before
    assert served()["a/new"]["pricing"] == {"prompt": None, "completion": None}
    list_openrouter(network, openrouter_row("a/known", pricing=by_day), openrouter_row("a/new", pricing=by_day))
    sync("openrouter")
    assert served()["a/new"]["pricing"] == before["pricing"]
    assert served()["a/known"] == before
