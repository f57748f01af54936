"""The front page of the desk: every count equals SQL, is one indexed query, and leads to as many rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from catalog.curation import holds
from catalog.desk import feeds, questions, syncing, waiting
from catalog.desk.roles import Role
from catalog.memory.snapshot import Snapshot
from catalog.models import (
    CanonicalModel,
    CurationAction,
    Gateway,
    IdentityCandidate,
    Offer,
    Override,
    PriceHold,
    SyncRun,
    freshness,
)
from catalog.models.patience import Busy
from catalog.sync import schedule
from tests.catalog.desk.people import logged_in

pytestmark = pytest.mark.django_db

MARKUP = "<b>unknown</b> unit"
MOST_QUERIES = 25
NEWEST_RUNS = """
    SELECT CASE run.outcome WHEN 'unchanged' THEN gateway.accepted_run_id ELSE run.id END
    FROM catalog_gateway gateway JOIN catalog_syncrun run ON run.gateway_id = gateway.id
    WHERE run.started_at = (
        SELECT MAX(started_at) FROM catalog_syncrun newer
        WHERE newer.gateway_id = gateway.id AND newer.trigger IN ('schedule', 'command', 'request')
    )
"""
SQL = {
    "held run": "SELECT COUNT(*) FROM catalog_syncrun WHERE outcome = 'held'",
    "held price": "SELECT COUNT(*) FROM catalog_pricehold WHERE state = 'open'",
    "stale override": "SELECT COUNT(*) FROM catalog_override WHERE is_stale",
    "override that expires": "SELECT COUNT(*) FROM catalog_override WHERE field = 'name'",
    "ambiguous model": "SELECT COUNT(*) FROM catalog_identitycandidate",
    "rejected row": f"SELECT COUNT(*) FROM catalog_rejectedrow WHERE run_id IN ({NEWEST_RUNS})",  # noqa: S608
    "failing gateway": "SELECT COUNT(*) FROM catalog_gateway WHERE slug = 'portkey'",
}


@pytest.fixture
def waits(bundled: Snapshot) -> None:
    """Something of every kind waits, next to more that does not."""
    now = timezone.now()
    for number, outcome in enumerate(["held", "discarded", "held"]):
        _run("chutes", outcome, minutes=number + 1, error="62% of the offers are missing")
    for outcome, rows in (("published", 3), ("failed", 5)):
        run = _run("portkey", outcome, minutes=20 + rows)
        for position in range(rows):
            run.rejected_rows.create(position=position, reason=[MARKUP, "no id"][position % 2], raw='{"a": "<i>"}')
    accepted = Gateway.objects.get(slug="featherless").accepted_run
    assert accepted is not None
    accepted.rejected_rows.create(position=9, reason="no id", raw="{}")
    _run("featherless", "unchanged", minutes=30)
    hold = {"amount": "999", "first_amount": "999", "rule": "move", "reason": "it moved", "reported_since": now}
    for number, offer in enumerate(Offer.objects.order_by("pk")[:5]):
        state = "open" if number % 2 else "released"
        PriceHold.objects.create(offer=offer, meter="request", made_at=now, state=state, **hold)
    for number, offer in enumerate(Offer.objects.order_by("pk")[:6]):
        ends = {"field": "name" if number < 2 else "tags", "expires_at": now + timedelta(days=4 * (number + 1) - 3)}
        facts = {"reason": "as the vendor says", "value": {"value": "x"}, "made_at": now, "is_stale": number > 2}
        Override.objects.create(offer=offer, **ends, **facts)
    one, *others = CanonicalModel.objects.order_by("pk")[:3]
    for other in others:
        IdentityCandidate.objects.get_or_create(model=one, may_be=other, reason="equal_name", evidence="The same name.")


def _run(slug: str, outcome: str, *, minutes: int, **fields: Any) -> SyncRun:
    """Create a run that began so many minutes after now."""
    began = timezone.now() + timedelta(minutes=minutes)
    gateway = Gateway.objects.get(slug=slug)
    return SyncRun.objects.create(
        gateway=gateway, trigger="schedule", lease_token=9, started_at=began, outcome=outcome, **fields
    )


def _kinds() -> dict[str, waiting.Waiting]:
    return {kind.name: kind for kind in waiting.everything(feeds.feeds(), feeds.snapshot())}


def test_01_every_count_equals_sql(waits: None) -> None:
    kinds = _kinds()
    with connection.cursor() as cursor:
        for name, sql in SQL.items():
            cursor.execute(sql)
            assert kinds[name].count == cursor.fetchone()[0] > 0, name

    assert kinds["question about a price"].count == len(holds.open_questions()) > 0
    assert kinds["rejected row"].count == 6
    assert kinds["rejected row"].words == "3 reasons, Featherless and Portkey"


def test_01_every_count_leads_to_a_list_of_that_many(waits: None) -> None:
    client = logged_in(Role.VIEWER)
    page = client.get("/admin/").content.decode()
    shown = dict(re.findall(r'<a href="([^"]+)"[^>]*><span class="count">([\d,]+)</span>', page))

    for address, count in shown.items():
        listed = client.get(address.replace("&amp;", "&"))
        if address == "/admin/rejected/":
            assert f"<h1>{count} rejected rows</h1>" in listed.content.decode()
        elif "questions" in address:
            assert len(re.findall(r'href="/admin/catalog/offer/\d+/change/"', listed.content.decode())) == int(count)
        elif "gateway" not in address:
            assert listed.context["cl"].result_count == int(count), address
    assert len(shown) >= 6


def test_01_the_page_needs_few_queries_and_one_for_each_count(waits: None) -> None:
    client = logged_in(Role.CURATOR)
    with CaptureQueriesContext(connection) as first:
        client.get("/admin/")
    with CaptureQueriesContext(connection) as again:
        client.get("/admin/")
    gateways = feeds.feeds()
    counts: list[Callable[[], object]] = [waiting.held_runs, waiting.held_prices, waiting.price_questions]
    counts += [waiting.stale_overrides, waiting.ending_overrides, waiting.ambiguous_models]
    counts.append(partial(waiting.rejected_rows, gateways))
    for count in counts:
        with CaptureQueriesContext(connection) as queries:
            count()
        assert len(queries) == 1

    assert len(first) <= MOST_QUERIES
    assert len(again) <= 15


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="PostgreSQL scans tables that are as small as these")
def test_01_the_counts_use_indexes(waits: None) -> None:
    plans = {
        "held_runs": SyncRun.objects.filter(outcome="held").order_by("started_at").explain(),
        "open_holds": PriceHold.objects.waiting().explain(),
        "stale_overrides": Override.objects.stale().explain(),
        "ending_overrides": Override.objects.ended(now=timezone.now()).explain(),
    }
    with CaptureQueriesContext(connection) as queries, connection.cursor() as cursor:
        feeds.feeds()
        cursor.execute(f"EXPLAIN QUERY PLAN {queries[-1]['sql']}")
        plans["runs_of_gateway"] = str(cursor.fetchall())

    assert {index: index in plan for index, plan in plans.items()} == dict.fromkeys(plans, True)


def test_questions_are_computed_again_when_something_is_decided(waits: None) -> None:
    first, second = PriceHold.objects.waiting().order_by("pk")[:2]
    before = len(questions.open_questions())
    PriceHold.objects.filter(pk=first.pk).update(resets=10)
    assert len(questions.open_questions()) == before, "nothing was read or decided since"

    holds.decide_price_hold(second, state="discarded", author=None, now=timezone.now())

    assert len(questions.open_questions()) == before + 1


def test_upstream_text_is_text_and_what_is_not_there_is_zero_in_grey(waits: None) -> None:
    client = logged_in(Role.VIEWER)

    rejected, front = (client.get(path).content.decode() for path in ("/admin/rejected/", "/admin/"))

    assert "&lt;b&gt;unknown&lt;/b&gt; unit" in rejected
    assert "&lt;i&gt;" in rejected
    assert MARKUP not in rejected
    assert re.search(r'class="[^"]*zero"><span class="count">0<', front)


def test_a_gateway_has_the_state_that_the_public_page_shows(waits: None) -> None:
    now = timezone.now()
    _run("openrouter", "running", minutes=40)  # without a lease: its process is lost

    states = {each.gateway.slug: each for each in feeds.feeds()}

    for slug, feed in states.items():
        last = freshness.last_run_of(Gateway.objects.get(slug=slug), now=now)
        assert last is not None
        assert feed.last_run is not None
        assert (feed.last_run.pk, feed.last_run.outcome) == (last.pk, last.outcome)
    assert {slug: feed.state for slug, feed in states.items() if slug in {"openrouter", "portkey", "chutes"}} == {
        "openrouter": "failing",
        "portkey": "failing",
        "chutes": "held",
    }


@pytest.mark.parametrize(
    ("tags", "pairs"),
    [
        ({"multimodal", "multimodel", "vision"}, [("multimodal", "multimodel")]),
        ({"gpt-4", "gpt-5", "v2", "v3", "fp8", "fp6"}, []),
        ({"tools", "tool"}, [("tool", "tools")]),
        ({"hot", "hit", "a", "b"}, []),
    ],
)
def test_tags_that_differ_by_one_letter_look_alike(tags: set[str], pairs: list[tuple[str, str]]) -> None:
    assert waiting.lookalikes(frozenset(tags)) == pairs


# --- sync now --------------------------------------------------------------------------------------------------------
def test_17_a_second_click_is_told_that_a_run_waits_and_a_third_that_it_reads(
    bundled: Snapshot, sent: list[str]
) -> None:
    client, address = logged_in(Role.OPERATOR), reverse("desk:sync", args=["chutes"])

    first = client.post(address, follow=True)
    second = client.post(address, follow=True)
    SyncRun.objects.waiting().update(outcome="running")
    Gateway.objects.filter(slug="chutes").update(lease_expires_at=timezone.now() + timedelta(minutes=1))
    third = client.post(address, follow=True)

    assert "Chutes: a run is requested." in first.content.decode()
    assert "Chutes: a run waits to begin already; another run was not requested." in second.content.decode()
    assert "Chutes: a run is reading already; another run was not requested." in third.content.decode()
    assert SyncRun.objects.filter(trigger="request").count() == len(sent) == 1
    action = CurationAction.objects.get()
    assert (action.kind, action.actor, action.items.get().subject) == ("sync", "operator", "chutes")


def test_17_a_script_gets_the_line_only_when_it_has_changed(bundled: Snapshot, sent: list[str]) -> None:
    client, address = logged_in(Role.OPERATOR), reverse("desk:sync", args=["chutes"])
    script = {"HX-Request": "true"}

    begun = client.post(address, headers=script).content.decode()
    seen = re.search(r'hx-get="([^"]+)"', begun)
    assert seen is not None
    assert client.get(seen[1], headers=script).status_code == 204
    SyncRun.objects.waiting().update(outcome="published", new=2, changed=1)
    ended = client.get(seen[1], headers=script).content.decode()

    assert begun.lstrip().startswith('<li id="gateway-chutes"')
    assert "The run has ended, published: 2 new, 1 changed, 0 withdrawn." in ended
    assert "hx-trigger" not in ended, "nothing is asked again"


def test_nothing_is_requested_while_the_gateway_is_being_published(
    bundled: Snapshot, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(slug: str, **_: object) -> None:
        raise Busy("something is being published just now")

    monkeypatch.setattr(schedule, "request_run", busy)

    page = logged_in(Role.OPERATOR).post(reverse("desk:sync", args=["chutes"]), follow=True).content.decode()

    assert "no run was requested: something is being published just now" in page
    assert sent == []


def test_an_unknown_gateway_is_a_page_that_names_the_known_ones(bundled: Snapshot) -> None:
    answer = logged_in(Role.VIEWER).get("/admin/sync/nope/")

    assert answer.status_code == 404
    assert "openrouter" in answer.content.decode()


def test_the_login_says_how_to_make_the_first_account(client: Client) -> None:
    assert "make admin" in client.get("/admin/login/").content.decode()
    User.objects.create_superuser("root")
    assert "make admin" not in client.get("/admin/login/").content.decode()


def test_the_last_run_has_words_for_every_outcome() -> None:
    for outcome in SyncRun.Outcome:
        run = SyncRun(outcome=outcome, new=1)
        feed = feeds.Feed(gateway=Gateway(slug="chutes"), runs=[run], active=None, last_run=run, state="fresh")
        assert syncing._ended(feed).startswith("The run has ended, ")
