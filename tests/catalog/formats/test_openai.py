"""OpenAI's list: canonical models, read by OpenAI's own client, and errors in the form that it parses."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from urllib.parse import quote

import openai
import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from catalog.memory import following
from catalog.memory.snapshot import Snapshot
from tests.catalog.api.reading import problem_of, read
from tests.catalog.api.web_server import serving
from tests.catalog.formats import offers
from tests.catalog.formats.offers import offer
from tests.factories import hourly, offer_facts, per_token, snapshot_of

R1_ID = "deepseek/deepseek-r1"
row = partial(offers.row, model="deepseek-ai/DeepSeek-R1")


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "status", "kind", "param"),
    [
        ("/v1/models?all=maybe", 400, "invalid_request_error", "all"),
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


# --- the list --------------------------------------------------------------------------------------------------------


def ids(client: Client, query: str = "") -> list[str]:
    return [model["id"] for model in read(client, f"/v1/models{query}")["data"]]


def test_the_list_has_models_of_two_gateways_or_of_another_one_than_featherless(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        offers.row(offer("a"), "featherless", model="acme/of-featherless"),
        offers.row(offer("b"), "featherless", model="acme/of-two"),
        offers.row(offer("b"), "chutes", model="acme/of-two"),
        offers.row(offer("c"), "chutes", model="acme/of-chutes"),
    ]
    monkeypatch.setattr(following.FOLLOWER, "snapshot", snapshot_of(*rows))

    assert ids(client) == ids(client, "?all=false") == ["acme/of-chutes", "acme/of-two"]
    assert ids(client, "?all=true") == ["acme/of-chutes", "acme/of-featherless", "acme/of-two"]
    assert read(client, "/v1/models/acme/of-featherless")["id"] == "acme/of-featherless"


def test_a_row_has_what_is_known_and_the_prices_of_the_cheapest_offer_that_is_no_free_tier(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = offer(f"{R1_ID}:free", prices=per_token(prompt="0", completion="0"), zero_is_free=True)
    cheap = offer("r1", prices=per_token(prompt="1E-7", completion="2E-7"), context_length=None, is_moderated=None)
    hour = offer("r1", prices=(hourly("22"),), created=None)
    rows = [row(free), row(offer(R1_ID)), row(cheap, "featherless"), row(hour, "chutes")]
    monkeypatch.setattr(following.FOLLOWER, "snapshot", snapshot_of(*rows))

    model = read(client, "/v1/models/deepseek-ai%2FDeepSeek-R1")

    assert model["pricing"] == {"prompt": "0.0000001", "completion": "0.0000002"}
    assert model["context_length"] == 64_000
    assert [(each["source_gateway"], each["pricing"]) for each in model["endpoints"]] == [
        ("openrouter", {"prompt": "0", "completion": "0"}),
        ("featherless", model["pricing"]),
        ("openrouter", {"prompt": "0.0000007", "completion": "0.0000025"}),
        ("chutes", {}),  # an hourly rate is never shown as one per token
    ]


def test_a_model_of_which_little_is_known_has_the_four_fields_of_openai(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = dict.fromkeys(("context_length", "supported_parameters", "is_moderated", "created"))
    monkeypatch.setattr(
        following.FOLLOWER, "snapshot", snapshot_of(row(offer("r1", prices=(hourly("22"),), **unknown), "chutes"))
    )

    [model] = read(client, "/v1/models")["data"]

    assert model["created"] == int(offer_facts().first_seen_at.timestamp())
    assert (model["object"], model["owned_by"]) == ("model", "maker")
    assert model.keys().isdisjoint({"context_length", "supported_parameters", "pricing"})


def test_every_id_that_resolves_is_answered(client: Client, bundled: Snapshot) -> None:
    listed = ids(client, "?all=true")
    assert len(listed) > len(ids(client)) > 1_000
    for found in bundled.rows[::20]:
        assert found.identity is not None
        for asked in (found.identity.model, f"{found.gateway}/{found.id}"):
            assert read(client, f"/v1/models/{quote(asked, safe='')}")["id"] == found.identity.model
    for asked in (R1_ID, "@deepinfra/deepseek-ai/DeepSeek-R1", f"{R1_ID}:free"):
        assert read(client, f"/v1/models/{asked}")["id"] == "deepseek-ai/DeepSeek-R1"


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
        ("deepseek-ai/DeepSeek-R1", "model", "maker"),
        ("openai/gpt-4o", "model", "maker"),
    ]
    assert [model.created for model in models] == [1_737_381_095] * 2
    assert found == [models[0]] * 4
    assert refused.value.type == "not_found_error"
    assert isinstance(refused.value.body, dict)
    assert refused.value.body["message"].startswith("No model that is sold has this id or name")


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
