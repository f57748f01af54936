"""Decisions at the desk about held prices and held runs: at once, with a reason, and by one person only."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.desk import run_views
from catalog.desk.roles import Role
from catalog.models import (
    CurationAction,
    OfferVersion,
    PriceHold,
    Revision,
    SyncRun,
)
from catalog.sync import decisions, guard, preview
from tests.catalog.desk.opened import heading, opened, superuser
from tests.catalog.desk.people import logged_in
from tests.catalog.syncing import published, served, sync_rows
from tests.factories import chutes_row, chutes_rows

pytestmark = pytest.mark.django_db

MARKUP = "<b onclick=alert(1)>moved</b>"
ROWS = chutes_rows(10)
State = PriceHold.State
Outcome = SyncRun.Outcome


@pytest.fixture
def prices(fixtures_dir: Path) -> list[PriceHold]:
    """Three held prices of Chutes, made by a sync."""
    sync_rows(fixtures_dir, ROWS)
    sync_rows(fixtures_dir, [*(row | {"pricing_per_hour": "99"} for row in ROWS[:3]), *ROWS[3:]])
    return list(PriceHold.objects.order_by("pk"))


@pytest.fixture
def held_run(fixtures_dir: Path) -> SyncRun:
    """A run without 4 of 10 offers, with a new one, another price and another name."""
    sync_rows(fixtures_dir, ROWS)
    changed = [ROWS[0] | {"pricing_per_hour": "3"}, ROWS[1] | {"name": MARKUP}, *ROWS[2:6]]
    return sync_rows(fixtures_dir, [*changed, chutes_row("maker/newcomer")]).run


# --- prices ----------------------------------------------------------------------------------------------------------
def test_13_all_marks_are_decided_in_one_revision_and_one_action(prices: list[PriceHold]) -> None:
    client, before = logged_in(Role.CURATOR), Revision.objects.newest().number
    one, two, three = prices
    marks = {f"hold-{one.pk}": "released", f"hold-{two.pk}": "discarded", f"hold-{three.pk}": "", "reason": "invoice"}

    answer = client.post("/admin/queues/prices/", marks, follow=True).content.decode()

    states = dict(PriceHold.objects.values_list("pk", "state"))
    assert states == {one.pk: State.RELEASED, two.pk: State.DISCARDED, three.pk: State.OPEN}
    assert Revision.objects.newest().number == before + 1
    action = CurationAction.objects.get()
    assert (action.kind, action.actor, action.reason, action.count) == ("prices", "curator", "invoice", 2)
    assert [served()[f"maker/model-0000{n}"]["pricing"]["hourly_rate"] for n in range(3)] == ["99.0", "2.5", "2.5"]
    assert f"2 held prices decided in revision {before + 1}: 1 released and 1 discarded." in answer
    assert heading(answer) == "1 held price"


def test_holds_that_somebody_decided_meanwhile_are_named_and_the_others_can_be_decided(
    prices: list[PriceHold],
) -> None:
    ben, ada = logged_in(Role.OPERATOR), logged_in(Role.CURATOR)
    one, two, _ = prices
    ben.post("/admin/queues/prices/", {f"hold-{one.pk}": "discarded"})
    before = published()

    answer = ada.post(
        "/admin/queues/prices/",
        {f"hold-{one.pk}": "released", f"hold-{two.pk}": "released", "reason": "an invoice"},
    )

    page = answer.content.decode()
    assert answer.status_code == 409
    assert heading(page) == "1 price was decided in the meantime."
    assert one.offer.model_id in page
    assert "by operator" in page
    assert published() == before
    fields = dict(re.findall(r'<input type="hidden" name="((?:hold|seen|reason)[^"]*)" value="([^"]*)"', page))
    assert fields == {f"hold-{two.pk}": "released", f"seen-{two.pk}": "open", "reason": "an invoice"}
    assert ada.post("/admin/queues/prices/", fields).status_code == 303
    assert PriceHold.objects.get(pk=two.pk).state == State.RELEASED
    assert PriceHold.objects.get(pk=one.pk).state == State.DISCARDED


@pytest.mark.parametrize(
    ("marks", "status"),
    [
        ({}, 303),
        ({"hold-x": "released", "hold-": "released", "hold-1": "open"}, 303),
        ({"hold-999999999999999": "released"}, 409),
        ({"hold-99999999999999999999": "released"}, 303),
        ({"hold-{pk}": "released", "reason": "a\0b"}, 400),
    ],
)
def test_marks_that_mean_nothing_change_nothing(prices: list[PriceHold], marks: dict[str, str], status: int) -> None:
    before = published()
    sent = {name.format(pk=prices[0].pk): value for name, value in marks.items()}

    assert logged_in(Role.CURATOR).post("/admin/queues/prices/", sent).status_code == status
    assert published() == before
    assert not PriceHold.objects.exclude(state=State.OPEN).exists()


def test_a_price_that_was_confirmed_by_repetition_can_be_taken_back(prices: list[PriceHold]) -> None:
    hold, client = prices[0], logged_in(Role.CURATOR)
    client.post("/admin/queues/prices/", {f"hold-{hold.pk}": "released"})
    PriceHold.objects.filter(pk=hold.pk).update(state=State.CONFIRMED, decided_by=None)

    page = opened(client, "/admin/queues/prices/decided/")
    taken = {f"hold-{hold.pk}": "discarded", f"seen-{hold.pk}": "confirmed"}
    client.post("/admin/queues/prices/decided/", taken)

    assert heading(page) == "1 decided price"
    assert f'name="seen-{hold.pk}" value="confirmed"' in page
    assert PriceHold.objects.get(pk=hold.pk).state == State.DISCARDED
    assert served()[hold.offer.model_id]["pricing"]["hourly_rate"] == "2.5"


def test_while_the_clock_is_wrong_nothing_is_decided_and_the_page_says_so(prices: list[PriceHold]) -> None:
    Revision.objects.update(published_at=timezone.now() + timedelta(days=1))

    answer = logged_in(Role.CURATOR).post("/admin/queues/prices/", {f"hold-{prices[0].pk}": "released"})

    assert answer.status_code == 503
    assert "Nothing was changed: the clock moved" in answer.content.decode()
    assert not PriceHold.objects.exclude(state=State.OPEN).exists()


# --- runs ------------------------------------------------------------------------------------------------------------
def test_12_a_held_run_shows_its_difference_by_kind_and_the_rule_with_its_setting(held_run: SyncRun) -> None:
    client = logged_in(Role.OPERATOR)

    listed, page = (opened(client, address) for address in ("/admin/queues/runs/", f"/admin/runs/{held_run.pk}/"))

    assert heading(listed) == "1 held run"
    for text in (listed, page):
        assert "4 of 10 known offers are missing, more than 30 %" in text
        assert "GUARD_MISSING_PERCENT" in text
    counts = {name: int(count) for name, count in re.findall(r"<dt>([\w ]+)</dt><dd[^>]*>(\d+)</dd>", page)}
    found = {name: counts[name] for name in ("missing", "new", "changed prices", "other changes", "stay as they are")}
    assert found == {"missing": 4, "new": 1, "changed prices": 1, "other changes": 1, "stay as they are": 4}
    assert "maker/newcomer" in page
    assert "20% more" in page
    assert "&lt;b onclick" in page
    assert MARKUP not in page


def test_12_a_release_publishes_exactly_the_difference_and_says_who_and_why(held_run: SyncRun) -> None:
    before = Revision.objects.newest().number
    planned = {draft.offer.model_id for draft in _previewed(_fresh(held_run)).plan.drafts}

    answer = logged_in(Role.OPERATOR).post(
        f"/admin/runs/{held_run.pk}/", {"release": "1", "reason": "they closed these"}, follow=True
    )

    assert f"is released, in revision {before + 1}." in answer.content.decode()
    assert SyncRun.objects.get(pk=held_run.pk).outcome == Outcome.RELEASED
    changed = {version.offer.model_id for version in _versions(before + 1)}
    assert changed == planned
    action = CurationAction.objects.get()
    assert (action.kind, action.actor, action.reason) == ("run", "operator", "they closed these")
    page = opened(logged_in(Role.VIEWER), f"/admin/runs/{held_run.pk}/")
    assert "operator released it on" in page
    assert "they closed these" in page


def test_12_a_discard_keeps_what_is_published(held_run: SyncRun) -> None:
    before = published()

    logged_in(Role.OPERATOR).post(f"/admin/runs/{held_run.pk}/", {"discard": "1", "reason": "an outage"})

    assert SyncRun.objects.get(pk=held_run.pk).outcome == Outcome.DISCARDED
    assert published() == before
    assert CurationAction.objects.get().reason == "an outage"


@pytest.mark.parametrize("button", ["release", "discard"])
def test_12_a_run_that_was_decided_meanwhile_is_a_page_that_says_by_whom(held_run: SyncRun, button: str) -> None:
    first, second = logged_in(Role.OPERATOR), superuser()
    first.post(f"/admin/runs/{held_run.pk}/", {"discard": "1", "reason": "an outage"})
    before = published()

    answer = second.post(f"/admin/runs/{held_run.pk}/", {button: "1", "reason": "it is right"})

    page = answer.content.decode()
    assert answer.status_code == 409
    assert f"Run {held_run.pk} of Chutes was decided in the meantime" in page
    assert "operator discarded it on" in page
    assert published() == before


def test_12_two_releases_at_once_publish_once(held_run: SyncRun) -> None:
    stale = _fresh(held_run)
    decisions.release(_fresh(held_run), author=None)
    before = published()

    with pytest.raises(decisions.NothingToDecide):
        decisions.release(stale, author=None)

    assert published() == before
    assert SyncRun.objects.filter(trigger="release").count() == 1


def test_a_run_that_a_newer_one_has_overtaken_is_a_page_that_names_it(held_run: SyncRun, fixtures_dir: Path) -> None:
    newer = sync_rows(fixtures_dir, ROWS).run

    answer = logged_in(Role.OPERATOR).post(f"/admin/runs/{held_run.pk}/", {"release": "1", "reason": "right"})

    assert answer.status_code == 409
    assert f"A newer run has read Chutes since then (run {newer.pk})" in answer.content.decode()


def test_a_run_that_ended_after_the_page_was_shown_must_be_seen_first(held_run: SyncRun, fixtures_dir: Path) -> None:
    client = logged_in(Role.OPERATOR)
    seen = re.search(r'name="newest" value="(\d+)"', opened(client, f"/admin/runs/{held_run.pk}/"))
    assert seen is not None
    newer = sync_rows(fixtures_dir, ROWS[:2]).run
    assert newer.outcome == Outcome.HELD

    sent = {"release": "1", "reason": "right", "newest": seen[1]}
    refused = client.post(f"/admin/runs/{held_run.pk}/", sent)
    again = client.post(f"/admin/runs/{held_run.pk}/", sent | {"newest": str(newer.pk)})

    assert refused.status_code == 409
    assert f"Run {newer.pk} has read Chutes" in refused.content.decode()
    assert again.status_code == 303


@pytest.mark.parametrize("reason", ["", "  ", "a\0b"])
def test_a_decision_about_a_run_requires_a_reason(held_run: SyncRun, reason: str) -> None:
    answer = logged_in(Role.OPERATOR).post(f"/admin/runs/{held_run.pk}/", {"release": "1", "reason": reason})

    assert answer.status_code == 400
    assert "A reason is required" in answer.content.decode()
    assert SyncRun.objects.get(pk=held_run.pk).outcome == Outcome.HELD


def test_a_difference_that_cannot_be_made_leaves_a_page_that_says_why(fixtures_dir: Path) -> None:
    sync_rows(fixtures_dir, ROWS)
    held = sync_rows(fixtures_dir, b"[]").run
    client = logged_in(Role.OPERATOR)

    page = opened(client, f"/admin/runs/{held.pk}/")
    answer = client.post(f"/admin/runs/{held.pk}/", {"release": "1", "reason": "right"})

    assert "It cannot be shown: its listing is empty." in page
    assert answer.status_code == 409
    assert "Nothing was published: the listing is empty" in answer.content.decode()
    with pytest.raises(preview.NoPreview, match="longer than"):
        preview.preview_of(_held_again(fixtures_dir), seconds=-1, most_gone=50)


def test_a_preview_writes_nothing_and_takes_no_lease(held_run: SyncRun) -> None:
    with CaptureQueriesContext(connection) as queries:
        _previewed(_fresh(held_run))

    assert not [each["sql"] for each in queries if re.match(r"(INSERT|UPDATE|DELETE|.*FOR UPDATE)", each["sql"])]


@pytest.mark.parametrize(
    ("error", "limits"),
    [
        ("4 of 10 known offers are missing, more than 30 %", ["missing_percent"]),
        ("5 of 15 rows were rejected, more than 20 %; 4 of 9 known offers are missing, more than 30 %",
         ["rejected_percent", "missing_percent"]),
        ("9 of 10 offers with a price have none any more, more than 30 %", ["missing_percent"]),
        ("the listing is empty; an empty answer is never taken for an empty catalogue", []),
    ],
)  # fmt: skip
def test_the_limit_of_a_reason_is_found(error: str, limits: list[str]) -> None:
    assert guard.limits_in(error) == limits


def test_every_outcome_has_a_sign() -> None:
    assert set(run_views.STATES) == set(Outcome.values)


def test_the_overview_counts_what_the_queues_have(prices: list[PriceHold]) -> None:
    client = logged_in(Role.VIEWER)

    page = opened(client, "/admin/queues/")

    found = dict(re.findall(r'<a href="([^"]+)"[^>]*><span class="count">(\d+)</span>', page))
    assert found["/admin/queues/prices/"] == "3"
    for address, count in found.items():
        assert heading(opened(client, address)).partition(" ")[0] in {count, "0"}


def _previewed(run: SyncRun) -> preview.Preview:
    return preview.preview_of(run, seconds=60, most_gone=50)


def _fresh(run: SyncRun) -> SyncRun:
    return SyncRun.objects.select_related("gateway__accepted_run").get(pk=run.pk)


def _held_again(folder: Path) -> SyncRun:
    return _fresh(sync_rows(folder, ROWS[:2]).run)


def _versions(revision: int) -> list[Any]:
    changed = OfferVersion.objects.filter(from_revision=revision).select_related("offer")
    return list(changed)
