"""Which slug each model has: its earlier slug, or a new one.

A slug is provider and model as their Hugging Face repository spells them, or else as the ids do, in upper and lower
case: people know them by that spelling, and it opens the repository. New slugs always differ by more than case, so they
can be looked up in any case.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import count

from catalog.identity.clusters import Cluster
from catalog.identity.names import Names, numbered
from catalog.identity.offers import Known, OfferKey


def claims(
    clusters: Sequence[Cluster], known: Known, *, keys: Mapping[str, str], reserved: Collection[str]
) -> dict[str, int]:
    """Return the cluster that is now the model of each earlier slug, if there is one.

    `keys` are the slugs as names. `reserved` are the slugs of offers that a tie keeps in their own model; no other
    cluster takes those.
    """
    holders: dict[str, Counter[int]] = defaultdict(Counter)
    owners: dict[str, int] = {}
    for index, cluster in enumerate(clusters):
        owners |= dict.fromkeys(cluster.names, index)
        for member in cluster.members:
            if (slug := known.placed.get(member)) is not None:
                holders[slug][index] += 1
    owner_of = {slug: owners[key] for slug, key in keys.items() if key in owners}
    # Clusters that have a slug by their name do not need slugs that only their offers had.
    served = {owner for slug, owner in owner_of.items() if owner in holders.get(slug, {owner: 1})}
    holding = {index for counts in holders.values() for index in counts}
    found: dict[str, int] = {}
    for slug in known.models:
        owner, counts = owner_of.get(slug), holders.get(slug, Counter())
        # If hosts' own set-ups have a slug without their word, it goes to the model itself as soon as that is listed.
        is_lent = owner not in holding and all(
            (plain := clusters[at].plain) and plain.key == keys[slug] for at in counts
        )
        if owner is not None and (owner in counts or (slug not in reserved and (is_lent or served.issuperset(counts)))):
            found[slug] = owner
        elif counts:
            found[slug] = min(
                counts, key=lambda at: (at in served, not clusters[at].names, -counts[at], _first(clusters[at]))
            )
    return _handed_on(
        found, clusters, known, keys=keys, owners={slug: owner_of[slug] for slug in owner_of.keys() - reserved}
    )


def _handed_on(
    claimed: Mapping[str, int],
    clusters: Sequence[Cluster],
    known: Known,
    *,
    keys: Mapping[str, str],
    owners: Mapping[str, int],
) -> dict[str, int]:
    """Return the claims after each slug that its cluster does not choose is given to the cluster with that name.

    No offer keeps such a slug, so the next decision would look it up by its name alone.
    """
    found = dict(claimed)
    while True:
        chosen = _oldest(clusters, found, known, keys=keys)
        spare = {slug for slug, at in found.items() if chosen[at] != slug and owners.get(slug, at) != at}
        if not spare:
            return found
        found |= {slug: owners[slug] for slug in spare}


def _first(cluster: Cluster) -> OfferKey:
    return min(cluster.members)


def choose(
    clusters: Sequence[Cluster],
    claimed: Mapping[str, int],
    known: Known,
    *,
    names: Mapping[OfferKey, Names],
    keys: Mapping[str, str],
) -> dict[int, str]:
    """Return the slug of each cluster, by its index: an earlier slug, or a new one if the cluster had none.

    A new slug has no host's word unless another model has the slug without it.
    """
    found = _oldest(clusters, claimed, known, keys=keys)
    taken = {slug.casefold() for slug in known.models}
    new = [index for index, cluster in enumerate(clusters) if cluster.members and index not in found]
    # The last ones are those that do not need the slug that they want.
    for index in sorted(new, key=lambda at: (bool(clusters[at].plain), not clusters[at].names, _first(clusters[at]))):
        plain = clusters[index].plain
        if plain and plain.spelling.casefold() not in taken:
            wanted = plain.spelling
        else:
            wanted = _wanted({member: names[member] for member in clusters[index].members})
        found[index] = next(slug for number in count(1) if (slug := numbered(wanted, number)).casefold() not in taken)
        taken.add(found[index].casefold())
    return found


def _oldest(
    clusters: Sequence[Cluster], claimed: Mapping[str, int], known: Known, *, keys: Mapping[str, str]
) -> dict[int, str]:
    """Return the slug that each cluster keeps: of several, the oldest that is still one of its names.

    The other slugs will redirect to it. A slug that was merged before does not replace one that was not.
    """

    def precedence(slug: str) -> tuple[bool, bool, int, str]:
        model, names = known.models[slug], clusters[claimed[slug]].names
        return model.merged_into is not None, keys[slug] not in names, model.born, slug

    found: dict[int, str] = {}
    for slug in sorted(claimed, key=precedence):
        found.setdefault(claimed[slug], slug)
    return found


def _wanted(names: Mapping[OfferKey, Names]) -> str:
    repositories = [
        (each.traits.repository_rank, len(each.repository.spelling), each.repository.spelling)
        for each in names.values()
        # The repository that a moving name names today is of another model.
        if each.repository and not each.is_moving
    ]
    # The shortest id is used, because a longer one has a date.
    ids = [(each.traits.id_rank, len(each.spelling), each.spelling) for each in names.values()]
    return min(repositories or ids)[-1]
