"""`POST /catalog/estimate`: what a workload costs wherever it can be bought, to the last digit."""

from __future__ import annotations

import inspect
import json
from dataclasses import fields
from decimal import Decimal
from typing import Any, get_args

import orjson
import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pytest_django import DjangoAssertNumQueries

from catalog.api.bodies import LARGEST_BYTES
from catalog.api.estimate_body import EstimateBody, WorkloadBody, workload
from catalog.memory import following
from catalog.memory.snapshot import Snapshot
from catalog.parameters.offer_filters import NarrowingFilterSet
from catalog.pricing import billing, meters, money, workloads
from catalog.records import PriceRecord
from tests.catalog.api.reading import Response, body_of, problem_of, read
from tests.factories import hourly, offer_record, per_token, publish

pytestmark = pytest.mark.django_db

Json = Any
TOKENS = {"input_tokens": 750_000, "output_tokens": 250_000}


def ask(client: Client, body: Json) -> Response:
    content = body if isinstance(body, bytes | str) else orjson.dumps(body)
    return client.post("/catalog/estimate", content, content_type="application/json")


def answered(client: Client, **body: Json) -> Json:
    return body_of(ask(client, body))


def totals(answer: Json) -> list[tuple[str, str]]:
    return [(offer["id"], offer["total"]) for offer in answer["data"]]


@pytest.fixture
def offers() -> None:
    batch = PriceRecord(meter=meters.INPUT_TEXT, amount=Decimal("1E-7"), conditions=(("execution_mode", "=", "batch"),))
    publish(
        offer_record("a/tokens", prices=(*per_token(prompt="1E-6", completion="2E-6"), batch)),
        offer_record("b/requests", prices=(meters.price(meters.REQUEST, money.usd_per_request("0.001")),)),
        offer_record("c/hours", prices=(hourly("2.5"),)),
        offer_record("d/unknown", prices=()),
        offer_record("e/dynamic", prices=(), is_dynamic=True),
        offer_record("f/same", prices=per_token(prompt="1E-6", completion="2E-6"), provider_slug="acme"),
    )
    following.FOLLOWER.refresh()


def test_offers_come_cheapest_first_with_every_line_and_the_others_with_their_reasons(
    client: Client, offers: None
) -> None:
    answer = answered(client, workload=TOKENS, uncosted_limit=10)

    assert totals(answer) == [("a/tokens", "1.25"), ("f/same", "1.25")]
    assert answer["data"][0]["lines"] == [
        {
            "meter": meter,
            "unit": "token",
            "quantity": quantity,
            "unit_price": price,
            "amount": amount,
            "conditions": [],
            "is_held": False,
        }
        for meter, quantity, price, amount in [
            ("input.text", "750000", "0.000001", "0.75"),
            ("output.text", "250000", "0.000002", "0.5"),
        ]
    ]
    assert (answer["matched"], answer["total"], answer["uncosted"]["total"]) == (6, 2, 4)
    reasons = {offer["id"]: offer["reasons"] for offer in answer["uncosted"]["offers"]}
    assert reasons.keys() == {"b/requests", "c/hours", "d/unknown", "e/dynamic"}
    assert "it charges for requests, and the workload states none" in reasons["b/requests"]
    assert {found["reason"]: found["offers"] for found in answer["uncosted"]["reasons"]}[
        "none of its prices is known"
    ] == 1


def test_an_offer_with_a_price_per_request_is_cheapest_only_where_requests_are_stated(
    client: Client, offers: None
) -> None:
    assert dict(totals(answered(client, workload={"requests": 10})))["b/requests"] == "0.01"
    publish(
        offer_record("g/both", prices=(*per_token(prompt="0", completion="1E-9"), request_price("0.001"))),
        is_complete=False,
    )
    following.FOLLOWER.refresh()
    assert "g/both" not in dict(totals(answered(client, workload=TOKENS)))
    assert totals(answered(client, workload=TOKENS | {"requests": 1}))[0] == ("g/both", "0.00125")
    assert totals(answered(client, workload=TOKENS | {"requests": 10_000}))[-1] == ("g/both", "10.00025")


def request_price(amount: str) -> PriceRecord:
    return meters.price(meters.REQUEST, money.usd_per_request(amount))


def test_conditions_and_hours_are_applied(client: Client, offers: None) -> None:
    batch = answered(client, workload={"input_tokens": 1_000_000, "execution_mode": "Batch"})

    assert totals(batch)[0] == ("a/tokens", "0.1")
    assert batch["data"][0]["lines"][0]["conditions"] == [["execution_mode", "=", "batch"]]
    assert totals(answered(client, workload={"hours": "1.5"})) == [("c/hours", "3.75")]


def test_filters_ids_and_pages_choose_the_offers(client: Client, offers: None) -> None:
    def found(**options: Json) -> list[str]:
        return [offer_id for offer_id, _ in totals(answered(client, workload=TOKENS, **options))]

    assert found(filters={"provider": "ACME"}) == ["f/same"]
    assert found(filters={"model_type": ["LLM"], "gateway": "chutes"}) == ["a/tokens", "f/same"]
    assert found(filters={"gateway": "portkey"}) == []
    assert found(ids=["f/same"]) == ["f/same"]
    assert found(limit=1, offset=1) == ["f/same"]
    assert found(limit=0) == []


def test_all_four_catalogues_are_costed_exactly_and_nothing_is_lost(client: Client, catalogues: Snapshot) -> None:
    rows = read(client, "/catalog/export.json")["data"]

    answer = answered(client, workload=TOKENS | {"requests": 100}, limit=1000, uncosted_limit=1000)

    second = answered(client, workload=TOKENS | {"requests": 100}, limit=1000, offset=1000)["data"]
    costed = [*answer["data"], *second]
    assert len(costed) == answer["total"]
    assert len(rows) == answer["matched"] == answer["total"] + answer["uncosted"]["total"]
    amounts = [Decimal(offer["total"]) for offer in costed]
    assert amounts == sorted(amounts)
    for offer in costed:
        assert Decimal(offer["total"]) == sum(Decimal(line["amount"]) for line in offer["lines"])
        for line in offer["lines"]:
            assert Decimal(line["amount"]) == Decimal(line["quantity"]) * Decimal(line["unit_price"])


def test_a_number_is_read_exactly_however_it_is_written(client: Client, offers: None) -> None:
    for written in ("100000000.00000001", '"100000000.00000001"', "10000000000000001e-8"):
        answer = body_of(ask(client, f'{{"workload": {{"hours": {written}}}}}'))

        assert totals(answer) == [("c/hours", "250000000.000000025")]
        assert answer["workload"] == {"hours": "100000000.00000001"}


@pytest.mark.parametrize(
    ("body", "parameter", "reason"),
    [
        (b"", "body", "must not be empty"),
        (b"  ", "body", "must not be empty"),
        (b"{", "body", "must be JSON: "),
        (b'{"workload": {"images": NaN}}', "body", "must be JSON, which has no NaN"),
        (b'{"workload": {"images": -Infinity}}', "body", "must be JSON, which has no -Infinity"),
        (b'{"workload": {"images": 1, "images": 2}}', "body", "has the key 'images' twice in one object"),
        (b'{"workload": {"images": 1e99999999999999999999}}', "body", "has a number that is too large or too small"),
        (b"caf\xe9", "body", "must be UTF-8 text"),
        (b"[" * 60_000, "body", "is nested too deeply"),
        ([1], "body", "must be an object"),
        ({"workload": [1]}, "workload", "must be an object"),
        ({}, "workload", "is required"),
        ({"workload": {}}, "workload", "must have a quantity above 0"),
        ({"workload": {"requests": 0, "prompt_tokens": 9}}, "workload", "must have a quantity above 0"),
        ({"workload": TOKENS, "bogus": 1}, "bogus", "unknown key"),
        ({"workload": {"bogus": 1}}, "workload.bogus", "unknown key"),
        ({"workload": {"images": True}}, "workload.images", "must be a number"),
        ({"workload": {"images": "many"}}, "workload.images", "must be a number"),
        ({"workload": {"images": None}}, "workload.images", "must be a number"),
        ({"workload": {"images": [1]}}, "workload.images", "must be a number"),
        ({"workload": {"images": -1}}, "workload.images", "must be 0 or more"),
        (b'{"workload": {"images": 1e99}}', "workload.images", "must have at most 18 digits"),
        (b'{"workload": {"images": ' + b"9" * 9_000 + b"}}", "workload.images", "must have at most 18 digits"),
        ({"workload": {"input_tokens": 1, "cached_input_tokens": 2}}, "workload", "cached_input_tokens and"),
        ({"workload": {"hours": 1, "at": "24:00"}}, "workload.at", "must match pattern"),
        ({"workload": {"hours": 1, "at": "12:00Z"}}, "workload.at", "must match pattern"),
        ({"workload": {"execution_mode": "later"}}, "workload.execution_mode", "must be 'standard', 'batch'"),
        ({"workload": TOKENS, "limit": 1001}, "limit", "must be less than or equal to 1000"),
        ({"workload": TOKENS, "limit": "10"}, "limit", "must be a valid integer"),
        ({"workload": TOKENS, "limit": True}, "limit", "must be a valid integer"),
        ({"workload": TOKENS, "filters": []}, "filters", "must be an object"),
        ({"workload": {"imagse": 1}}, "workload.imagse", 'unknown key; did you mean "images"?'),
        ({"workload": TOKENS, "filter": {}}, "filter", 'unknown key; did you mean "filters"?'),
        ({"workload": TOKENS, "filters": {"tgas": 1}}, "filters.tgas", 'unknown parameter; did you mean "tags"?'),
        ({"workload": TOKENS, "filters": {"bogus": 1}}, "filters.bogus", "unknown parameter; this endpoint takes q, "),
        ({"workload": TOKENS, "filters": {"gateway": "nobody"}}, "filters.gateway", "must be one of"),
        ({"workload": TOKENS, "filters": {"gateway": None}}, "filters.gateway", "must be text, a number"),
        ({"workload": TOKENS, "filters": {"gateway": {"a": 1}}}, "filters.gateway", "must be text, a number"),
        ({"workload": TOKENS, "filters": {"gateway": ["all", "all"]}}, "filters.gateway", "must be given only once"),
        ({"workload": TOKENS, "filters": {"tags": []}}, "filters.tags", "must not be empty"),
        ({"workload": TOKENS, "ids": []}, "ids", "must have at least 1 item"),
        ({"workload": TOKENS, "ids": ["nobody"]}, "ids", "has 'nobody'"),
        ({"workload": TOKENS, "ids": [""]}, "ids.0", "must have at least 1 character"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_wrong_in_a_body_is_named(
    client: Client, offers: None, body: Json, parameter: str, reason: str
) -> None:
    [error] = problem_of(ask(client, body), status=400)["errors"]

    assert error["parameter"] == parameter
    assert error["reason"].startswith(reason)


def test_all_that_is_wrong_is_named_at_once(client: Client, offers: None) -> None:
    body = {"workload": {"images": -1, "pages": "x"}, "limit": -1}

    errors = problem_of(ask(client, body), status=400)["errors"]

    assert {error["parameter"] for error in errors} == {"workload.images", "workload.pages", "limit"}


@pytest.mark.parametrize(
    ("body", "first", "named"),
    [
        ({f"key_{number}": 1 for number in range(4_000)}, "workload is required", 4_001),
        ({"workload": {f"key_{number}": 1 for number in range(4_000)}}, 'unknown key "workload.key_0"', 4_000),
        (
            {"workload": TOKENS, "filters": {f"key_{number}": 1 for number in range(4_000)}},
            'unknown parameter "filters.key_0"; this endpoint takes q, ',
            4_000,
        ),
        (
            {"workload": TOKENS, "filters": {f"key_{number}": {} for number in range(4_000)}},
            "filters.key_0 must be text, a number, true, false, or a list of these",
            4_000,
        ),
        ({"workload": TOKENS, "filters": {"price_basis": ["x"] * 4_000}}, "filters.price_basis must be one of", 4_000),
    ],
    ids=["keys", "workload", "filters", "values of filters", "one filter"],
)
def test_the_first_of_many_problems_are_listed_and_the_rest_counted(
    client: Client, offers: None, body: Json, first: str, named: int
) -> None:
    response = ask(client, body)

    problem = problem_of(response, status=400)
    assert len(response.content) < 40_000
    assert len(problem["errors"]) == 100
    assert problem["detail"].startswith(first)
    assert problem["detail"].endswith(f"; and {named - 100:,} more")


@pytest.mark.parametrize(
    ("content_type", "size", "status"),
    [
        ("application/json", LARGEST_BYTES + 1, 413),
        ("application/json; charset=utf-8", LARGEST_BYTES, 400),
        ("application/json; charset=latin-1", 10, 415),
        ("application/x-www-form-urlencoded", 10, 415),
        ("text/plain", 10, 415),
        ("text/plain", 0, 400),
        ("", 10, 415),
    ],
)
def test_what_is_no_json_and_what_is_too_long_is_not_even_read(
    client: Client, offers: None, content_type: str, size: int, status: int
) -> None:
    response = client.generic("POST", "/catalog/estimate", b"x" * size, content_type=content_type)

    problem_of(response, status=status)


def test_a_body_in_chunks_is_refused_rather_than_taken_for_none(client: Client, offers: None) -> None:
    response = client.generic("POST", "/catalog/estimate", HTTP_TRANSFER_ENCODING="chunked")

    assert "Content-Length" in problem_of(response, status=411)["detail"]


def test_an_estimate_is_posted_without_parameters_and_asks_the_database_nothing(
    client: Client, offers: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    problem_of(client.get("/catalog/estimate"), status=405)
    query = client.post("/catalog/estimate?limit=1", orjson.dumps({}), content_type="application/json")
    assert problem_of(query, status=400)["errors"][0]["parameter"] == "limit"
    with django_assert_num_queries(0):
        assert ask(client, {"workload": TOKENS})["Cache-Control"] == "no-store"


def test_the_body_has_all_of_a_workload_and_means_the_same_by_what_it_leaves_out() -> None:
    given = WorkloadBody.model_fields

    assert given.keys() == {stated.name for stated in fields(workloads.Workload)}
    assert workload(WorkloadBody(images=Decimal(1))) == workloads.Workload(images=Decimal(1))
    assert get_args(given["execution_mode"].annotation) == billing.EXECUTION_MODES
    assert all(field.description for field in (*given.values(), *EstimateBody.model_fields.values()))
    schema = EstimateBody.model_json_schema()
    assert schema["properties"]["filters"]["properties"].keys() == NarrowingFilterSet.parameters().keys()
    assert inspect.signature(workloads.Workload).parameters["execution_mode"].default == given["execution_mode"].default


@pytest.mark.parametrize(
    ("options", "is_valid"),
    [
        ({"ids": ["f/same"], "filters": {"tags": ["hot"]}}, True),
        ({"filters": {"tags": "hot", "gateway": "chutes", "model_type": "LLM"}}, True),
        ({"ids": []}, False),
        ({"filters": {"tags": []}}, False),
    ],
)
def test_a_body_is_valid_by_its_schema_where_it_is_answered(
    client: Client, offers: None, options: Json, is_valid: bool
) -> None:
    body = {"workload": TOKENS, **options}

    assert Draft202012Validator(EstimateBody.model_json_schema()).is_valid(body) is is_valid
    assert ask(client, body).status_code == (200 if is_valid else 400)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(["workload", "filters", "ids", "limit", "offset", "gateway", "tags", "input_tokens", "at"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.dictionaries(KEYS, JSON_VALUES | st.dictionaries(KEYS, JSON_VALUES, max_size=4), max_size=5)
    | JSON_VALUES
    | st.binary(max_size=30)
)
def test_no_body_is_too_odd_to_be_refused(client: Client, catalogue: Snapshot, body: Json) -> None:
    response = ask(client, body if isinstance(body, bytes) else json.dumps(body))

    assert response.status_code == 200 or problem_of(response, status=400)["errors"]
