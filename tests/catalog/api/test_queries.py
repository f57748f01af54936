"""What clients read most costs no query, however much is asked; what operators read costs a few."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from catalog.memory import following
from catalog.memory.snapshot import Snapshot
from catalog.registry import GATEWAYS
from tests.catalog.api.reading import problem_of, read
from tests.catalog.syncing import sync


@pytest.mark.parametrize(
    "address",
    [
        "/catalog/models",
        "/catalog/models?gateway=chutes&provider=qwen&model_type=LLM&tags=hot&sort=-name&limit=5&offset=5",
        "/catalog/models?hourly_rate_max=6&canonical_model=deepseek-ai/DeepSeek-R1&facets=tags,provider&fields=id",
        "/catalog/models?cursor=start&limit=5",
        "/catalog/models?q=deepsek+r1",
        "/catalog/models/deepseek-ai/DeepSeek-R1",
        "/catalog/providers",
        "/catalog/provider?gateway=chutes",
        "/catalog/compare?ids=deepseek-ai/DeepSeek-R1,Qwen/Qwen3-32B",
        "/catalog/stats",
        "/catalog/providers/deepseek",
        "/catalog/canonical/deepseek-ai/DeepSeek-R1",
        "/catalog/resolve?id=deepseek-r1",
        "/catalog/export.json",
        "/api/v1/models",
        "/api/v1/models/count",
        "/api/v1/providers",
        "/litellm/model_prices.json",
        "/healthz",
    ],
)
def test_reading_the_catalogue_asks_the_database_nothing(
    client: Client, catalogue: Snapshot, django_assert_num_queries: DjangoAssertNumQueries, address: str
) -> None:
    with django_assert_num_queries(0):
        read(client, address)


def test_neither_an_estimate_nor_an_export_nor_a_page_asks_the_database_anything(
    client: Client, catalogue: Snapshot, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        body = {"workload": {"input_tokens": 1, "hours": 1}, "limit": 100}
        asked = [client.post("/catalog/estimate", body, content_type="application/json")]
        for address in ("export.ndjson", "export.csv", "schema", "docs", "logos/deepseek-ai.svg"):
            asked.append(client.get(f"/catalog/{address}"))
        asked.append(client.get("/docs/api/models"))

    assert [response.status_code for response in asked] == [200] * 7


def test_a_refusal_asks_the_database_nothing(
    client: Client, catalogue: Snapshot, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        problem_of(client.get("/catalog/models?limit=0"), status=400)
        problem_of(client.get("/catalog/models/nobody/nothing"), status=404)


def test_the_state_of_the_gateways_costs_four_queries_for_each_before_and_after_the_first_sync(
    client: Client, db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    # And the gateways themselves, and the newest revision.
    following.FOLLOWER.refresh()
    with django_assert_num_queries(2 + 4 * len(GATEWAYS)):
        read(client, "/catalog/gateways")
    sync()
    sync()

    with django_assert_num_queries(2 + 4 * len(GATEWAYS)):
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
