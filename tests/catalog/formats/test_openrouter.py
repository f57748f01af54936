"""OpenRouter's list: its offers and nothing else; no null makes its clients drop an answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import orjson
import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from catalog.formats import openrouter_list
from catalog.formats.registry import FORMATS
from catalog.memory import following
from catalog.memory.rows import Row
from catalog.memory.snapshot import Snapshot
from catalog.pricing import meters
from catalog.records import ModelType, OfferRecord, PriceRecord
from tests.catalog.api.reading import read
from tests.catalog.formats import offers
from tests.catalog.formats.offers import offer
from tests.catalog.formats.routes import query_of
from tests.factories import hourly, offer_facts, per_token, snapshot_of

Json = Any

R1_ID = "deepseek/deepseek-r1"
ALL = "/api/v1/models?output_modalities=all"
NULL_AT_OPENROUTER = {
    "hugging_face_id",
    "architecture.instruct_type",
    "top_provider.context_length",
    "top_provider.max_completion_tokens",
    "per_request_limits",
    "default_parameters",
    "knowledge_cutoff",
    "expiration_date",
    "supported_voices",
}
"""Where its own answers have nulls, so that its clients can read them."""


row = partial(offers.row, model="deepseek-ai/DeepSeek-R1")


def ask(snapshot: Snapshot, text: str = "") -> Json:
    """Return the answer of the list."""
    route = next(route for route in FORMATS["openrouter"].routes if route.operation_id == "list_models_as_openrouter")
    return orjson.loads(openrouter_list.list_body(snapshot, query_of(route, text=text)))


def ids(snapshot: Snapshot, text: str = "output_modalities=all") -> list[str]:
    return [model["id"] for model in ask(snapshot, text)["data"]]


def listed(*rows: Row) -> list[Json]:
    return [orjson.loads(model.body) for model in openrouter_list.listing_of(snapshot_of(*rows)).models.values()]


def nulls(value: Json, where: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from nulls(inner, f"{where}.{name}" if where else name)
    elif isinstance(value, list):
        for inner in value:
            yield from nulls(inner, where)
    elif value is None:
        yield where


# --- the bundled catalogues ------------------------------------------------------------------------------------------


def test_the_list_has_openrouters_offers_with_its_ids_and_prices(client: Client, bundled: Snapshot) -> None:
    rows = read(client, ALL)["data"]
    own = {row.id: orjson.loads(row.document) for row in bundled.rows if row.gateway == "openrouter"}
    unknown = {each["id"] for each in own.values() if each["price_status"] == "unknown"}

    assert {model["id"] for model in rows} == own.keys() - unknown
    for model in rows:
        document = own[model["id"]]
        known = {name: price for name, price in document["pricing"].items() if price is not None}
        dynamic = {"prompt": "-1", "completion": "-1"}
        assert model["pricing"] == (dynamic if document["price_status"] == "dynamic" else known)
    assert sum(model["id"].endswith(":free") for model in rows) > 10
    assert {where for model in rows for where in nulls(model)} <= NULL_AT_OPENROUTER
    texts = [text for model in rows for text in model["pricing"].values()]
    assert all(re.fullmatch(r"-1|[0-9]+(\.[0-9]+)?", text) for text in texts)


def test_endpoints_are_the_offers_of_the_model_that_have_the_required_facts(client: Client, bundled: Snapshot) -> None:
    sellers = {seller["slug"]: seller["name"] for seller in read(client, "/api/v1/providers")["data"]}
    gateways = set()
    for model in read(client, ALL)["data"][::7]:
        data = read(client, f"/api/v1/models/{model['id']}/endpoints")["data"]

        assert {name: data[name] for name in ("id", "name", "created", "description")}.items() <= model.items()
        assert ("openrouter", model["id"]) in {(each["source_gateway"], each["model_id"]) for each in data["endpoints"]}
        for endpoint in data["endpoints"]:
            gateways.add(endpoint["source_gateway"])
            assert isinstance(endpoint["context_length"], int)
            assert endpoint["supported_parameters"] is not None
            assert {"prompt", "completion"} <= endpoint["pricing"].keys()
            assert sellers[endpoint["tag"]] == endpoint["provider_name"]
    assert gateways > {"openrouter"}


def test_a_row_is_found_by_its_id_and_by_those_of_other_offers_of_its_model(bundled: Snapshot) -> None:
    listing = openrouter_list.listing_of(bundled)
    for model_id in listing.models:
        found = openrouter_list.find(bundled, model_id)
        assert found is not None
        assert found.id == model_id

    for asked, model_id in {
        "deepseek-ai/DeepSeek-R1": R1_ID,
        "@deepinfra/deepseek-ai/DeepSeek-R1": R1_ID,
        "deepseek%2Fdeepseek-r1": R1_ID,
        f"{R1_ID}:free": R1_ID,
    }.items():
        found = openrouter_list.find(bundled, asked)
        assert found is not None
        assert found.id == model_id


QUERIES = ["", "?output_modalities=all", "?supported_parameters=tools,reasoning", "?input_modalities=image", "?q=r1"]


def test_the_count_is_that_of_the_list_and_both_prefixes_answer_alike(client: Client, bundled: Snapshot) -> None:
    totals = []
    for query in QUERIES:
        answer = read(client, f"/api/v1/models{query}")
        totals.append(len(answer["data"]))
        assert answer["total_count"] == totals[-1]
        for prefix in ("/api/v1", "/v1"):
            assert read(client, f"{prefix}/models/count{query}") == {"data": {"count": totals[-1]}}
            assert read(client, f"{prefix}/models/user{query}") == answer

    assert totals[0] <= totals[1]
    assert all(0 < total < totals[1] for total in totals[2:])


def test_reading_sends_no_query_to_the_database(
    client: Client, bundled: Snapshot, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        read(client, ALL)
        read(client, "/api/v1/models/deepseek/deepseek-r1/endpoints")
        read(client, "/litellm/model_prices.json")


# --- pages -----------------------------------------------------------------------------------------------------------

MANY = snapshot_of(*(offers.row(offer(f"acme/{number:04}")) for number in range(1_100)))


@pytest.mark.parametrize(
    ("query", "size", "following"),
    [
        ("", 1_100, None),
        ("offset=0&limit=500", 500, "/api/v1/models?limit=500&offset=500"),
        ("offset=500", 500, "/api/v1/models?limit=500&offset=1000"),
        ("limit=1000", 1_000, "/api/v1/models?limit=1000&offset=1000"),
        ("offset=1000", 100, None),
        ("offset=1100&limit=5", 0, None),
        ("limit=2&q=acme", 2, "/api/v1/models?limit=2&offset=2&q=acme"),
    ],
)
def test_limit_and_offset_page_through_the_list(query: str, size: int, following: str | None) -> None:
    answer = ask(MANY, query)

    assert (len(answer["data"]), answer["total_count"], answer["links"]) == (size, 1_100, {"next": following})


def test_the_links_lead_through_the_whole_list_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following.FOLLOWER, "snapshot", MANY)
    address, found = "/api/v1/models?limit=300", []
    while address:
        page = read(client, address)
        found += [model["id"] for model in page["data"]]
        address = page["links"]["next"]

    assert found == sorted(found)
    assert len(found) == 1_100


# --- filters and orders ----------------------------------------------------------------------------------------------

DAY = 24 * 60 * 60
PUBLISHED = int(MANY.published_at.timestamp())
SOME = snapshot_of(
    offers.row(offer("acme/cheap", prices=per_token(prompt="1E-7", completion="4E-7"), created=PUBLISHED - 10 * DAY)),
    offers.row(offer("acme/dear", prices=per_token(prompt="3E-6", completion="1E-5"), context_length=1_000_000)),
    offers.row(offer("~other/eyes", input_modalities=("text", "image"), supported_parameters=("seed",))),
    offers.row(offer("openrouter/auto", name="Auto Router", prices=(), is_dynamic=True)),
    offers.row(offer("other/vectors", model_type=ModelType.EMBEDDINGS, output_modalities=("embedding",))),
    offers.row(offer("other/ears", model_type=ModelType.SPEECH_TO_TEXT, input_modalities=("audio",))),
)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=ROUTER auto", ["openrouter/auto"]),
        ("min_price=0.1&max_price=0.5", ["acme/cheap"]),
        ("min_output_price=10", ["acme/dear"]),
        ("max_output_price=0.40", ["acme/cheap"]),
        ("context=64001", ["acme/dear"]),
        ("model_authors=Other", ["~other/eyes"]),
        ("input_modalities=image,text", ["~other/eyes"]),
        ("supported_parameters=SEED", ["~other/eyes"]),
        ("output_modalities=embeddings", ["other/vectors"]),
        ("output_modalities=embedding,transcription", ["other/ears", "other/vectors"]),
        ("max_age_days=10", ["acme/cheap"]),
        ("min_age_days=10&q=acme", ["acme/cheap", "acme/dear"]),
        ("sort=pricing-low-to-high", ["acme/cheap", "~other/eyes", "acme/dear", "openrouter/auto"]),
        ("sort=pricing-high-to-low", ["acme/dear", "~other/eyes", "acme/cheap", "openrouter/auto"]),
        ("sort=context-high-to-low", ["acme/dear", "acme/cheap", "openrouter/auto", "~other/eyes"]),
        ("sort=newest&limit=1", ["acme/cheap"]),
        ("sort=most-popular&zdr=true", ["acme/cheap", "acme/dear", "openrouter/auto", "~other/eyes"]),
    ],
)
def test_a_parameter_of_openrouter_finds_what_it_names(query: str, found: list[str]) -> None:
    assert ids(SOME, query) == found


# --- which offers are in the list ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "record",
    [
        offer(R1_ID, prices=()),
        offer(R1_ID, prices=per_token(prompt="1E-6")),
        offer(R1_ID, prices=per_token(prompt="0", completion="0"), zero_is_free=False),
        offer(R1_ID, prices=(hourly("22"),)),
        offer(R1_ID, context_length=None),
        offer(R1_ID, supported_parameters=None),
        offer(R1_ID, is_moderated=None),
        offer(R1_ID, input_modalities=None, output_modalities=None),
        offer(f"{R1_ID}:batch", execution_mode="batch"),
    ],
)
def test_an_offer_without_a_required_fact_is_not_listed(record: OfferRecord) -> None:
    assert listed(row(record)) == []


def test_an_offer_of_another_gateway_fills_in_nothing_and_gets_no_row() -> None:
    assert listed(row(offer(R1_ID, context_length=None)), row(offer(R1_ID), gateway="chutes")) == []


def test_created_defaults_to_the_time_when_the_catalogue_first_had_the_offer() -> None:
    [model] = listed(row(offer(R1_ID, created=None)))

    assert model["created"] == int(offer_facts().first_seen_at.timestamp())


def test_an_endpoint_claims_only_what_is_known(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def priced(*cached: str) -> tuple[PriceRecord, ...]:
        return (*offers.TEXT, *(offers.price(meter, "1E-7") for meter in cached))

    tools = ("tools", "tool_choice")
    rows = [
        row(offer(R1_ID, prices=priced(meters.INPUT_TEXT_CACHE_READ), supported_parameters=tools)),
        row(offer("a", prices=priced(meters.INPUT_TEXT_CACHE_READ, meters.INPUT_TEXT_CACHE_WRITE)), gateway="chutes"),
        row(offer("b", context_length=None), gateway="featherless"),
        row(offer("@deepinfra/c", host="deepinfra", supported_parameters=None), gateway="portkey"),
    ]
    monkeypatch.setattr(following.FOLLOWER, "snapshot", snapshot_of(*rows))

    endpoints = read(client, f"/api/v1/models/{R1_ID}/endpoints")["data"]["endpoints"]

    found = {each["source_gateway"]: each for each in endpoints}
    assert found.keys() == {"openrouter", "chutes"}
    assert [found[name]["supports_implicit_caching"] for name in ("openrouter", "chutes")] == [True, False]
    assert [found[name]["supports_tool_choice"]["auto"] for name in ("openrouter", "chutes")] == [True, False]
    assert not any(found["openrouter"]["supports_tool_choice"][name] for name in ("none", "required", "function"))


def test_an_error_is_json_for_clients_that_accept_nothing_else(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following.FOLLOWER, "snapshot", SOME)
    types = {
        (path, accept): client.get(path, HTTP_ACCEPT=accept)["Content-Type"]
        for path in ("/api/v1/models/acme/nothing", "/catalog/models/acme/nothing")
        for accept in ("application/json", "application/json, */*", "application/json, application/problem+json")
    }

    assert [key for key, kind in types.items() if kind == "application/json"] == [
        ("/api/v1/models/acme/nothing", "application/json")
    ]
