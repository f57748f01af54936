"""Each rule in the smallest world in which it applies, and the traps that it must not fall into."""

from __future__ import annotations

import pytest

from catalog.identity.offers import Offer
from catalog.identity.resolution import Placement
from catalog.models.canonical import MAX_VARIANT
from catalog.records import ModelType
from tests.catalog.identity.worlds import chutes, decide, featherless, openrouter, portkey


def placed(*offers: Offer) -> list[Placement]:
    found = decide(*offers).placements
    return [found[listed.key] for listed in offers]


def rules(*offers: Offer) -> list[str]:
    return [placement.rule for placement in placed(*offers)]


def is_tied(one: Offer, other: Offer, *others: Offer) -> bool:
    first, second, *_ = placed(one, other, *others)
    return first.model == second.model


def test_offers_of_one_repository_are_one_model() -> None:
    repository, sold, rooted = placed(
        featherless("acme/Big-1"),
        openrouter("acme/big", repository="acme/big-1"),
        chutes("acme/Big-1-TEE", root="acme/Big-1-FP8"),
    )

    assert {repository.model, sold.model, rooted.model} == {"acme/Big-1"}
    assert {repository.rule, sold.rule, rooted.rule} == {"hugging_face"}
    assert [repository.variant, sold.variant, rooted.variant] == [None, None, "tee"]
    assert rooted.evidence == (
        "It is acme/Big-1-FP8 at Hugging Face, featherless acme/Big-1 is acme/Big-1: both are acme/big-1."
    )


def test_a_repository_of_another_organisation_ties_nothing() -> None:
    assert not is_tied(openrouter("acme/big", repository="stranger/big"), featherless("stranger/big"))
    assert is_tied(openrouter("z-ai/big", repository="THUDM/big"), featherless("zai-org/big"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (openrouter("acme/big.1"), portkey("host", "ACME/Big-1")),
        (openrouter("deepseek/big"), portkey("host", "deepseek-ai/big")),
        (openrouter("deepseek/big"), portkey("deepseek", "big")),
        (featherless("acme/big_1"), portkey("host", "acme/Big-1")),
        (openrouter("acme/big:free"), portkey("host", "acme/big")),
        (chutes("acme/big"), portkey("host", "acme/big-fp8")),
    ],
)
def test_equal_ids_in_any_spelling_are_one_model(one: Offer, other: Offer) -> None:
    assert is_tied(one, other)
    assert rules(one, other) == ["equal_id", "equal_id"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (openrouter("acme/big"), openrouter("acme/big-thinking")),
        (openrouter("acme/big"), portkey("host", "acme/big+")),
        (openrouter("acme/big"), portkey("host", "other/big")),
        (openrouter("acme/big"), portkey("host", "big")),
        (portkey("host", "big"), portkey("other", "big")),
        (featherless("acme/big"), featherless("acme/big_4bit")),
    ],
)
def test_ids_that_only_look_equal_are_two_models(one: Offer, other: Offer) -> None:
    assert not is_tied(one, other)


def test_an_id_is_found_by_the_other_names_of_a_model() -> None:
    listed = openrouter("acme/big", repository="acme/Big-Instruct")

    assert is_tied(portkey("host", "acme/big"), listed)
    assert is_tied(portkey("host", "acme/big-instruct"), listed)


def test_repositories_that_differ_only_by_case_are_two_models() -> None:
    lower, upper = featherless("acme/big-Ita"), featherless("acme/big-ITA")

    assert not is_tied(lower, upper)
    assert not is_tied(portkey("host", "acme/big-ita"), lower, upper)
    assert is_tied(openrouter("acme/big-ita", repository="acme/big-ITA"), upper, lower)


def test_an_id_that_may_be_short_for_another_is_of_neither() -> None:
    base, tuned = featherless("acme/big"), featherless("acme/big-it")

    assert is_tied(portkey("host", "acme/big"), base)
    assert not is_tied(portkey("host", "acme/big"), base, tuned)
    assert not is_tied(portkey("host", "acme/big"), tuned, base)


def test_a_permanent_slug_ties_as_a_whole_and_only_to_the_id_that_it_begins_with() -> None:
    dated = portkey("host", "acme/big-1-20250101")

    assert is_tied(openrouter("acme/big-1", permanent="acme/big-1-20250101"), dated)
    assert rules(openrouter("acme/big-1", permanent="acme/big-1-20250101"), dated) == ["canonical_slug"] * 2
    assert not is_tied(openrouter("acme/big-1v", permanent="acme/big-1-20250101"), dated)
    assert not is_tied(openrouter("acme/big-1", permanent="acme/big-1-20250101"), portkey("host", "acme/big-1-2026"))


def test_no_permanent_slug_makes_one_model_of_two_repositories() -> None:
    listed = openrouter("acme/big", repository="acme/big-a", permanent="acme/big-b")

    assert not is_tied(listed, featherless("acme/big-b"))


def test_the_only_date_at_the_providers_host_is_of_the_undated_name() -> None:
    undated, dated = openrouter("openai/big"), portkey("openai", "big-2025-01-01")

    assert is_tied(undated, dated)
    assert rules(undated, dated) == ["dated_host_id"] * 2
    assert not is_tied(undated, dated, portkey("openai", "big-2025-02-02"))
    assert not is_tied(undated, dated, openrouter("openai/big-2025-01-01"))
    assert not is_tied(undated, portkey("host", "openai/big-2025-01-01"))
    assert not is_tied(undated, portkey("openai", "big-2501"))
    assert not is_tied(portkey("openai", "ft:big"), portkey("openai", "ft:big-2025-01-01"))


def test_a_hosts_word_for_speed_is_a_variant_of_weights_that_others_have() -> None:
    repository = featherless("acme/big")

    assert placed(portkey("host", "acme/big-Turbo"), repository)[0].variant == "turbo"
    assert placed(chutes("acme/big-turbo-TEE"), repository)[0].variant == "tee-turbo"
    assert is_tied(chutes("acme/big-turbo"), repository)
    assert not is_tied(portkey("host", "acme/big-fast"), openrouter("acme/big"))
    assert placed(portkey("host", "acme/big-fast"), portkey("other", "acme/big"))[0].variant == "fast"
    assert is_tied(portkey("host", "acme/big-Turbo"), portkey("host", "acme/big"))
    assert not is_tied(portkey("host", "deepseek/big-fast"), portkey("deepseek", "big"))


def test_a_providers_word_for_speed_is_part_of_the_name() -> None:
    repository = featherless("deepseek-ai/big")
    sped_up = portkey("host", "deepseek-ai/big-turbo")

    assert is_tied(sped_up, repository)
    assert not is_tied(portkey("deepseek", "big-turbo"), repository)
    assert not is_tied(openrouter("deepseek/big-turbo"), repository)
    assert not is_tied(sped_up, repository, openrouter("deepseek/big-turbo"))
    assert not is_tied(portkey("host", "deepseek-ai/big-fast", model_type=ModelType.IMAGE_GENERATION), repository)


@pytest.mark.parametrize("name", ["deepseek-chat", "deepseek-big-latest", "deepseek-nightly"])
def test_a_moving_name_is_never_tied(name: str) -> None:
    listed = openrouter(f"deepseek/{name}", repository="deepseek-ai/big")

    assert not is_tied(listed, portkey("deepseek", name))
    assert not is_tied(listed, featherless("deepseek-ai/big"))
    assert not is_tied(openrouter("~deepseek/big"), openrouter("deepseek/big"))


def test_the_first_rule_that_ties_an_offer_is_its_rule() -> None:
    by_repository, by_id, by_date = (
        openrouter("deepseek/big", repository="deepseek-ai/Big"),
        portkey("deepseek", "big"),
        portkey("deepseek", "big-2025-01-01"),
    )

    assert rules(featherless("deepseek-ai/Big"), by_repository, by_id, by_date) == [
        "hugging_face",
        "hugging_face",
        "equal_id",
        "dated_host_id",
    ]
    assert placed(by_repository, by_id)[1].evidence == (
        "portkey @deepseek/big and openrouter deepseek/big are both deepseek-ai/big."
    )


PERMANENT = "acme/big-20260601"


@pytest.mark.parametrize("repository", [None, "acme/Big"])
@pytest.mark.parametrize("word", ["batch", "free", "later", "Later"])
def test_another_word_with_the_same_permanent_slug_is_a_variant(word: str, repository: str | None) -> None:
    base = openrouter("acme/big", permanent=PERMANENT, repository=repository)
    sold = openrouter(f"acme/big:{word}", permanent=PERMANENT, repository=repository)

    found, model = placed(sold, base, portkey("host", "acme/big"))[:2]

    assert (found.model, found.variant, model.variant) == (model.model, word.casefold(), None)


def test_a_variant_with_an_unknown_word_is_tied_by_its_base() -> None:
    base, sold = openrouter("acme/big", permanent=PERMANENT), openrouter("acme/big:later", permanent=PERMANENT)

    assert rules(sold, base) == ["variant", "equal_id"]
    assert placed(sold, base)[0].evidence == (
        f"OpenRouter's permanent slug of acme/big:later is that of acme/big, {PERMANENT}."
    )


def test_an_unknown_word_alone_ties_nothing() -> None:
    sold = openrouter("acme/big:later", permanent=PERMANENT)

    assert not is_tied(sold, portkey("host", "acme/big"))
    assert not is_tied(sold, openrouter("acme/big", permanent="acme/big-20250101"))
    assert not is_tied(portkey("host", "acme/big:later"), openrouter("acme/big"))
    assert placed(openrouter("acme/big:later", repository="acme/Big"), featherless("acme/Big"))[0].variant == "later"


def test_a_variant_of_a_variant_is_one_of_the_model() -> None:
    words = [openrouter(f"acme/big{words}", permanent=PERMANENT) for words in ("", ":later", ":later:sooner")]

    assert {placement.model for placement in placed(*words)} == {"acme/big"}
    assert [placement.variant for placement in placed(*words)] == [None, "later", "later-sooner"]
    assert placed(openrouter("acme/big:later:free", permanent=PERMANENT), words[0])[0].variant == "free-later"


def test_a_moving_name_and_its_variants_are_one_model() -> None:
    base = openrouter("deepseek/deepseek-chat", permanent=PERMANENT)
    batch, later = (openrouter(f"deepseek/deepseek-chat:{word}", permanent=PERMANENT) for word in ("batch", "later"))

    found = placed(base, batch, later)

    assert {placement.model for placement in found} == {"deepseek-ai/deepseek-chat"}
    assert [placement.variant for placement in found] == [None, "batch", "later"]
    assert rules(base, batch, later) == ["own", "variant", "variant"]
    assert not is_tied(batch, portkey("deepseek", "deepseek-chat"), base)


def test_a_permanent_slug_of_the_same_words_ties_to_its_namesake() -> None:
    sold, namesake = (
        openrouter("acme/heron-4.5", permanent="acme/4.5-heron-20250522"),
        portkey("host", "acme/4.5-heron"),
    )
    swift = openrouter("acme/heron-swift-4", permanent="acme/heron-4-swift-20250522")

    assert rules(swift, portkey("host", "acme/heron-4-swift")) == ["canonical_slug"] * 2
    assert placed(swift, portkey("host", "acme/heron-4-swift"))[1].model == "acme/heron-swift-4"
    assert not is_tied(swift, portkey("host", "acme/heron-4"))
    assert not is_tied(swift, portkey("host", "other/heron-4-swift"))
    assert not is_tied(openrouter("acme/heron-swift-5"), portkey("host", "acme/heron-5-swift"))
    assert not is_tied(
        openrouter("acme/heron-swift-4.5", permanent="acme/heron-swift-5.4-20250522"),
        portkey("host", "acme/heron-swift-5.4"),
    )
    # One word and a number are too little to identify a name.
    assert not is_tied(sold, namesake)


def test_a_variant_of_many_words_is_no_longer_than_its_column() -> None:
    words = "".join(f":{letter * 40}" for letter in "abcd")
    listed = [openrouter(f"acme/big{words[: 41 * count]}", permanent=PERMANENT) for count in range(5)]

    variants = [placement.variant for placement in placed(*listed)]

    assert [len(variant or "") for variant in variants] == [0, 40, 81, MAX_VARIANT, MAX_VARIANT]
