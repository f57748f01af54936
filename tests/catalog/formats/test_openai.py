"""OpenAI's list, read by OpenAI's own client, and errors in the form that it parses."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import openai
import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from catalog.memory import following
from tests.catalog.api.reading import problem_of
from tests.catalog.api.web_server import serving
from tests.catalog.formats import offers
from tests.catalog.formats.offers import offer
from tests.factories import per_token, snapshot_of

R1_ID = "deepseek/deepseek-r1"
row = partial(offers.row, model="deepseek-ai/DeepSeek-R1")


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "status", "kind", "param"),
    [
        ("/v1/models?category=programming", 400, "invalid_request_error", "category"),
        ("/api/v1/models?supported_parameters=", 400, "invalid_request_error", "supported_parameters"),
        ("/api/v1/models/acme/nothing", 404, "not_found_error", None),
        ("/v1/nowhere", 404, "not_found_error", None),
    ],
)
def test_a_refusal_has_its_reason_under_error_too(
    client: Client, monkeypatch: pytest.MonkeyPatch, address: str, status: int, kind: str, param: str | None
) -> None:
    monkeypatch.setattr(following.FOLLOWER, "snapshot", snapshot_of(row(offer(R1_ID))))

    problem = problem_of(client.get(address), status=status)

    assert problem["error"] == {"message": problem["detail"], "type": kind, "param": param, "code": status}
    assert "error" not in problem_of(client.get("/catalog/nowhere"), status=404)


# --- the client of OpenAI --------------------------------------------------------------------------------------------


@pytest.fixture
def base_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    free = offer("deepseek/deepseek-r1:free", prices=per_token(prompt="0", completion="0"), zero_is_free=True)
    other = row(offer("openai/gpt-4o"), model="openai/gpt-4o")
    monkeypatch.setattr(following.FOLLOWER, "snapshot", snapshot_of(row(offer(R1_ID)), row(free), other))
    with serving() as address:
        yield f"{address}/v1"


def test_the_openai_client_lists_and_retrieves_with_any_key(base_url: str) -> None:
    with openai.OpenAI(base_url=base_url, api_key="sk-unknown", max_retries=0) as client:
        models = list(client.models.list())
        found = [
            client.models.retrieve(asked)
            for asked in (
                "deepseek/deepseek-r1",
                "deepseek%2Fdeepseek-r1",
                "deepseek/deepseek-r1:free",
                "deepseek-ai/DeepSeek-R1",
            )
        ]
        with pytest.raises(openai.NotFoundError) as refused:
            client.models.retrieve("acme/nothing")

    assert [(model.id, model.object, model.owned_by) for model in models] == [
        ("deepseek/deepseek-r1", "model", "maker"),
        ("openai/gpt-4o", "model", "maker"),
    ]
    assert [model.created for model in models] == [1_737_381_095] * 2
    assert found == [models[0]] * 4
    assert refused.value.type == "not_found_error"
    assert isinstance(refused.value.body, dict)
    assert refused.value.body["message"].startswith("No model of this list has the id.")


def test_the_openai_client_understands_the_limit_of_requests(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr(following.FOLLOWER, "snapshot", snapshot_of(row(offer(R1_ID))))
    settings.RATE_LIMIT_PER_MINUTE = 1

    def ask_on(client: openai.OpenAI) -> None:
        for _ in range(3):  # two of them at least within one minute of the clock
            client.models.list()

    with (
        serving() as address,
        openai.OpenAI(base_url=f"{address}/v1", api_key="x", max_retries=0) as client,
        pytest.raises(openai.RateLimitError) as refused,
    ):
        ask_on(client)

    assert refused.value.type == "rate_limit_error"
