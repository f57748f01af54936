"""Which source a run reads, what happens when it fails, and when the gateway is asked again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
import time_machine
from django.core.management import call_command
from django.utils import timezone
from hypothesis import example, given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from catalog import gateway_settings
from catalog.adapter.errors import BadPayload, GatewayError, RateLimited, Refused, Unreachable
from catalog.models import Gateway, Offer, SyncRun
from catalog.sync import decisions, run, schedule
from catalog.sync.task import Report
from tests.catalog.syncing import Network, Shop, published, served, stored, sync, sync_rows
from tests.factories import chutes_row, chutes_rows, openrouter_rows, write_listing

Outcome = SyncRun.Outcome

NOW = datetime(2100, 11, 22, 8, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
BUNDLED, LISTED = chutes_rows(3), [chutes_row("api/1"), chutes_row("api/2")]


@pytest.fixture
def auto(shop: Shop, network: Network, settings: Settings, fixtures_dir: Path, db: None) -> Network:
    """The shop with the source `auto`: its API answers, and it has a bundled catalogue."""
    settings.GATEWAY_SOURCES = {**settings.GATEWAY_SOURCES, shop.slug: "auto"}
    write_listing(fixtures_dir, BUNDLED, slug=shop.slug)
    network.list_shop(LISTED)
    return network


def shop_row() -> Gateway:
    return Gateway.objects.get(slug="shop")


def runs() -> list[tuple[str, str]]:
    return list(SyncRun.objects.order_by("pk").values_list("source", "outcome"))


def sync_at(moment: datetime, slug: str = "shop", *, trigger: str = SyncRun.Trigger.SCHEDULE) -> Report:
    with time_machine.travel(moment, tick=False):
        return sync(slug, trigger=trigger)


# --- auto ------------------------------------------------------------------------------------------------------------


def test_in_auto_the_api_is_read_where_it_lists_in_public(auto: Network) -> None:
    sync("shop")

    assert runs() == [("api", Outcome.PUBLISHED)]
    assert set(served()) == {"api/1", "api/2"}


def test_in_auto_a_gateway_that_wants_a_key_is_asked_once_it_has_one(
    network: Network, settings: Settings, db: None
) -> None:
    assert sync("chutes").run.source == "bundled"
    assert network.asked == []

    settings.GATEWAY_KEYS = {**settings.GATEWAY_KEYS, "chutes": "cpk_secret"}
    assert sync("chutes").run.source == "api"
    assert [request.path for request in network.asked] == ["/chutes/"]


ERRORS: list[GatewayError] = [
    Unreachable("no answer"),
    Refused("answered 403"),
    RateLimited("answered 429", retry_after=None),
    BadPayload("is not JSON"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_before_the_first_publication_the_bundled_catalogue_replaces_an_api_that_fails(
    error: GatewayError, auto: Network
) -> None:
    auto.fail("shop", error)
    lines: list[str] = []

    report = run.run_gateway("shop", trigger=SyncRun.Trigger.SCHEDULE, say=lines.append)

    assert report.run.outcome == Outcome.PUBLISHED
    assert runs() == [("api", Outcome.FAILED), ("bundled", Outcome.PUBLISHED)]
    assert set(served()) == {row["id"] for row in BUNDLED}
    assert f"Shop: {error}; falling back to the bundled catalogue" in lines


def test_it_replaces_an_empty_answer_too(auto: Network) -> None:
    auto.list_shop([])

    sync("shop")

    assert runs() == [("api", Outcome.OVERTAKEN), ("bundled", Outcome.PUBLISHED)]


@pytest.mark.parametrize("first", ["api", "bundled"])
def test_once_anything_was_published_last_known_good_beats_bundled(first: str, auto: Network) -> None:
    sync("shop", source=first)
    before = published()
    auto.fail("shop", Unreachable("no answer"))

    report = sync("shop")

    assert (report.run.source, report.run.outcome) == ("api", Outcome.FAILED)
    assert published() == before
    assert SyncRun.objects.count() == 2


def test_what_was_withdrawn_was_published_once(auto: Network) -> None:
    sync("shop")
    Offer.objects.update(withdrawn_at=NOW)
    auto.fail("shop", Unreachable("no answer"))

    assert sync("shop").run.outcome == Outcome.FAILED
    assert SyncRun.objects.count() == 2


def test_an_api_that_was_asked_for_by_name_is_not_replaced(auto: Network) -> None:
    auto.fail("shop", Unreachable("no answer"))

    assert sync("shop", source="api").run.outcome == Outcome.FAILED
    assert published() == (0, {})


def test_if_the_bundled_catalogue_fails_too_the_run_reports_it(auto: Network, fixtures_dir: Path) -> None:
    auto.fail("shop", Unreachable("no answer"))
    (fixtures_dir / "shop_catalog.json").unlink()

    report = sync("shop")

    assert report.run.error == "shop_catalog.json cannot be read: No such file or directory"
    assert runs() == [("api", Outcome.FAILED), ("bundled", Outcome.FAILED)]


def test_a_dry_run_tries_the_bundled_catalogue_and_writes_nothing(auto: Network) -> None:
    auto.fail("shop", Unreachable("no answer"))

    report = sync("shop", dry_run=True)

    assert (report.run.source, report.run.new) == ("bundled", 3)
    assert not SyncRun.objects.exists()
    assert published() == (0, {})


# --- the bundled catalogue as a bridge -------------------------------------------------------------------------------


def test_after_the_bundled_catalogue_the_api_is_due_at_once(auto: Network) -> None:
    with time_machine.travel(NOW, tick=False):
        schedule.claim_due(now=NOW)
        run.publish_bundled_if_nothing_is("shop", trigger=SyncRun.Trigger.COMMAND)

    assert shop_row().next_run_at is None
    assert "shop" in schedule.claim_due(now=NOW)
    sync_at(NOW)
    assert {row["source"] for row in served().values() if row["withdrawn_at"] is None} == {"api"}
    assert shop_row().next_run_at == gateway_settings.next_slot("shop", after=NOW, interval=HOUR)


def test_if_only_the_api_may_be_read_no_bundled_catalogue_replaces_it(auto: Network, settings: Settings) -> None:
    settings.GATEWAY_SOURCES = {**settings.GATEWAY_SOURCES, "shop": "api"}

    assert run.publish_bundled_if_nothing_is("shop", trigger=SyncRun.Trigger.COMMAND) is None
    assert not SyncRun.objects.exists()


def test_where_bundled_is_the_source_it_is_no_bridge(network: Network, fixtures_dir: Path, db: None) -> None:
    write_listing(fixtures_dir, BUNDLED)
    with time_machine.travel(NOW, tick=False):
        run.publish_bundled_if_nothing_is("chutes", trigger=SyncRun.Trigger.COMMAND)

    assert Gateway.objects.get().next_run_at == gateway_settings.next_slot("chutes", after=NOW, interval=HOUR)


def test_a_gateway_that_asked_for_a_pause_gets_it_while_the_bundled_catalogue_serves(auto: Network) -> None:
    auto.fail("shop", RateLimited("answered 429", retry_after=3_600))

    sync_at(NOW)

    gateway = shop_row()
    assert set(served()) == {row["id"] for row in BUNDLED}
    assert gateway.next_run_at == NOW + HOUR
    assert gateway.failures == 1


def test_only_what_was_never_published_is_published_from_its_bundled_catalogue(
    two_gateways: None, auto: Network, fixtures_dir: Path
) -> None:
    write_listing(fixtures_dir, openrouter_rows(2), slug="openrouter")
    sync_rows(fixtures_dir, BUNDLED)
    before = stored(leaving_out=("Session",))["Gateway"]
    write_listing(fixtures_dir, chutes_rows(9))
    out = StringIO()

    call_command("sync", "--only-unpublished", stdout=out)
    call_command("sync", "--only-unpublished", stdout=out)

    assert auto.asked == []
    assert [(done.gateway.slug, done.source, done.outcome) for done in SyncRun.objects.order_by("pk")] == [
        ("chutes", "bundled", Outcome.PUBLISHED),
        ("openrouter", "bundled", Outcome.PUBLISHED),
        ("shop", "bundled", Outcome.PUBLISHED),
    ]
    assert [row for row in stored()["Gateway"] if row["slug"] == "chutes"] == before
    assert Offer.objects.filter(gateway__slug="chutes").count() == len(BUNDLED)


# --- after a failure -------------------------------------------------------------------------------------------------


def test_a_gateway_that_fails_is_left_alone_longer_each_time_up_to_six_hours(auto: Network) -> None:
    sync_at(NOW)
    auto.fail("shop", Unreachable("no answer"))

    pauses = []
    for number in range(1, 10):
        sync_at(NOW + number * HOUR)
        next_run_at = shop_row().next_run_at
        assert next_run_at is not None
        pauses.append((next_run_at - NOW - number * HOUR) / MINUTE)

    assert pauses == [5, 10, 20, 40, 80, 160, 320, 360, 360]
    assert shop_row().failures == 9


@pytest.mark.parametrize("good", [LISTED, [*LISTED, chutes_row("api/3")]], ids=["as before", "changed"])
def test_one_good_answer_ends_the_back_off(good: list[dict[str, object]], auto: Network) -> None:
    sync_at(NOW)
    auto.fail("shop", Unreachable("no answer"))
    for number in range(1, 4):
        sync_at(NOW + number * HOUR)
    auto.list_shop(good)

    sync_at(NOW + 5 * HOUR)

    gateway = shop_row()
    assert (gateway.failures, gateway.last_success_at) == (0, NOW + 5 * HOUR)
    assert gateway.next_run_at == gateway_settings.next_slot("shop", after=NOW + 5 * HOUR, interval=HOUR)


@pytest.mark.parametrize(
    ("retry_after", "pause"),
    [
        (None, 5 * MINUTE),
        (0, 5 * MINUTE),
        (60, 5 * MINUTE),
        (301, timedelta(seconds=301)),
        (7_200, 2 * HOUR),
        (86_400, 6 * HOUR),
        (1e300, 6 * HOUR),
    ],
)
def test_a_gateway_that_asks_for_a_pause_gets_it(retry_after: float | None, pause: timedelta, auto: Network) -> None:
    sync_at(NOW - HOUR)
    auto.fail("shop", RateLimited("answered 429", retry_after=retry_after))

    sync_at(NOW)

    assert shop_row().next_run_at == NOW + pause
    assert "shop" not in schedule.claim_due(now=NOW + pause - timedelta(seconds=1))
    assert "shop" in schedule.claim_due(now=NOW + pause)


def fail_by_the_schedule(network: Network, *, times: int) -> None:
    """Publish the shop, and then let it fail once an hour; the last time is NOW."""
    sync_at(NOW - times * HOUR)
    network.fail("shop", Unreachable("no answer"))
    for number in reversed(range(times)):
        sync_at(NOW - number * HOUR)


@pytest.mark.parametrize("tries", [1, 5])
def test_failed_runs_that_a_person_starts_do_not_lengthen_the_pause(tries: int, auto: Network) -> None:
    fail_by_the_schedule(auto, times=4)
    before = shop_row()

    for number in range(tries):
        sync_at(NOW + number * MINUTE, trigger=SyncRun.Trigger.COMMAND)

    after = shop_row()
    assert before.next_run_at == NOW + 40 * MINUTE
    assert (after.failures, after.next_run_at) == (4, before.next_run_at)


def test_a_failed_run_that_was_requested_is_tried_again_soon(auto: Network) -> None:
    fail_by_the_schedule(auto, times=4)
    asked_for = schedule.request_run("shop", now=NOW + MINUTE)

    run = sync_at(NOW + MINUTE).run  # the worker starts the requested run

    assert (run.pk, run.trigger) == (asked_for.pk, SyncRun.Trigger.REQUEST)
    assert (shop_row().failures, shop_row().next_run_at) == (4, NOW + MINUTE + schedule.RETRY_AFTER)


def test_a_gateway_that_asks_for_a_pause_gets_it_for_every_trigger(auto: Network) -> None:
    fail_by_the_schedule(auto, times=1)
    auto.fail("shop", RateLimited("answered 429", retry_after=7_200))

    sync_at(NOW + MINUTE, trigger=SyncRun.Trigger.COMMAND)

    assert (shop_row().failures, shop_row().next_run_at) == (1, NOW + MINUTE + 2 * HOUR)


def test_a_start_asks_a_failed_gateway_again_after_the_pause_of_a_first_failure(auto: Network) -> None:
    fail_by_the_schedule(auto, times=9)
    assert shop_row().next_run_at == NOW + 6 * HOUR

    schedule.ask_failed_soon()

    assert "shop" not in schedule.claim_due(now=NOW + schedule.RETRY_AFTER - timedelta(seconds=1))
    assert "shop" in schedule.claim_due(now=NOW + schedule.RETRY_AFTER)
    assert shop_row().failures == 9


def test_a_start_of_the_program_leaves_gateways_alone_that_did_not_fail(auto: Network) -> None:
    sync_at(NOW)
    before = shop_row().next_run_at

    schedule.ask_failed_soon()

    assert shop_row().next_run_at == before


@given(failures=st.integers(1, 10**6), least=st.none() | st.floats(0, 1e12))
@example(failures=1, least=None)
@example(failures=10**6, least=1e12)
def test_a_pause_grows_with_the_failures_and_ends_within_six_hours(failures: int, least: float | None) -> None:
    pause = schedule.back_off(failures, least=least)

    assert schedule.RETRY_AFTER <= pause <= schedule.LONGEST_PAUSE
    assert pause <= schedule.back_off(failures + 1, least=least)
    assert pause >= timedelta(seconds=min(least or 0, 6 * 3_600))


@pytest.mark.parametrize("error", [Unreachable("no answer"), RuntimeError("bug")], ids=["a dead gateway", "a bug"])
def test_a_gateway_that_fails_touches_nothing_of_another(error: Exception, auto: Network, fixtures_dir: Path) -> None:
    sync_rows(fixtures_dir, BUNDLED)
    sync("shop")
    chutes = [row for row in stored()["Gateway"] if row["slug"] == "chutes"]
    before = published()
    auto.fail("shop", error)

    assert sync("shop").run.outcome == Outcome.FAILED

    assert [row for row in stored()["Gateway"] if row["slug"] == "chutes"] == chutes
    assert published() == before
    assert sync_rows(fixtures_dir, [*BUNDLED, chutes_row("b/new")]).run.outcome == Outcome.PUBLISHED


@pytest.mark.parametrize("fails", [False, True])
def test_a_run_that_was_asked_for_while_one_was_under_way_is_still_due(
    fails: bool, auto: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync("shop")
    get = auto.get

    def get_while_somebody_asks(slug: str, request: object) -> bytes:
        schedule.request_run("shop", now=timezone.now())
        if fails:
            raise Unreachable("no answer")
        return get(slug, request)  # type: ignore[arg-type]

    monkeypatch.setattr(auto, "get", get_while_somebody_asks)
    sync("shop")

    assert shop_row().next_run_at is None


def test_a_run_that_was_asked_for_is_the_next_one_that_asks_the_gateway(auto: Network) -> None:
    """A dry run, a bridge or a rebuild is not the requested run."""
    sync("shop")
    asked = schedule.request_run("shop", now=timezone.now())
    assert asked.outcome == Outcome.WAITING

    sync("shop", dry_run=True)
    decisions.rebuild("shop")
    asked.refresh_from_db()
    assert asked.outcome == Outcome.WAITING

    report = sync("shop")

    asked.refresh_from_db()
    assert report.run == asked
    assert (asked.outcome, asked.trigger) == (Outcome.UNCHANGED, SyncRun.Trigger.REQUEST)
    assert asked.lease_token == shop_row().lease_token
    assert SyncRun.objects.asking().finished().filter(pk=asked.pk).exists()
