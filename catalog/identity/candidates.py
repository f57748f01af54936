"""Models that almost match, for a curator to judge. Nothing in this module ties an offer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from catalog.identity.clusters import OWN
from catalog.identity.names import TUNED, Namer, Names, in_any_order, squashed, unnumbered, with_bases
from catalog.identity.offers import Offer, OfferKey, Split, Statement
from catalog.identity.resolution import Resolution


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Candidate:
    """The slugs of two models that may be one."""

    model: str
    may_be: str
    reason: str
    evidence: str
    """A sentence that a person can check."""


def candidates(
    offers: Iterable[Offer], resolution: Resolution, *, namer: Namer, statements: Iterable[Statement] = ()
) -> list[Candidate]:
    """Return the candidates, sorted. For each pair of models, only the first reason is reported. A pair is left out if
    a curator stated that they are two models, or if one seller sells both side by side.

    `offers` and `resolution` must be complete, because equal names may occur anywhere.
    """
    listed = {offer.key: offer for offer in offers}
    apart = {
        frozenset({resolution.placements[split.offer].model, split.model and resolution.end_of(split.model)})
        for split in statements
        if isinstance(split, Split) and split.offer in resolution.placements
    }
    sellers: dict[str, set[str]] = defaultdict(set)
    sold: dict[str, set[tuple[object, ...]]] = defaultdict(set)
    for key, placement in sorted(resolution.placements.items()):
        sellers[placement.model].add(listed[key].gateway)
        sold[placement.model].add((*listed[key].seller, placement.variant))
    found: dict[frozenset[str], Candidate] = {}
    for candidate in (
        *_by_names(listed, resolution, namer),
        *_by_bare_ids(sellers, namer),
        *_by_equal_names(sellers, namer),
        *_by_word_order(sellers, namer),
    ):
        pair = frozenset({candidate.model, candidate.may_be})
        is_decided = not apart.isdisjoint({pair, *(frozenset({model, None}) for model in pair)})
        if len(pair) == 2 and not is_decided and sold[candidate.model].isdisjoint(sold[candidate.may_be]):
            found.setdefault(pair, candidate)
    return sorted(found.values())


def _by_names(offers: Mapping[OfferKey, Offer], resolution: Resolution, namer: Namer) -> Iterator[Candidate]:
    """Yield candidates for offers that have a name of another model."""
    names = with_bases(offers, {key: namer.names(offer) for key, offer in offers.items()})
    for key, offer in sorted(offers.items()):
        placement = resolution.placements[key]
        for name, reason, evidence in _other_names(offer, names[key], namer, is_alone=placement.rule == OWN):
            if other := resolution.names.get(name):
                yield Candidate(model=placement.model, may_be=other, reason=reason, evidence=evidence)


def _other_names(offer: Offer, names: Names, namer: Namer, *, is_alone: bool) -> Iterator[tuple[str, str, str]]:
    if names.stranger:
        yield namer.key(names.stranger), "stranger", f"{offer} names {names.stranger}, which is not of its maker."
    if names.is_moving:
        if names.repository:
            yield names.repository.key, "moving", f"{offer}, whose name may move, names {names.repository.id}."
        return
    yield names.key, "equal_id", f"{offer} has an id that several models go by."
    if names.permanent:
        evidence = f"{names.gateway_name}'s permanent slug of {offer.id} is {offer.canonical_slug}."
        yield names.permanent, "canonical_slug", evidence
    if names.worded:
        yield names.worded.key, "variant", f"{offer} may be a variant of {names.worded.base}, by the word in its id."
    if names.dated:
        yield names.dated.undated, "date", f"{offer} is {names.dated.undated} of one date, {names.dated.date}."
    if names.sped_up:
        yield names.sped_up.key, "speed", f"{offer} may be its host's own set-up of {names.sped_up.key}."
    if is_alone and not names.repository and names.traits.is_run_by_hosts:
        short = names.sped_up.key if names.sped_up else names.key
        for word in TUNED:
            yield f"{short}-{word}", "short_id", f"{offer} may be short for {short}-{word}."


def _by_bare_ids(sellers: Mapping[str, Collection[str]], namer: Namer) -> Iterator[Candidate]:
    """Yield candidates for ids at hosts that contain no provider."""
    by_name: dict[str, list[str]] = defaultdict(list)
    for model in sellers:
        if not model.startswith("@"):
            by_name[_squashed(model)].append(model)
    for model in sellers:
        if model.startswith("@"):
            full = [other for word in (*TUNED, "") for other in by_name.get(_squashed(model) + word, ())]
            if full:
                best = min(full, key=lambda other: (not namer.has_provider_with_site(other), -len(sellers[other])))
                yield _of_one_name(model, best, "bare_id")


def _by_equal_names(sellers: Mapping[str, Collection[str]], namer: Namer) -> Iterator[Candidate]:
    """Yield models of one name by different providers; most are uploads of other providers' models."""
    by_name: dict[str, list[str]] = defaultdict(list)
    for model in sorted(sellers):
        by_name[_squashed(model)].append(model)
    for models in by_name.values():
        best = min(
            models, key=lambda each: (each.startswith("@"), not namer.has_provider_with_site(each), -len(sellers[each]))
        )
        for model in models:
            # A single gateway has thousands of such pairs.
            if not model.startswith("@") and len({*sellers[model], *sellers[best]}) > 1:
                yield _of_one_name(model, best, "equal_name")


def _by_word_order(sellers: Mapping[str, Collection[str]], namer: Namer) -> Iterator[Candidate]:
    """Yield models whose names are the same words in another order, and whose providers do not differ as far as they
    are known."""
    by_name: dict[str, list[str]] = defaultdict(list)
    for model in sorted(sellers):
        if unnumbered(model) == model and (words := in_any_order(model.rpartition("/")[2])):
            by_name[words].append(model)
    for models in by_name.values():
        for one, other in combinations(models, 2):
            providers = {namer.key(model).partition("/")[0] for model in (one, other) if not model.startswith("@")}
            if len(providers) < 2 and _squashed(one) != _squashed(other):
                evidence = f"{one} and {other} are the same words in another order."
                yield Candidate(model=one, may_be=other, reason="word_order", evidence=evidence)


def _of_one_name(model: str, other: str, reason: str) -> Candidate:
    return Candidate(model=model, may_be=other, reason=reason, evidence=f"{model} and {other} are called the same.")


def _squashed(model: str) -> str:
    """Return the name of a model without its provider. A numbered slug has no such name, because the name belongs to
    another model."""
    return squashed(model.rpartition("/")[2].casefold()) if unnumbered(model) == model else model
