"""OpenRouter's list: no fact is invented, and no null makes its clients drop the list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from catalog.formats import openrouter_list
from catalog.memory.rows import Row
from catalog.memory.snapshot import Snapshot
from catalog.records import Availability, OfferRecord
from catalog.reports import comparison
from catalog.reports.canonical import models_of
from tests.catalog.api.reading import read
from tests.catalog.formats import offers
from tests.catalog.formats.offers import offer
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
    "endpoints.max_completion_tokens",
    "endpoints.max_prompt_tokens",
    "endpoints.uptime_last_5m",
    "endpoints.uptime_last_30m",
    "endpoints.uptime_last_1d",
    "endpoints.latency_last_30m",
    "endpoints.throughput_last_30m",
    "endpoints.variant",  # ours
}
"""Where its own answers have nulls, so that its clients can read them."""


row = partial(offers.row, model="deepseek-ai/DeepSeek-R1")


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


def texts_of_prices(model: Json) -> Iterator[Json]:
    for prices in (model["pricing"], *(endpoint["pricing"] for endpoint in model["endpoints"])):
        yield from prices.values()


# --- the bundled catalogues ------------------------------------------------------------------------------------------


def test_rows_have_nulls_only_where_openrouter_has_them_and_prices_are_plain_text(
    client: Client, bundled: Snapshot
) -> None:
    rows = read(client, ALL)["data"]

    assert len(rows) > 300
    assert {where for model in rows for where in nulls(model)} <= NULL_AT_OPENROUTER
    assert all(re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) for model in rows for text in texts_of_prices(model))
    assert all({"prompt", "completion"} <= model["pricing"].keys() for model in rows)


def test_a_row_has_the_prices_of_the_cheapest_offer_that_is_not_a_free_tier(client: Client, bundled: Snapshot) -> None:
    for model in read(client, ALL)["data"]:
        offers = comparison.compared(models_of(bundled).rows_of(model["canonical_slug"]), comparison.DEFAULT_WORKLOAD)
        comparable = [offer for offer in offers if offer.cost is not None]
        lasting = [offer for offer in comparable if not offer.row.id.endswith(":free")]
        [priced, *_] = lasting or comparable

        assert model["pricing"].items() <= priced.document["pricing"].items()
        shown = [(endpoint["source_gateway"], endpoint["model_id"]) for endpoint in model["endpoints"]]
        active = [offer.row for offer in offers if offer.document["withdrawn_at"] is None]
        assert shown == [(row.gateway, row.id) for row in active]
        assert model["id"].endswith(":free") <= (not lasting)


def test_a_row_is_found_by_its_id_its_slug_and_the_id_of_every_offer(client: Client, bundled: Snapshot) -> None:
    rows = read(client, ALL)["data"]
    assert len({model["id"] for model in rows}) == len(rows)
    ids = {model["id"] for model in rows}
    for model in rows:
        for endpoint in model["endpoints"]:
            asked = endpoint["model_id"]
            found = openrouter_list.find(bundled, asked)
            assert found is not None
            assert found.id == model["id"]
            bare = openrouter_list.find(bundled, asked.removesuffix(":free"))
            assert bare is not None
            assert asked in ids or bare.id == model["id"]
        always = openrouter_list.find(bundled, f"{model['id'].removesuffix(':free')}:free")
        assert always is not None
        assert always.id == model["id"]
        assert read(client, f"/v1/models/{quote(model['canonical_slug'], safe='')}")["id"] == model["id"]


QUERIES = ["", "?output_modalities=all", "?supported_parameters=tools,reasoning", "?input_modalities=image"]


def test_the_count_is_that_of_the_list_and_both_prefixes_answer_alike(client: Client, bundled: Snapshot) -> None:
    totals = []
    for query in QUERIES:
        answer = read(client, f"/api/v1/models{query}")
        totals.append(len(answer["data"]))
        assert answer["total_count"] == totals[-1]
        assert read(client, f"/api/v1/models/count{query}") == {"data": {"count": totals[-1]}}
        assert read(client, f"/v1/models{query}") == answer == read(client, f"/api/v1/models/user{query}")

    assert totals[0] <= totals[1]
    assert 0 < totals[2] < totals[1]
    assert 0 < totals[3] < totals[1]


def test_every_offer_leads_to_a_seller_of_the_list_of_providers(client: Client, bundled: Snapshot) -> None:
    sellers = {seller["slug"]: seller["name"] for seller in read(client, "/api/v1/providers")["data"]}

    shown = {(each["tag"], each["provider_name"]) for row in read(client, ALL)["data"] for each in row["endpoints"]}
    assert shown <= sellers.items()
    assert {"openrouter", "portkey", "featherless", "chutes"} - sellers.keys() == {"portkey"}  # it leads to its hosts


def test_reading_sends_no_query_to_the_database(
    client: Client, bundled: Snapshot, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        read(client, ALL)
        read(client, "/api/v1/models/deepseek/deepseek-r1/endpoints")
        read(client, "/litellm/model_prices.json")


# --- who is in the list ----------------------------------------------------------------------------------------------

KNOWN: dict[str, Any] = {
    "prices": per_token(prompt="7E-7", completion="2.5E-6"),
    "context_length": 64_000,
    "supported_parameters": ("tools",),
    "is_moderated": True,
}
UNKNOWN: dict[str, Any] = dict.fromkeys(KNOWN) | {"prices": (hourly("22"),)}


@given(st.lists(st.sets(st.sampled_from(sorted(KNOWN))), min_size=1, max_size=3))
def test_a_model_is_listed_if_its_offers_together_have_the_required_facts(
    knowing: list[set[str]],
) -> None:
    """Each offer, of another gateway, knows some of it."""
    gateways = ("openrouter", "featherless", "chutes")
    records = [
        offer("maker/one", **{name: (KNOWN if name in known else UNKNOWN)[name] for name in KNOWN}) for known in knowing
    ]

    rows = listed(*(row(record, gateway=gateway) for record, gateway in zip(records, gateways, strict=False)))

    assert bool(rows) == (set().union(*knowing) == KNOWN.keys())
    for model in rows:
        assert model["context_length"] == 64_000
        assert model["supported_parameters"] == ["tools"]
        assert model["top_provider"]["is_moderated"] is True
        assert model["pricing"] == {"prompt": "0.0000007", "completion": "0.0000025"}
        assert len(model["endpoints"]) == len(knowing)
        for endpoint, known in zip(sorted(model["endpoints"], key=_in(gateways)), knowing, strict=True):
            assert bool(endpoint["pricing"]) == ("prices" in known)  # an hourly rate is never shown as one per token
            assert ("context_length" in endpoint) == ("context_length" in known)


def _in(gateways: tuple[str, ...]) -> Any:
    return lambda endpoint: gateways.index(endpoint["source_gateway"])


@pytest.mark.parametrize(
    "record",
    [
        offer(R1_ID, prices=()),
        offer(R1_ID, prices=(), is_dynamic=True),
        offer(R1_ID, prices=per_token(prompt="1E-6")),
        offer(R1_ID, prices=per_token(prompt="0", completion="0"), zero_is_free=False),
        offer(R1_ID, input_modalities=None, output_modalities=None),
    ],
)
def test_a_model_without_a_comparable_price_or_modalities_is_not_listed(record: OfferRecord) -> None:
    assert listed(row(record)) == []


def test_created_defaults_to_the_time_when_the_catalogue_first_had_the_model() -> None:
    [model] = listed(row(offer(R1_ID, created=None)))

    assert model["created"] == int(offer_facts().first_seen_at.timestamp())


def test_the_id_is_openrouters_unless_it_would_promise_a_free_tier() -> None:
    free = offer("deepseek/deepseek-r1:free", prices=per_token(prompt="0", completion="0"), zero_is_free=True)
    elsewhere = offer("@host/deepseek-ai/DeepSeek-R1", host="host", availability=Availability.ONLINE)

    [only_free] = listed(row(free))
    [free_and_paid] = listed(row(free), row(offer(R1_ID)))
    [free_and_elsewhere] = listed(row(free), row(elsewhere, gateway="portkey"))
    rivals = listed(
        row(elsewhere, gateway="portkey", model="maker/taken"), row(offer("maker/taken"), model="maker/other")
    )

    assert (only_free["id"], only_free["pricing"]["prompt"]) == ("deepseek/deepseek-r1:free", "0")
    assert (free_and_paid["id"], free_and_paid["pricing"]["prompt"]) == ("deepseek/deepseek-r1", "0.0000007")
    assert (free_and_elsewhere["id"], free_and_elsewhere["pricing"]["prompt"]) == (
        "deepseek-ai/DeepSeek-R1",
        "0.0000007",
    )
    assert [model["id"] for model in rivals] == ["maker/taken", "portkey/@host/deepseek-ai/DeepSeek-R1"]
    assert [endpoint.get("status") for endpoint in free_and_elsewhere["endpoints"]] == [None, 0]


def test_a_row_loses_an_id_that_openrouter_begins_to_use() -> None:
    ours, theirs = row(offer("r1"), gateway="chutes"), row(offer("deepseek-ai/DeepSeek-R1"), model="maker/other")
    before = snapshot_of(ours)
    assert list(openrouter_list.listing_of(before).models) == ["deepseek-ai/DeepSeek-R1"]

    after = snapshot_of(ours, theirs)
    openrouter_list.listing_of.carry_on(before, after)

    assert list(openrouter_list.listing_of(after).models) == ["chutes/r1", "deepseek-ai/DeepSeek-R1"]
