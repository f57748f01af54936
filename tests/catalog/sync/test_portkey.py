"""Portkey, from its hosts to what is served: joined prices, files that fail, and the options of an operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from catalog.adapter.contract import Request
from catalog.adapter.errors import Refused, Unreachable
from catalog.models import SyncRun
from tests.catalog.syncing import Network, served, sync

Json = Any
Outcome = SyncRun.Outcome

pytestmark = pytest.mark.django_db

MODELS = Request(host="api", path="/v1/models", query={"limit": "100", "offset": "0"})
DOWN = Unreachable("Portkey: configs.portkey.ai gave no answer")


def price_file(provider: str) -> Request:
    return Request(host="pricing", path=f"/pricing/{provider}.json")


def prices(**models: str) -> Json:
    """A price file of models that cost this many cents for each input and output token."""
    return {
        name: {
            "pricing_config": {
                "pay_as_you_go": {side: {"price": cents} for side in ("request_token", "response_token")}
            }
        }
        for name, cents in models.items()
    }


def workspace(*ids: str) -> Json:
    return {"object": "list", "total": len(ids), "data": [{"id": offer_id} for offer_id in ids]}


@pytest.fixture
def portkey(network: Network, settings: Settings) -> Network:
    """Two providers without an API key, each with a model that costs one cent for 10,000 tokens."""
    settings.GATEWAY_SOURCES = {**settings.GATEWAY_SOURCES, "portkey": "api"}
    settings.GATEWAY_OPTIONS = {"portkey": {"providers": ["openai", "google"]}}
    network.answer("portkey", price_file("openai"), prices(heron="0.0001"))
    network.answer("portkey", price_file("google"), prices(atlas="0.0001"))
    return network


@pytest.fixture
def with_key(portkey: Network, settings: Settings) -> Network:
    settings.GATEWAY_KEYS = {**settings.GATEWAY_KEYS, "portkey": "pk-secret"}
    portkey.answer("portkey", MODELS, workspace("@openai/heron", "@google/atlas"))
    return portkey


def prompts() -> dict[str, str | None]:
    return {offer_id: row["pricing"]["prompt"] for offer_id, row in served().items() if row["withdrawn_at"] is None}


BOTH = {"@google/atlas": "0.000001", "@openai/heron": "0.000001"}


def test_a_key_brings_another_list_which_is_not_measured_by_the_one_before(
    portkey: Network, settings: Settings
) -> None:
    sync("portkey")
    settings.GATEWAY_KEYS = {**settings.GATEWAY_KEYS, "portkey": "pk-secret"}
    portkey.answer("portkey", MODELS, workspace("@google/atlas"))

    run = sync("portkey").run

    assert (run.outcome, run.withdrawn) == (Outcome.PUBLISHED, 1)
    assert prompts() == {"@google/atlas": "0.000001"}
    portkey.answer("portkey", MODELS, workspace("@google/other"))
    assert sync("portkey").run.outcome == Outcome.HELD


@pytest.mark.usefixtures("credulous")  # one of two models is missing
def test_models_of_a_price_file_that_cannot_be_read_are_not_taken_for_withdrawn(portkey: Network) -> None:
    sync("portkey")
    portkey.answer("portkey", price_file("openai"), DOWN)
    portkey.answer("portkey", price_file("google"), prices(atlas_2="0.0002"))

    run = sync("portkey").run

    assert (run.outcome, run.withdrawn) == (Outcome.PUBLISHED, 0)
    assert run.error == "by its own count the listing is incomplete, so nothing was withdrawn"
    assert prompts() == BOTH | {"@google/atlas_2": "0.000002"}


def test_a_joined_model_keeps_its_price_while_its_price_file_cannot_be_read(with_key: Network) -> None:
    sync("portkey")
    with_key.answer("portkey", price_file("openai"), DOWN)
    with_key.answer("portkey", price_file("google"), prices(atlas="0.0002"))

    for run in (sync("portkey").run, sync("portkey").run):
        assert (run.rejected, run.withdrawn, run.seen) == (0, 0, 2)
        assert prompts() == BOTH | {"@google/atlas": "0.000002"}

    with_key.answer("portkey", price_file("openai"), prices(heron="0.0003"))
    sync("portkey")
    assert prompts() == {"@google/atlas": "0.000002", "@openai/heron": "0.000003"}


def test_a_model_that_was_never_published_is_so_without_its_price_file_too(with_key: Network) -> None:
    with_key.answer("portkey", price_file("openai"), Refused("Portkey: configs.portkey.ai answered 404 Not Found"))

    first, second = sync("portkey").run, sync("portkey").run

    assert (first.outcome, second.outcome) == (Outcome.PUBLISHED, Outcome.UNCHANGED)
    assert prompts() == BOTH | {"@openai/heron": None}


def test_a_model_that_left_the_workspace_is_withdrawn_even_with_its_price_file(with_key: Network) -> None:
    with_key.answer("portkey", MODELS, workspace("@openai/heron", "@google/atlas", "@google/a", "@google/b"))
    sync("portkey")
    with_key.answer("portkey", MODELS, workspace("@google/atlas", "@google/a", "@google/b"))
    with_key.answer("portkey", price_file("google"), DOWN)

    assert sync("portkey").run.withdrawn == 1
    assert "@openai/heron" not in prompts()


def test_without_the_workspace_the_run_fails_and_all_stays(with_key: Network) -> None:
    sync("portkey")
    with_key.answer("portkey", MODELS, Refused("Portkey: api.portkey.ai answered 401 Unauthorized"))

    assert sync("portkey").run.outcome == Outcome.FAILED
    assert prompts() == BOTH


def no_words(settings: Settings) -> None:
    settings.GATEWAY_OPTIONS = {"portkey": {"providers": []}}


def nothing_said(settings: Settings) -> None:
    settings.GATEWAY_OPTIONS = {}


@pytest.mark.parametrize("say", [no_words, nothing_said])
def test_where_an_operator_chooses_nothing_the_default_holds(
    say: Callable[[Settings], None], portkey: Network, settings: Settings
) -> None:
    say(settings)

    sync("portkey")

    assert [request.path for request in portkey.asked][:2] == ["/pricing/anthropic.json", "/pricing/cerebras.json"]


def test_another_choice_of_providers_is_read_at_once(portkey: Network, settings: Settings) -> None:
    sync("portkey")
    assert sync("portkey").is_equal_to_accepted
    settings.GATEWAY_OPTIONS = {"portkey": {"providers": ["openai", "google", "acme"]}}
    portkey.answer("portkey", price_file("acme"), prices(reed="0.0004"))

    assert not sync("portkey").is_equal_to_accepted
    assert prompts() == BOTH | {"@acme/reed": "0.000004"}


def test_a_price_file_that_contradicts_itself_holds_no_listing_of_a_small_workspace(
    with_key: Network,
) -> None:
    names = ("atlas", "atlas-2", "atlas-3", "atlas-4")
    with_key.answer("portkey", MODELS, workspace("@openai/heron", *(f"@google/{name}" for name in names)))
    with_key.answer("portkey", price_file("google"), prices(**dict.fromkeys(names, "0.0001")))
    sync("portkey")
    short, long, other = (prices(half=cents)["half"] for cents in ("0.0001", "0.0002", "0.0003"))
    halves = {
        f"{name}-{half}": entry
        for name in names[:2]
        for half, entry in (("lte-128k", short), ("gt-128k", long), ("lte-200k", other), ("gt-200k", long))
    }
    with_key.answer("portkey", price_file("google"), prices(**dict.fromkeys(names[2:], "0.0001")) | halves)

    run = sync("portkey").run

    assert (run.outcome, run.seen, run.rejected, run.changed) == (Outcome.PUBLISHED, 5, 0, 2)
    found = served()["@google/atlas"]
    assert found["pricing"] == {
        "prompt": None,
        "completion": None,
        "overrides": [
            {"conditions": [["prompt_tokens", ">=", 200001]], "prompt": "0.000002", "completion": "0.000002"},
        ],
    }
    assert prompts() == {f"@google/{name}": None for name in names[:2]} | {
        f"@google/{name}": "0.000001" for name in names[2:]
    } | {"@openai/heron": "0.000001"}
