"""What one model cost, how it changed, and its document at any time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import time_machine
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from catalog.memory import following
from catalog.normalize import dates
from catalog.sync import retention
from tests.catalog.api.reading import problem_of, read
from tests.catalog.syncing import say_price
from tests.factories import hourly, offer_record, per_token, publish

Json = Any

START = datetime(2100, 11, 22, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
ADDRESS = "/catalog/models/maker/model/history"

pytestmark = pytest.mark.django_db


def list_at(hours: int, *amounts: str, gateway: str = "chutes", **fields: Any) -> None:
    records = [offer_record("maker/model", prices=(hourly(amount),), **fields) for amount in amounts]
    with time_machine.travel(START + hours * HOUR, tick=False):
        publish(offer_record("maker/other"), *records, gateway=gateway)


@pytest.fixture
def served() -> None:
    """Listed at 2.5 dollars from 8 o'clock, at 3 from 9, gone at 10, back at 11 and set to 4 by a curator at 12."""
    list_at(0, "2.5")
    list_at(1, "3")
    list_at(2)
    list_at(3, "3")
    with time_machine.travel(START + 4 * HOUR, tick=False):
        say_price("maker/model", "4")
    following.FOLLOWER.refresh()


def at(client: Client, query: str) -> Json:
    with time_machine.travel(START + 9 * HOUR):
        return read(client, f"{ADDRESS}?{query}")


def prices(answer: Json) -> list[tuple[str, str, str | None, str]]:
    return [
        (price["amount"], price["valid_from"][11:13], price["valid_to"] and price["valid_to"][11:13], price["origin"])
        for price in answer["data"]["prices"]
    ]


def test_the_history_of_a_model_is_its_dated_prices_and_its_changes(client: Client, served: None) -> None:
    answer = at(client, "")

    assert prices(answer) == [
        ("4.0", "12", None, "curator"),
        ("3.0", "11", "12", "gateway"),
        ("3.0", "09", "10", "gateway"),
        ("2.5", "08", "09", "gateway"),
    ]
    changes = answer["data"]["changes"]
    assert [(change["revision"], change["kinds"], change["origin"]) for change in changes] == [
        (5, ["repriced"], "curator"),
        (4, ["returned"], "gateway"),
        (3, ["removed"], "gateway"),
        (2, ["repriced"], "gateway"),
        (1, ["added"], "gateway"),
    ]
    assert (answer["revision"], answer["timestamp"], answer["next"]) == (5, "2100-11-22T12:00:00Z", None)


@pytest.mark.parametrize(
    ("as_of", "amount", "in_force", "is_withdrawn"),
    [
        ("2100-11-22T08:00:00Z", "2.5", ["2.5"], False),
        ("2100-11-22T08:59:59Z", "2.5", ["2.5"], False),
        ("2100-11-22T09:00:00", "3.0", ["3.0"], False),
        ("2100-11-22T11:30:00%2B01:00", "3.0", [], True),
        ("2100-11-22T11:30:00Z", "3.0", ["3.0"], False),
        ("2100-11-22T15:00:00Z", "4.0", ["4.0"], False),
    ],
)
def test_an_offer_is_shown_as_it_was_served_at_a_time(
    client: Client, served: None, as_of: str, amount: str, in_force: list[str], is_withdrawn: bool
) -> None:
    answer = at(client, f"as_of={as_of}")

    [then] = answer["data"]["offers"]
    assert then["offer"]["pricing"]["hourly_rate"] == amount
    assert (then["offer"]["withdrawn_at"] is not None) == is_withdrawn
    assert [price for price, _, until, _ in prices(answer) if until is None] == in_force
    assert len(answer["data"]["changes"]) == answer["revision"] == answer["data"]["changes_total"]


@pytest.mark.parametrize("as_of", ["2100-11-22T07:59:59Z", "2100-11-22", "0001-01-01"])
def test_before_an_offer_was_first_listed_there_is_none_with_a_reason(client: Client, served: None, as_of: str) -> None:
    data = at(client, f"as_of={as_of}")["data"]

    assert data["offers"] == [{"gateway": "chutes", "offer": None, "reason": "it was not listed yet"}]
    assert (data["prices"], data["changes"]) == ([], [])


def test_where_its_versions_are_no_longer_kept_the_history_says_so_and_has_its_prices(
    client: Client, served: None, settings: Settings
) -> None:
    settings.KEEP_VERSIONS_DAYS = 1
    retention.prune(now=START + 2 * HOUR + timedelta(days=1, seconds=1))

    answer = at(client, "as_of=2100-11-22T09:30:00Z")

    [then] = answer["data"]["offers"]
    assert then["reason"] == "its versions of that time are no longer kept; its prices are"
    assert prices(answer) == [("3.0", "09", None, "gateway"), ("2.5", "08", "09", "gateway")]
    assert (answer["data"]["changes"], answer["data"]["complete_since"]) == ([], 3)
    assert [change["revision"] for change in at(client, "")["data"]["changes"]] == [5, 4]


@given(steps=st.lists(st.tuples(st.sampled_from(["chutes", "openrouter"]), st.integers(0, 3)), min_size=1, max_size=6))
@examples(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=min(40, examples().max_examples))
def test_as_of_any_time_is_what_was_served_then_and_as_of_now_is_what_is_served(
    client: Client, steps: list[tuple[str, int]]
) -> None:
    following.FOLLOWER.snapshot = None  # of an example before, whose numbers and times can come again in this one
    shown: dict[str, Json] = {}
    with transaction.atomic(), time_machine.travel(START) as clock:
        for gateway, micros in steps:
            clock.shift(timedelta(seconds=1, milliseconds=300))
            publish(
                offer_record("a/b", prices=per_token(prompt=f"{micros}E-6"), zero_is_free=False),
                offer_record(),
                gateway=gateway,
            )
            following.FOLLOWER.refresh()
            # The later of two in one second, because published times are precise to the second.
            shown[dates.iso(following.FOLLOWER.current().published_at)] = read(client, "/catalog/models/a/b")
        for moment, before in shown.items():
            then = read(client, f"/catalog/models/a/b/history?as_of={moment}")
            assert (then["revision"], then["timestamp"]) == (before["revision"], moment)
            assert without_models(offers_in(then)) == without_models(before["offers"])
        now = read(client, "/catalog/models/a/b/history")
        live = read(client, "/catalog/models/a/b")
        assert read(client, f"/catalog/models/a/b/history?as_of={dates.iso(datetime.now(UTC))}") == now
        assert offers_in(now) == live["offers"]
        assert (now["revision"], now["timestamp"]) == (live["revision"], live["timestamp"])
        transaction.set_rollback(True)


def offers_in(history: Json) -> list[Json]:
    return [then["offer"] for then in history["data"]["offers"] if then["offer"]]


def without_models(offers: list[Json]) -> list[Json]:
    return [offer | {"canonical_model": None, "variant": None} for offer in offers]


def test_the_history_of_all_gateways_of_an_id_and_of_one(client: Client, served: None) -> None:
    list_at(5, "9", gateway="featherless")
    following.FOLLOWER.refresh()

    both, one = at(client, ""), at(client, "gateway=featherless")

    assert [then["gateway"] for then in both["data"]["offers"]] == ["chutes", "featherless"]
    assert [(price["gateway"], price["amount"]) for price in one["data"]["prices"]] == [("featherless", "9.0")]
    assert (both["data"]["changes_total"], one["data"]["changes_total"]) == (6, 1)


def test_a_long_history_comes_in_pages(client: Client, served: None) -> None:
    pages = [at(client, f"limit=2&offset={offset}") for offset in (0, 2, 4)]

    assert [price for page in pages for price in prices(page)] == prices(at(client, ""))
    assert [c["revision"] for page in pages for c in page["data"]["changes"]] == [5, 4, 3, 2, 1]
    assert [page["next"] for page in pages] == [f"{ADDRESS}?limit=2&offset=2", f"{ADDRESS}?limit=2&offset=4", None]


def test_a_path_that_ends_in_history_is_the_history_however_it_is_spelled(client: Client) -> None:
    publish(offer_record("a/b/history"), offer_record("a/b"))
    following.FOLLOWER.refresh()

    assert read(client, "/catalog/models/a/b/history")["data"]["id"] == "a/b"
    assert read(client, "/catalog/models/a%2Fb/history")["data"]["id"] == "a/b"
    assert read(client, "/catalog/models/a%2Fb%2Fhistory/history")["data"]["id"] == "a/b/history"
    problem_of(client.get("/catalog/models/nobody/history"), status=404)
    problem_of(client.get("/catalog/models/a/b/history?gateway=portkey"), status=404)


@pytest.mark.parametrize("as_of", ["2999-01-01", "now", "2100-13-01", "2100-11-22T25:00", "1700000000000000"])
def test_a_time_that_is_none_or_has_not_come_is_refused(client: Client, served: None, as_of: str) -> None:
    [error] = problem_of(client.get(f"{ADDRESS}?as_of={as_of}"), status=400)["errors"]

    assert error["parameter"] == "as_of"


def test_an_answer_ends_with_the_revision_that_is_served_though_the_tables_are_ahead(
    client: Client, served: None
) -> None:
    before = at(client, "")
    list_at(6, "99")

    assert at(client, "") == before


@pytest.mark.parametrize("count", [1, 20])
def test_a_history_costs_nine_queries_however_long_it_is(
    client: Client, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(count):
        list_at(number, f"{number + 1}")
    following.FOLLOWER.refresh()

    with django_assert_num_queries(9):
        assert orjson.loads(client.get(ADDRESS).content)["data"]["changes_total"] == count
