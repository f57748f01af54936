"""Facts of providers: stored when they are read, shown with the models, and no change when they are read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from catalog.adapter.contract import Request
from catalog.memory import following
from catalog.models import Provider, Revision, SyncRun
from catalog.sync import decisions
from tests.catalog.syncing import Network, published, sync, sync_rows
from tests.factories import chutes_row, openrouter_row

Json = Any

pytestmark = pytest.mark.django_db

MODELS = Request(host="api", path="/api/v1/models", query={"output_modalities": "all"})
PROVIDERS = Request(host="api", path="/api/v1/providers")


def facts(slug: str, *, headquarters: str = "FR") -> Json:
    return {"slug": slug, "name": slug.title(), "headquarters": headquarters}


@pytest.fixture
def openrouter(network: Network) -> Network:
    """OpenRouter lists a model of one provider, and facts of that provider and of another one."""
    network.answer("openrouter", MODELS, {"data": [openrouter_row("maker/model")]})
    network.answer("openrouter", PROVIDERS, {"data": [facts("maker"), facts("other")]})
    assert sync("openrouter").run.outcome == SyncRun.Outcome.PUBLISHED
    return network


def headquarters() -> dict[str, str]:
    following.FOLLOWER.refresh()
    return {key: row.headquarters for key, row in following.FOLLOWER.current().providers.items()}


def test_facts_read_before_the_first_model_come_with_it_and_a_rebuild_adds_nothing(
    openrouter: Network, fixtures_dir: Path
) -> None:
    sync_rows(fixtures_dir, [chutes_row("other/model", provider="other")])
    before = published()
    assert headquarters()["other"] == "FR"

    run = decisions.rebuild("openrouter").run

    assert run.outcome == SyncRun.Outcome.UNCHANGED
    assert published() == before


def test_a_new_fact_of_a_provider_with_a_model_is_a_revision(openrouter: Network) -> None:
    openrouter.answer("openrouter", PROVIDERS, {"data": [facts("maker", headquarters="DE"), facts("other")]})

    run = sync("openrouter").run

    assert (run.revision_before, run.revision_after) == (1, 2)
    assert headquarters()["maker"] == "DE"


def test_a_new_fact_of_a_provider_without_a_model_is_kept_and_is_no_revision(openrouter: Network) -> None:
    openrouter.answer("openrouter", PROVIDERS, {"data": [facts("maker"), facts("other", headquarters="DE")]})

    run = sync("openrouter").run

    assert run.outcome == SyncRun.Outcome.UNCHANGED
    assert Revision.objects.newest().number == 1
    assert Provider.objects.get(key="other").headquarters == "DE"


def test_a_new_fact_under_another_spelling_of_a_provider_is_a_revision(network: Network) -> None:
    network.answer("openrouter", MODELS, {"data": [openrouter_row("mistralai/model")]})
    network.answer("openrouter", PROVIDERS, {"data": []})
    sync("openrouter")
    network.answer("openrouter", PROVIDERS, {"data": [facts("mistral")]})

    sync("openrouter")

    assert Revision.objects.newest().number == 2
    assert headquarters()["mistralai"] == "FR"
