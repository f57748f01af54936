"""Observed availability: it replaces that of the record, and goes out with a listing, or alone once an hour."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone

from catalog.memory import following
from catalog.models import Observation, OfferVersion, Revision, SyncRun
from catalog.publication import availability, listeners, observed
from catalog.publication.availability import INTERVAL
from catalog.publication.listeners import Statement
from catalog.publication.observed import ObservedState
from catalog.records import Availability
from catalog.sync import decisions
from tests.catalog.api.reading import read
from tests.catalog.syncing import Network, published, say_price, served, stored, sync, sync_rows
from tests.factories import chutes_row, offer_record, publish

Json = Any

pytestmark = pytest.mark.django_db

START = datetime(2100, 11, 22, 8, tzinfo=UTC)
ONLINE, COLD, OFFLINE = Availability.ONLINE, Availability.COLD, Availability.OFFLINE
WHAT_WAS_READ = ("SyncRun", "RunCount", "RunPage", "Capture", "Gateway")


def deployment(model_id: str, *, hot: bool | None, **fields: Json) -> Json:
    """A row of the shop, of the kind that states availability."""
    return {"chute": {"name": model_id, "public": True, "hot": hot, **fields}, "llm": None}


def deployments(*, hot: bool | None, **fields: Json) -> list[Json]:
    return [deployment(f"a/{number}", hot=hot, **fields) for number in range(1, 6)]


def observe(states: Mapping[str, Availability], *, gateway: str = "chutes", since: datetime = START) -> int:
    return observed.observe(
        {(gateway, key): ObservedState(availability=state, since=since) for key, state in states.items()}
    )


def states_served() -> dict[str, str]:
    return {key: document["availability"] for key, document in served().items()}


# --- a sync ----------------------------------------------------------------------------------------------------------


def test_17_a_sync_with_only_flips_is_unchanged_and_they_are_stated(
    shop_api: Network, statements: list[Statement]
) -> None:
    shop_api.list_shop(deployments(hot=True))
    first = sync("shop").run
    before = stored(leaving_out=WHAT_WAS_READ)
    shop_api.list_shop(deployments(hot=False))

    flipped = sync("shop").run

    assert stored(leaving_out=WHAT_WAS_READ) == before
    assert (first.outcome, flipped.outcome) == (SyncRun.Outcome.PUBLISHED, SyncRun.Outcome.UNCHANGED)
    assert flipped.revision_after == flipped.revision_before == 1
    assert set(states_served().values()) == {ONLINE}, "a new offer begins with what its listing states"
    assert [set(each.states.values()) for each in statements] == [{ONLINE}, {COLD}]
    assert {each.gateway for each in statements} == {"shop"}
    assert statements[1].states.keys() == served().keys()


def test_equal_bytes_state_what_they_stated_before_and_later(shop_api: Network, statements: list[Statement]) -> None:
    shop_api.list_shop([*deployments(hot=True), deployment("a/6", hot=None), {"chute": 5, "llm": None}])
    sync("shop")

    sync("shop")

    assert statements[0].states == statements[1].states == {f"a/{number}": ONLINE for number in range(1, 6)}
    assert statements[0].at < statements[1].at


def test_only_a_present_listing_that_is_accepted_states_anything(
    shop_api: Network, statements: list[Statement], fixtures_dir: Any
) -> None:
    sync_rows(fixtures_dir, [chutes_row()])
    shop_api.list_shop(deployments(hot=True))
    sync("shop", dry_run=True)
    assert statements == []
    sync("shop")
    statements.clear()

    decisions.rebuild("shop")
    shop_api.list_shop(deployments(hot=True)[:1])
    held = sync("shop").run

    assert held.outcome == SyncRun.Outcome.HELD
    assert statements == []


def test_a_listener_that_fails_fails_no_run(
    shop_api: Network, statements: list[Statement], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(statement: Statement) -> None:
        raise RuntimeError("no")

    listeners.LISTENERS.insert(0, fail)
    shop_api.list_shop(deployments(hot=True))

    with caplog.at_level(logging.ERROR):
        report = sync("shop")

    assert report.run.outcome == SyncRun.Outcome.PUBLISHED
    assert len(statements) == 1
    assert "What shop states of availability was not taken" in caplog.text


@pytest.mark.usefixtures("unwatched")
def test_while_nobody_watches_availability_is_what_the_adapter_read(shop_api: Network) -> None:
    shop_api.list_shop(deployments(hot=True))
    sync("shop")
    observe({"a/1": OFFLINE}, gateway="shop")
    shop_api.list_shop(deployments(hot=False))

    flipped = sync("shop").run

    assert flipped.changed == 5
    assert set(states_served().values()) == {COLD}
    assert availability.publish_observed(at_once={"shop"}).offers == 0


def test_whoever_begins_to_watch_changes_no_document(shop_api: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "LISTENERS", [])
    shop_api.list_shop(deployments(hot=True))
    sync("shop")
    before = published()

    monkeypatch.setattr(listeners, "LISTENERS", [lambda statement: None])
    decisions.rebuild("shop")
    watched = sync("shop").run

    assert published() == before
    assert watched.outcome == SyncRun.Outcome.UNCHANGED
    assert set(Observation.objects.values_list("availability", "served")) == {(ONLINE, ONLINE)}


# --- what is laid over -----------------------------------------------------------------------------------------------


def test_17_a_rebuild_reproduces_documents_with_observations_byte_for_byte(
    shop_api: Network, statements: list[Statement]
) -> None:
    shop_api.list_shop(deployments(hot=True))
    sync("shop")
    observe({"a/1": OFFLINE, "a/2": COLD}, gateway="shop")
    availability.publish_observed()
    observe({"a/2": ONLINE, "a/3": OFFLINE}, gateway="shop")  # which is not served yet
    before, versions = published(), OfferVersion.objects.count()

    report = decisions.rebuild("shop")

    assert not report.has_failed
    assert published() == before
    assert OfferVersion.objects.count() == versions
    assert states_served() == {"a/1": OFFLINE, "a/2": COLD, "a/3": ONLINE, "a/4": ONLINE, "a/5": ONLINE}


def test_settled_states_go_out_with_the_next_listing_of_their_gateway_and_with_no_decision(
    shop_api: Network, statements: list[Statement], fixtures_dir: Any
) -> None:
    shop_api.list_shop(deployments(hot=True))
    sync("shop")
    sync_rows(fixtures_dir, [chutes_row("b/1")])
    observe({"a/1": COLD, "a/2": OFFLINE}, gateway="shop")
    observe({"b/1": OFFLINE})

    say_price("a/1", "3")
    assert set(states_served().values()) == {ONLINE, "unknown"}
    shop_api.list_shop([deployment("a/1", hot=True, tagline="New words."), *deployments(hot=True)[1:]])
    run = sync("shop").run

    assert states_served() == {
        "a/1": COLD, "a/2": OFFLINE, "a/3": ONLINE, "a/4": ONLINE, "a/5": ONLINE, "b/1": "unknown"
    }  # fmt: skip
    newest = Revision.objects.newest()
    assert (run.changed, newest.changed, newest.is_observed) == (1, 2, False)
    assert observed.gateways_unserved() == {"chutes"}


def test_a_withdrawn_offer_is_published_by_no_state_and_returns_with_the_newest(statements: list[Statement]) -> None:
    publish(offer_record("a/1"), offer_record("a/2"))
    publish(offer_record("a/1"))
    gone = published()

    assert observe({"a/2": OFFLINE, "a/3": OFFLINE}) == 1, "an offer that the catalogue does not have is left out"
    assert availability.publish_observed(at_once={"chutes"}).offers == 0
    assert published() == gone
    publish(offer_record("a/1"), offer_record("a/2"))

    assert states_served() == {"a/1": "unknown", "a/2": OFFLINE}


# --- by itself -------------------------------------------------------------------------------------------------------


def test_16_500_settled_changes_are_one_revision_and_one_kind_of_change(
    client: Client, statements: list[Statement]
) -> None:
    ids = [f"a/{number}" for number in range(500)]
    publish(*map(offer_record, ids))
    observe(dict.fromkeys(ids, COLD))

    done = availability.publish_observed()
    following.FOLLOWER.refresh()

    assert (done.offers, done.revision_before, done.revision_after) == (500, 1, 2)
    newest = Revision.objects.newest()
    assert (newest.number, newest.changed, newest.is_observed, newest.is_curated) == (2, 500, True, False)
    for query in ("", "&kind=availability", "&kind=availability,added"):
        changes = read(client, f"/catalog/changes?since_revision=1&limit=1000{query}")["data"]
        assert {change["id"] for change in changes} == set(ids)
        assert {tuple(change["kinds"]) for change in changes} == {("availability",)}
        assert changes[0]["before"] == {"availability": "unknown"}
        assert changes[0]["after"] == {"availability": "cold"}
    assert read(client, "/catalog/changes?since_revision=1&kind=repriced,changed")["data"] == []
    atom, chosen = (
        client.get(f"/catalog/changes.atom?limit=1000{query}").content for query in ("", "&kind=availability")
    )
    assert (atom.count(b"<entry>"), atom.count(b"another availability")) == (500, 0)
    assert (chosen.count(b"<entry>"), chosen.count(b"another availability")) == (500, 500)
    assert b"another availability" not in client.get("/changes").content


def test_15_without_a_settled_change_no_revision_and_no_kept_answer_changes(
    client: Client, statements: list[Statement]
) -> None:
    publish(offer_record("a/1"), offer_record("a/2"))
    observe({"a/1": COLD})
    availability.publish_observed()
    following.FOLLOWER.refresh()
    before, snapshot, answer = stored(), following.FOLLOWER.snapshot, client.get("/catalog/models").content

    assert observe({"a/1": COLD}) == 0
    assert availability.publish_observed(at_once={"chutes"}).offers == 0
    assert observe({"a/1": COLD}, since=START + timedelta(minutes=1)) == 1, "a new time is stored, and not served"
    done = availability.publish_observed(at_once={"chutes"})
    following.FOLLOWER.refresh()

    assert done.revision_after == done.revision_before == 2
    assert stored(leaving_out=["Observation"]) == {key: rows for key, rows in before.items() if key != "Observation"}
    assert following.FOLLOWER.snapshot is snapshot, "the answers that are kept, and their ETags, belong to it"
    assert client.get("/catalog/models").content == answer


def test_alone_at_most_once_an_hour_and_at_once_for_a_gateway_that_is_out(statements: list[Statement]) -> None:
    with time_machine.travel(START, tick=False) as clock:
        publish(offer_record("a/1"))
        publish(offer_record("b/1"), gateway="openrouter")
        observe({"a/1": COLD})
        first = availability.publish_observed()
        observe({"a/1": ONLINE})
        observe({"b/1": COLD}, gateway="openrouter")

        clock.shift(INTERVAL - timedelta(seconds=1))
        too_soon = availability.publish_observed(at_once={"portkey"})
        clock.shift(timedelta(seconds=1))
        second = availability.publish_observed()
        observe({"a/1": COLD})
        observe({"b/1": OFFLINE}, gateway="openrouter")
        out = availability.publish_observed(at_once={"openrouter"})

    assert [done.offers for done in (first, too_soon, second, out)] == [1, 0, 2, 2]
    assert list(Revision.objects.filter(is_observed=True).values_list("gateway__slug", flat=True)) == [
        "chutes", None, None
    ]  # fmt: skip
    assert states_served() == {"a/1": COLD, "b/1": OFFLINE}


@pytest.mark.django_db(transaction=True)
def test_whoever_publishes_at_once_documents_have_what_is_noted_as_served(statements: list[Statement]) -> None:
    ids = [f"a/{number}" for number in range(4)]
    publish(*map(offer_record, ids))
    raised: list[BaseException] = []

    def repeat(action: Callable[[int], object]) -> None:
        try:
            for number in range(6):
                action(number)
        except BaseException as error:
            raised.append(error)
        finally:
            connection.close()

    actions: list[Callable[[int], object]] = [
        lambda number: observe(dict.fromkeys(ids[number % 3 :], [ONLINE, COLD, OFFLINE][number % 3])),
        lambda number: observe({ids[-1]: COLD, ids[0]: ONLINE}, since=timezone.now()),
        lambda number: availability.publish_observed(at_once={"chutes"}),
        lambda number: availability.publish_observed(at_once={"chutes"}),
        lambda number: publish(*(offer_record(key, name=f"Name {number}") for key in ids)),
    ]
    threads = [threading.Thread(target=repeat, args=[action]) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    noted = dict(Observation.objects.values_list("offer__model_id", "served"))

    assert raised == []
    assert states_served() == noted
    availability.publish_observed(at_once={"chutes"})
    assert states_served() == dict(Observation.objects.values_list("offer__model_id", "availability"))
    assert observed.gateways_unserved() == frozenset()
