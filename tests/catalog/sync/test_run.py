"""What a run publishes, what it does not change, and how it reports failures."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from celery.exceptions import SoftTimeLimitExceeded

from catalog.documents import rendering
from catalog.gateways.chutes import Chutes
from catalog.history import feed, versions
from catalog.models import Gateway, Offer, OfferVersion, Price, PriceHold, Provider, Revision, SyncRun
from catalog.sync import run
from tests.catalog.syncing import (
    SCHEDULE_AND_LEASE,
    WHAT_WAS_READ,
    Network,
    Shop,
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

MORNING = datetime(2100, 11, 22, 8, tzinfo=UTC)
# If one offer next to them is missing, it is believed to be gone: at most 30 % are missing.
OTHERS = [chutes_row("a/2"), chutes_row("a/3"), chutes_row("a/4")]


def counts(of: SyncRun) -> dict[str, int]:
    names = ("seen", "new", "changed", "unchanged", "withdrawn", "rejected")
    return {name: getattr(of, name) for name in names if getattr(of, name)}


def periods(model_id: str) -> list[tuple[int, int | None]]:
    versions = OfferVersion.objects.filter(offer__model_id=model_id).order_by("from_revision")
    return list(versions.values_list("from_revision", "to_revision"))


# --- what is published -----------------------------------------------------------------------------------------------


def test_the_first_run_publishes_the_104_models_of_chutes_in_revision_1() -> None:
    report = sync()

    saved = SyncRun.objects.get()
    assert saved.pk == report.run.pk
    assert saved.outcome == Outcome.PUBLISHED
    assert (saved.trigger, saved.source, saved.error) == ("command", "bundled", "")
    assert counts(saved) == {"seen": 104, "new": 104}
    assert (saved.revision_before, saved.revision_after) == (0, 1)
    assert saved.finished_at is not None
    revision, rows = published()
    assert (revision, len(rows)) == (1, 104)
    newest = Revision.objects.newest()
    assert (newest.new, newest.changed, newest.withdrawn, newest.author) == (104, 0, 0, None)
    assert set(OfferVersion.objects.values_list("from_revision", "to_revision")) == {(1, None)}


def test_a_second_run_writes_nothing_but_that_it_ran() -> None:
    sync()
    before = stored(leaving_out=("SyncRun", "RunCount", "RunPage", *SCHEDULE_AND_LEASE))

    report = sync()

    assert stored(leaving_out=("SyncRun", "RunCount", "RunPage", *SCHEDULE_AND_LEASE)) == before
    assert report.run.outcome == Outcome.UNCHANGED
    assert counts(report.run) == {"seen": 104, "unchanged": 104}
    assert (report.run.revision_before, report.run.revision_after) == (1, 1)
    assert SyncRun.objects.count() == 2


def test_a_run_that_succeeds_frees_the_gateway_and_plans_the_next_one(fixtures_dir: Path) -> None:
    with time_machine.travel(MORNING, tick=False):
        sync_rows(fixtures_dir, [chutes_row()])

    gateway = Gateway.objects.get()
    assert gateway.last_success_at == MORNING
    assert gateway.next_run_at is not None
    assert MORNING < gateway.next_run_at <= MORNING + timedelta(hours=1)
    assert gateway.lease_expires_at is None


def test_a_changed_price_opens_one_new_version_in_which_nothing_else_changed(fixtures_dir: Path) -> None:
    sync_rows(fixtures_dir, [chutes_row("a/1", pricing_per_hour="2.50"), chutes_row("a/2")])

    report = sync_rows(fixtures_dir, [chutes_row("a/1", pricing_per_hour="3.00"), chutes_row("a/2")])

    assert counts(report.run) == {"seen": 2, "changed": 1, "unchanged": 1}
    assert periods("a/1") == [(1, 2), (2, None)]
    assert periods("a/2") == [(1, None)]
    versions = OfferVersion.objects.filter(offer__model_id="a/1").order_by("from_revision")
    before, after = (json.loads(version.document) for version in versions)
    assert {field for field in after if before[field] != after[field]} == {"description", "pricing"}
    assert (before["pricing"]["hourly_rate"], after["pricing"]["hourly_rate"]) == ("2.5", "3.0")
    assert served()["a/1"] == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"pricing_per_hour": 22', b'"pricing_per_hour": 22.00'),
        (b'"pricing_per_hour": 22', b'"pricing_per_hour": "2.2e1"'),
        (b'"id": "a/1"', b'"id": " a/1 "'),
        (b'"tags": ["x"]', b'"unheard_of": true, "tags": ["x", "x"]'),
    ],
)
def test_the_same_content_in_other_words_is_no_change(before: bytes, after: bytes, fixtures_dir: Path) -> None:
    row = b'[{"id": "a/1", "name": "m", "provider": "a", "type": "LLM", "pricing_per_hour": 22, "tags": ["x"]}]'
    sync_rows(fixtures_dir, row)

    report = sync_rows(fixtures_dir, row.replace(before, after))

    assert report.run.outcome == Outcome.UNCHANGED
    assert periods("a/1") == [(1, None)]


def test_the_order_of_the_rows_means_nothing(fixtures_dir: Path) -> None:
    sync_rows(fixtures_dir, chutes_rows(5))

    assert sync_rows(fixtures_dir, reversed(chutes_rows(5))).run.outcome == Outcome.UNCHANGED


def test_a_row_that_is_gone_is_withdrawn_and_keeps_its_last_record(fixtures_dir: Path) -> None:
    sync_rows(fixtures_dir, [chutes_row("a/1"), *OTHERS])

    with time_machine.travel(MORNING, tick=False):
        report = sync_rows(fixtures_dir, OTHERS)

    assert counts(report.run) == {"seen": 3, "withdrawn": 1, "unchanged": 3}
    assert periods("a/1") == [(1, 2), (2, None)]
    assert served()["a/1"]["withdrawn_at"] == "2100-11-22T08:00:00Z"
    assert served()["a/1"]["pricing"]["hourly_rate"] == "2.5"
    assert Offer.objects.get(model_id="a/1").withdrawn_at == MORNING


def test_a_row_that_stays_away_is_withdrawn_once(fixtures_dir: Path) -> None:
    sync_rows(fixtures_dir, [chutes_row("a/1"), *OTHERS])
    sync_rows(fixtures_dir, OTHERS)

    assert sync_rows(fixtures_dir, reversed(OTHERS)).run.outcome == Outcome.UNCHANGED


def test_a_row_that_comes_back_is_served_again_as_first_seen_before(fixtures_dir: Path) -> None:
    sync_rows(fixtures_dir, [chutes_row("a/1"), *OTHERS])
    first = served()["a/1"]
    sync_rows(fixtures_dir, OTHERS)

    with time_machine.travel(datetime.now(UTC) + timedelta(days=30), tick=False):
        report = sync_rows(fixtures_dir, [chutes_row("a/1"), *OTHERS])

    assert counts(report.run) == {"seen": 4, "changed": 1, "unchanged": 3}
    assert served()["a/1"] == first
    assert periods("a/1") == [(1, 2), (2, 3), (3, None)]
    assert Offer.objects.filter(model_id="a/1").count() == 1


def test_a_new_renderer_that_changes_no_document_moves_nothing(
    fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_rows(fixtures_dir, [chutes_row()])
    before = published()
    monkeypatch.setattr(rendering, "RENDERER", rendering.RENDERER + 1)

    report = sync()

    assert counts(report.run) == {"seen": 1, "unchanged": 1}
    assert published() == before


def test_a_new_renderer_renders_all_offers_in_one_revision_of_its_own(
    shop: Shop, fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_rows(fixtures_dir, [chutes_row("a/1"), chutes_row("a/2")])
    sync_rows(fixtures_dir, [chutes_row("b/1")], slug="shop")
    before = Revision.objects.newest().number
    monkeypatch.setattr(rendering, "RENDERER", rendering.RENDERER + 1)
    monkeypatch.setattr(rendering, "describe", lambda record, gateway_name: "in other words")

    report = sync()

    assert {row["description"] for row in served().values()} == {"in other words"}
    assert (report.run.outcome, Revision.objects.newest().number) == (SyncRun.Outcome.UNCHANGED, before + 1)
    page = feed.changes_after(versions.Position.after(before), until=before + 1, wanted=versions.Wanted(), limit=10)
    assert {(change.id, change.difference.kinds) for change in page.changes} == {
        (model_id, ("rendered",)) for model_id in ("a/1", "a/2", "b/1")
    }
    wanted = versions.Wanted(has_rendered=False)
    assert len(feed.newest_changes(until=before + 1, wanted=wanted, limit=10)) == 3
    assert sync("shop", source="bundled").run.outcome == SyncRun.Outcome.UNCHANGED
    assert Revision.objects.newest().number == before + 1


def test_a_start_renders_what_an_older_program_published(fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sync_rows(fixtures_dir, [chutes_row()])
    monkeypatch.setattr(rendering, "RENDERER", rendering.RENDERER + 1)
    monkeypatch.setattr(rendering, "describe", lambda record, gateway_name: "in other words")

    assert run.publish_bundled_if_nothing_is("chutes", trigger=SyncRun.Trigger.COMMAND) is None

    assert served()["maker/model"]["description"] == "in other words"


# --- rejected rows ---------------------------------------------------------------------------------------------------


def test_bad_rows_are_kept_with_their_reasons_and_the_good_ones_are_published(
    fixtures_dir: Path, credulous: None
) -> None:
    bad = [
        chutes_row("a/name", name="x" * 10_000),
        chutes_row("a/nul", name="a\x00b"),
        chutes_row("a/type", type="Teleportation"),
        chutes_row("a/tags", tags="hot"),
        chutes_row("a/good", name="again"),
        "no object",
    ]

    report = sync_rows(fixtures_dir, [chutes_row("a/good"), *bad])

    assert counts(report.run) == {"seen": 7, "new": 1, "rejected": 6}
    assert list(served()) == ["a/good"]
    kept = report.run.rejected_rows.order_by("position").values_list("position", "model_id", "reason")
    assert [(position, model_id, reason.split(":")[0].split(" ")[0]) for position, model_id, reason in kept] == [
        (2, "a/name", "name"),
        (3, "a/nul", "name"),
        (4, "a/type", "type"),
        (5, "a/tags", "tags"),
        (6, "a/good", "id"),
        (7, "", "must"),
    ]


@pytest.mark.parametrize("spelling", ["a/1", "  a/1\n"])
def test_a_rejected_row_of_a_known_offer_keeps_the_offer(spelling: str, fixtures_dir: Path, credulous: None) -> None:
    sync_rows(fixtures_dir, [chutes_row("a/1"), chutes_row("a/2"), chutes_row("a/3")])
    before = served()

    report = sync_rows(fixtures_dir, [chutes_row(spelling, type="Teleportation"), chutes_row("a/2")])

    assert counts(report.run) == {"seen": 2, "unchanged": 1, "withdrawn": 1, "rejected": 1}
    assert served()["a/1"] | {"stale_since": None} == before["a/1"]
    assert served()["a/1"]["stale_since"]
    assert served()["a/3"]["withdrawn_at"]


@pytest.mark.parametrize(
    "unnamed", [{}, 5, chutes_row(None), chutes_row(""), chutes_row("  "), chutes_row("a/\x001"), chutes_row("a/\x071")]
)
def test_while_a_rejected_row_may_be_any_offer_none_is_withdrawn(
    unnamed: Json, fixtures_dir: Path, credulous: None
) -> None:
    sync_rows(fixtures_dir, [chutes_row("a/1"), chutes_row("a/2")])
    before = published()

    report = sync_rows(fixtures_dir, [unnamed, chutes_row("a/2")])

    assert counts(report.run) == {"seen": 2, "unchanged": 1, "rejected": 1}
    assert published() == before


@pytest.mark.parametrize(
    "number",
    ["1e99999999999999999999", "1e999", "1" * 5_000, "NaN", "-Infinity", "[" * 900 + "]" * 900],
    ids=lambda number: number[:24],
)
def test_a_monstrous_value_spoils_its_own_price_alone(number: str, fixtures_dir: Path, credulous: None) -> None:
    good, bad = chutes_row("a/good"), chutes_row("a/bad", pricing_per_hour=0)
    write_listing(fixtures_dir, [good, bad])
    path = fixtures_dir / "chutes_catalog.json"
    path.write_text(path.read_text().replace('"pricing_per_hour": 0', f'"pricing_per_hour": {number}'))

    report = sync()

    assert counts(report.run) == {"seen": 2, "new": 2}
    assert served()["a/bad"]["price_status"] == "unknown"
    assert served()["a/bad"]["notes"][0].startswith("The price of hourly_rate is unknown: its amount must")


def test_a_provider_whose_key_is_longer_than_its_name_fails_no_run(fixtures_dir: Path) -> None:
    report = sync_rows(fixtures_dir, [chutes_row("a/1"), chutes_row("a/2", provider="ß" * 300)])

    assert report.run.error == ""
    assert "a/1" in served()


def test_two_spellings_of_a_provider_are_one_that_keeps_the_first(fixtures_dir: Path) -> None:
    sync_rows(fixtures_dir, [chutes_row("a/1", provider="Qwen")])

    sync_rows(fixtures_dir, [chutes_row("a/1", provider="Qwen"), chutes_row("a/2", provider="qwen")])

    assert list(Provider.objects.values_list("key", "slug")) == [("qwen", "Qwen")]
    assert {model_id: row["provider_slug"] for model_id, row in served().items()} == {"a/1": "Qwen", "a/2": "qwen"}


# --- failures --------------------------------------------------------------------------------------------------------


def raising(error: BaseException) -> Callable[..., None]:
    def raise_it(*args: object, **kwargs: object) -> None:
        raise error

    return raise_it


def lay_nothing(path: Path) -> None:
    path.unlink()


def lay_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def lay(content: bytes) -> Callable[[Path], None]:
    def overwrite(path: Path) -> None:
        path.write_bytes(content)

    return overwrite


@pytest.mark.parametrize(
    ("arrange", "error"),
    [
        (lay_nothing, "chutes_catalog.json cannot be read: No such file or directory"),
        (lay_folder, "chutes_catalog.json cannot be read: Is a directory"),
        (lay(b"<html>"), "chutes_catalog.json: is not JSON"),
        (lay(b"\xff\xfe"), "chutes_catalog.json: is not UTF-8 text"),
        (lay(b'{"data": []}'), "chutes_catalog.json: the bundled catalogue must be a list of rows"),
        (lay(b"[" * 2_001 + b"]" * 2_001), "chutes_catalog.json: is not a listing"),
        (lay(b"9" * 5_000), "chutes_catalog.json: the bundled catalogue must be a list of rows, not a number"),
    ],
    ids=["missing", "folder", "not JSON", "not UTF-8", "no list", "nested", "a number"],
)
def test_a_listing_that_cannot_be_read_fails_the_run_and_leaves_the_catalogue(
    arrange: Callable[[Path], None], error: str, fixtures_dir: Path
) -> None:
    sync_rows(fixtures_dir, chutes_rows(3))
    before = published()
    last_success_at = Gateway.objects.get().last_success_at
    arrange(fixtures_dir / "chutes_catalog.json")

    report = sync()

    assert report.has_failed
    saved = SyncRun.objects.latest("pk")
    assert saved.outcome == Outcome.FAILED
    assert saved.error.startswith(error)
    assert published() == before
    gateway = Gateway.objects.get()
    assert gateway.last_success_at == last_success_at
    assert gateway.lease_expires_at is None
    assert gateway.next_run_at is not None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[]", "the listing is empty"),
        (b'[{"id": "a/1"}, 5]', "2 of 2 rows were rejected"),
        (b'[{"id": "a/1"}, {"id": "maker/model-00001"}]', "2 of 2 rows were rejected"),
    ],
    ids=["empty", "no row can be used", "no row of a known offer can be used"],
)
def test_a_listing_with_nothing_usable_is_held_and_leaves_the_catalogue(
    content: bytes, reason: str, fixtures_dir: Path
) -> None:
    sync_rows(fixtures_dir, chutes_rows(3))
    before, last_success_at = published(), Gateway.objects.get().last_success_at

    report = sync_rows(fixtures_dir, content)

    assert report.has_failed
    saved = SyncRun.objects.latest("pk")
    assert saved.outcome == Outcome.HELD
    assert saved.error.startswith(reason)
    assert published() == before
    gateway = Gateway.objects.get()
    assert gateway.last_success_at == last_success_at
    assert gateway.lease_expires_at is None


@pytest.mark.parametrize("content", [b"<html>", b"[]"], ids=["after a failure", "after a hold"])
def test_the_next_good_listing_is_published(content: bytes, fixtures_dir: Path) -> None:
    sync_rows(fixtures_dir, content)

    assert sync_rows(fixtures_dir, chutes_rows(3)).run.outcome == Outcome.PUBLISHED


def test_an_api_that_gives_no_answer_fails_the_run_and_leaves_the_catalogue(
    fixtures_dir: Path, network: Network
) -> None:
    sync_rows(fixtures_dir, chutes_rows(1))
    before = published()

    report = sync(source="api")

    assert (report.run.outcome, report.run.source) == (Outcome.FAILED, "api")
    assert report.run.error == "chutes: nothing answers /chutes/"
    assert published() == before


def test_an_unexpected_exception_fails_the_run_loudly_and_frees_the_gateway(
    fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sync_rows(fixtures_dir, chutes_rows(2))
    before = published()
    monkeypatch.setattr(Chutes, "record", raising(RuntimeError("no such key")))

    with caplog.at_level(logging.ERROR):
        report = sync_rows(fixtures_dir, chutes_rows(3))

    assert report.has_failed
    saved = SyncRun.objects.latest("pk")
    assert (saved.outcome, saved.error) == (Outcome.FAILED, "unexpected RuntimeError: no such key")
    assert "The run of chutes failed unexpectedly" in caplog.text
    assert published() == before
    assert Gateway.objects.get().lease_expires_at is None


@pytest.mark.parametrize("message", ["a\x00b", "a\ud800b"], ids=ascii)
def test_an_exception_whose_words_no_database_can_store_is_recorded_nevertheless(
    message: str, fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, logger="catalog.sync.run")  # pytest-xdist cannot transfer a lone surrogate
    write_listing(fixtures_dir, chutes_rows(1))
    monkeypatch.setattr(Chutes, "record", raising(RuntimeError(message)))

    report = sync()

    assert report.has_failed
    assert SyncRun.objects.get().error.startswith("unexpected RuntimeError: a")


def test_a_run_that_takes_too_long_reports_it(fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Chutes, "record", raising(SoftTimeLimitExceeded()))

    report = sync_rows(fixtures_dir, chutes_rows(1))

    assert report.run.outcome == Outcome.FAILED
    assert report.run.error == "took longer than 900 seconds"


def test_a_run_that_is_interrupted_reports_it_and_frees_the_gateway(
    fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Chutes, "record", raising(KeyboardInterrupt()))

    with pytest.raises(KeyboardInterrupt):
        sync_rows(fixtures_dir, chutes_rows(1))

    saved = SyncRun.objects.get()
    assert (saved.outcome, saved.error) == (Outcome.FAILED, "interrupted")
    assert Gateway.objects.get().lease_expires_at is None


@pytest.mark.parametrize("table", [Offer, OfferVersion, Price, PriceHold, Revision, Provider])
def test_a_publication_that_fails_halfway_writes_nothing(table: type[Any], fixtures_dir: Path) -> None:
    sync_rows(fixtures_dir, chutes_rows(3))
    leaving_out = (*WHAT_WAS_READ, *SCHEDULE_AND_LEASE, "Gateway.failures")
    before = stored(leaving_out=leaving_out)

    method = "create" if table is Revision else "bulk_create"
    with pytest.MonkeyPatch.context() as patch:  # not the test's own: the changes of the fixtures must stay
        patch.setattr(table.objects, method, raising(OSError("the disk is full")))
        renamed = chutes_rows(3, name="renamed", pricing_per_hour="9999")
        report = sync_rows(fixtures_dir, [chutes_row("b/new", provider="b"), *renamed])

    assert report.run.error == "unexpected OSError: the disk is full"
    assert stored(leaving_out=leaving_out) == before


# --- dry runs --------------------------------------------------------------------------------------------------------


def test_a_dry_run_writes_nothing_and_counts_what_a_run_would_do(fixtures_dir: Path) -> None:
    sync_rows(fixtures_dir, [chutes_row("a/1"), *OTHERS])
    changed = [chutes_row("a/1", name="renamed"), *OTHERS[:2], chutes_row("a/5"), chutes_row("a/6", type="?")]
    write_listing(fixtures_dir, changed)
    lease = ("Gateway.lease_token", "Gateway.lease_expires_at")
    before = stored(leaving_out=lease)

    report = sync(dry_run=True)

    assert stored(leaving_out=lease) == before
    assert (
        counts(report.run)
        == counts(sync().run)
        == {
            "seen": 5,
            "new": 1,
            "changed": 1,
            "unchanged": 2,
            "withdrawn": 1,
            "rejected": 1,
        }
    )
    assert [rejection.model_id for rejection in report.rejections] == ["a/6"]


def test_a_dry_run_on_an_empty_catalogue_publishes_nothing() -> None:
    report = sync(dry_run=True)

    assert counts(report.run) == {"seen": 104, "new": 104}
    assert published() == (0, {})
    assert not SyncRun.objects.exists()
    assert not Offer.objects.exists()


def test_a_dry_run_that_fails_is_not_recorded_either(fixtures_dir: Path) -> None:
    report = sync(dry_run=True)

    assert report.has_failed
    assert not SyncRun.objects.exists()
    assert Gateway.objects.get().next_run_at is None


def test_a_run_reports_its_progress() -> None:
    lines: list[str] = []

    run.run_gateway("chutes", trigger=SyncRun.Trigger.COMMAND, say=lines.append)

    assert lines == [
        "Chutes.ai: reading the bundled catalogue",
        "Chutes.ai: checking 104 rows",
        "Chutes.ai: comparing and publishing",
    ]
