"""Statements of curators precede every rule, last, and can be withdrawn; harmful ones are refused."""

from __future__ import annotations

import pytest

from catalog.identity import curators
from catalog.identity.offers import Alias, Known, Model, Offer, Split, Statement, Tie
from catalog.identity.resolution import Resolution, check
from tests.catalog.identity.worlds import NAMER, chutes, decide, featherless, openrouter, portkey

REPOSITORY, UPLOAD = featherless("acme/big"), chutes("unsloth/big")
SOLD, BARE = openrouter("acme/big", repository="acme/big"), portkey("groq", "big")
WORLD = [REPOSITORY, UPLOAD, SOLD, BARE]


def decided_with(*statements: Statement, world: list[Offer] | None = None) -> Resolution:
    """Return the decision with these statements about a world that was published without them."""
    offers = world or WORLD
    return decide(*offers, known=decide(*offers).known(Known()), statements=statements, revision=2)


def judge(new: Statement, *among: Statement, world: list[Offer] | None = None) -> None:
    offers = world or WORLD
    check(new, among=among, offers=offers, known=decide(*offers).known(Known()), namer=NAMER)


def test_a_tie_puts_an_offer_to_a_model() -> None:
    found = decided_with(Tie(offer=BARE.key, model="acme/big"))

    assert found.placements[BARE.key].model == "acme/big"
    assert found.placements[BARE.key].rule == "curator"
    assert found.placements[BARE.key].evidence == "A curator tied it to acme/big."
    assert found.models["@groq/big"].redirect == "acme/big"


def test_a_split_takes_an_offer_out_of_its_model() -> None:
    for split in (Split(offer=SOLD.key), Split(offer=SOLD.key, model="acme/big")):
        found = decided_with(split)

        assert found.placements[SOLD.key].model == "acme/big~2"
        assert found.placements[SOLD.key].rule == "curator"
        assert found.placements[REPOSITORY.key].model == "acme/big"


@pytest.fixture
def moved() -> tuple[list[Offer], Known, list[Statement]]:
    """A split after which the slug that it names leads to another model."""
    split_off, tied = chutes("acme/big-it", root="acme/big"), featherless("ACME/big-it")
    left = openrouter("acme/big", permanent="acme/big-it")
    free = openrouter("acme/big:free", permanent="acme/big", repository="acme/big_1")
    world = [split_off, tied, left, free, featherless("other/big")]
    statements: list[Statement] = [
        Tie(offer=tied.key, model="other/big"),
        Split(offer=split_off.key, model="acme/big~2"),
    ]
    first = decide(*world)
    assert first.placements[left.key].model == "acme/big~2"
    return world, first.known(Known()), statements


def test_a_split_lasts_when_its_slug_moves_on(moved: tuple[list[Offer], Known, list[Statement]]) -> None:
    world, known, statements = moved
    once = decide(*world, known=known, statements=statements, revision=2)
    again = decide(*world, known=once.known(known), statements=statements, revision=3)

    assert once.end_of("acme/big~2") == once.placements["openrouter", "acme/big"].model == "acme/big_1"
    assert once.placements["chutes", "acme/big-it"].model == "acme/big"
    assert once.placements["chutes", "acme/big-it"].apart_from == "acme/big~2"
    assert again == once


def test_an_offer_is_free_once_its_split_is_deleted(moved: tuple[list[Offer], Known, list[Statement]]) -> None:
    world, known, (tie, split) = moved
    other = Split(offer=("chutes", "acme/big-it"), model="other/big")
    known = decide(*world, known=known, statements=[tie, split, other], revision=2).known(known)

    found = decide(*world, known=known, statements=[tie, other], revision=3)

    freed = found.placements["chutes", "acme/big-it"]
    assert (freed.rule, freed.apart_from) == ("canonical_slug", None)
    assert freed.model == found.placements["openrouter", "acme/big"].model
    assert found.known(known).apart == {}


@pytest.mark.parametrize("spelling", ["unsloth/big", "UNSLOTH/Big:free", "unsloth/big-fp8"])
def test_an_alias_merges_the_model_with_that_name(spelling: str) -> None:
    found = decided_with(Alias(spelling=spelling, model="acme/big"))

    assert found.placements[UPLOAD.key].model == "acme/big"
    assert found.placements[UPLOAD.key].rule == "curator"
    assert found.placements[REPOSITORY.key].rule == "hugging_face"
    assert found.models["unsloth/big"].redirect == "acme/big"
    assert found.names["unsloth/big"] == "acme/big"


def test_an_alias_can_be_a_bare_name_or_one_of_a_host_and_may_lead_on() -> None:
    assert decided_with(Alias(spelling="big", model="acme/big")).placements[BARE.key].model == "acme/big"
    assert decided_with(Alias(spelling="@groq/big", model="acme/big")).placements[BARE.key].model == "acme/big"

    chain = [Alias(spelling="@groq/big", model="unsloth/big"), Alias(spelling="unsloth/big", model="acme/big")]
    assert decided_with(*chain).placements[BARE.key].model == "acme/big"


def test_an_alias_of_one_model_leaves_its_namesake_alone() -> None:
    host, base = portkey("host", "acme/crane"), featherless("acme/Crane")
    tuned = openrouter("acme/crane-it", repository="acme/Crane-it")
    known = decide(host).known(Known())
    world = [host, base, tuned]
    known = decide(*world, known=known, revision=2).known(known)
    alias = Alias(spelling="acme/crane", model="acme/Crane-it")

    check(alias, among=[], offers=world, known=known, namer=NAMER)
    found = decide(*world, known=known, revision=3, statements=[alias])

    models = {offer: found.placements[offer.key].model for offer in world}
    assert models[host] == models[tuned] == "acme/Crane-it"
    assert models[base] == "acme/Crane~2"


def test_a_statement_lasts_and_can_be_withdrawn() -> None:
    statements: list[Statement] = [
        Tie(offer=BARE.key, model="acme/big"),
        Alias(spelling="unsloth/big", model="acme/big"),
    ]
    before = decide(*WORLD).known(Known())
    curated = decide(*WORLD, known=before, statements=statements, revision=2)
    newcomer = openrouter("unsloth/big", repository="unsloth/big")

    lasting = decide(*WORLD, newcomer, known=curated.known(before), statements=statements, revision=3)
    withdrawn = decide(*WORLD, known=lasting.known(curated.known(before)), revision=4)

    assert {placement.model for placement in lasting.placements.values()} == {"acme/big"}
    assert withdrawn == decide(*WORLD, known=before)


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        ([Alias(spelling="a/b", model="unknown/model")], "there is no model unknown/model"),
        ([Tie(offer=BARE.key, model="unknown/model")], "there is no model unknown/model"),
        ([Split(offer=BARE.key, model="unknown/model")], "there is no model unknown/model"),
        ([Alias(spelling="ACME/big", model="acme/big")], "would in the end be an alias of itself"),
        (
            [Alias(spelling="acme/big", model="unsloth/big"), Alias(spelling="unsloth/big", model="acme/big")],
            "would in the end be an alias of itself",
        ),
        (
            [Alias(spelling="a/b", model="acme/big"), Alias(spelling="A/B", model="unsloth/big")],
            "is an alias of .* already",
        ),
        (
            [Tie(offer=BARE.key, model="acme/big"), Tie(offer=BARE.key, model="unsloth/big")],
            "portkey @groq/big is tied to acme/big already",
        ),
        ([Tie(offer=BARE.key, model="acme/big"), Split(offer=BARE.key)], "is tied to acme/big, and split from it"),
    ],
)
def test_statements_that_cannot_be_followed_are_refused(statements: list[Statement], reason: str) -> None:
    with pytest.raises(curators.StatementError, match=reason):
        decided_with(*statements)


def test_a_statement_about_no_offer_is_refused() -> None:
    with pytest.raises(curators.UnknownOffer, match="there is no offer openrouter acme/none"):
        judge(Tie(offer=("openrouter", "acme/none"), model="acme/big"))


def test_two_models_that_one_seller_sells_side_by_side_are_not_merged() -> None:
    world = [*WORLD, featherless("unsloth/big"), portkey("host", "acme/big"), portkey("host", "big")]

    with pytest.raises(curators.Clash, match="featherless acme/big and featherless unsloth/big would be offers of one"):
        judge(Alias(spelling="unsloth/big", model="acme/big"), world=world)
    with pytest.raises(curators.Clash, match="portkey @host/acme/big and portkey @host/big would be offers of one"):
        judge(Tie(offer=("portkey", "@host/big"), model="acme/big"), world=world)


def test_other_hosts_and_other_variants_are_no_clash() -> None:
    world = [*WORLD, chutes("acme/big-FP8"), portkey("host", "acme/big")]

    judge(Tie(offer=BARE.key, model="acme/big"), world=world)
    judge(Alias(spelling="unsloth/big", model="acme/big"), world=world)


def test_a_merger_stays_when_a_seller_later_sells_both_models() -> None:
    alias = Alias(spelling="unsloth/big", model="acme/big")
    world = [*WORLD, featherless("unsloth/big")]

    found = decided_with(alias, world=world)
    judge(Split(offer=BARE.key), alias, world=world)

    assert found.placements["featherless", "unsloth/big"].model == "acme/big"


def test_an_alias_of_a_model_that_was_merged_into_it_is_no_circle() -> None:
    models = {"acme/heron": Model(born=1), "acme/egret": Model(born=2, merged_into="acme/heron")}

    found = decide(known=Known(models=models), statements=[Alias(spelling="acme/heron", model="acme/egret")])

    assert {slug: found.end_of(slug) for slug in models} == dict.fromkeys(models, "acme/heron")


def test_an_alias_in_a_chain_of_mergers_leads_all_earlier_mergers() -> None:
    sold = openrouter("acme/crane")
    models = {
        "acme/crane": Model(born=1),
        "acme/egret": Model(born=2),
        "acme/heron": Model(born=3, merged_into="acme/egret"),
        "acme/rail": Model(born=4),
    }
    known = Known(models=models, placed={sold.key: "acme/egret"})
    alias = Alias(spelling="acme/egret", model="acme/rail")

    once = decide(sold, known=known, statements=[alias], revision=5)
    again = decide(sold, known=once.known(known), statements=[alias], revision=6)

    assert once.placements[sold.key].model == "acme/crane"
    assert (once.end_of("acme/egret"), once.end_of("acme/heron")) == ("acme/rail", "acme/rail")
    assert again == once
