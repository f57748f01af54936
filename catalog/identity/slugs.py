"""Which slug each model has: the one that it had, or a new one.

A slug is the maker and the model as their Hugging Face repository spells them, else as the ids do, in upper and lower
case: that is how people know them and how the repository is opened. Slugs that differ by case alone are never given, so
they can be looked up in any case.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import count

from catalog.identity.clusters import Cluster
from catalog.identity.names import Names, is_numbered, numbered
from catalog.identity.offers import Known, OfferKey

# Whose spelling of a repository holds: the gateway that is asked by it comes first. And whose of an id.
_OF_REPOSITORIES = ("featherless", "chutes", "openrouter")
_OF_IDS = ("openrouter", "featherless", "chutes")


def claims(clusters: Sequence[Cluster], known: Known, *, keys: Mapping[str, str]) -> dict[str, int]:
    """By the slugs that have been given: the cluster that is the model of that name now, if any is.

    `keys`: what the slugs are as names.
    """
    holders: dict[str, Counter[int]] = defaultdict(Counter)
    owners: dict[str, int] = {}
    for index, cluster in enumerate(clusters):
        owners |= dict.fromkeys(cluster.names, index)
        for member in cluster.members:
            if (held := known.placed.get(member)) is not None:
                holders[held][index] += 1
    found: dict[str, int] = {}
    for slug in known.models:
        # A number says that another model has the name.
        owner = None if is_numbered(slug) else owners.get(keys[slug])
        if counts := holders.get(slug):
            found[slug] = min(counts, key=lambda index: (index != owner, *_rank(clusters[index], counts[index])))
        elif owner is not None:
            found[slug] = owner
    return found


def _rank(cluster: Cluster, count: int) -> tuple[bool, int, OfferKey]:
    """A model's slug stays where most of its offers are, rather than with one that now stands alone."""
    return not cluster.names, -count, min(cluster.members)


def choose(
    clusters: Sequence[Cluster],
    claimed: Mapping[str, int],
    known: Known,
    *,
    names: Mapping[OfferKey, Names],
    forced: Mapping[int, str],
    keys: Mapping[str, str],
) -> dict[int, str]:
    """The slugs of the clusters, by their places: those that curators want, those that they had, and new ones.

    Of several that a cluster had, the oldest by which it goes still stands, and the others lead to it.
    """

    def precedence(slug: str) -> tuple[bool, bool, int, str]:
        model, called = known.models[slug], clusters[claimed[slug]].names
        return model.redirect is not None, keys[slug] not in called, model.born, slug

    found: dict[int, str] = {}
    for slug in sorted(claimed, key=precedence):
        found.setdefault(claimed[slug], slug)
    found |= forced
    taken = {slug.casefold() for slug in known.models}
    new = [index for index, cluster in enumerate(clusters) if cluster.members and index not in found]
    for index in sorted(new, key=lambda at: (not clusters[at].names, min(clusters[at].members))):
        wanted = _wanted({member: names[member] for member in clusters[index].members})
        found[index] = next(slug for number in count(1) if (slug := numbered(wanted, number)).casefold() not in taken)
        taken.add(found[index].casefold())
    return found


def _wanted(names: Mapping[OfferKey, Names]) -> str:
    repositories = [
        (_place(gateway, _OF_REPOSITORIES), len(told.repository.spelling), told.repository.spelling)
        for (gateway, _), told in names.items()
        if told.repository
    ]
    # The shortest, for a longer one has a date.
    ids = [(_place(gateway, _OF_IDS), len(told.spelling), told.spelling) for (gateway, _), told in names.items()]
    return min(repositories or ids)[-1]


def _place(gateway: str, order: Sequence[str]) -> int:
    return order.index(gateway) if gateway in order else len(order)
