"""The feed of changes: in order, without a gap, each exactly once, even if more is published while a client reads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import time_machine
from django.db import OperationalError, connection, transaction
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from catalog.memory import following, loading
from catalog.models import OfferVersion, Revision
from catalog.publication import availability, observed
from catalog.publication.listeners import Statement
from catalog.publication.observed import ObservedState
from catalog.records import Availability
from catalog.sync import retention
from tests.catalog.api.reading import problem_of, read
from tests.catalog.syncing import clear_price, say_price, sync_rows
from tests.factories import chutes_row, hourly, offer_record, per_token, publish

Json = Any

START = datetime(2100, 11, 22, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEPT = [chutes_row(f"kept/{number}") for number in range(5)]


def told(answer: Json) -> list[tuple[int, str, list[str], str]]:
    return [(change["revision"], change["id"], change["kinds"], change["origin"]) for change in answer["data"]]


# --- which changes are listed ----------------------------------------------------------------------------------------


@pytest.fixture
def story(fixtures_dir: Path, credulous: None, db: None) -> None:
    """One offer among five others, an hour between two events."""
    row = chutes_row("a/model", description="First words.")
    dearer, renamed = row | {"pricing_per_hour": "3"}, row | {"pricing_per_hour": "3", "name": "Renamed"}
    events: list[Callable[[], object]] = [
        lambda: sync_rows(fixtures_dir, KEPT),
        lambda: sync_rows(fixtures_dir, [row, *KEPT]),
        lambda: sync_rows(fixtures_dir, [dearer, *KEPT]),
        lambda: sync_rows(fixtures_dir, [renamed, *KEPT]),
        lambda: sync_rows(fixtures_dir, KEPT),
        lambda: sync_rows(fixtures_dir, [row | {"tags": ["hot"]}, *KEPT]),
        lambda: say_price("a/model", "4"),
        lambda: clear_price("a/model"),
    ]
    for number, event in enumerate(events):
        with time_machine.travel(START + number * HOUR, tick=False):
            event()
    following.FOLLOWER.refresh()


def test_new_repriced_described_removed_and_returned_offers_are_told_apart_and_curators_too(
    client: Client, story: None
) -> None:
    answer = read(client, "/catalog/changes?id=a/model")

    assert told(answer) == [
        (2, "a/model", ["added"], "gateway"),
        (3, "a/model", ["repriced"], "gateway"),
        (4, "a/model", ["described"], "gateway"),
        (5, "a/model", ["removed"], "gateway"),
        (6, "a/model", ["returned", "repriced", "described", "changed"], "gateway"),
        (7, "a/model", ["repriced"], "curator"),
        (8, "a/model", ["repriced"], "curator"),
    ]
    added, repriced, described, removed, returned, curated, _ = answer["data"]
    assert (added["before"], added["after"]["id"], added["prices"][0]["before"]) == ({}, "a/model", None)
    assert repriced["prices"] == [
        {
            "pricing_key": "hourly_rate",
            "meter": "compute.hour",
            "unit": "hour",
            "conditions": [],
            "before": "2.5",
            "after": "3.0",
        }
    ]
    assert (described["before"], described["after"]) == ({"name": "Model"}, {"name": "Renamed"})
    assert (removed["before"], removed["after"]) == ({"withdrawn_at": None}, {"withdrawn_at": "2100-11-22T12:00:00Z"})
    assert returned["after"].keys() == added["after"].keys()
    assert returned["after"].items() >= {"id": "a/model", "source_gateway": "chutes", "tags": ["hot"]}.items()
    assert "id" not in returned["before"]
    assert (removed["timestamp"], removed["gateway"]) == ("2100-11-22T12:00:00Z", "chutes")
    assert "author" not in curated


@pytest.mark.parametrize(
    ("query", "revisions"),
    [
        ("id=a/model&since_revision=0", [2, 3, 4, 5, 6, 7, 8]),
        ("since_revision=6", [7, 8]),
        ("since_revision=8", []),
        ("since=2100-11-22T13:00:00Z", [6, 7, 8]),
        ("since=2100-11-22T13:00:01", [7, 8]),
        ("since=2100-11-22T14:00:00%2B01:00", [6, 7, 8]),
        ("since=2100-11-22T15:00:00.9", [8]),
        ("since=2100-11-22&id=a/model&kind=removed,returned", [5, 6]),
        ("since=1970-01-01&id=a/model&kind=repriced&gateway=chutes", [3, 6, 7, 8]),
        ("id=a/model&kind=described&gateway=openrouter", []),
        ("id=nobody/nothing", []),
    ],
)
def test_a_reader_says_from_where_on_and_of_what(client: Client, story: None, query: str, revisions: list[int]) -> None:
    with time_machine.travel(START + 9 * HOUR):
        assert [change["revision"] for change in read(client, f"/catalog/changes?{query}")["data"]] == revisions


def test_next_keeps_what_was_asked_for_and_waits_where_the_feed_ends(client: Client, story: None) -> None:
    first = read(client, "/catalog/changes?kind=repriced,removed&limit=2")
    second = read(client, first["next"])

    assert [change["revision"] for change in (*first["data"], *second["data"])] == [3, 5, 6, 7]
    assert (first["has_more"], second["has_more"]) == (True, True)
    last = read(client, second["next"])
    assert (last["has_more"], last["next"]) == (
        False,
        "/catalog/changes?kind=removed%2Crepriced&limit=2&since_revision=8",
    )
    assert read(client, last["next"])["data"] == []


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("since=2999-01-01", "since"),
        ("since=yesterday", "since"),
        ("since_revision=-1", "since_revision"),
        ("since_revision=9", "since_revision"),
        ("since_revision=99999999999999999999", "since_revision"),
        ("cursor=1", "cursor"),
        ("cursor=99-1", "cursor"),
        # No answer names a place before the first change.
        ("cursor=0-0", "cursor"),
        ("cursor=0-1", "cursor"),
        ("cursor=1-0", "cursor"),
        ("cursor=01-1", "cursor"),
        ("since_revision=1&since=2100-11-22", "since"),
        ("since_revision=1&cursor=1-1", "cursor"),
        ("kind=repriced,moved", "kind"),
        ("limit=1001", "limit"),
        ("gateway=nobody", "gateway"),
        ("offset=0", "offset"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(client: Client, story: None, query: str, name: str) -> None:
    with time_machine.travel(START + 9 * HOUR):
        problem = problem_of(client.get(f"/catalog/changes?{query}"), status=400)

    assert {error["parameter"] for error in problem["errors"]} == {name}


# --- gapless ---------------------------------------------------------------------------------------------------------


@dataclass
class Reader:
    """Follows `next`, and applies each page of changes to its own copy of the catalogue."""

    client: Client
    address: str = "/catalog/changes"
    known: dict[tuple[str, str], Json] = field(default_factory=dict)
    seen: list[tuple[int, str, str]] = field(default_factory=list)

    def poll(self, *, limit: int) -> bool:
        """Read one page of changes; return whether more are ready."""
        separator = "&" if "?" in self.address else "?"
        answer = read(self.client, f"{self.address}{separator}limit={limit}")
        for change in answer["data"]:
            key = change["gateway"], change["id"]
            document = self.known.setdefault(key, {})
            assert change["before"] == {name: document[name] for name in change["before"]}
            document |= change["after"]
            self.seen.append((change["revision"], *key))
        self.address = answer["next"].replace(f"limit={limit}&", "").replace(f"&limit={limit}", "")
        return bool(answer["has_more"])

    def read_to_the_end(self) -> None:
        while self.poll(limit=1_000):
            pass


def live() -> dict[tuple[str, str], Json]:
    rows = {(row.gateway, row.id): orjson.loads(row.document) for row in loading.load().rows}
    for document in rows.values():
        del document["canonical_model"], document["variant"]
    return rows


def versions() -> list[tuple[int, str, str]]:
    told = OfferVersion.objects.values_list("from_revision", "offer__gateway__slug", "offer__model_id")
    return list(told.order_by("from_revision", "offer"))


IDS = ("a/1", "a/2", "b/1")
Listing = tuple[str, dict[str, tuple[str, str]]]
Observed = dict[str, Availability]
"""What is observed of Chutes' offers."""


def listings() -> st.SearchStrategy[Listing]:
    """A gateway, and name and price of each of its offers."""
    facts = st.tuples(st.sampled_from(["One", "Two"]), st.sampled_from(["0.000001", "0.000002"]))
    return st.tuples(st.sampled_from(["chutes", "openrouter"]), st.dictionaries(st.sampled_from(IDS), facts))


def observe_offers(states: Observed) -> None:
    observed.observe({("chutes", key): ObservedState(availability=state, since=START) for key, state in states.items()})
    availability.publish_observed(at_once={"chutes"})


def list_offers(listing: Listing) -> None:
    gateway, rows = listing
    found = [offer_record(key, name=name, prices=per_token(prompt=price)) for key, (name, price) in rows.items()]
    publish(*found, gateway=gateway)


@pytest.mark.django_db
@given(
    steps=st.lists(
        listings()
        | st.dictionaries(st.sampled_from(IDS), st.sampled_from(Availability), min_size=1)
        | st.integers(1, 3)
        | st.none(),
        max_size=14,
    )
)
@examples(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_reader_that_polls_while_things_are_published_knows_exactly_what_is_served(
    client: Client, statements: list[Statement], steps: list[Listing | Observed | int | None]
) -> None:
    """A listing or a state is published, a number is a poll with that limit, and None refreshes the snapshot."""
    with transaction.atomic():
        following.FOLLOWER.refresh()
        reader = Reader(client)
        for step in steps:
            if step is None:
                following.FOLLOWER.refresh()
            elif isinstance(step, int):
                reader.poll(limit=step)
            elif isinstance(step, dict):
                observe_offers(step)
            else:
                list_offers(step)
        following.FOLLOWER.refresh()
        reader.read_to_the_end()

        assert reader.known == live()
        assert reader.seen == versions()
        transaction.set_rollback(True)


@pytest.mark.django_db(transaction=True)
def test_no_change_is_missed_while_two_gateways_publish_at_once(client: Client) -> None:
    raised: list[BaseException] = []

    def sell(gateway: str) -> None:
        try:
            for price in range(1, 9):
                rows = dict.fromkeys(IDS, ("One", f"0.00000{price}"))
                list_offers((gateway, rows))
        except BaseException as error:
            raised.append(error)
        finally:
            connection.close()

    sellers = [threading.Thread(target=sell, args=[gateway]) for gateway in ("chutes", "openrouter")]
    for seller in sellers:
        seller.start()
    reader = Reader(client)
    while any(seller.is_alive() for seller in sellers):
        following.FOLLOWER.refresh()
        reader.poll(limit=2)
    following.FOLLOWER.refresh()
    reader.read_to_the_end()

    assert raised == []
    assert reader.seen == versions()
    assert reader.known == live()


def test_a_process_that_is_behind_the_one_that_answered_before_waits_with_the_reader(client: Client, db: None) -> None:
    publish(offer_record())
    following.FOLLOWER.refresh()
    publish(offer_record(prices=(hourly("3"),)))  # which another process has already served

    answer = read(client, "/catalog/changes?since_revision=2")
    in_the_middle = read(client, f"/catalog/changes?cursor=2-{2**40}")

    assert (answer["data"], answer["has_more"], answer["next"]) == ([], False, "/catalog/changes?since_revision=2")
    assert in_the_middle["next"] == f"/catalog/changes?cursor=2-{2**40}"
    assert answer["revision"] == 1
    assert told(read(client, "/catalog/changes")) == [(1, "maker/model", ["added"], "gateway")]


# --- what is no longer kept ------------------------------------------------------------------------------------------


def test_a_feed_from_a_deleted_revision_is_an_error_that_names_where_to_continue(
    client: Client, story: None, settings: Settings
) -> None:
    settings.KEEP_VERSIONS_DAYS = 1
    # What revision 5 ended is forgotten with it: the version that revision 4 began.
    retention.prune(now=START + 4 * HOUR + timedelta(days=1, seconds=1))

    problem = problem_of(client.get("/catalog/changes?since_revision=4"), status=410)

    assert "read /catalog/models again and continue from since_revision=5" in problem["detail"]
    with time_machine.travel(START + 9 * HOUR):
        problem_of(client.get("/catalog/changes?since=2100-11-22T09:00:00Z"), status=410)
    problem_of(client.get("/catalog/changes?cursor=5-1"), status=410)
    answer = read(client, "/catalog/changes?since_revision=5")
    assert (answer["complete_since"], [change["revision"] for change in answer["data"]]) == (5, [6, 7, 8])
    assert read(client, "/catalog/changes")["data"] == answer["data"]
    assert len(client.get("/catalog/changes.atom").content.split(b"<entry>")) == 4
    assert Revision.objects.filter(is_forgotten=True).count() == 6


# --- what it costs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 40])
@pytest.mark.parametrize("query", ["", "since_revision=0&gateway=chutes", "kind=added&limit=5"])
def test_a_page_costs_three_queries_however_much_there_is(
    client: Client, db: None, count: int, query: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    publish(*(offer_record(f"maker/{number}") for number in range(count)))
    following.FOLLOWER.refresh()

    with django_assert_num_queries(3):  # what is kept, the versions, their revisions
        read(client, f"/catalog/changes?{query}")
    with django_assert_num_queries(4):  # and when the catalogue was founded
        client.get("/catalog/changes.atom")


@pytest.mark.parametrize("address", ["changes", "changes.atom", "models/maker/model/history"])
def test_without_the_database_there_are_no_changes_but_a_reason(
    client: Client, db: None, address: str, break_database: Callable[[Exception], None]
) -> None:
    publish(offer_record())
    following.FOLLOWER.refresh()
    break_database(OperationalError("connection refused"))

    assert "the database does not answer" in problem_of(client.get(f"/catalog/{address}"), status=503)["detail"]
