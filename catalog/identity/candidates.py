"""What almost matches, for a curator to judge. Nothing here ties an offer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from catalog.identity.names import TUNED, Namer, Names
from catalog.identity.offers import Offer, OfferKey, Split, Statement
from catalog.identity.resolution import Resolution


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Candidate:
    """Two models that may be one, by their slugs."""

    model: str
    may_be: str
    reason: str
    evidence: str
    """A sentence that a person can check."""


def candidates(
    offers: Iterable[Offer], resolution: Resolution, *, namer: Namer, statements: Iterable[Statement] = ()
) -> list[Candidate]:
    """Sorted; of two models the first reason alone, and none where a curator said that they are two."""
    listed = {offer.key: offer for offer in offers}
    apart = {
        (resolution.placements[split.offer].model, split.model)
        for split in statements
        if isinstance(split, Split) and split.offer in resolution.placements
    }
    found: dict[frozenset[str], Candidate] = {}
    for candidate in (*_by_names(listed, resolution, namer), *_by_equal_names(listed, resolution)):
        pair = (candidate.model, candidate.may_be)
        if candidate.model != candidate.may_be and not apart & {pair, pair[::-1], (candidate.model, None)}:
            found.setdefault(frozenset(pair), candidate)
    return sorted(found.values())


def _by_names(offers: Mapping[OfferKey, Offer], resolution: Resolution, namer: Namer) -> Iterator[Candidate]:
    """Offers with a name that another model goes by."""
    for key, offer in sorted(offers.items()):
        names = namer.names(offer)
        for name, reason, evidence in _other_names(offer, names, namer):
            if other := resolution.names.get(name):
                model = resolution.placements[key].model
                yield Candidate(model=model, may_be=other, reason=reason, evidence=evidence)


def _other_names(offer: Offer, names: Names, namer: Namer) -> Iterator[tuple[str, str, str]]:
    if names.stranger:
        yield namer.key(names.stranger), "stranger", f"{offer} names {names.stranger}, which is not of its maker."
    if names.is_moving:
        if names.repository:
            yield names.repository.key, "moving", f"{offer}, whose name may move, names {names.repository.id}."
        return
    yield names.key, "equal_id", f"{offer} has an id that several models go by."
    if names.permanent:
        yield names.permanent, "canonical_slug", f"OpenRouter's permanent slug of {offer.id} is {offer.canonical_slug}."
    if names.dated:
        yield names.dated.undated, "dates", f"{offer.host} lists {names.dated.undated} with several dates."
    if names.sped_up:
        yield names.sped_up.key, "speed", f"{offer} may be its host's own set-up of {names.sped_up.key}."
    if not names.repository:
        for short in (names.key, names.sped_up.key if names.sped_up else names.key):
            for word in TUNED:
                yield f"{short}-{word}", "short_id", f"{offer} may be short for {short}-{word}."


def _by_equal_names(offers: Mapping[OfferKey, Offer], resolution: Resolution) -> Iterator[Candidate]:
    """Models of one name by different makers: uploads of others' models, and ids at hosts that tell no maker."""
    sellers: dict[str, set[str]] = defaultdict(set)
    for key, placement in resolution.placements.items():
        sellers[placement.model].add(offers[key].gateway)
    groups: dict[str, list[str]] = defaultdict(list)
    for model in sorted(sellers):
        groups[_squashed(model)].append(model)
    for name, models in sorted(groups.items()):
        hosts = [model for model in models if model.startswith("@")]
        full = [model for word in ("", *TUNED) for model in groups.get(name + word, ()) if not model.startswith("@")]
        if not full:
            continue
        best = min(full, key=lambda model: (-len(sellers[model]), _squashed(model) != name, model))
        for model in {*hosts, *(other for other in models if other not in hosts)} - {best}:
            # Thousands of uploads at one gateway alone are called the same.
            if model.startswith("@") or len(sellers[model] | sellers[best]) > 1:
                reason = "bare_id" if model.startswith("@") else "equal_name"
                yield Candidate(
                    model=model, may_be=best, reason=reason, evidence=f"{model} and {best} are called the same."
                )


def _squashed(model: str) -> str:
    return "".join(filter(str.isalnum, model.rpartition("/")[2].casefold()))
