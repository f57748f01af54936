"""`q` and `sort=relevance` of `/catalog/models`: what people type, and the first answer that they should get."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from catalog.memory import following
from catalog.memory.snapshot import Snapshot
from tests.catalog.api.reading import ids, problem_of, read
from tests.factories import offer_record, served_row, snapshot_of

Json = Any

SEARCHES = Path(__file__).parent.parent / "memory" / "searches.csv"
STRANGERS = (
    "4yo1/llama",
    "OrbitMC/qwen",
    "Saxo/Linkbricks-Horizon-AI-Nous-Hermes-3-Llama3.1-Korean-cpt-8b",
    "SillyTilly/mistralai_Mistral-Nemo-Base-2407",
    "agsidd10/llama-1b-sft-anthropic",
    "ayush02rajput/meta-llama-shard",
    "israel/gemma",
    "kevin009/lamatama",
    "ma921/gemma2_h_dpo_golden-hh_noise40_epoch3_gamma2",
    "ozertuu/Lama3.1-8B-EksiSozlukAI",
    "stfotso/deepseek-R1-qween-french-ghomala-bandjoun-1.5B",
    "sujithatz/quen_2.5_lora-merged",
    "tartuNLP/Llammas-base-p1-GPT-4o-human-error-mix-paragraph-GEC",
)
"""Models that people named after others, misspelled or not; Featherless sells thousands of them."""


@pytest.fixture
def three_models(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        served_row(offer_record("maker/Alpha-R1-Distill", name="B")),
        served_row(offer_record("maker/Alpha-R1", name="C")),
        served_row(offer_record("maker/Other", name="A", description="distilled from alpha r1")),
    ]
    monkeypatch.setattr(following.FOLLOWER, "snapshot", snapshot_of(*rows))


@pytest.fixture
def bundled_and_strangers(bundled: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    named_after_others = [
        served_row(offer_record(key, name=key.rpartition("/")[2], provider_slug=key.partition("/")[0]))
        for key in STRANGERS
    ]
    monkeypatch.setattr(following.FOLLOWER, "snapshot", snapshot_of(*bundled.rows, *named_after_others))


def search(client: Client, **asked: object) -> Json:
    return read(client, f"/catalog/models?{urlencode(asked)}")


@pytest.mark.usefixtures("bundled_and_strangers")
def test_what_people_ask_for_comes_first_in_the_bundled_catalogues_and_among_strangers_too(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with SEARCHES.open(encoding="utf-8", newline="") as file:
        searches = list(csv.DictReader(file))
    wrong = []

    with django_assert_num_queries(0):
        for asked in searches:
            found = search(client, q=asked["query"], limit=1)["data"]
            if not found or asked["first"] not in {found[0]["id"], found[0]["canonical_model"]}:
                wrong.append((asked["query"], asked["first"], [row["id"] for row in found]))

    assert len(searches) == 72
    assert wrong == []


@pytest.mark.usefixtures("three_models")
def test_what_is_found_stands_by_relevance_unless_another_order_is_asked_for(client: Client) -> None:
    by_relevance = ["maker/Alpha-R1", "maker/Alpha-R1-Distill", "maker/Other"]

    assert ids(search(client, q="alpha r1")) == by_relevance
    assert ids(search(client, q="alpha r1", sort="relevance")) == by_relevance
    assert ids(search(client, q="alpha r1", sort="id")) == sorted(by_relevance)
    assert ids(search(client, q="alpha r1", sort="name")) == ["maker/Other", "maker/Alpha-R1-Distill", "maker/Alpha-R1"]


@pytest.mark.usefixtures("three_models")
@pytest.mark.parametrize("sort", [{}, {"sort": "relevance"}, {"sort": "id"}, {"sort": "-name"}])
def test_the_next_pages_keep_question_and_order(client: Client, sort: dict[str, str]) -> None:
    whole = search(client, q="Alpha  R1!", **sort)
    page = search(client, q="Alpha  R1!", limit=1, **sort)

    walked = ids(page)
    while page["next"]:
        page = read(client, page["next"])
        walked += ids(page)

    assert walked == ids(whole)
    assert page["total"] == whole["total"] == 3


@pytest.mark.usefixtures("three_models")
@pytest.mark.parametrize(
    "query", ["sort=relevance", "sort=relevance&gateway=chutes", "sort=relevance&q=", "sort=-relevance"]
)
def test_relevance_without_a_question_is_refused(client: Client, query: str) -> None:
    problem = problem_of(client.get(f"/catalog/models?{query}"), status=400)

    assert {error["parameter"] for error in problem["errors"]} <= {"sort", "q"}


@pytest.mark.usefixtures("three_models")
def test_relevance_without_a_question_is_told_to_need_one(client: Client) -> None:
    problem = problem_of(client.get("/catalog/models?sort=relevance"), status=400)

    assert problem["detail"] == "sort requires q: relevance orders what a search finds"


@pytest.mark.usefixtures("three_models")
@pytest.mark.parametrize("text", ["!?", "🎉", "%", "(.*", "…", "\\", "—", "'\"<>"])
def test_a_question_without_words_finds_nothing(client: Client, text: str) -> None:
    assert search(client, q=text)["total"] == 0


@pytest.mark.usefixtures("three_models")
def test_a_question_goes_together_with_every_filter(client: Client) -> None:
    assert search(client, q="alpha", gateway="chutes", provider="maker")["total"] == 3
    assert search(client, q="alpha", gateway="portkey")["total"] == 0
