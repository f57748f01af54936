"""`GET /catalog/canonical/{slug}` and `/catalog/resolve`: one model, all its offers, cheapest first."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from catalog.curation import identity
from catalog.memory import following
from catalog.memory.snapshot import Snapshot
from catalog.models import CanonicalModel
from catalog.pricing import meters, money
from catalog.records import ModelType, OfferRecord, PriceRecord
from catalog.reports.canonical import models_of
from tests.catalog.api.reading import problem_of, read
from tests.catalog.asking import canonical_query
from tests.factories import hourly, offer_record, per_token, publish

pytestmark = pytest.mark.django_db

Json = Any
R1 = "deepseek-ai/DeepSeek-R1"


def r1(offer_id: str = R1, **fields: Any) -> OfferRecord:
    return offer_record(offer_id, provider_slug=offer_id.removeprefix("@").split("/")[-2], hugging_face_id=R1, **fields)


@pytest.fixture
def sold_everywhere() -> None:
    """The same model by token, dearer by token with a cache, by the hour, at an unknown price, and free elsewhere."""
    cached = meters.price(meters.INPUT_TEXT_CACHE_READ, money.usd_per_million_tokens("0.1"))
    publish(
        r1(
            "deepseek/deepseek-r1",
            canonical_slug="deepseek/deepseek-r1-2025-01-20",
            context_length=64_000,
            prices=per_token(prompt="4E-7", completion="2E-6"),
        ),
        r1("deepseek/deepseek-r1:free", prices=per_token(prompt="0", completion="0"), zero_is_free=True),
        offer_record("qwen/qwen3-8b", provider_slug="qwen"),
        gateway="openrouter",
    )
    publish(r1(prices=(hourly("22"),), context_length=128_000))
    publish(r1(prices=()), gateway="featherless")
    publish(
        offer_record(
            f"@host/{R1}",
            slug=R1,
            host="host",
            provider_slug="deepseek-ai",
            prices=(*per_token(prompt="5E-7", completion="1E-6"), cached),
        ),
        gateway="portkey",
    )
    following.FOLLOWER.refresh()


def offers_of(answer: Json) -> list[tuple[str, str | None, list[str]]]:
    return [(offer["offer"]["id"], offer["cost"], offer["reasons"]) for offer in answer["data"]["offers"]]


def test_all_offers_of_a_model_are_listed_cheapest_first_and_what_cannot_be_compared_says_why(
    client: Client, sold_everywhere: None
) -> None:
    answer = read(client, f"/catalog/canonical/{R1}")

    # Three parts input to one part output, a million tokens: 0.75 x 0.4 + 0.25 x 2; 0.75 x 0.5 + 0.25 x 1.
    assert offers_of(answer) == [
        ("deepseek/deepseek-r1:free", "0", []),
        (f"@host/{R1}", "0.625", []),
        ("deepseek/deepseek-r1", "0.8", []),
        (R1, None, ["it is billed by the hour of an instance, not by tokens"]),
        (R1, None, ["none of its prices is known"]),
    ]
    assert answer["data"]["cheapest"]["id"] == "deepseek/deepseek-r1:free"
    assert answer["data"]["gateways"] == ["chutes", "featherless", "openrouter", "portkey"]
    assert answer["data"]["differences"] == {
        "price_per_million.input": ["0", "0.5", "0.4", None, None],
        "price_per_million.output": ["0", "1", "2", None, None],
        "context_length": [None, None, 64_000, 128_000, None],
    }
    told = {offer["offer"]["id"]: (offer["variant"], offer["identity_rule"]) for offer in answer["data"]["offers"]}
    assert told["deepseek/deepseek-r1:free"] == ("free", "hugging_face")
    assert told[f"@host/{R1}"] == (None, "equal_id")
    assert {offer["offer"]["canonical_model"] for offer in answer["data"]["offers"]} == {R1}


def test_the_order_follows_the_workload(client: Client, sold_everywhere: None) -> None:
    answer = read(client, f"/catalog/canonical/{R1}?input_tokens=1000000&cached_percent=90&output_tokens=0")

    # 100,000 x 0.5 + 900,000 x 0.1; without a price of its own the cache costs what any input costs.
    assert offers_of(answer)[:3] == [
        ("deepseek/deepseek-r1:free", "0", []),
        (f"@host/{R1}", "0.14", []),
        ("deepseek/deepseek-r1", "0.4", []),
    ]
    assert answer["data"]["workload"] == {
        "input_tokens": 1_000_000,
        "cached_percent": 90,
        "output_tokens": 0,
        "requests": 0,
    }


@pytest.fixture
def embeddings() -> str:
    """Return the slug of an embedding model whose output has no price anywhere."""
    for gateway, amount in (("openrouter", "2E-8"), ("portkey", "1E-8")):
        sold = offer_record(
            "acme/embed", provider_slug="acme", model_type=ModelType.EMBEDDINGS, prices=(prompt(amount),)
        )
        publish(sold, gateway=gateway, is_complete=False)
    following.FOLLOWER.refresh()
    return "acme/embed"


def prompt(amount: str) -> PriceRecord:
    return meters.price(meters.INPUT_TEXT, money.usd_per_token(amount))


@pytest.mark.parametrize(
    ("query", "used", "cost"),
    [
        ("", (1_000_000, 0), "0.01"),
        ("?input_tokens=500", (500, 0), "0.000005"),
        ("?output_tokens=0&requests=1", (1_000_000, 0), "0.01"),
        ("?input_tokens=750000&output_tokens=250000", (750_000, 250_000), None),
    ],
)
def test_embeddings_are_compared_by_what_goes_in_unless_somebody_asks_for_more(
    client: Client, embeddings: str, query: str, used: tuple[int, int], cost: str | None
) -> None:
    answer = read(client, f"/catalog/canonical/{embeddings}{query}")["data"]

    assert (answer["workload"]["input_tokens"], answer["workload"]["output_tokens"]) == used
    assert (answer["cheapest"] and answer["cheapest"]["cost"]) == cost
    assert cost or answer["offers"][0]["reasons"] == ["its price of output.text is not known"]


def test_what_is_the_usual_workload_of_another_model_is_another_question_where_it_is_asked() -> None:
    asked = {canonical_query("/catalog/canonical/a/b", query) for query in ("", "input_tokens=750000")}

    assert len(asked) == 2


def test_a_workload_of_nothing_is_refused(client: Client, sold_everywhere: None, embeddings: str) -> None:
    nothing = "input_tokens=0&output_tokens=0"
    for address in (
        f"/catalog/canonical/{R1}?{nothing}",
        f"/catalog/canonical/{embeddings}?input_tokens=0",
        f"/catalog/compare?ids={R1}&{nothing}&requests=0&cached_percent=50",
    ):
        errors = problem_of(client.get(address), status=400)["errors"]

        assert [error["parameter"] for error in errors] == ["input_tokens", "output_tokens"]

    answer = read(client, f"/catalog/canonical/{R1}?{nothing}&requests=5")["data"]
    assert answer["cheapest"] is None
    assert {tuple(offer["reasons"]) for offer in answer["offers"] if offer["offer"]["price_basis"] == "token"} == {
        ("it does not charge for requests alone",)
    }


def test_every_row_names_its_model(client: Client, sold_everywhere: None) -> None:
    rows = read(client, "/catalog/models")["data"]

    assert {row["canonical_model"] for row in rows} == {R1, "Qwen/qwen3-8b"}


def test_the_slug_of_a_merged_model_leads_on(client: Client, sold_everywhere: None) -> None:
    qwen = CanonicalModel.objects.get(slug__startswith="Qwen")
    publish(offer_record("acme/heron", provider_slug="acme"), gateway="featherless", is_complete=False)
    identity.state_identity(
        kind="alias", spelling="acme/heron", model=qwen, reason="the same weights", author=None, now=timezone.now()
    )
    following.FOLLOWER.refresh()

    answer = client.get("/catalog/canonical/ACME/heron")

    assert (answer.status_code, answer["Location"]) == (308, f"/catalog/canonical/{qwen.slug}")
    assert read(client, "/catalog/resolve?id=acme/Heron")["data"]["canonical_model"] == qwen.slug


@pytest.mark.parametrize("spelling", ["grey-bird", "birds/Grey-Bird"])
def test_what_curators_call_a_model_leads_to_it(client: Client, sold_everywhere: None, spelling: str) -> None:
    r1 = CanonicalModel.objects.get(slug=R1)
    statement = identity.state_identity(
        kind="alias", spelling=spelling, model=r1, reason="its nickname", author=None, now=timezone.now()
    )
    following.FOLLOWER.refresh()

    assert read(client, f"/catalog/resolve?id={spelling.lower()}")["data"]["canonical_model"] == R1
    assert client.get(f"/catalog/canonical/{spelling}")["Location"] == f"/catalog/canonical/{R1}"

    identity.withdraw_statement(statement, author=None, now=timezone.now())
    following.FOLLOWER.refresh()
    assert read(client, f"/catalog/resolve?id={spelling}")["data"]["canonical_model"] is None


def test_withdrawn_offers_of_a_merged_model_are_found_under_the_slug_that_it_has(client: Client) -> None:
    publish(offer_record("acme/heron", provider_slug="acme"), offer_record("acme/egret", provider_slug="acme"))
    publish(offer_record("acme/egret", provider_slug="acme"))
    egret = CanonicalModel.objects.get(slug="acme/egret")
    following.FOLLOWER.refresh()
    identity.state_identity(
        kind="alias", spelling="acme/heron", model=egret, reason="one bird", author=None, now=timezone.now()
    )
    following.FOLLOWER.refresh()

    offers = read(client, "/catalog/canonical/acme/egret")["data"]["offers"]

    assert [offer["offer"]["id"] for offer in offers] == ["acme/egret", "acme/heron"]
    assert read(client, "/catalog/models/acme/heron")["data"]["canonical_model"] == "acme/egret"
    assert read(client, "/catalog/resolve?id=acme/heron")["data"]["canonical_model"] == "acme/egret"
    assert client.get("/catalog/canonical/acme/heron").status_code == 308


def test_what_is_no_model_is_not_found(client: Client, sold_everywhere: None) -> None:
    problem_of(client.get("/catalog/canonical/nobody/nothing"), status=404)


@pytest.mark.parametrize(
    ("asked", "rule"),
    [
        (R1, "id"),
        (f"chutes/{R1}", "gateway_and_id"),
        (f"openrouter/{R1.lower().replace('-ai', '')}:free", "gateway_and_id"),
        ("DEEPSEEK/DEEPSEEK-R1", "id_in_any_case"),
        (f"Chutes/{R1.upper()}", "slug"),
        ("OpenRouter/DEEPSEEK/deepseek-r1", "id_in_any_case"),
        (f"portkey/{R1}-0528:free", None),
        ("openrouter/deepseek_r1", "name_without_maker"),
        ("deepseek/deepseek-r1-2025-01-20", "canonical_slug"),
        ("DeepSeek/DeepSeek-R1-2025-01-20", "canonical_slug"),
        ("openrouter/deepseek/deepseek-r1-2025-01-20", "canonical_slug"),
        (f"host/{R1}", "name"),
        ("deepseek-ai/deepseek_r1", "name"),
        ("deepseek/deepseek-r1:thinking", "variant"),
        ("deepseek/deepseek-r1:nitro", "variant"),
        ("DEEPSEEK-AI/deepseek_r1:Floor", "variant"),
        ("deepseek-r1:online", "variant"),
        ("openrouter/deepseek/deepseek-r1:nitro", "variant"),
        ("deepseek/deepseek-r1:later", "variant"),
        ("deepseek/deepseek-r1:later:nitro", "variant"),
        ("deepsick/deepsick:later", None),
        ("deepseek-r1", "name_without_maker"),
        (" DeepSeek-R1 ", "name_without_maker"),
        ("deepsick", None),
    ],
)
def test_an_id_is_resolved_in_whatever_spelling_a_person_has_it(
    client: Client, sold_everywhere: None, asked: str, rule: str | None
) -> None:
    answer = client.get("/catalog/resolve", {"id": asked}).json()["data"]

    assert answer["rule"] == rule
    assert answer["canonical_model"] == (R1 if rule else None)
    assert len(answer["offers"]) == (5 if rule else 0)
    assert answer["candidates"] == []


def test_where_several_models_are_called_so_they_are_candidates(client: Client, sold_everywhere: None) -> None:
    publish(offer_record("acme/DeepSeek-R1", provider_slug="acme"), gateway="featherless", is_complete=False)
    following.FOLLOWER.refresh()

    answer = read(client, "/catalog/resolve?id=deepseek-r1")["data"]

    assert (answer["canonical_model"], answer["offers"]) == (None, [])
    assert [candidate["canonical_model"] for candidate in answer["candidates"]] == ["acme/DeepSeek-R1", R1]


def test_a_model_of_another_maker_than_was_asked_for_is_only_a_candidate(client: Client, sold_everywhere: None) -> None:
    answer = read(client, "/catalog/resolve?id=acme/deepseek-r1")["data"]

    assert (answer["canonical_model"], answer["rule"]) == (None, "name_without_maker")
    assert [candidate["canonical_model"] for candidate in answer["candidates"]] == [R1]


def test_neither_answer_asks_the_database(
    client: Client, sold_everywhere: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        client.get(f"/catalog/canonical/{R1}")
        client.get("/catalog/resolve?id=deepseek-r1")


def test_a_cost_is_exact(client: Client, sold_everywhere: None) -> None:
    answer = read(client, f"/catalog/canonical/{R1}?input_tokens=1&output_tokens=1")

    assert Decimal(offers_of(answer)[1][1] or "") == Decimal("0.0000015")


@pytest.mark.parametrize(
    ("asked", "evidence"),
    [
        ("deepseek/deepseek-r1:nitro", "`:nitro` is routed to the fastest host; without it, an offer has this id"),
        ("deepseek/deepseek-r1:later", "`:later` is a word that we do not know; without it, an offer has this id"),
        ("deepseek/deepseek-r1-2025-01-20", "it is the permanent slug of openrouter deepseek/deepseek-r1"),
    ],
)
def test_the_evidence_explains_how_an_id_was_understood(
    client: Client, sold_everywhere: None, asked: str, evidence: str
) -> None:
    assert read(client, f"/catalog/resolve?id={asked}")["data"]["evidence"] == evidence


@pytest.mark.parametrize(
    "asked", ["deepseek-r1:70b", "deepseek/deepseek-r1:70b", "deepseek-r1:latest", "deepseek-r1:q"]
)
def test_what_is_behind_the_colon_of_another_service_is_left_to_a_person(
    client: Client, sold_everywhere: None, asked: str
) -> None:
    answer = read(client, f"/catalog/resolve?id={asked}")["data"]

    assert answer["canonical_model"] is None
    assert [candidate["canonical_model"] for candidate in answer["candidates"]] == [R1]


def test_the_permanent_slug_of_one_model_that_is_the_slug_of_another_means_either(client: Client) -> None:
    publish(
        offer_record("acme/big-05-06", provider_slug="acme", canonical_slug="acme/big-03-25"),
        gateway="openrouter",
    )
    publish(offer_record("acme/big-03-25", provider_slug="acme", hugging_face_id="acme/big-03-25"))
    following.FOLLOWER.refresh()

    # An exact id names the gateway's offer. Comparisons still read a slug as the name of its model.
    assert read(client, "/catalog/resolve?id=acme/big-03-25")["data"]["rule"] == "id"
    answer = read(client, "/catalog/resolve?id=ACME/big-03-25")["data"]
    compared = read(client, "/catalog/compare?ids=ACME/big-03-25")["data"]["models"]

    assert answer["canonical_model"] is None
    assert [each["canonical_model"] for each in answer["candidates"]] == ["acme/big-03-25", "acme/big-05-06"]
    assert answer["evidence"] == (
        "it is the slug of acme/big-03-25, and the permanent slug of openrouter acme/big-05-06"
    )
    assert [model["canonical_model"] for model in compared] == ["acme/big-03-25"]


@pytest.mark.parametrize(
    ("asked", "model", "candidates"),
    [
        ("acme/heron-4-swift", "acme/heron-4-swift", ["acme/heron-swift-4"]),
        ("heron-swift-4", "acme/heron-swift-4", ["acme/heron-4-swift"]),
        ("swift-4-heron", None, ["acme/heron-4-swift", "acme/heron-swift-4"]),
        ("acme/egret-4.5-swift", None, ["acme/egret-swift-4.5"]),
        ("acme/egret-5.4-swift", None, []),
    ],
)
def test_names_of_the_same_words_in_another_order_are_candidates(
    client: Client, asked: str, model: str | None, candidates: list[str]
) -> None:
    named = ("acme/heron-4-swift", "acme/heron-swift-4", "acme/egret-swift-4.5")
    publish(*(offer_record(each, provider_slug="acme") for each in named), gateway="openrouter")
    following.FOLLOWER.refresh()

    answer = read(client, f"/catalog/resolve?id={asked}")["data"]

    assert answer["canonical_model"] == model
    assert [candidate["canonical_model"] for candidate in answer["candidates"]] == candidates


def test_every_permanent_slug_of_the_bundled_catalogues_finds_its_model(bundled: Snapshot) -> None:
    models = models_of(bundled)
    told = [row for row in bundled.rows if row.gateway == "openrouter" and row.permanent is not None]

    found = {row.id: models.meant_by(str(row.permanent)) for row in told}

    missed = {row.id for row in told if row.identity and row.identity.model not in found[row.id].models}
    unsure = {offer_id for offer_id, meant in found.items() if len(meant.models) > 1}
    assert (len(told) > 170, missed, unsure) == (True, set(), {"google/gemini-2.5-pro-preview-05-06"})


# --- spellings of other services -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "rule", "model"),
    [
        ("gpt4o", "separators", "openai/gpt-4o"),
        ("openai/gpt4o", "separators", "openai/gpt-4o"),
        ("openrouter/gpt4o", "separators", "openai/gpt-4o"),
        ("gpt4o:free", "variant", "openai/gpt-4o"),
        ("gpt-35-turbo", "separators", "openai/gpt-3.5-turbo"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock_id", "anthropic/claude-sonnet-4.5"),
        ("global.anthropic.claude-opus-4-6-v1", "bedrock_id", "anthropic/claude-opus-4.6"),
        ("amazon.nova-pro-v1:0", "bedrock_id", "amazon/nova-pro-v1"),
        ("openai.gpt-oss-120b-1:0", "bedrock_id", "openai/gpt-oss-120b"),
        ("claude-sonnet-4-5@20250929", "name_without_maker", "anthropic/claude-sonnet-4.5"),
        ("gpt-4o-2024-08-06", "name_without_maker", "openai/gpt-4o-2024-08-06"),
    ],
)
def test_ids_of_clouds_and_names_without_separators_find_their_model(
    client: Client, bundled: Snapshot, asked: str, rule: str, model: str
) -> None:
    answer = read(client, f"/catalog/resolve?id={asked}")["data"]

    assert (answer["canonical_model"], answer["rule"]) == (model, rule)
    assert answer["offers"]


@pytest.mark.parametrize(
    ("asked", "candidates"),
    [
        ("claude35sonnet", ["anthropic/claude-3-5-sonnet-20240620", "anthropic/claude-3-5-sonnet-20241022"]),
        ("llama3.1-70b", ["@cerebras/llama3.1-70b", "meta-llama/Llama-3.1-70B"]),
        ("llama3170b", ["@cerebras/llama3.1-70b", "meta-llama/Llama-3.1-70B"]),
        ("acme/gpt4o", ["openai/gpt-4o"]),
        ("gpt4o:latest", ["openai/gpt-4o"]),
        ("us.anthropic.claude-sonnet-4-5-20240101-v1:0", ["anthropic/claude-sonnet-4.5"]),
    ],
)
def test_a_spelling_that_several_models_fit_or_that_is_not_certain_has_candidates(
    client: Client, bundled: Snapshot, asked: str, candidates: list[str]
) -> None:
    answer = read(client, f"/catalog/resolve?id={asked}")["data"]

    assert answer["canonical_model"] is None
    assert [each["canonical_model"] for each in answer["candidates"]] == candidates


def test_the_evidence_explains_how_the_id_of_a_cloud_was_read(client: Client, bundled: Snapshot) -> None:
    answer = read(client, "/catalog/resolve?id=eu.anthropic.claude-sonnet-4-5-20250929-v1:0")["data"]

    assert answer["evidence"] == (
        "it is an id of Amazon Bedrock (region `eu`, provider `anthropic`, version `-v1:0`); read in this way, an "
        "offer or its model has this name, ignoring variant, separators and the spelling of the provider"
    )


def test_a_model_of_the_same_name_in_other_separators_is_shown_too(client: Client, bundled: Snapshot) -> None:
    answer = read(client, "/catalog/resolve?id=qwen3-32b")["data"]

    assert answer["canonical_model"] == "Qwen/Qwen3-32B"
    assert answer["candidates"] == [
        {"canonical_model": "@cerebras/qwen-3-32b", "evidence": "its name differs only in separators"}
    ]


def test_no_slug_without_its_separators_surely_means_another_model(bundled: Snapshot) -> None:
    models = models_of(bundled)
    slugs = {row.identity.model for row in bundled.rows if row.identity}
    wrong = []
    for slug in slugs:
        provider, _, name = slug.partition("/")
        if "~" in name or "/" in name:  # a number belongs to the slug; a second provider would become the first
            continue
        joined = re.sub(r"[^A-Za-z0-9+]", "", name)
        for asked in (joined, f"{provider}/{joined}"):
            meant = models.meant_by(asked)
            wrong += [(slug, asked, meant)] if slug not in {*meant.models, *meant.alike} else []

    assert len(slugs) > 1_000
    assert wrong == []
