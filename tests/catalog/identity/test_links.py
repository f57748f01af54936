"""A part that is closed under links is decided as the whole is, and nothing outside it changes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from catalog.identity import links
from catalog.identity.candidates import Candidate, candidates
from catalog.identity.curators import StatementError
from catalog.identity.offers import Known, Offer, OfferKey, Split, Statement, Tie
from catalog.identity.resolution import Placement, resolve
from tests.catalog.identity.worlds import NAMER, NAMES, SPREAD_NAMES, offers_called, statements, worlds

World = Mapping[OfferKey, Offer]


@dataclass(frozen=True, kw_only=True)
class State:
    """What is stored after a publication."""

    known: Known = field(default_factory=Known)
    placements: Mapping[OfferKey, Placement] = field(default_factory=dict)
    candidates: frozenset[Candidate] = frozenset()
    links: Mapping[OfferKey, frozenset[str]] = field(default_factory=dict)

    def after(self, offers: World, chosen: list[Statement], *, known: Known, revision: int) -> State:
        """Return the state after a decision on these offers, given the `known` decisions about them."""
        found = resolve(offers.values(), namer=NAMER, revision=revision, known=known, statements=chosen)
        now = found.known(self.known)
        linked = {key: links.of_offer(offer, NAMER, own=now.placed.get(key)) for key, offer in offers.items()}
        untouched = {each for each in self.candidates if {each.model, each.may_be}.isdisjoint(found.models)}
        return State(
            known=now,
            placements={**self.placements, **found.placements},
            candidates=frozenset({*untouched, *candidates(offers.values(), found, namer=NAMER, statements=chosen)}),
            links={**self.links, **linked},
        )

    def without(self, gone: Iterable[OfferKey]) -> State:
        left = set(gone)
        return State(
            known=self.known,
            placements={key: placement for key, placement in self.placements.items() if key not in left},
            candidates=self.candidates,
            links={key: linked for key, linked in self.links.items() if key not in left},
        )


def decided_whole(before: State, world: World, chosen: list[Statement], *, revision: int) -> State:
    return before.without(before.placements).after(world, chosen, known=before.known, revision=revision)


def decided_in_part(
    before: State, world: World, chosen: list[Statement], *, changed: set[OfferKey], revision: int
) -> State:
    linked = dict(before.links)
    for key in changed & world.keys():
        own = before.known.placed.get(key)
        linked[key] = linked.get(key, frozenset()) | links.of_offer(world[key], NAMER, own=own)
    models = {
        slug: links.of_model(slug, NAMER, merged_into=model.merged_into) for slug, model in before.known.models.items()
    }
    owners = [*linked.values(), *models.values()]

    def linked_to(names: Collection[str]) -> set[str]:
        return {link for owner in owners if not owner.isdisjoint(names) for link in owner}

    reached = links.reached(
        {link for key in changed for link in linked[key]} | links_of_statements(chosen, linked), linked_to
    )
    part = {key: offer for key, offer in world.items() if not linked[key].isdisjoint(reached)}
    known = Known(
        models={slug: model for slug, model in before.known.models.items() if not models[slug].isdisjoint(reached)},
        placed={key: slug for key, slug in before.known.placed.items() if key in part},
        apart={key: slug for key, slug in before.known.apart.items() if key in part},
    )
    return before.without(before.placements.keys() - world.keys()).after(part, chosen, known=known, revision=revision)


def links_of_statements(chosen: list[Statement], linked: Mapping[OfferKey, frozenset[str]]) -> set[str]:
    found = {link for statement in chosen for link in links.of_statement(statement, NAMER)}
    offers = {statement.offer for statement in chosen if isinstance(statement, Tie | Split)}
    return found.union(*(linked.get(offer, ()) for offer in offers))


@given(data=st.data())
def test_a_series_of_publications_decided_in_part_ends_as_one_decided_whole(data: st.DataObject) -> None:
    names = data.draw(st.sampled_from([SPREAD_NAMES, NAMES]))
    offers = offers_called(names)
    world: World = {offer.key: offer for offer in data.draw(worlds(offers, size=16))}
    chosen: list[Statement] = []
    state = decided_whole(State(), world, chosen, revision=1)
    for revision in range(2, 8):
        if data.draw(st.integers(0, 3)) == 0:
            chosen = usable(data, state, world, names)
            state = decided_whole(state, world, chosen, revision=revision)
            continue
        before, world = world, changed_world(data, world, offers)
        changed = {key for key in before.keys() | world.keys() if before.get(key) != world.get(key)}

        whole = decided_whole(state, world, chosen, revision=revision)
        state = decided_in_part(state, world, chosen, changed=changed, revision=revision)

        assert state == whole


def usable(data: st.DataObject, state: State, world: World, names: st.SearchStrategy[str]) -> list[Statement]:
    """Statements that can be followed together."""
    found = resolve(world.values(), namer=NAMER, revision=1, known=state.known)
    chosen: list[Statement] = []
    for statement in data.draw(statements(found, names)) if found.placements else ():
        with suppress(StatementError):
            resolve(world.values(), namer=NAMER, revision=1, known=state.known, statements=[*chosen, statement])
            chosen.append(statement)
    return chosen


def changed_world(data: st.DataObject, world: World, offers: st.SearchStrategy[Offer]) -> World:
    """Remove or change some offers, and add others."""
    gone = data.draw(st.sets(st.integers(0, 15), max_size=3))
    stayed = [offer for index, offer in enumerate(world.values()) if index not in gone]
    return {offer.key: offer for offer in [*stayed, *data.draw(st.lists(offers, max_size=3))]}
