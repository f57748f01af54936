"""Slugs: how they are spelt, and that they hold."""

from __future__ import annotations

from catalog.identity.offers import Known, Model, Offer
from catalog.identity.resolution import Resolution
from tests.catalog.identity.worlds import chutes, decide, featherless, openrouter, portkey


def slug(*offers: Offer) -> str:
    return decide(*offers).placements[offers[0].key].model


def after(*offers: Offer, then: list[Offer]) -> tuple[Resolution, Resolution]:
    first = decide(*offers)
    return first, decide(*then, known=first.known(Known()), revision=2)


def test_a_slug_has_the_spelling_of_the_repository_and_of_our_provider() -> None:
    assert slug(portkey("host", "deepseek/big"), openrouter("deepseek/big", repository="DEEPSEEK-AI/Big-FP8")) == (
        "deepseek-ai/Big"
    )
    assert slug(featherless("THUDM/Big")) == "zai-org/Big"
    assert slug(portkey("host", "acme/Big"), openrouter("acme/big:free")) == "acme/big"
    assert slug(portkey("deepseek", "big-2025-01-01"), portkey("deepseek", "big")) == "deepseek-ai/big"
    assert slug(portkey("groq", "llama3-8b-8192")) == "@groq/llama3-8b-8192"
    assert slug(chutes("whisper")) == "chutes/whisper"
    assert slug(openrouter("~acme/big-latest")) == "acme/big-latest"
    assert slug(openrouter("deepseek/deepseek-chat", repository="deepseek-ai/Big")) == "deepseek-ai/deepseek-chat"
    assert slug(openrouter("acme/a b?c#d/../é")) == "acme/a-b-c-d/-/-"


def test_a_slug_that_is_taken_gets_a_number() -> None:
    found = decide(featherless("acme/big-ITA"), featherless("acme/big-Ita"), portkey("host", "acme/big-ita"))

    assert sorted(found.models) == ["acme/big-ITA", "acme/big-Ita~2", "acme/big-ita~3"]


def test_a_slug_does_not_follow_a_better_spelling() -> None:
    sold = portkey("host", "acme/big")

    _, later = after(sold, then=[sold, featherless("acme/BIG")])

    assert set(later.models) == {"acme/big"}
    assert {placement.model for placement in later.placements.values()} == {"acme/big"}


def test_of_two_models_that_turn_out_to_be_one_the_older_keeps_its_slug() -> None:
    sold, repository = portkey("host", "acme/big"), featherless("acme/big-1-it")
    first = decide(repository).known(Known())
    known = decide(repository, sold, known=first, revision=2).known(first)

    merged = decide(repository, sold, openrouter("acme/big", repository="acme/big-1-it"), known=known, revision=3)

    assert merged.models["acme/big"].redirect == "acme/big-1-it"
    assert {placement.model for placement in merged.placements.values()} == {"acme/big-1-it"}
    assert merged.names["acme/big"] == "acme/big-1-it"


def test_a_model_that_is_alone_again_has_its_slug_again() -> None:
    sold, repository = portkey("host", "acme/big"), featherless("acme/big-1-it")
    apart = decide(repository, sold).known(Known())
    together = [repository, sold, openrouter("acme/big", repository="acme/big-1-it")]
    merged = decide(*together, known=apart, revision=2).known(apart)

    parted = decide(repository, sold, known=merged, revision=3)

    assert parted.placements[sold.key].model == "acme/big"
    assert parted.placements[repository.key].model == "acme/big-1-it"
    assert not any(model.redirect for model in parted.models.values())


def test_a_model_whose_offers_have_gone_keeps_its_slug_for_the_next() -> None:
    gone, other = openrouter("acme/big"), featherless("acme/other")

    _, later = after(gone, other, then=[other])
    back = decide(other, portkey("host", "ACME/Big"), known=later.known(Known()), revision=3)

    assert later.models["acme/big"].redirect is None
    assert back.placements["portkey", "@host/ACME/Big"].model == "acme/big"


def test_an_offer_that_no_longer_names_its_model_keeps_its_slug() -> None:
    sold = portkey("host", "acme/big")

    _, later = after(sold, then=[sold, featherless("acme/big"), featherless("acme/big-it")])

    assert later.placements[sold.key].model == "acme/big"
    assert later.placements["featherless", "acme/big"].model == "acme/big~2"


def test_a_slug_that_its_model_does_not_choose_goes_to_its_namesake() -> None:
    namesakes, sold = [featherless("acme/EGRET"), featherless("acme/Egret")], openrouter("acme/heron")
    known = decide(*namesakes).known(Known())
    known = decide(*namesakes, sold, known=known, revision=2).known(known)
    heron, sold = featherless("acme/heron"), openrouter("acme/heron", repository="acme/Egret")

    once = decide(*namesakes, heron, sold, known=known, revision=3)
    again = decide(*namesakes, heron, sold, known=once.known(known), revision=4)

    assert once.placements[sold.key].model == "acme/Egret~2"
    assert once.placements[heron.key].model == "acme/heron"
    assert once.models["acme/heron"].redirect is None
    assert again == once


def test_a_hosts_word_for_speed_is_in_no_slug() -> None:
    sped_up = portkey("host", "acme/Big-Turbo")

    found = decide(sped_up, portkey("other", "acme/big-turbo-FP8")).placements

    assert {placement.model for placement in found.values()} == {"acme/Big"}
    assert [placement.variant for placement in found.values()] == ["turbo", "fp8-turbo"]
    assert slug(portkey("host", "acme/big-tput")) == slug(chutes("acme/big-fast")) == "acme/big"


def test_a_providers_word_for_speed_stays_in_the_slug() -> None:
    assert slug(portkey("deepseek", "big-turbo")) == "deepseek-ai/big-turbo"
    assert slug(openrouter("acme/big-turbo"), portkey("host", "acme/big-turbo")) == "acme/big-turbo"
    assert slug(featherless("acme/big-turbo")) == "acme/big-turbo"


def test_a_slug_without_the_hosts_word_is_left_to_a_model_with_that_name() -> None:
    sped_up, plain = portkey("host", "acme/big-turbo"), openrouter("acme/big")

    together = decide(sped_up, plain).placements
    first, later = after(sped_up, then=[sped_up, plain])

    assert [together[offer.key].model for offer in (sped_up, plain)] == ["acme/big-turbo", "acme/big"]
    assert first.placements[sped_up.key].model == "acme/big"
    assert [later.placements[offer.key].model for offer in (sped_up, plain)] == ["acme/big-turbo", "acme/big"]


def test_an_earlier_slug_with_a_hosts_word_stays() -> None:
    sped_up = portkey("host", "acme/big-turbo")
    given = Known(models={"acme/big-turbo": Model(born=1)}, placed={sped_up.key: "acme/big-turbo"})

    assert decide(sped_up, known=given, revision=2).placements[sped_up.key].model == "acme/big-turbo"
    # Both were born together, as in a catalogue that one publication brought.
    both = Known(models={**given.models, "acme/big": Model(born=1)}, placed=given.placed)
    merged = decide(sped_up, portkey("other", "acme/big"), known=both, revision=2)
    assert merged.placements[sped_up.key].model == "acme/big"
    assert merged.models["acme/big-turbo"].redirect == "acme/big"
