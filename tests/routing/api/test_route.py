"""`POST /v1/route`: what would be chosen, without sending anything."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator
from pytest_django import Settings

from catalog import registry
from catalog.api.bodies import LARGEST_BYTES
from catalog.memory.snapshot import Snapshot
from routing.api.process import PROCESS
from tests.front.web import Web
from tests.routing.catalogue import R1, Seen

Json = Any
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_connection", "bundled")]


def posted(body: Json, *, status: int = 200, **options: Any) -> Json:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = Client().post("/v1/route", sent, **{"content_type": "application/json", **options})
    assert answer.status_code == status, answer.content
    return answer.json()


def gateways(answer: Json) -> list[str]:
    return [each["gateway"] for each in answer["candidates"]]


def test_the_offers_of_a_model_are_listed_in_order_with_reasons_and_costs(bundled: Snapshot) -> None:
    found = posted({"model": R1, "max_tokens": 1_000, "provider": {"sort": "price"}})

    assert (found["object"], found["model"], found["revision"]) == ("route", R1, bundled.revision)
    costs = [Decimal(each["expected_cost_usd"]) for each in found["candidates"] if each["expected_cost_usd"]]
    assert costs == sorted(costs)
    assert costs
    first = found["candidates"][0]
    assert first["reason"] in {"It has the lowest expected cost.", "It is free."}
    assert first["max_output_tokens"] == 1_000
    assert first["why_no_cost"] is None
    assert first["price_per_million"]["output"] is not None
    without_cost = [each for each in found["candidates"] if each["expected_cost_usd"] is None]
    assert all(each["why_no_cost"] for each in without_cost)
    listed = {(each["gateway"], each["id"]) for each in found["candidates"] + found["left_out"]}
    assert len(listed) == len(found["candidates"]) + found["left_out_total"]


def test_the_answer_is_as_the_openapi_document_describes_it() -> None:
    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]  # typed in part
    operation = document["paths"]["/v1/route"]["post"]
    shape = operation["responses"]["200"]["content"]["application/json"]["schema"]
    checked = Draft202012Validator({**shape, "components": document["components"]})

    for body in ({"model": R1}, {"model": R1, "max_tokens": 10**8}, {"model": R1, "input": "a"}):
        checked.validate(posted(body))
    [example] = operation["requestBody"]["content"]["application/json"]["examples"].values()
    assert posted(example["value"])["candidates"]


def test_the_expected_cost_follows_the_length_of_the_messages() -> None:
    def cost(words: str) -> Decimal:
        body = {"model": R1, "messages": [{"role": "user", "content": words}], "provider": {"sort": "price"}}
        return Decimal(posted(body)["candidates"][0]["expected_cost_usd"])

    assert cost("a" * 20_000) > cost("a")


def test_while_inference_is_off_all_gateways_are_candidates_and_none_has_a_key(settings: Settings) -> None:
    settings.INFERENCE, settings.INFERENCE_KEYS = "off", {"chutes": ("a",)}

    found = posted({"model": R1})

    assert found["inference"] == "off"
    assert {"chutes", "openrouter"} <= set(gateways(found))
    assert found["gateways"] == [
        {"gateway": slug, "has_key": slug == "chutes"}
        for slug, each in registry.GATEWAYS.items()
        if each.completions_url
    ]
    assert {each["gateway"] for each in found["candidates"] if each["has_key"]} == {"chutes"}


def test_while_inference_is_on_only_gateways_with_a_key_are_candidates(settings: Settings) -> None:
    settings.INFERENCE, settings.INFERENCE_KEYS = "on", {"chutes": ("a",), "openrouter": ()}

    found = posted({"model": R1})

    assert (found["inference"], set(gateways(found))) == ("on", {"chutes"})
    assert "There is no key for openrouter." in [each["reason"] for each in found["left_out"]]


def test_the_answer_follows_the_health_and_the_subscriptions_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PROCESS, "health", Seen(rests={"chutes": 1.0}))
    monkeypatch.setattr(PROCESS, "subscriptions", ("openrouter",))

    found = posted({"model": R1})

    assert "chutes" not in gateways(found)
    assert {each["why_no_cost"] for each in found["candidates"] if each["gateway"] == "openrouter"} == {"subscription"}


def test_a_request_that_no_offer_can_run_is_answered_with_the_reasons() -> None:
    found = posted({"model": R1, "provider": {"only": ["chutes"], "ignore": ["chutes"]}})

    assert found["candidates"] == []
    assert found["reason"].startswith(f"no offer of {R1} can run this request (")
    assert found["left_out_total"] == len(found["left_out"]) > 0


def test_a_model_that_does_not_exist_is_a_404() -> None:
    found = posted({"model": "nothing/like-this"}, status=404)

    assert found["error"]["message"].startswith('model "nothing/like-this" is the name of no model that is known')


@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        ({}, "model", "model is required"),
        (b"", "body", "body must be JSON: Expecting value at character 0"),
        (b"[]", "body", "body must be a JSON object"),
        ({"model": R1, "provider": {"zdr": True}}, "provider.zdr", "provider.zdr is not supported"),
        ({"model": R1, "provider": {"order": ["deepinfra"]}}, "provider.order", "which is no gateway of the catalogue"),
        ({"model": R1, "max_tokens": -1}, "max_tokens", "max_tokens must be a whole number"),
    ],
)
def test_a_wrong_member_is_a_400_that_names_it(body: Json, param: str, message: str) -> None:
    found = posted(body, status=400)

    assert found["error"]["param"] == found["errors"][0]["parameter"] == param
    assert message in found["detail"]


def test_a_body_that_is_too_large_or_no_json_is_refused() -> None:
    assert posted({"model": "a" * LARGEST_BYTES}, status=413)["error"]["code"] == 413
    assert posted({"model": R1}, status=415, content_type="text/plain")["error"]["code"] == 415


def test_it_is_only_posted_and_takes_no_parameters() -> None:
    answer = Client().get("/v1/route")

    assert (answer.status_code, answer["Allow"]) == (405, "POST, OPTIONS")
    assert Client().post("/v1/route?model=a", b"{}", content_type="application/json").status_code == 400


def test_it_counts_against_the_rate_limit_of_each_client(settings: Settings) -> None:
    settings.RATE_LIMIT_PER_MINUTE = 2
    web = Web()
    body = json.dumps({"model": R1}).encode()

    answers = [web.ask("/v1/route", method="POST", body=body, CONTENT_TYPE="application/json") for _ in range(4)]

    assert answers[0].status == "200 OK"
    assert answers[-1].status == "429 Too Many Requests"
