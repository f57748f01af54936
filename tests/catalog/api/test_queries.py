"""What clients read most costs no query, however much is asked; what operators read costs a few."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from catalog.memory import following
from catalog.memory.snapshot import Snapshot
from catalog.registry import GATEWAYS
from tests.catalog.addresses import CACHED
from tests.catalog.api.reading import problem_of, read
from tests.catalog.syncing import sync

MODEL = "deepseek-ai/DeepSeek-R1"
FROM_MEMORY = [
    address.target(model=MODEL, provider="deepseek", key="deepseek", maker="deepseek-ai")
    for address in CACHED
    if not address.endpoint.reads_tables
]


@pytest.mark.parametrize("address", [*FROM_MEMORY, "/healthz"])
def test_what_does_not_declare_that_it_reads_tables_reads_none(
    client: Client, catalogue: Snapshot, django_assert_num_queries: DjangoAssertNumQueries, address: str
) -> None:
    with django_assert_num_queries(0):
        status = client.get(address).status_code

    # OpenRouter's list has no model that Chutes sells.
    assert status == 200 or (status == 404 and address.startswith(("/v1/", "/api/v1/")))


@pytest.mark.parametrize(
    "query",
    [
        "gateway=chutes&provider=qwen&model_type=LLM&tags=hot&sort=-name&limit=5&offset=5",
        "hourly_rate_max=6&canonical_model=deepseek-ai/DeepSeek-R1&facets=tags,provider&fields=id",
        "cursor=start&limit=5",
        "q=deepsek+r1",
    ],
)
def test_no_parameter_of_the_list_asks_the_database_anything(
    client: Client, catalogue: Snapshot, django_assert_num_queries: DjangoAssertNumQueries, query: str
) -> None:
    with django_assert_num_queries(0):
        read(client, f"/catalog/models?{query}")


def test_an_estimate_asks_the_database_nothing(
    client: Client, catalogue: Snapshot, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    body = {"workload": {"input_tokens": 1, "hours": 1}, "limit": 100}
    with django_assert_num_queries(0):
        assert client.post("/catalog/estimate", body, content_type="application/json").status_code == 200


def test_a_refusal_asks_the_database_nothing(
    client: Client, catalogue: Snapshot, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        problem_of(client.get("/catalog/models?limit=0"), status=400)
        problem_of(client.get("/catalog/models/nobody/nothing"), status=404)


def test_the_state_of_the_gateways_costs_four_queries_for_each_before_and_after_the_first_sync(
    client: Client, db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    # And the gateways themselves, their settings, and the newest revision.
    following.FOLLOWER.refresh()
    with django_assert_num_queries(3 + 4 * len(GATEWAYS)):
        read(client, "/catalog/gateways")
    sync()
    sync()

    with django_assert_num_queries(3 + 4 * len(GATEWAYS)):
        read(client, "/catalog/gateways")


def test_readiness_asks_the_database_nothing(
    client: Client, catalogue: Snapshot, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        read(client, "/readyz")


def test_looking_for_a_newer_revision_costs_one_query_while_there_is_none(
    catalogue: Snapshot, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        following.FOLLOWER.refresh()
