"""From offers to models: the rules, what curators said, and the slugs that hold for ever."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from catalog.identity import curators, slugs
from catalog.identity.clusters import Cluster, Tied, alone, clusters
from catalog.identity.groups import groups
from catalog.identity.names import Namer, Names, variant
from catalog.identity.offers import Alias, Known, Model, Offer, OfferKey, Split, Statement, Tie
from catalog.known_providers import KnownProviders

CURATOR = "curator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The model of an offer, and why it is."""

    model: str
    """Its slug."""
    variant: str | None
    """What the offer is beside the model itself: `free`, `fp8`, `tee-turbo`."""
    rule: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    placements: Mapping[OfferKey, Placement]
    models: Mapping[str, Model]
    """By slug: those that were known, with their redirects as they are now, and the new ones."""
    names: Mapping[str, str]
    """By key (`Namer.key`): the slug of the one model that goes by it."""

    def known(self, before: Known) -> Known:
        """What holds from now on, given what held before."""
        placed = {key: placement.model for key, placement in self.placements.items()}
        return Known(models={**before.models, **self.models}, placed={**before.placed, **placed})


def resolve(
    offers: Iterable[Offer],
    *,
    providers: KnownProviders,
    revision: int,
    known: Known | None = None,
    statements: Iterable[Statement] = (),
) -> Resolution:
    """The model of each offer. The order of offers and statements plays no part.

    `revision` is when new models are born. What is given may be all that there is, or all that is linked
    (`catalog/identity/neighbours.py`): the answer for an offer is the same.
    Raises StatementError for statements that cannot be followed together. What a curator merged stays merged, whatever
    offers come after; `check` judges a statement before it is one.
    """
    listed = {offer.key: offer for offer in offers}
    known = known or Known()
    namer = Namer(providers)
    names = {key: namer.names(offer) for key, offer in listed.items()}
    told = curators.read(statements, models=known.models, key_of=namer.key)
    standing = told.alone & listed.keys()
    while True:
        drawing = _Drawing(listed, names, known, told, namer, standing)
        found = drawing.resolution(revision)
        strays = {
            offer
            for offer, model in told.never
            if offer in found.placements
            and offer not in standing
            and found.placements[offer].model == drawing.slug_of(model)
        }
        if not strays:
            return found
        standing |= strays


class _Drawing:
    """One pass: the clusters, what curators make of them, and their slugs."""

    def __init__(
        self,
        offers: Mapping[OfferKey, Offer],
        names: Mapping[OfferKey, Names],
        known: Known,
        told: curators.Statements,
        namer: Namer,
        standing: Collection[OfferKey],
    ) -> None:
        self._names = names
        self._known = known
        self._told = told
        self._namer = namer
        tied = told.ties.keys() & offers.keys()
        self._clusters = clusters(offers, names, apart=tied | set(standing))
        evidence = "A curator set it apart."
        self._clusters += [alone(key, names[key], evidence, rule=CURATOR) for key in sorted(standing)]
        keys = {slug: namer.key(slug) for slug in known.models}
        self._claims = slugs.claims(self._clusters, known, keys=keys)
        self._forced: dict[int, str] = {}
        self._merge_aliases()
        for offer in sorted(tied):
            cluster = self._clusters[self._index(told.ties[offer])]
            evidence = f"A curator tied it to {told.ties[offer]}."
            cluster.members[offer] = Tied(rule=CURATOR, evidence=evidence, variant=variant(names[offer].variants))
        self._slugs = slugs.choose(self._clusters, self._claims, known, names=names, forced=self._forced, keys=keys)

    def slug_of(self, slug: str) -> str:
        """What a known model is called now."""
        return self._slugs[self._claims[slug]] if slug in self._claims else slug

    def resolution(self, revision: int) -> Resolution:
        named = [(slug, self._clusters[index]) for index, slug in sorted(self._slugs.items())]
        placements = {
            offer: Placement(model=slug, variant=tied.variant, rule=tied.rule, evidence=tied.evidence)
            for slug, cluster in named
            for offer, tied in cluster.members.items()
        }
        old = self._with_redirects(placements)
        new = {slug: Model(born=revision) for slug, _ in named if slug not in old}
        names = {name: slug for slug, cluster in named for name in cluster.names}
        aliases = {self._namer.key(alias.spelling): self.slug_of(end) for alias, end in self._told.aliases.items()}
        return Resolution(placements=placements, models=old | new, names=names | aliases)

    def _index(self, slug: str) -> int:
        """The cluster of a known model; one without offers, if none are of it."""
        slug = self._told.end_of(slug)
        while slug not in self._claims and (redirect := self._known.models[slug].redirect):
            slug = redirect
        if slug not in self._claims:
            self._claims[slug] = len(self._clusters)
            self._clusters.append(Cluster(members={}))
        return self._claims[slug]

    def _merge_aliases(self) -> None:
        if not self._told.aliases:
            return
        targets = {alias: self._index(end) for alias, end in self._told.aliases.items()}
        called = self._called()
        pairs = [
            (source, target)
            for alias, target in targets.items()
            for source in called[self._namer.key(alias.spelling)] | called[alias.spelling.casefold()]
        ]
        for group in groups(set(targets.values()), pairs):
            self._merge(group, {alias: end for alias, end in self._told.aliases.items() if targets[alias] in group})

    def _called(self) -> dict[str, set[int]]:
        """The clusters that a curator may mean by a name or a slug."""
        called: dict[str, set[int]] = defaultdict(set)
        for index, cluster in enumerate(self._clusters):
            bare = (self._names[member].bare for member in cluster.members if cluster.names)
            for name in (*cluster.names, *bare):
                if name:
                    called[name].add(index)
        for slug, index in self._claims.items():
            called[slug.casefold()].add(index)
        return called

    def _merge(self, group: list[int], aliases: Mapping[Alias, str]) -> None:
        into, asked = group[0], sorted(aliases, key=repr)
        kept = {self._index(end) for end in aliases.values()}
        evidence = " ".join(f"A curator made {alias.spelling} an alias of {aliases[alias]}." for alias in asked)
        # Of several models that aliases make one, the oldest.
        model = min(aliases.values(), key=lambda slug: (self._known.models[slug].born, slug))
        members = {
            offer: tied if index in kept else replace(tied, rule=CURATOR, evidence=evidence)
            for index in group
            for offer, tied in self._clusters[index].members.items()
        }
        names = frozenset[str]().union(*(self._clusters[index].names for index in group))
        for index in group:
            self._clusters[index] = Cluster(members={})
        self._clusters[into] = Cluster(members=members, names=names)
        self._claims |= {slug: into for slug, index in self._claims.items() if index in group}
        self._forced[into] = model

    def _with_redirects(self, placements: Mapping[OfferKey, Placement]) -> dict[str, Model]:
        now: dict[str, set[str]] = defaultdict(set)
        for offer, placement in placements.items():
            now[self._known.placed.get(offer, "")].add(placement.model)

        def onward(slug: str) -> str:
            if slug in self._claims:
                return self.slug_of(slug)
            if (end := self._told.end_of(slug)) != slug:
                return self.slug_of(end)
            if redirect := self._known.models[slug].redirect:
                return onward(redirect)
            # Nobody goes by its name; where all its offers went together, it leads after them.
            return next(iter(now[slug])) if len(now.get(slug, ())) == 1 else slug

        ends = {slug: onward(slug) for slug in self._known.models}
        return {
            slug: replace(model, redirect=ends[slug] if ends[slug] != slug else None)
            for slug, model in self._known.models.items()
        }


def check(
    new: Statement, *, among: Iterable[Statement], offers: Iterable[Offer], known: Known, providers: KnownProviders
) -> None:
    """Raises StatementError where a curator's new statement cannot be followed, or would do harm.

    Harm is to make one model of two that a seller sells side by side: that is what shows them to be two.
    """
    listed, told = list(offers), list(among)
    if isinstance(new, Tie | Split) and new.offer not in {offer.key for offer in listed}:
        raise curators.UnknownOffer(f"there is no offer {' '.join(new.offer)}")
    curators.read([*told, new], models=known.models, key_of=Namer(providers).key)
    before = resolve(listed, providers=providers, revision=0, known=known, statements=told)
    after = resolve(listed, providers=providers, revision=0, known=known, statements=[*told, new])
    sold: dict[tuple[object, ...], Offer] = {}
    for offer in sorted(listed, key=lambda offer: offer.key):
        placement = after.placements[offer.key]
        other = sold.setdefault((placement.model, *offer.seller, placement.variant), offer)
        if before.placements[other.key].model != before.placements[offer.key].model:
            raise curators.Clash(f"{other} and {offer} would be offers of one model, {placement.model}, at one seller")
