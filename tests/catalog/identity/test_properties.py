"""Properties of any offers and any statements, independent of the rules."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress

from hypothesis import example, given
from hypothesis import strategies as st

from catalog.identity.curators import StatementError
from catalog.identity.offers import Known, Offer, OfferKey, Split, Statement, Tie
from catalog.identity.resolution import Resolution
from tests.catalog.identity.worlds import (
    NAMER,
    OFFERS,
    WORLDS,
    chutes,
    decide,
    featherless,
    openrouter,
    statements,
)

Ruling = tuple[list[Offer], list[Statement]]

A_SLUG_MOVES_ON: Ruling = (
    [
        chutes("deepseek-ai/m-it", root="deepseek/m"),
        featherless("DeepSeek-AI/m-it"),
        featherless("acme/m"),
        openrouter("deepseek-ai/m", permanent="deepseek-ai/m-it"),
        openrouter("deepseek/m:free", permanent="deepseek/m", repository="deepseek/m_1"),
    ],
    [
        Tie(offer=("featherless", "DeepSeek-AI/m-it"), model="acme/m"),
        Split(offer=("chutes", "deepseek-ai/m-it"), model="deepseek-ai/m~2"),
    ],
)
"""The split separates two offers. The slug that it names then leads to another model."""


def usable(data: st.DataObject, resolution: Resolution) -> list[Statement]:
    """Statements that can be followed together."""
    chosen: list[Statement] = []
    for statement in data.draw(statements(resolution)) if resolution.placements else ():
        with suppress(StatementError):
            decide(known=resolution.known(Known()), statements=[*chosen, statement])
            chosen.append(statement)
    return chosen


@st.composite
def rulings(draw: st.DrawFn) -> Ruling:
    """Draw a world and statements of curators about it."""
    world = draw(WORLDS)
    return world, usable(draw(st.data()), decide(*world))


def changed_world(data: st.DataObject, world: list[Offer]) -> list[Offer]:
    """Remove some offers, and add or change others."""
    stayed = [listed for listed in world if data.draw(st.booleans())]
    return list({listed.key: listed for listed in [*stayed, *data.draw(st.lists(OFFERS, max_size=3))]}.values())


def members(resolution: Resolution) -> dict[str, set[OfferKey]]:
    found: dict[str, set[OfferKey]] = defaultdict(set)
    for key, placement in resolution.placements.items():
        found[placement.model].add(key)
    return found


@given(world=WORLDS, data=st.data())
def test_the_order_of_offers_and_statements_does_not_matter(world: list[Offer], data: st.DataObject) -> None:
    first = decide(*world)
    known, chosen = first.known(Known()), usable(data, first)

    shuffled, reordered = data.draw(st.permutations(world)), data.draw(st.permutations(chosen))

    assert decide(*shuffled) == first
    assert decide(*shuffled, known=known, statements=reordered) == decide(*world, known=known, statements=chosen)


@given(ruling=rulings())
@example(ruling=A_SLUG_MOVES_ON)
def test_the_same_world_is_decided_in_the_same_way(ruling: Ruling) -> None:
    world, chosen = ruling
    known = decide(*world).known(Known())
    once = decide(*world, known=known, statements=chosen, revision=2)

    again = decide(*world, known=once.known(known), statements=chosen, revision=3)

    assert again == once


@given(world=WORLDS, data=st.data())
def test_a_slug_stays_with_its_model(world: list[Offer], data: st.DataObject) -> None:
    chosen = usable(data, decide(*world))
    before = decide(*world)
    known = before.known(Known())
    later = changed_world(data, world)

    after = decide(*later, known=known, statements=chosen, revision=2)

    assert known.models.keys() <= after.models.keys()
    active = {slug for slug, model in after.models.items() if model.redirect is None}
    assert {model.redirect for model in after.models.values()} - {None} <= active
    assert {placement.model for placement in after.placements.values()} <= active
    assert len({slug.casefold() for slug in after.models}) == len(after.models)
    earlier, now, curated = (
        members(before),
        members(after),
        {key for key, placed in after.placements.items() if placed.rule == "curator"},
    )
    for slug in now.keys() & earlier.keys():
        still_there = earlier[slug] & after.placements.keys()
        is_its_name = after.names.get(NAMER.key(slug)) == slug
        assert not still_there or now[slug] & still_there or still_there & curated or is_its_name


@given(world=WORLDS, more=WORLDS)
def test_of_models_that_merge_the_oldest_stays(world: list[Offer], more: list[Offer]) -> None:
    first = decide(*world).known(Known())
    then = decide(*more, known=first, revision=2).known(first)

    together = {listed.key: listed for listed in [*more, *world]}
    merged = decide(*together.values(), known=then, revision=3)

    for slug, model in then.models.items():
        redirect = merged.models[slug].redirect
        if redirect and not model.redirect and NAMER.key(slug) in merged.names:
            assert merged.models[redirect].born <= model.born


@given(world=WORLDS)
def test_a_path_can_contain_every_slug(world: list[Offer]) -> None:
    slugs = decide(*world).models

    assert all(slug.isascii() and slug.isprintable() and not set(slug) & set(" ?#%\\") for slug in slugs)
    assert not any(part in {"", ".", ".."} for slug in slugs for part in slug.split("/"))
    assert all(NAMER.key(slug) for slug in slugs)
