"""The answers of gateways are stored unchanged, equal bytes are read once, and captures can rebuild the catalogue."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django.fixtures import Settings

from catalog.adapter.errors import Unreachable
from catalog.curation import holds, overrides
from catalog.gateways.chutes import Chutes
from catalog.models import Capture, Gateway, Offer, OfferVersion, Price, PriceHold, RunPage, SyncRun
from catalog.publication.prices import plausible
from catalog.records import OfferRecord
from catalog.sync import captures, decisions
from tests.catalog.syncing import (
    SCHEDULE_AND_LEASE,
    WHAT_WAS_READ,
    Network,
    Shop,
    clear_price,
    published,
    say_price,
    served,
    stored,
    sync,
    sync_rows,
)
from tests.factories import chutes_row, chutes_rows, write_listing

Json = Any
Outcome = SyncRun.Outcome

pytestmark = pytest.mark.django_db

ROWS = chutes_rows(6)


def counts(of: SyncRun) -> dict[str, int]:
    names = ("seen", "new", "changed", "unchanged", "withdrawn", "rejected", "ignored", "held_prices")
    return {name: getattr(of, name) for name in names if getattr(of, name)}


def count_readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the ids of the rows that are read from now on."""
    read: list[str] = []
    record = Chutes.record

    def reading(gateway: Chutes, row: Json) -> OfferRecord:
        read.append(str(gateway.row_id(row)))
        return record(gateway, row)

    monkeypatch.setattr(Chutes, "record", reading)
    return read


# --- what is stored --------------------------------------------------------------------------------------------------


def test_each_page_is_kept_with_what_was_asked_for_to_the_last_byte(shop_api: Network) -> None:
    first = (
        b'{"rows": [{"id": "a/1", "name": "M\xc3\xbcller", "provider": "a", "type": "LLM", "pricing_per_hour": 1.10, '
    )
    first += b'"tags": []}],   "next": "2"}\n'
    shop_api.list_shop(first, ROWS)

    run = sync("shop").run

    pages = list(run.pages.order_by("position").select_related("capture"))
    assert [(page.position, page.request) for page in pages] == [
        (1, '{"host":"api","path":"/models","query":{"page":"1"}}'),
        (2, '{"host":"api","path":"/models","query":{"page":"2"}}'),
    ]
    kept = pages[0].capture
    assert captures.stored_pages(run)[0].body == first
    assert len(kept.body) < len(first)
    assert (kept.sha256, kept.size) == (hashlib.sha256(first).hexdigest(), len(first))
    assert counts(run) == {"seen": 7, "new": 7}


def test_equal_answers_are_kept_once_across_runs_and_gateways(shop_api: Network, fixtures_dir: Path) -> None:
    write_listing(fixtures_dir, ROWS)
    write_listing(fixtures_dir, ROWS, slug="shop")

    runs = [sync(slug, source="bundled").run for slug in ("chutes", "shop", "chutes")]

    assert Capture.objects.count() == 1
    assert RunPage.objects.count() == len(runs)


@pytest.mark.parametrize("answer", [b"<html>we will be back</html>", b'{"models": []}'])
def test_what_could_not_be_read_is_kept_for_a_person_to_look_at(shop_api: Network, answer: bytes) -> None:
    shop_api.list_shop(answer)

    run = sync("shop").run

    assert run.outcome == Outcome.FAILED
    assert [page.body for page in captures.stored_pages(run)] == [answer]


def test_a_dry_run_keeps_nothing() -> None:
    sync(dry_run=True)

    assert not Capture.objects.exists()


# --- equal bytes -----------------------------------------------------------------------------------------------------


def test_an_answer_equal_to_the_accepted_one_is_not_read_and_only_the_run_is_written(
    shop_api: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop_api.list_shop([*ROWS, chutes_row("b/1", type="?")], [chutes_row("b/2")])
    accepted = sync("shop").run
    read = count_readings(monkeypatch)
    before = stored(leaving_out=("SyncRun", "RunCount", "RunPage", *SCHEDULE_AND_LEASE))

    report = sync("shop")

    assert report.is_equal_to_accepted
    assert read == []
    assert stored(leaving_out=("SyncRun", "RunCount", "RunPage", *SCHEDULE_AND_LEASE)) == before
    assert counts(accepted) == {"seen": 8, "new": 7, "rejected": 1}
    assert counts(report.run) == {"seen": 8, "unchanged": 7, "rejected": 1}
    assert report.run.outcome == Outcome.UNCHANGED
    assert (report.run.revision_before, report.run.revision_after) == (1, 1)
    assert Gateway.objects.get().accepted_run == accepted
    # Its requests are stored with it nevertheless.
    assert list(report.run.pages.values_list("request", "capture")) == list(
        accepted.pages.values_list("request", "capture")
    )


def test_an_equal_answer_is_news_of_the_gateway_all_the_same(shop_api: Network) -> None:
    shop_api.list_shop(ROWS)
    sync("shop")
    Gateway.objects.update(failures=4, last_success_at=None)

    sync("shop")

    gateway = Gateway.objects.get()
    assert gateway.failures == 0
    assert gateway.last_success_at is not None


def test_one_page_that_differs_has_the_listing_read(shop_api: Network) -> None:
    shop_api.list_shop(ROWS[:3], ROWS[3:])
    sync("shop")
    shop_api.list_shop(ROWS[:3], [row | {"name": "renamed"} for row in ROWS[3:]])

    assert counts(sync("shop").run) == {"seen": 6, "changed": 3, "unchanged": 3}


def test_the_answer_before_the_accepted_one_is_read_again(shop_api: Network) -> None:
    for name in ("first", "second", "first"):
        shop_api.list_shop(chutes_rows(3, name=name))
        assert sync("shop").run.outcome == Outcome.PUBLISHED

    assert {row["name"] for row in served().values()} == {"first"}


def raise_version(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr(Shop, "version", Shop.version + 1, raising=False)


def raise_rules(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr(plausible, "RULES", plausible.RULES + 1)


def set_key(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    settings.GATEWAY_KEYS = {**settings.GATEWAY_KEYS, "shop": "secret"}


def choose_otherwise(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr(Shop, "options", {"shelves": ("one", "two")}, raising=False)
    monkeypatch.setattr(Shop, "explained", Shop.explained | {"shelves": "Which shelves are read."}, raising=False)


@pytest.mark.parametrize("change", [raise_version, raise_rules, set_key, choose_otherwise])
def test_equal_bytes_are_read_again_once_they_may_mean_something_else(
    change: Callable[[pytest.MonkeyPatch, Settings], None],
    shop_api: Network,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
) -> None:
    shop_api.list_shop(ROWS)
    sync("shop")
    read = count_readings(monkeypatch)
    change(monkeypatch, settings)

    assert not sync("shop").is_equal_to_accepted
    assert len(read) == len(ROWS)
    assert sync("shop").is_equal_to_accepted
    assert len(read) == len(ROWS)


def test_a_new_reader_reads_each_unchanged_row_once(
    shop_api: Network, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    shop_api.list_shop(ROWS)
    sync("shop")
    raise_version(monkeypatch, settings)
    sync("shop")
    read = count_readings(monkeypatch)

    shop_api.list_shop([ROWS[0] | {"name": "renamed"}, *ROWS[1:]])
    report = sync("shop")

    assert (report.run.changed, report.run.unchanged) == (1, len(ROWS) - 1)
    assert len(read) == 1


def test_a_corrected_adapter_corrects_the_catalogue_at_the_next_run_with_equal_bytes(
    fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_rows(fixtures_dir, ROWS)
    correct_names(monkeypatch)

    report = sync()

    assert (report.run.outcome, report.run.changed) == (Outcome.PUBLISHED, len(ROWS))
    assert {row["name"] for row in served().values()} == {"corrected"}


def test_other_facts_of_the_same_day_do_not_keep_the_day_of_unchanged_rows(
    fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a new bundled catalogue with one changed row, all rows get the new date."""
    sync_rows(fixtures_dir, ROWS)
    monkeypatch.setattr(Chutes, "bundled_on", date(2026, 12, 24))

    sync_rows(fixtures_dir, [*ROWS[1:], ROWS[0] | {"name": "renamed"}])

    assert {row["recorded_at"] for row in served().values()} == {"2026-12-24"}


def test_a_row_that_is_rejected_is_read_by_the_adapter_of_the_day_when_it_returns(
    fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch, credulous: None
) -> None:
    sync_rows(fixtures_dir, ROWS)
    sync_rows(fixtures_dir, [ROWS[0] | {"type": "?"}, *ROWS[1:]])
    correct_names(monkeypatch)
    sync_rows(fixtures_dir, [ROWS[0] | {"type": "!"}, *ROWS[1:]])

    sync_rows(fixtures_dir, ROWS)

    assert {row["name"] for row in served().values()} == {"corrected"}


def test_while_an_offer_is_missing_equal_bytes_are_counted_until_it_is_withdrawn(
    shop_api: Network, settings: Settings
) -> None:
    settings.SYNC_WITHDRAW_AFTER_RUNS = 3
    shop_api.list_shop(ROWS)
    sync("shop")
    shop_api.list_shop(ROWS[:5])

    withdrawn = [sync("shop").run.withdrawn for _ in range(4)]

    assert withdrawn == [0, 0, 1, 0]
    assert sync("shop").is_equal_to_accepted


def test_an_api_is_not_compared_with_the_bundled_catalogue(shop_api: Network, fixtures_dir: Path) -> None:
    write_listing(fixtures_dir, ROWS, slug="shop")
    sync("shop", source="bundled")
    shop_api.list_shop(ROWS)
    sync("shop")
    assert {row["source"] for row in served().values()} == {"api"}

    sync("shop", source="bundled")

    assert {row["source"] for row in served().values()} == {"bundled"}


# --- rebuild ---------------------------------------------------------------------------------------------------------


def correct_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a corrected adapter."""
    record = Chutes.record
    monkeypatch.setattr(Chutes, "record", lambda gateway, row: replace(record(gateway, row), name="corrected"))
    monkeypatch.setattr(Chutes, "version", Chutes.version + 1)


def manage(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, no_color=True)
    return out.getvalue()


def write_history(folder: Path) -> None:
    """Create the different kinds of overrides and holds on offers, at the same time and one after another."""
    sync_rows(folder, [*ROWS, chutes_row("b/left")])
    say_price("maker/model-00000", "7")
    say_price("maker/model-00001", "0")
    overrides.set_override(
        Offer.objects.get(model_id="maker/model-00002"),
        field="tags",
        value={"add": ["fast"], "remove": []},
        reason="why",
        author=None,
        is_confirmed=False,
        now=timezone.now(),
    )
    dearer = [ROWS[0], *(row | {"pricing_per_hour": "77"} for row in ROWS[1:5]), ROWS[5], chutes_row("c/1", type="?")]
    sync_rows(folder, dearer)
    for hold, state in zip(
        PriceHold.objects.order_by("pk"), (PriceHold.State.RELEASED, PriceHold.State.DISCARDED), strict=False
    ):
        holds.decide_price_hold(hold, state=state, author=None, now=timezone.now())
    clear_price("maker/model-00001")


@pytest.fixture
def history(fixtures_dir: Path) -> Path:
    write_history(fixtures_dir)
    assert PriceHold.objects.count() == 4
    assert Offer.objects.exclude(withdrawn_at=None).count() == 1
    return fixtures_dir


REBUILT = (*WHAT_WAS_READ, "RejectedRow", *SCHEDULE_AND_LEASE, "Gateway.accepted_run_id")


def test_a_rebuild_gives_the_same_catalogue_again(history: Path) -> None:
    before = stored(leaving_out=REBUILT)
    (history / "chutes_catalog.json").unlink()  # no source is left to ask

    printed = manage("rebuild")

    assert printed.splitlines()[-1].startswith("chutes: 0 new, 0 changed, 6 unchanged, 0 withdrawn, revision ")
    assert stored(leaving_out=REBUILT) == before
    assert SyncRun.objects.latest("pk").trigger == SyncRun.Trigger.REBUILD


def test_a_rebuild_with_a_corrected_adapter_corrects_offers_and_loses_no_decision(
    history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, holds = served(), list(PriceHold.objects.order_by("pk").values())
    correct_names(monkeypatch)

    manage("rebuild", "chutes")

    assert served() == {
        model_id: row | ({} if row["withdrawn_at"] else {"name": "corrected"}) for model_id, row in before.items()
    }
    assert list(PriceHold.objects.order_by("pk").values()) == holds


def test_a_rebuild_again_and_again_counts_no_offer_as_missing_twice(fixtures_dir: Path, settings: Settings) -> None:
    settings.SYNC_WITHDRAW_AFTER_RUNS = 3
    sync_rows(fixtures_dir, ROWS)
    sync_rows(fixtures_dir, ROWS[:5])
    before = published()

    for _ in range(4):
        decisions.rebuild("chutes")

    assert published() == before
    assert Offer.objects.get(model_id=ROWS[5]["id"]).missed_runs == 1


def tamper_with_upstream() -> None:
    for offer in Offer.objects.filter(withdrawn_at=None):
        Offer.objects.filter(pk=offer.pk).update(upstream=offer.upstream.replace('"2.5"', '"0.01"'))


def tamper_with_fingerprints() -> None:
    Offer.objects.update(fingerprint="0" * 64)


def tamper_with_both() -> None:
    tamper_with_upstream()
    tamper_with_fingerprints()


def tamper_with_documents() -> None:
    for version in OfferVersion.objects.current().filter(offer__withdrawn_at=None):
        document = version.document.replace('"name":"Model"', '"name":"hacked"')
        OfferVersion.objects.filter(pk=version.pk).update(document=document)


def tamper_with_prices() -> None:
    Price.objects.open().update(amount="0.01")


def tamper_with_missing() -> None:
    Offer.objects.filter(withdrawn_at=None).update(withdrawn_at=timezone.now())


@pytest.mark.parametrize(
    "tamper",
    [
        tamper_with_upstream,
        tamper_with_fingerprints,
        tamper_with_both,
        tamper_with_documents,
        tamper_with_prices,
        tamper_with_missing,
    ],
)
def test_a_rebuild_mends_what_somebody_did_to_the_tables(tamper: Callable[[], None], history: Path) -> None:
    def answers() -> Json:
        prices = Price.objects.open().order_by("offer", "meter", "conditions_key")
        offers = Offer.objects.order_by("pk")
        return (
            published()[1],
            list(prices.values_list("offer", "meter", "conditions_key", "amount", "origin")),
            list(offers.values_list("pk", "upstream", "withdrawn_at")),
        )

    before = answers()
    tamper()

    decisions.rebuild("chutes")

    assert answers() == before


def test_a_rebuild_after_tampering_that_reached_no_document_makes_no_revision(history: Path) -> None:
    before = published()
    tamper_with_both()

    decisions.rebuild("chutes")

    assert published() == before


def test_a_rebuild_of_an_api_walks_its_pages_again_and_asks_nothing(shop_api: Network) -> None:
    shop_api.list_shop(ROWS[:3], ROWS[3:])
    sync("shop")
    before, asked = published(), len(shop_api.asked)
    shop_api.fail("shop", Unreachable("the line is dead"))

    report = decisions.rebuild("shop")

    assert (report.run.outcome, report.run.seen, published()) == (Outcome.UNCHANGED, 6, before)
    assert len(shop_api.asked) == asked


def test_after_a_rebuild_equal_bytes_are_equal_still(shop_api: Network) -> None:
    shop_api.list_shop(ROWS[:3], ROWS[3:])
    sync("shop")
    decisions.rebuild("shop")

    assert sync("shop").is_equal_to_accepted


def test_a_rebuild_is_no_news_of_the_gateway(shop_api: Network) -> None:
    shop_api.list_shop(ROWS)
    sync("shop")
    Gateway.objects.update(failures=2)
    before = Gateway.objects.get()

    decisions.rebuild("shop")

    after = Gateway.objects.get()
    assert (after.failures, after.next_run_at, after.last_success_at) == (2, before.next_run_at, before.last_success_at)


def test_a_rebuild_that_fails_is_no_failure_of_the_gateway(shop_api: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    shop_api.list_shop(ROWS)
    sync("shop")
    before, documents_before = Gateway.objects.get(), published()
    monkeypatch.setattr(Shop, "walk", Chutes.walk)  # the adapter now sends other requests

    with pytest.raises(CommandError, match=r"^shop: the captures have no answer to /chutes/$"):
        manage("rebuild", "shop")

    after = Gateway.objects.get()
    assert published() == documents_before
    assert (after.accepted_run, after.failures, after.next_run_at) == (before.accepted_run, 0, before.next_run_at)


def test_what_was_never_accepted_cannot_be_rebuilt(fixtures_dir: Path) -> None:
    sync_rows(fixtures_dir, b"[]")

    with pytest.raises(CommandError, match="nothing of chutes was ever accepted"):
        manage("rebuild", "chutes")
    with pytest.raises(CommandError, match="nothing of openrouter was ever accepted"):
        manage("rebuild", "openrouter")
    assert manage("rebuild") == ""


def test_a_gateway_that_there_is_not_cannot_be_rebuilt(two_gateways: None) -> None:
    with pytest.raises(CommandError, match="unknown gateway acme; must be one of openrouter, chutes"):
        manage("rebuild", "acme")


# --- an earlier capture ----------------------------------------------------------------------------------------------


def sha_of(run: SyncRun, *, position: int = 1) -> str:
    return run.pages.get(position=position).capture.sha256


@pytest.mark.parametrize("length", [64, 12])
def test_an_earlier_capture_is_published_again_by_its_hash_or_the_beginning_of_it(
    length: int, fixtures_dir: Path
) -> None:
    first = sync_rows(fixtures_dir, [row | {"name": "first"} for row in ROWS]).run
    documents_then = published()[1]
    sync_rows(fixtures_dir, [row | {"name": "second"} for row in [*ROWS, chutes_row("b/new")]])

    manage("rebuild", "--capture", sha_of(first)[:length])

    documents_now = published()[1]
    assert {model_id: documents_now[model_id] for model_id in documents_then} == documents_then
    assert served()["b/new"]["withdrawn_at"]
    assert published()[0] == 3


@pytest.mark.parametrize("position", [1, 2])
def test_of_a_listing_of_several_pages_any_will_do(position: int, shop_api: Network) -> None:
    shop_api.list_shop([ROWS[0] | {"name": "first"}], [ROWS[1] | {"name": "first"}])
    first = sync("shop").run
    shop_api.list_shop([ROWS[0] | {"name": "second"}], [ROWS[1] | {"name": "second"}])
    sync("shop")

    manage("rebuild", "--capture", sha_of(first, position=position))

    assert {row["name"] for row in served().values()} == {"first"}


def test_a_capture_of_several_runs_means_the_newest_run(shop_api: Network) -> None:
    common = [ROWS[0]]
    shop_api.list_shop(common, [ROWS[1] | {"name": "first"}])
    sync("shop")
    shop_api.list_shop(common, [ROWS[1] | {"name": "second"}])
    second = sync("shop").run
    shop_api.list_shop([ROWS[0] | {"name": "other"}], [ROWS[1] | {"name": "third"}])
    sync("shop")

    manage("rebuild", "--capture", sha_of(second))

    assert [row["name"] for row in served().values()] == ["Model", "second"]


@pytest.mark.parametrize("sha256", ["f" * 64, "0", "zz", "%", "_"])
def test_a_hash_that_no_capture_has_is_refused(sha256: str, fixtures_dir: Path) -> None:
    run = sync_rows(fixtures_dir, ROWS).run
    before = stored()
    assert not sha_of(run).startswith(sha256)

    with pytest.raises(CommandError, match=f"^no capture begins with {sha256}$"):
        manage("rebuild", "--capture", sha256)

    assert stored() == before


def test_the_beginning_of_several_captures_is_refused(fixtures_dir: Path) -> None:
    first = sha_of(sync_rows(fixtures_dir, ROWS).run)[0]
    for number in range(200):
        if sha_of(sync_rows(fixtures_dir, [row | {"name": f"v{number}"} for row in ROWS]).run).startswith(first):
            break
    before = stored()

    with pytest.raises(CommandError, match=f"^several captures begin with {first}$"):
        manage("rebuild", "--capture", first)

    assert stored() == before


def test_no_hash_at_all_is_refused(fixtures_dir: Path) -> None:
    sync_rows(fixtures_dir, ROWS)

    with pytest.raises(CommandError):
        manage("rebuild", "--capture", "")

    assert SyncRun.objects.count() == 1
