"""An offer is withdrawn if several complete listings in a row did not contain it, and for no other reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from catalog.adapter.errors import Unreachable
from catalog.models import Offer, SyncRun
from tests.catalog.syncing import Network, published, served, sync
from tests.factories import chutes_row, chutes_rows

Json = Any
Outcome = SyncRun.Outcome

pytestmark = pytest.mark.django_db

KEPT = chutes_rows(5)
GONE = chutes_row("a/gone")
WITH_IT, WITHOUT_IT = [GONE, *KEPT], KEPT


@pytest.fixture
def listed(shop_api: Network, settings: Settings) -> Network:
    """Publish six offers; an offer is withdrawn after three listings without it."""
    settings.SYNC_WITHDRAW_AFTER_RUNS = 3
    shop_api.list_shop(WITH_IT)
    sync("shop")
    return shop_api


def hear(network: Network, rows: list[Json], *, is_complete: bool = True) -> SyncRun:
    network.list_shop(rows, is_complete=is_complete)
    return sync("shop").run


def missed_runs() -> int:
    return Offer.objects.get(model_id="a/gone").missed_runs


def is_withdrawn() -> bool:
    return served()["a/gone"]["withdrawn_at"] is not None


def test_it_takes_as_many_listings_in_a_row_as_are_set(listed: Network) -> None:
    before = published()

    runs = [hear(listed, WITHOUT_IT) for _ in range(2)]

    assert [run.outcome for run in runs] == [Outcome.UNCHANGED] * 2
    assert (published(), missed_runs()) == (before, 2)
    assert hear(listed, WITHOUT_IT).withdrawn == 1
    assert is_withdrawn()
    assert published()[0] == before[0] + 1


def test_one_listing_is_enough_where_one_is_set(listed: Network, settings: Settings) -> None:
    settings.SYNC_WITHDRAW_AFTER_RUNS = 1

    assert hear(listed, WITHOUT_IT).withdrawn == 1


def test_an_offer_that_was_listed_in_between_is_counted_from_the_beginning(listed: Network) -> None:
    for rows in (WITHOUT_IT, WITHOUT_IT, WITH_IT):
        hear(listed, rows)
    assert missed_runs() == 0

    for _ in range(2):
        hear(listed, WITHOUT_IT)

    assert not is_withdrawn()
    hear(listed, WITHOUT_IT)
    assert is_withdrawn()


@pytest.mark.parametrize(
    "changed", [GONE | {"name": "renamed"}, GONE | {"type": "?"}], ids=["changed", "in a form that cannot be used"]
)
def test_an_offer_that_was_listed_in_another_form_is_counted_from_the_beginning(changed: Json, listed: Network) -> None:
    for rows in (WITHOUT_IT, WITHOUT_IT, [changed, *KEPT], WITHOUT_IT, WITHOUT_IT):
        hear(listed, rows)

    assert not is_withdrawn()


def test_an_incomplete_listing_withdraws_nothing_and_counts_nothing(listed: Network) -> None:
    before = published()

    for _ in range(5):
        run = hear(listed, KEPT, is_complete=False)
        assert (run.outcome, run.error[:42]) == (Outcome.UNCHANGED, "by its own count the listing is incomplete")

    assert published() == before
    assert set(Offer.objects.values_list("missed_runs", flat=True)) == {0}


def test_an_incomplete_listing_that_has_it_counts(listed: Network) -> None:
    for rows in (WITHOUT_IT, WITHOUT_IT):
        hear(listed, rows)
    hear(listed, [GONE, *KEPT[1:]], is_complete=False)

    assert missed_runs() == 0


def test_an_incomplete_listing_publishes_what_it_has(listed: Network) -> None:
    run = hear(listed, [GONE | {"name": "renamed"}, chutes_row("b/new"), *KEPT[1:]], is_complete=False)

    assert (run.changed, run.new, run.withdrawn) == (1, 1, 0)
    assert len(served()) == 7


@pytest.mark.parametrize("rows", [[], KEPT[:1]], ids=["nothing", "one of six"])
def test_an_incomplete_listing_is_held_for_what_it_lacks_like_any_other(rows: list[Json], listed: Network) -> None:
    assert hear(listed, rows, is_complete=False).outcome == Outcome.HELD


def test_a_gateway_that_shows_another_part_of_its_list_each_time_is_believed(listed: Network) -> None:
    parts = [[chutes_row(f"part-{part}/{number}") for number in range(6)] for part in range(3)]

    runs = [hear(listed, part, is_complete=False) for part in parts]

    assert [(run.outcome, run.new, run.withdrawn) for run in runs] == [(Outcome.PUBLISHED, 6, 0)] * 3
    assert hear(listed, parts[0][:4], is_complete=False).outcome == Outcome.HELD


def test_a_listing_that_is_held_or_could_not_be_read_counts_nothing(listed: Network) -> None:
    hear(listed, WITHOUT_IT)
    hear(listed, KEPT[:2])
    listed.fail("shop", Unreachable("no answer"))
    assert sync("shop").run.outcome == Outcome.FAILED
    listed.list_shop(WITHOUT_IT)
    sync("shop", dry_run=True)

    assert missed_runs() == 1


def test_a_withdrawn_offer_that_returns_is_counted_from_the_beginning(listed: Network) -> None:
    for rows in (*[WITHOUT_IT] * 3, WITH_IT):
        hear(listed, rows)

    assert (is_withdrawn(), missed_runs()) == (False, 0)
    assert hear(listed, WITHOUT_IT).withdrawn == 0


def test_a_missing_offer_is_served_as_it_was_until_it_is_withdrawn(listed: Network) -> None:
    before = served()["a/gone"]
    hear(listed, [row | {"name": "renamed"} for row in WITHOUT_IT])

    assert served()["a/gone"] == before


def test_the_gateways_own_silence_withdraws_nothing(listed: Network, fixtures_dir: Path) -> None:
    for _ in range(4):
        hear(listed, [])

    assert not any(row["withdrawn_at"] for row in served().values())
