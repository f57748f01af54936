"""Lists that are ordered by popularity. Numbers refer to the acceptance list of the research."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping

import pytest
import time_machine
from django.db import connections

from catalog.memory import following
from catalog.memory.following import Follower
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from tests.front.web import Web
from tests.usage.stored import QWEN, R1, V3, store
from usage import ranking
from usage.models import RankedDay
from usage.ranking import DAY_SECONDS, DailyScores
from usage.router import alias

pytestmark = [pytest.mark.django_db(databases="__all__"), pytest.mark.usefixtures("one_connection")]


def slugs(snapshot: Snapshot, *, limit: int = 1_000_000) -> list[str]:
    rows = Selection.of(snapshot).sorted_by("popular").page(offset=0, limit=limit)
    found = [row.identity.model if row.identity else "" for row in rows]
    return [*dict.fromkeys(found)]


def test_lists_and_pages_take_the_order_and_equal_models_stay_in_theirs(bundled: Snapshot) -> None:
    following.FOLLOWER.snapshot = bundled.with_popularity({QWEN: 5.0, R1: 7.5, V3: 5.0})

    in_api = [row["canonical_model"] for row in Web().ask("/catalog/models", "sort=popular&limit=40").json["data"]]
    page = Web().ask("/", "sort=popular").body.decode()

    assert [*dict.fromkeys(in_api)][:3] == [R1, QWEN, V3]
    places = [page.find(f'href="/models/{model}"') for model in (R1, QWEN, V3)]
    assert all(place > 0 for place in places)
    assert places == sorted(places)
    assert "most asked for first" in page
    assert 'href="/?sort=popular"' in page


def test_without_counts_the_order_is_that_of_ids(bundled: Snapshot) -> None:
    ordered, plain = (Web().ask("/catalog/models", f"sort={sort}&limit=30").json["data"] for sort in ("popular", "id"))

    assert ordered == plain
    assert re.match("40", Web().ask("/catalog/models", "sort=-popular").status)


def test_every_offer_is_in_the_order_once_and_pages_follow_each_other(bundled: Snapshot) -> None:
    snapshot = bundled.with_popularity({QWEN: 5.0, R1: 7.5})
    selection = Selection.of(snapshot).of_gateway("openrouter").sorted_by("popular")

    whole = [*selection.positions]
    pages = [row.id for start in range(0, len(whole), 7) for row in selection.page(offset=start, limit=7)]

    assert sorted(whole) == [*selection.members]
    assert pages == [snapshot.index.rows[position].id for position in whole]


def test_15_new_scores_need_no_revision_and_the_same_ones_keep_the_cached_answers(
    bundled: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = Follower(keys=following.FOLLOWER.keys, snapshot=bundled)
    given: list[Mapping[str, float]] = [{R1: 1.0}]
    follower.read_scores = lambda: given[0]

    follower._refresh_sellers(follower.current())
    ranked = follower.current()
    follower._refresh_sellers(ranked)

    assert (ranked.revision, ranked.index) == (bundled.revision, bundled.index)
    assert slugs(ranked, limit=1) == [R1]
    assert follower.current() is ranked, "nothing changed, so no cached answer is dropped"
    given[0] = {QWEN: 1.0}
    follower._refresh_sellers(ranked)
    assert slugs(follower.current(), limit=1) == [QWEN]


def test_the_scores_of_a_day_are_decided_once_for_all_processes() -> None:
    store({R1: 10, QWEN: 4}, ago=1)
    first = DailyScores()()

    store({QWEN: 1_000}, ago=2)

    assert first == DailyScores()() == {R1: 10.0}
    assert RankedDay.objects.count() == 1


def test_a_day_counts_half_as_much_as_one_a_week_later() -> None:
    store({R1: 100}, ago=1)
    store({QWEN: 150}, ago=8)

    assert ranking.scores() == {R1: 100.0, QWEN: 75.0}


def test_14_a_clock_that_is_set_back_and_forward_reads_the_scores_of_its_day() -> None:
    store({R1: 10}, ago=1)
    day, daily = ranking.present_day(), DailyScores()
    assert daily() == {R1: 10.0}

    for shift in (-2, 0, 2):
        moment = (day + shift) * DAY_SECONDS + ranking.SETTLING_SECONDS + 60
        with time_machine.travel(moment, tick=False):
            daily._due_at = 0.0
            found = daily()
        assert found == ({} if shift < 0 else {R1: 10.0 if not shift else 8.203})


def test_a_database_that_fails_keeps_the_order_of_yesterday(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store({R1: 10}, ago=1)
    daily = DailyScores()
    daily()
    daily._day -= 1
    daily._due_at = 0.0

    def fail() -> Mapping[str, float]:
        raise OSError("down")

    monkeypatch.setattr(ranking, "scores", fail)
    monkeypatch.setattr(connections[alias()], "close", lambda: None)
    with caplog.at_level(logging.WARNING):
        assert [daily() for _ in range(3)] == [{R1: 10.0}] * 3

    assert len(caplog.records) == 1, "tried again a minute later"
