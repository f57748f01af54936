"""`GET /catalog/provider` and `/catalog/providers`: who made the models."""

from __future__ import annotations

import pytest
from django.test import Client

from catalog.memory import following
from catalog.memory.snapshot import Snapshot
from catalog.records import ModelType
from tests.catalog.api.reading import problem_of, read
from tests.factories import offer_record, served_row, snapshot_of


@pytest.mark.parametrize(
    "address", ["/catalog/provider", "/catalog/provider/", "/catalog/providers", "/catalog/providers/"]
)
def test_all_spellings_of_the_address_answer_alike(client: Client, catalogue: Snapshot, address: str) -> None:
    answer = read(client, f"{address}?gateway=chutes")

    assert answer | {"data": [], "timestamp": ""} == {
        "data": [],
        "total": 28,
        "returned": 28,
        "offset": 0,
        "limit": 250,
        "gateway": "chutes",
        "note": "Chutes.ai catalog",
        "next": None,
        "revision": 1,
        "timestamp": "",
    }
    assert [provider["slug"].casefold() for provider in answer["data"]] == sorted(
        provider["slug"].casefold() for provider in answer["data"]
    )


def test_the_figures_of_a_provider_are_those_of_its_list_of_models(client: Client, catalogue: Snapshot) -> None:
    providers = read(client, "/catalog/providers")["data"]

    for provider in providers:
        listed = read(client, f"/catalog/models?provider={provider['slug']}")
        assert provider["model_count"] == listed["total"] == sum(provider["model_types"].values())
        assert set(provider["model_types"]) == {row["model_type"] for row in listed["data"]}
        assert provider["source_gateways"] == ["chutes"]
    assert sum(provider["model_count"] for provider in providers) == 104


def test_one_provider_is_found_by_any_spelling_and_told_as_the_list_tells_it(
    client: Client, catalogue: Snapshot
) -> None:
    [listed] = [row for row in read(client, "/catalog/providers")["data"] if row["slug"] == "deepseek-ai"]

    for spelling in ("deepseek-ai", "DEEPSEEK", "DeepSeek-AI"):
        assert read(client, f"/catalog/providers/{spelling}")["data"] == listed
        assert problem_of(client.get(f"/catalog/providers/{spelling}?gateway=openrouter"), status=404)
    assert problem_of(client.get("/catalog/providers/nobody"), status=404)


def test_spellings_that_differ_in_case_are_one_provider_named_as_most_spell_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        served_row(offer_record("Qwen/a", provider_slug="Qwen"), gateway="chutes"),
        served_row(offer_record("Qwen/b", provider_slug="Qwen", model_type=ModelType.EMBEDDINGS), gateway="chutes"),
        served_row(offer_record("qwen/a", provider_slug="qwen"), gateway="openrouter"),
        served_row(offer_record("nobody", provider_slug=None), gateway="openrouter"),
    ]
    monkeypatch.setattr(following.FOLLOWER, "snapshot", snapshot_of(*rows))

    [everywhere] = read(client, "/catalog/providers")["data"]
    [at_chutes] = read(client, "/catalog/providers?gateway=chutes")["data"]

    assert everywhere == {
        "slug": "Qwen",
        "name": "Qwen",
        "headquarters": None,
        "status_page_url": None,
        "terms_url": None,
        "privacy_url": None,
        "aliases": [],
        "site_url": "https://qwen.ai",
        "logo_url": "/catalog/logos/qwen.svg",
        "hugging_face": "Qwen",
        "source_gateways": ["chutes", "openrouter"],
        "model_count": 3,
        "model_types": {"Embeddings": 1, "LLM": 2},
    }
    assert (at_chutes["model_count"], at_chutes["source_gateways"]) == (2, ["chutes"])


def test_aliases_are_one_provider_under_its_canonical_slug(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        served_row(offer_record("deepseek/a", provider_slug="deepseek"), gateway="openrouter"),
        served_row(offer_record("deepseek/b", provider_slug="deepseek"), gateway="openrouter"),
        served_row(offer_record("deepseek-ai/a", provider_slug="deepseek-ai"), gateway="chutes"),
    ]
    monkeypatch.setattr(following.FOLLOWER, "snapshot", snapshot_of(*rows))

    [provider] = read(client, "/catalog/providers")["data"]

    assert (provider["slug"], provider["name"], provider["aliases"]) == ("deepseek-ai", "DeepSeek", ["deepseek"])
    assert (provider["source_gateways"], provider["model_count"]) == (["chutes", "openrouter"], 3)


def test_following_next_gives_every_provider_exactly_once(client: Client, catalogue: Snapshot) -> None:
    everyone = read(client, "/catalog/providers")["data"]
    found, address = [], "/catalog/provider?limit=4"

    while address:
        page = read(client, address)
        found += page["data"]
        address = page["next"]

    assert found == everyone
    assert page["total"] == 28
