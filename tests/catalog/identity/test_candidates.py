"""Offers that almost match are listed with the reason, and are not tied automatically."""

from __future__ import annotations

import pytest

from catalog import registry
from catalog.identity.candidates import candidates
from catalog.identity.names import Namer
from catalog.identity.offers import Offer, Split, Statement
from tests.catalog.identity.worlds import NAMER, chutes, decide, featherless, openrouter, portkey


def found(*offers: Offer, statements: list[Statement] | None = None) -> list[tuple[str, str, str]]:
    listed = candidates(offers, decide(*offers), namer=NAMER, statements=statements or ())
    assert all(candidate.evidence.endswith(".") for candidate in listed)
    return [(candidate.reason, candidate.model, candidate.may_be) for candidate in listed]


BIG = openrouter("acme/big", repository="acme/Big")


@pytest.mark.parametrize(
    ("other", "reason", "model"),
    [
        (featherless("unsloth/BIG"), "equal_name", "unsloth/BIG"),
        (chutes("big"), "equal_name", "chutes/big"),
        (portkey("groq", "big"), "bare_id", "@groq/big"),
        (chutes("other/one", root="acme/Big"), "stranger", "other/one"),
        (openrouter("other/one", repository="acme/Big"), None, None),  # sold next to it, so they are two
        (openrouter("deepseek/deepseek-chat"), None, None),
        (featherless("acme/other"), None, None),
    ],
)
def test_an_offer_that_may_be_a_known_model_is_a_candidate(other: Offer, reason: str | None, model: str | None) -> None:
    assert found(BIG, other) == ([(reason, model, "acme/Big")] if reason else [])


@pytest.mark.parametrize("other", [portkey("groq", "gemma2-9b-it"), chutes("another/gemma-2-9b-it")])
def test_of_several_models_with_one_name_that_of_a_known_provider_is_meant(other: Offer) -> None:
    uploads = [featherless("aaa/gemma-2-9b-it"), openrouter("aaa/gemma-2-9b-it")]
    world = [other, *uploads, featherless("google/gemma-2-9b-it")]

    listed = candidates(world, decide(*world), namer=Namer(registry.PROVIDERS, registry.GATEWAYS))

    assert {candidate.may_be for candidate in listed} == {"google/gemma-2-9b-it"}


def test_a_bare_id_may_leave_out_that_the_model_is_tuned() -> None:
    assert found(portkey("groq", "big-8b"), featherless("acme/Big-8B"), featherless("acme/Big-8B-Instruct")) == [
        ("bare_id", "@groq/big-8b", "acme/Big-8B-Instruct")
    ]


def test_names_that_the_rules_leave_in_doubt() -> None:
    base, tuned, sold = featherless("acme/big"), featherless("acme/big-it"), portkey("host", "acme/big")
    assert found(base, tuned, sold) == [
        ("equal_id", "acme/big~2", "acme/big"),
        ("short_id", "acme/big~2", "acme/big-it"),
    ]

    dates = [portkey("openai", f"big-2025-01-0{day}") for day in (1, 2)]
    assert found(openrouter("openai/big"), *dates) == [
        ("date", "openai/big-2025-01-01", "openai/big"),
        ("date", "openai/big-2025-01-02", "openai/big"),
    ]

    moving = openrouter("deepseek/deepseek-chat", repository="deepseek-ai/big")
    assert found(moving, featherless("deepseek-ai/big")) == [("moving", "deepseek-ai/deepseek-chat", "deepseek-ai/big")]

    assert found(openrouter("acme/big"), portkey("host", "acme/big-turbo")) == [("speed", "acme/big-turbo", "acme/big")]


def test_uploads_at_one_gateway_alone_are_too_many_to_list() -> None:
    assert found(featherless("one/big"), featherless("other/big")) == []


def test_a_pair_that_a_curator_split_is_no_candidate() -> None:
    upload = chutes("unsloth/big")

    assert found(BIG, upload) != []
    assert found(BIG, upload, statements=[Split(offer=upload.key, model="acme/Big")]) == []
    assert found(BIG, upload, statements=[Split(offer=upload.key)]) == []


def test_the_same_words_in_another_order_are_a_candidate() -> None:
    assert found(openrouter("acme/heron-swift-4"), portkey("host", "acme/heron-4-swift")) == [
        ("word_order", "acme/heron-4-swift", "acme/heron-swift-4")
    ]
    assert found(openrouter("acme/heron-swift-4.5"), portkey("host", "heron-4.5-swift")) == [
        ("word_order", "@host/heron-4.5-swift", "acme/heron-swift-4.5")
    ]


@pytest.mark.parametrize(
    "other",
    [
        portkey("host", "acme/heron-5.4-swift"),
        portkey("host", "other/heron-4.5-swift"),
        portkey("host", "acme/heron-4.5-swift-x"),
        openrouter("acme/heron-4.5-swift"),
    ],
)
def test_other_words_providers_or_versions_are_no_candidates(other: Offer) -> None:
    assert found(openrouter("acme/heron-swift-4.5"), other) == []


def test_a_variant_without_its_base_is_a_candidate() -> None:
    sold = openrouter("acme/big:later", permanent="acme/big-20260601")

    assert found(sold, portkey("host", "acme/big")) == [("variant", "acme/big:later", "acme/big")]
