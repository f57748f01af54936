"""A listing that is not believed is held: it changes nothing, records why, and waits for a curator or a repetition."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django.fixtures import Settings

from catalog import queries
from catalog.models import Gateway, Offer, PriceHold, Revision, RunPage, SyncRun
from catalog.sync import decisions
from catalog.sync.run import AlreadyRunning
from tests.catalog.syncing import (
    SCHEDULE_AND_LEASE,
    WHAT_WAS_READ,
    Network,
    published,
    served,
    stored,
    sync,
    sync_rows,
)
from tests.factories import chutes_row, chutes_rows, write_listing

Json = Any
Outcome = SyncRun.Outcome

pytestmark = pytest.mark.django_db

MONDAY = datetime(2100, 11, 22, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NOT_PUBLISHED = (*WHAT_WAS_READ, "RejectedRow", *SCHEDULE_AND_LEASE)
TEN = chutes_rows(10)
BAD = [chutes_row(f"bad/{number}", type="Teleportation") for number in range(5)]

UNBELIEVABLE: dict[str, tuple[list[Json], str]] = {
    # a listing after one with ten offers, and why it is held
    "empty": ([], "the listing is empty; an empty answer is never taken for an empty catalogue"),
    "six of ten": (TEN[:6], "4 of 10 known offers are missing, more than 30 %"),
    "rejected": ([*TEN, *BAD], "5 of 15 rows were rejected, more than 20 %"),
    "rejected and missing": (
        [*TEN[:6], *BAD],
        "5 of 11 rows were rejected, more than 20 %; 4 of 10 known offers are missing, more than 30 %",
    ),
}
every_kind = pytest.mark.parametrize(("rows", "reason"), UNBELIEVABLE.values(), ids=UNBELIEVABLE)


@pytest.fixture
def ten(fixtures_dir: Path) -> Path:
    """Publish ten offers."""
    sync_rows(fixtures_dir, TEN)
    return fixtures_dir


@pytest.fixture
def ten_on_sunday(fixtures_dir: Path) -> Path:
    """Publish ten offers, on the day before MONDAY."""
    with at(MONDAY - DAY):
        sync_rows(fixtures_dir, TEN)
    return fixtures_dir


def hold(folder: Path, rows: list[Json] | None = None) -> SyncRun:
    held = sync_rows(folder, TEN[:6] if rows is None else rows).run
    assert held.outcome == Outcome.HELD
    return held


def manage(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, no_color=True)
    return out.getvalue()


def state() -> str:
    return queries.gateway_states(["chutes"], now=timezone.now())["chutes"].state


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    with time_machine.travel(moment, tick=False):
        yield


def outcomes() -> list[str]:
    return list(SyncRun.objects.order_by("pk").values_list("outcome", flat=True))


# --- what a hold does not change -------------------------------------------------------------------------------------


@every_kind
def test_a_held_listing_changes_nothing_and_has_its_reason(rows: list[Json], reason: str, ten: Path) -> None:
    before, documents = stored(leaving_out=NOT_PUBLISHED), published()

    report = sync_rows(ten, [row | {"name": "renamed"} for row in rows])

    assert report.has_failed
    assert stored(leaving_out=NOT_PUBLISHED) == before
    assert published() == documents
    saved = SyncRun.objects.latest("pk")
    assert (saved.outcome, saved.error) == (Outcome.HELD, reason)
    assert (saved.revision_before, saved.revision_after) == (None, None)
    assert (saved.new, saved.changed, saved.withdrawn) == (0, 0, 0)
    assert saved.rejected_rows.count() == saved.rejected
    assert saved.pages.count() == 1


@every_kind
def test_in_a_dry_run_it_is_reported_and_nothing_is_written(rows: list[Json], reason: str, ten: Path) -> None:
    write_listing(ten, rows)
    before = stored(leaving_out=("Gateway.lease_token", "Gateway.lease_expires_at"))

    report = sync(dry_run=True)

    assert (report.run.outcome, report.run.error) == (Outcome.HELD, reason)
    assert stored(leaving_out=("Gateway.lease_token", "Gateway.lease_expires_at")) == before


def test_a_held_gateway_waits_for_its_next_slot_as_one_that_answered(ten_on_sunday: Path) -> None:
    Gateway.objects.update(failures=3)
    with at(MONDAY):
        hold(ten_on_sunday)

    gateway = Gateway.objects.get()
    assert (gateway.failures, gateway.lease_expires_at) == (0, None)
    assert gateway.next_run_at is not None
    assert MONDAY < gateway.next_run_at <= MONDAY + HOUR
    assert gateway.last_success_at is not None
    assert gateway.last_success_at < MONDAY


def test_the_first_listing_of_a_gateway_can_be_held_too(fixtures_dir: Path) -> None:
    hold(fixtures_dir, [chutes_row(), *BAD])

    assert published() == (0, {})
    assert state() == "held"


@pytest.mark.parametrize(
    ("kept", "outcome"), [(7, Outcome.PUBLISHED), (6, Outcome.HELD)], ids=["30 % are missing", "40 % are missing"]
)
def test_exactly_the_limit_is_believed(kept: int, outcome: str, ten: Path) -> None:
    assert sync_rows(ten, TEN[:kept]).run.outcome == outcome


@pytest.mark.parametrize(
    ("setting", "value", "rows"),
    [("GUARD_MISSING_PERCENT", 9, TEN[:9]), ("GUARD_REJECTED_PERCENT", 9, [*TEN, BAD[0]])],
)
def test_the_limits_are_those_of_the_settings(
    setting: str, value: int, rows: list[Json], ten: Path, settings: Settings
) -> None:
    setattr(settings, setting, value)

    assert sync_rows(ten, rows).run.outcome == Outcome.HELD
    setattr(settings, setting, value + 1)
    assert sync(source="bundled").run.outcome in {Outcome.PUBLISHED, Outcome.UNCHANGED}


def test_what_was_withdrawn_before_is_not_missing(ten: Path) -> None:
    sync_rows(ten, TEN[:7])

    assert sync_rows(ten, TEN[:5]).run.outcome == Outcome.PUBLISHED  # 2 of the 7 that are left


def test_offers_whose_rows_cannot_be_used_are_not_missing(ten: Path, settings: Settings) -> None:
    settings.GUARD_REJECTED_PERCENT = 100

    run = sync_rows(ten, [row | {"type": "Teleportation"} for row in TEN]).run

    assert (run.outcome, run.withdrawn, run.changed) == (Outcome.PUBLISHED, 0, 0)
    assert all(row["stale_since"] and row["withdrawn_at"] is None for row in served().values())


# --- another source --------------------------------------------------------------------------------------------------


def bundle_shop(folder: Path, rows: list[Json]) -> None:
    write_listing(folder, rows, slug="shop")
    assert sync("shop", source="bundled").run.outcome == Outcome.PUBLISHED


def test_the_first_answer_of_an_api_is_not_measured_by_the_bundled_catalogue(
    shop_api: Network, fixtures_dir: Path
) -> None:
    bundle_shop(fixtures_dir, TEN)
    shop_api.list_shop([TEN[0], chutes_row("api/only")])

    report = sync("shop")

    assert (report.run.outcome, report.run.withdrawn, report.run.new) == (Outcome.PUBLISHED, 9, 1)


@pytest.mark.parametrize("withdraw_after", [1, 3])
def test_the_bundled_catalogue_does_not_count_against_later_answers_either(
    withdraw_after: int, shop_api: Network, fixtures_dir: Path, settings: Settings
) -> None:
    settings.SYNC_WITHDRAW_AFTER_RUNS = withdraw_after
    bundle_shop(fixtures_dir, TEN)
    shop_api.list_shop([TEN[0], chutes_row("api/only")])

    errors = [sync("shop").run.error for _ in range(4)]

    assert errors == [""] * 4
    assert {model_id for model_id, row in served().items() if not row["withdrawn_at"]} == {
        "maker/model-00000",
        "api/only",
    }


# --- where it is shown -----------------------------------------------------------------------------------------------


def test_what_is_held_is_listed_with_its_reason(ten_on_sunday: Path) -> None:
    assert manage("holds") == "Nothing is held.\n"
    with at(MONDAY):
        held = hold(ten_on_sunday)

    assert manage("holds") == manage("holds", "list")
    assert manage("holds").splitlines() == [
        f"run:{held.pk} chutes 2100-11-22 08:00 UTC: 4 of 10 known offers are missing, more than 30 %"
    ]
    assert state() == "held"


def test_the_sync_command_fails_and_names_the_reason(ten: Path) -> None:
    write_listing(ten, TEN[:6])
    errors = StringIO()

    with pytest.raises(CommandError, match="^not synced: chutes$"):
        call_command("sync", "chutes", stdout=StringIO(), stderr=errors)

    assert errors.getvalue() == "chutes: 4 of 10 known offers are missing, more than 30 %\n"


def test_a_gateway_is_held_until_it_lists_something_believable(ten: Path) -> None:
    hold(ten)
    assert state() == "held"

    sync_rows(ten, TEN)

    assert state() == "bundled"


def test_a_rebuild_does_not_hide_that_the_last_listing_is_held(ten: Path) -> None:
    hold(ten)

    decisions.rebuild("chutes")

    assert state() == "held"


# --- release ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["six of ten", "rejected", "rejected and missing"])
def test_releasing_publishes_what_was_read_then_and_not_what_is_listed_now(kind: str, ten: Path) -> None:
    rows, _ = UNBELIEVABLE[kind]
    held = hold(ten, [row | {"name": "as held"} for row in rows])
    write_listing(ten, [row | {"name": "listed since"} for row in TEN])

    printed = manage("holds", "release", f"run:{held.pk}")

    assert printed.splitlines()[-1] == f"run:{held.pk}: released"
    good = {str(row["id"]) for row in rows} - {str(row["id"]) for row in BAD}
    documents = served()
    assert {model_id for model_id, row in documents.items() if row["name"] == "as held"} == good
    assert {model_id for model_id, row in documents.items() if row["withdrawn_at"]} == documents.keys() - good
    released = SyncRun.objects.latest("pk")
    assert (released.trigger, released.outcome) == (SyncRun.Trigger.RELEASE, Outcome.PUBLISHED)
    assert released.rejected == held.rejected
    held.refresh_from_db()
    assert held.outcome == Outcome.RELEASED
    assert Gateway.objects.get().accepted_run == released
    assert state() == "bundled"
    assert manage("holds") == "Nothing is held.\n"


@pytest.mark.parametrize("withdraw_after", [1, 3])
def test_what_a_curator_released_is_not_held_again_by_the_next_run(
    withdraw_after: int, ten: Path, settings: Settings
) -> None:
    settings.SYNC_WITHDRAW_AFTER_RUNS = withdraw_after
    held = hold(ten)

    decisions.release(held, author=None)
    report = sync(source="bundled")

    assert report.run.error == ""
    assert sum(row["withdrawn_at"] is not None for row in served().values()) == 4


def test_the_release_of_a_listing_still_holds_each_price_that_is_not_believed(ten: Path) -> None:
    held = hold(ten, [row | {"pricing_per_hour": "2.6"} for row in TEN[:5]] + [TEN[5] | {"pricing_per_hour": "99"}])

    report = decisions.release(held, author=None)

    assert (report.run.changed, report.run.withdrawn, report.run.held_prices) == (6, 4, 1)
    assert PriceHold.objects.get().offer.model_id == TEN[5]["id"]
    assert {row["pricing"]["hourly_rate"] for row in served().values() if not row["withdrawn_at"]} == {"2.6", "2.5"}


def test_an_empty_listing_cannot_be_released(ten: Path) -> None:
    held = hold(ten, [])
    before = published()

    with pytest.raises(CommandError, match=rf"^run:{held.pk}: the listing is empty"):
        manage("holds", "release", f"run:{held.pk}")

    assert published() == before
    held.refresh_from_db()
    assert held.outcome == Outcome.HELD
    # The failed attempt is not a separate hold.
    assert len(manage("holds").splitlines()) == 1


def test_a_run_is_not_released_while_another_one_reads_the_gateway(ten: Path) -> None:
    held = hold(ten)
    now = timezone.now()
    Gateway.objects.take_lease(slug="chutes", now=now, until=now + HOUR)

    with pytest.raises(AlreadyRunning):
        decisions.release(held, author=None)

    held.refresh_from_db()
    assert held.outcome == Outcome.HELD


def test_a_run_whose_captures_are_gone_cannot_be_released(ten: Path) -> None:
    held = hold(ten)
    RunPage.objects.filter(run=held).delete()

    with pytest.raises(CommandError, match="the captures of run .* have been pruned"):
        manage("holds", "release", f"run:{held.pk}")


def test_what_is_released_is_published_by_the_curator_who_released_it(ten: Path, django_user_model: Any) -> None:
    ada = django_user_model.objects.create_user("ada")

    decisions.release(hold(ten), author=ada)

    assert Revision.objects.newest().author == ada


def test_a_release_is_no_news_of_the_gateway(ten: Path) -> None:
    with at(MONDAY):
        held = hold(ten)
        before = Gateway.objects.get()

    with at(MONDAY + 5 * HOUR):
        decisions.release(held, author=None)

    after = Gateway.objects.get()
    assert (after.last_success_at, after.next_run_at) == (before.last_success_at, before.next_run_at)


# --- discard ---------------------------------------------------------------------------------------------------------


def test_discarding_forgets_the_listing_and_the_next_one_is_judged_again(ten: Path) -> None:
    held = hold(ten)
    before = published()

    assert manage("holds", "discard", f"run:{held.pk}") == f"run:{held.pk}: discarded\n"

    held.refresh_from_db()
    assert held.outcome == Outcome.DISCARDED
    assert published() == before
    assert state() == "bundled"
    assert manage("holds") == "Nothing is held.\n"
    assert sync(source="bundled").run.outcome == Outcome.HELD


@pytest.mark.parametrize("decide", ["release", "discard"])
@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.HELD}))
def test_only_what_is_held_can_be_decided(decide: str, outcome: str, ten: Path) -> None:
    held = hold(ten)
    SyncRun.objects.filter(pk=held.pk).update(outcome=outcome)
    before = stored()

    with pytest.raises(CommandError, match=rf"^run:{held.pk}: run {held.pk} is .*, not held$"):
        manage("holds", decide, f"run:{held.pk}")

    assert stored() == before


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("run:999", "this run does not exist"),
        ("price:999", "this held price does not exist"),
        ("run:x", "is not a hold"),
        ("run:", "is not a hold"),
        ("run:-1", "is not a hold"),
        ("offer:1", "is not a hold"),
        ("", "is not a hold"),
    ],
)
@pytest.mark.parametrize("action", ["release", "discard"])
def test_what_is_no_hold_is_refused_by_name(action: str, what: str, reason: str) -> None:
    with pytest.raises(CommandError, match=reason):
        manage("holds", action, what)


@pytest.mark.parametrize("action", ["release", "discard"])
def test_nothing_is_decided_unless_it_is_named(action: str) -> None:
    with pytest.raises(CommandError, match="name the holds to decide"):
        manage("holds", action)


def test_once_a_newer_listing_is_accepted_the_held_ones_before_it_wait_no_more(ten: Path) -> None:
    held = hold(ten)
    sync_rows(ten, [*TEN, chutes_row("b/new")])
    before = published()

    assert manage("holds") == "Nothing is held.\n"
    with pytest.raises(decisions.NothingToDecide):
        decisions.release(SyncRun.objects.get(pk=held.pk), author=None)
    assert published() == before


# --- repeated three times over a day ---------------------------------------------------------------------------------


def outcomes_of(folder: Path, *listings: tuple[float, list[Json]]) -> list[str]:
    """Return how the runs end that find these listings this many hours after Monday morning."""
    found = []
    for hours, rows in listings:
        with at(MONDAY + timedelta(hours=hours)):
            found.append(str(sync_rows(folder, rows).run.outcome))
    return found


SIX, OTHER_SIX = TEN[:6], TEN[4:]


@pytest.mark.parametrize(
    ("hours", "believed"),
    [
        ((0, 12, 24), True),
        ((0, 23.9, 24), True),
        ((0, 1, 2, 3, 24), True),
        ((0, 24), False),
        ((0, 48), False),
        ((0, 1, 2), False),
        ((0, 12, 23), False),
        ((0, 12, 23.99), False),
        (tuple(range(24)), False),
        (tuple(range(25)), True),
    ],
    ids=str,
)
def test_what_is_missing_in_three_complete_listings_over_a_day_is_believed_to_be_gone(
    hours: tuple[float, ...], believed: bool, ten: Path
) -> None:
    found = outcomes_of(ten, *((hour, SIX) for hour in hours))

    assert found == [Outcome.HELD] * (len(hours) - 1) + [Outcome.PUBLISHED if believed else Outcome.HELD]
    assert sum(row["withdrawn_at"] is not None for row in served().values()) == (4 if believed else 0)


def test_the_rest_of_a_listing_may_differ_if_the_same_is_missing(ten: Path) -> None:
    renamed = [[row | {"name": name} for row in SIX] for name in ("first", "second", "third")]

    assert outcomes_of(ten, *zip((0, 12, 24), renamed, strict=True))[-1] == Outcome.PUBLISHED
    assert {row["name"] for row in served().values() if not row["withdrawn_at"]} == {"third"}


@pytest.mark.parametrize(
    "listings",
    [
        ((0, SIX), (12, OTHER_SIX), (24, SIX)),
        ((0, SIX), (12, SIX), (13, OTHER_SIX), (24, SIX)),
        ((0, SIX), (12, SIX), (13, TEN), (24, SIX)),
        ((0, SIX), (12, SIX), (13, []), (24, SIX)),
        ((0, SIX), (12, SIX), (13, [*SIX, *BAD]), (24, SIX)),
        ((0, SIX), (12, SIX), (24, TEN[:5])),
        ((0, SIX), (12, SIX), (24, OTHER_SIX)),
    ],
    ids=["another between", "another late", "all were back", "empty between", "bad between", "one more", "others"],
)
def test_it_has_to_be_the_same_each_time(listings: tuple[tuple[float, list[Json]], ...], ten: Path) -> None:
    assert outcomes_of(ten, *listings)[-1] == Outcome.HELD
    assert not any(row["withdrawn_at"] for row in served().values())


@pytest.mark.parametrize("kind", ["empty", "rejected", "rejected and missing"])
def test_an_empty_or_a_spoilt_listing_is_never_believed_however_often_it_is_read(kind: str, ten: Path) -> None:
    rows, _ = UNBELIEVABLE[kind]

    assert set(outcomes_of(ten, *((hours, rows) for hours in range(0, 120, 8)))) == {Outcome.HELD}


@pytest.mark.parametrize(
    ("between", "reason"),
    [
        ({"outcome": Outcome.FAILED, "trigger": "schedule"}, "no answer"),
        ({"outcome": Outcome.LOST, "trigger": "schedule"}, "no answer"),
        ({"outcome": Outcome.UNCHANGED, "trigger": "rebuild"}, "nothing of the gateway's"),
    ],
    ids=lambda part: " ".join(part.values()) if isinstance(part, dict) else part,
)
def test_a_run_without_an_answer_of_the_gateway_does_not_count(between: dict[str, str], reason: str, ten: Path) -> None:
    outcomes_of(ten, (0, SIX), (12, SIX))
    SyncRun.objects.create(
        gateway=Gateway.objects.get(), lease_token=99, started_at=MONDAY + 13 * HOUR, source="bundled", **between
    )

    assert outcomes_of(ten, (24, SIX)) == [Outcome.PUBLISHED]


def test_what_a_curator_discarded_counts_no_more(ten: Path) -> None:
    outcomes_of(ten, (0, SIX), (12, SIX))
    for held in SyncRun.objects.filter(outcome=Outcome.HELD):
        decisions.discard(held)

    assert outcomes_of(ten, (24, SIX)) == [Outcome.HELD]


def test_listings_of_another_gateway_do_not_count(shop_api: Network, fixtures_dir: Path) -> None:
    sync_rows(fixtures_dir, TEN)
    shop_api.list_shop(TEN)
    sync("shop")
    shop_api.list_shop(SIX)
    for hours in (0, 12):
        with at(MONDAY + timedelta(hours=hours)):
            assert sync("shop").run.outcome == Outcome.HELD

    assert outcomes_of(fixtures_dir, (24, SIX)) == [Outcome.HELD]
    with at(MONDAY + timedelta(hours=24)):
        assert sync("shop").run.outcome == Outcome.PUBLISHED


def test_a_price_that_is_not_believed_is_held_even_when_the_listing_is(ten: Path) -> None:
    dearer = [SIX[0] | {"pricing_per_hour": "99"}, *SIX[1:]]

    assert outcomes_of(ten, (0, dearer), (12, dearer), (24, dearer))[-1] == Outcome.PUBLISHED
    assert PriceHold.objects.get().offer.model_id == SIX[0]["id"]
    assert served()[str(SIX[0]["id"])]["pricing"]["hourly_rate"] == "2.5"


@pytest.mark.parametrize("withdraw_after", [1, 3])
def test_what_is_believed_at_last_is_not_held_again_by_the_next_run(
    withdraw_after: int, ten: Path, settings: Settings
) -> None:
    settings.SYNC_WITHDRAW_AFTER_RUNS = withdraw_after
    outcomes_of(ten, (0, SIX), (12, SIX), (24, SIX))

    with at(MONDAY + 25 * HOUR):
        assert sync(source="bundled").run.error == ""
    assert Offer.objects.exclude(withdrawn_at=None).count() == 4
