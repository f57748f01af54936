"""`/catalog/popular` and `/usage`. Numbers refer to the acceptance list of the research."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator

from access.keys import Keys
from access.models import ApiKey
from catalog.desk.roles import Role
from catalog.memory import following
from catalog.memory.following import Follower
from catalog.memory.snapshot import Snapshot
from tests.catalog.desk.people import logged_in
from tests.front.web import Web
from tests.usage.stored import QWEN, R1, V3, store
from usage import inference, ranking
from usage.days import today
from usage.models import OTHER, Clients, InferenceDay, KeyDay

Json = Any
pytestmark = [
    pytest.mark.django_db(databases="__all__"),
    pytest.mark.usefixtures("one_connection", "bundled"),
]


def popular(query: str = "") -> Json:
    answer = Client().get(f"/catalog/popular?{query}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def order(query: str = "") -> list[tuple[str, int]]:
    return [(row["canonical_model"], row["asks"]) for row in popular(query)["data"]]


def test_23_popular_models_are_ordered_by_asks_and_name_their_source() -> None:
    store({R1: 40, QWEN: 60}, ago=1)
    store({R1: 30, "not/in-the-catalogue": 900, OTHER: 900, "": 900}, ago=2)

    found = popular()

    assert [(row["rank"], row["canonical_model"], row["asks"]) for row in found["data"]] == [(1, R1, 70), (2, QWEN, 60)]
    assert "chutes" in found["data"][0]["gateways"]
    assert (found["source"], found["unit"], found["window"], found["ranked_days"]) == ("gatewayz", "asks", "7d", 2)
    assert found["as_of"].endswith("T00:00:00Z")
    assert popular() == found


def sent(model: str, *, ago: int, keys: int = 20, **numbers: int) -> None:
    """Requests that were sent to a model, the same of each key."""
    about = {"day": today() - ago, "gateway": "chutes", "offer": model, "model": model, "outcome": "ok"}
    counted = {field.name: 0 for field in InferenceDay._meta.fields if field.name not in {"id", "key", *about}}
    for key in range(1, keys + 1):
        InferenceDay.objects.create(key=key, **about, **(counted | {"attempts": 1, "requests": 1} | numbers))


def test_models_are_ordered_by_what_was_sent_to_them_if_that_is_wanted() -> None:
    inference.windows.cache_clear()
    store({V3: 900}, ago=1)
    sent(R1, ago=1, input_tokens=1_000, output_tokens=234, cost_nano=1_000_000)
    sent(QWEN, ago=1, requests=3, input_tokens=7, cost_nano=0)
    sent(R1, ago=9, requests=1_000)
    sent(QWEN, ago=2, keys=19, requests=1_000)

    found = {by: popular(f"by={by}") for by in ("requests", "tokens", "cost")}

    rows = {by: [(row["canonical_model"], row[each["unit"]]) for row in each["data"]] for by, each in found.items()}
    assert rows["requests"] == [(QWEN, 60), (R1, 20)]
    assert rows["tokens"] == [(R1, 25_000), (QWEN, 140)]
    assert rows["cost"] == [(R1, "0.02"), (QWEN, "0")]
    assert found["cost"]["ranked_days"] == 1
    assert found["cost"]["data"][0]["trend"] == "0.02"
    inference.windows.cache_clear()


def test_23_figures_below_five_are_hidden_and_others_rounded() -> None:
    store({R1: 4, QWEN: 5, V3: 1_236}, ago=1)

    assert order() == [(V3, 1_200), (QWEN, 5)]


def test_23_equal_figures_are_ordered_by_slug() -> None:
    store({V3: 9, R1: 9, QWEN: 9}, ago=1)

    assert [model for model, _ in order()] == sorted([V3, R1, QWEN])


def test_a_day_with_fewer_than_twenty_addresses_is_ranked_nowhere() -> None:
    store({R1: 500}, ago=1, clients=19)
    store({QWEN: 20}, ago=2, clients=20)

    assert order() == [(QWEN, 20)]
    assert popular()["ranked_days"] == 1
    assert [row["asks"] for row in Client().get(f"/catalog/popular/{R1}").json()["data"]] == [None] * 30
    assert R1 not in ranking.scores()


def test_two_processes_with_nineteen_addresses_each_are_not_twenty() -> None:
    store({R1: 500}, ago=1, clients=19)
    Clients.objects.create(day=ranking.present_day() - 1, process=uuid.uuid4(), number=19)

    assert order() == []


def test_windows_end_with_the_last_complete_day_and_take_hours_and_days() -> None:
    for ago in (0, 1, 2, 8, 31):
        store({R1: 10}, ago=ago, is_hour=ago < 2)

    assert [order(f"window={window}") for window in ("1d", "7d", "30d")] == [[(R1, 10)], [(R1, 20)], [(R1, 30)]]


def test_a_gateway_shows_the_models_that_it_sells(bundled: Snapshot) -> None:
    slugs: dict[str, set[str]] = {row.identity.model: set() for row in bundled.rows if row.identity}
    for row in bundled.rows:
        if row.identity and not row.is_withdrawn:
            slugs[row.identity.model].add(row.gateway)
    elsewhere = next(slug for slug, gateways in sorted(slugs.items()) if gateways == {"openrouter"})
    store({R1: 10, elsewhere: 20}, ago=1)

    assert order("gateway=chutes") == [(R1, 10)]
    assert order("gateway=openrouter")[0] == (elsewhere, 20)


def test_trending_compares_with_the_three_windows_before() -> None:
    store({R1: 100, QWEN: 60, V3: 19}, ago=1)
    store({R1: 300}, ago=3)
    store({R1: 30, QWEN: 30}, ago=2)

    found = popular("window=1d&order=trending")["data"]

    assert [(row["canonical_model"], row["trend"]) for row in found] == [(QWEN, 50)], "R1 fell, V3 is too small"
    assert [row["trend"] for row in popular("window=1d")["data"]] == [-10, 50, 19]


def test_a_merged_model_counts_for_the_one_it_was_merged_into(bundled: Snapshot) -> None:
    bundled.redirects["old/name"] = R1
    store({"old/Name": 10, R1: 10}, ago=1)
    try:
        assert order() == [(R1, 20)]
    finally:
        del bundled.redirects["old/name"]


def test_a_model_has_a_daily_series() -> None:
    store({R1: 40}, ago=1)
    store({R1: 4}, ago=2)
    store({R1: 137}, ago=3, is_hour=True)

    found = Client().get(f"/catalog/popular/{R1.lower()}?days=4").json()

    assert found["canonical_model"] == R1
    assert [row["asks"] for row in found["data"]] == [None, 140, None, 40]
    assert found["data"][-1]["day"] < found["as_of"][:10]
    assert Client().get("/catalog/popular/no/model").status_code == 404


@pytest.mark.parametrize("query", ["window=2d", "order=asks", "limit=0", "limit=101", "by=words", "gateway=acme"])
def test_wrong_parameters_are_named(query: str) -> None:
    answer = Client().get(f"/catalog/popular?{query}")

    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.json()["detail"]


def test_popular_is_no_model_and_lists_answer_with_a_slash() -> None:
    assert Web().ask("/catalog/popular/").status == "200 OK"
    assert Web().ask("/catalog/popular").status == "200 OK"


# --- what a key asked ------------------------------------------------------------------------------------------------
@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch, bundled: Snapshot) -> list[tuple[int, str]]:
    made = [ApiKey.objects.issue(name=name) for name in ("one", "two")]
    keys = Keys()
    keys.refresh()
    monkeypatch.setattr(following, "FOLLOWER", Follower(keys=keys, snapshot=bundled))
    for number, (key, _) in enumerate(made, start=1):
        for ago, model in ((0, R1), (1, R1), (1, ""), (40, QWEN)):
            KeyDay.objects.create(day=today() - ago, key=key.pk, endpoint="e", model=model, reads=number)
    return [(key.pk, secret) for key, secret in made]


def test_a_key_reads_what_it_asked_and_nothing_of_others(keys: list[tuple[int, str]]) -> None:
    number, secret = keys[1]

    by_day = Web().ask("/usage", HTTP_X_API_KEY=secret).json["data"]
    by_model = Web().ask("/usage", f"group=model&days=60&key={keys[0][0]}", HTTP_X_API_KEY=secret).json["data"]

    assert [(row["key"], row["reads"]) for row in by_day] == [(number, 4), (number, 2)]
    assert {row["canonical_model"]: row["reads"] for row in by_model} == {R1: 4, "": 2, QWEN: 2}
    assert {row["key"] for row in by_model} == {number}


def test_others_read_nothing_and_staff_reads_all(keys: list[tuple[int, str]]) -> None:
    assert Web().ask("/usage").status[:3] == "401"
    assert Web().ask("/usage", HTTP_X_API_KEY=keys[0][1])["Cache-Control"] == "no-store"
    assert Web().ask("/usage", HTTP_X_API_KEY="gwz_wrong").status[:3] == "401"
    reader = Client()
    reader.force_login(User.objects.create_user("reader"))
    assert reader.get("/usage").status_code == 403
    staff = logged_in(Role.VIEWER)

    assert {row["key"] for row in staff.get("/usage").json()["data"]} == {number for number, _ in keys}
    assert {row["key"] for row in staff.get(f"/usage?key={keys[0][0]}").json()["data"]} == {keys[0][0]}


# --- the document ----------------------------------------------------------------------------------------------------
DOCUMENT: Json = SchemaGenerator(urlconf="usage.urls").get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # drf-spectacular types it partly


def test_the_answers_are_as_the_openapi_document_says(keys: list[tuple[int, str]]) -> None:
    store({R1: 40}, ago=1)
    of_key = Web().ask("/usage", HTTP_X_API_KEY=keys[0][1]).json  # first: Django's client closes what is used after it
    answers = {
        "/catalog/popular": popular(),
        "/catalog/popular/{model}": Client().get(f"/catalog/popular/{R1}").json(),
        "/usage": of_key,
    }

    assert answers.keys() == DOCUMENT["paths"].keys()
    for path, answer in answers.items():
        operation = DOCUMENT["paths"][path]["get"]
        shape = operation["responses"]["200"]["content"]["application/json"]["schema"]
        Draft202012Validator(shape | {"components": DOCUMENT["components"]}).validate(answer)
        assert all(parameter["description"] for parameter in operation["parameters"])
        assert bool(operation["security"]) == (path == "/usage")
