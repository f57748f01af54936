"""From offers to models: the rules, curators' statements, and permanent slugs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from catalog.identity import curators, slugs
from catalog.identity.clusters import Cluster, alone, clusters
from catalog.identity.groups import groups
from catalog.identity.names import Namer, Names, variant_of, with_bases
from catalog.identity.offers import Alias, Known, Model, Offer, OfferKey, Split, Statement, Tie

CURATOR = "curator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """The model of an offer, and the reason."""

    model: str
    """The slug of the model."""
    own: str | None
    """The slug of the offer's own model: without its tie, and without its model's alias. None if the offer has always
    had one of those. It is stored for the day on which the tie or alias is removed."""
    variant: str | None
    """How the offer differs from the model itself: `free`, `fp8`, `tee-turbo`."""
    rule: str
    evidence: str
    apart_from: str | None = None
    """The model of the split that keeps the offer alone, if one does. It is stored, because the slug of that model may
    lead to other offers later; the rules would then tie the offer again to those that the split took it from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    placements: Mapping[OfferKey, Placement]
    models: Mapping[str, Model]
    """The models by slug: the known ones, with their current redirects, and the new ones."""
    names: Mapping[str, str]
    """The slug of the only model with each name, by key (`Namer.key`)."""

    def end_of(self, slug: str) -> str:
        """Return the slug by which a model is found now."""
        return self.models[slug].redirect or slug

    def known(self, before: Known) -> Known:
        """Return everything that is decided from now on, given what was decided before."""
        placed = {key: placement.own for key, placement in self.placements.items() if placement.own}
        apart = {key: slug for key, slug in before.apart.items() if key not in self.placements}
        apart |= {key: placement.apart_from for key, placement in self.placements.items() if placement.apart_from}
        return Known(models={**before.models, **self.models}, placed={**before.placed, **placed}, apart=apart)


def resolve(
    offers: Iterable[Offer],
    *,
    namer: Namer,
    revision: int,
    known: Known | None = None,
    statements: Iterable[Statement] = (),
) -> Resolution:
    """Return the model of each offer. The order of offers and statements does not matter.

    `revision` is when new models are named. Raises StatementError if statements cannot be followed together. A
    curator's merger stays, even if offers are added later; an offer that a split keeps alone stays alone until the
    split is deleted. `check` judges a statement before it is stored.
    """
    listed = {offer.key: offer for offer in offers}
    known = known or Known()
    names = with_bases(listed, {key: namer.names(offer) for key, offer in listed.items()})
    told = curators.read(statements, models=known.models, key_of=namer.key)
    standing: dict[OfferKey, str | None] = dict.fromkeys(told.alone & listed.keys())
    standing |= {
        offer: model
        for offer, model in known.apart.items()
        if offer in listed and offer not in told.ties and (offer, model) in told.never
    }
    while True:
        found = _Pass(listed, names, known, told, namer, standing).resolution(revision)
        strays = {
            offer: model
            for offer, model in sorted(told.never)
            if offer in listed and offer not in standing and offer not in told.ties
            if found.placements[offer].model in {found.end_of(model), found.names.get(namer.key(model))}
        }
        if not strays:
            return found
        standing |= strays


class _Pass:
    """The clusters, the changes that curators make to them, and their slugs."""

    def __init__(
        self,
        offers: Mapping[OfferKey, Offer],
        names: Mapping[OfferKey, Names],
        known: Known,
        told: curators.Statements,
        namer: Namer,
        standing: Mapping[OfferKey, str | None],
    ) -> None:
        """`standing` are the offers that splits keep alone, each with the model of its split, if that has one."""
        self._standing = standing
        self._names = names
        self._known = known
        self._told = told
        self._namer = namer
        tied = told.ties.keys() & offers.keys()
        self._clusters = clusters(offers, names, apart=tied | set(standing))
        evidence = "A curator set it apart."
        self._clusters += [alone(key, names[key], evidence, rule=CURATOR) for key in sorted(standing)]
        keys = {slug: namer.key(slug) for slug in known.models}
        kept = {told.ties[offer] for offer in tied if known.placed.get(offer) == told.ties[offer]}
        self._claims = slugs.claims(self._clusters, known, keys=keys, kept=kept)
        targets = {alias: self._index(end) for alias, end in told.aliases.items()}
        self._ties = {offer: self._index(told.ties[offer]) for offer in sorted(tied)}
        self._own = slugs.choose(self._clusters, self._claims, known, names=names, keys=keys)
        self._slugs = dict(self._own)
        self._reasons: dict[int, str] = {}
        if targets:
            self._follow(targets)

    def resolution(self, revision: int) -> Resolution:
        placements = dict(self._placements())
        for offer, model in self._standing.items():
            placements[offer] = replace(placements[offer], apart_from=model)
        ends = self._ends(placements)
        old = {
            slug: Model(
                born=model.born,
                merged_into=self._merged_into(slug),
                redirect=_unless_same(slug, ends[slug]),
            )
            for slug, model in self._known.models.items()
        }
        new = {
            own: Model(born=revision, redirect=_unless_same(own, self._slugs[index]))
            for index, own in self._own.items()
            if own not in old
        }
        named = {name: self._slugs[index] for index in self._own for name in self._clusters[index].names}
        aliases = {self._namer.key(alias.spelling): ends[end] for alias, end in self._told.aliases.items()}
        return Resolution(placements=placements, models=old | new, names=named | aliases)

    def _placements(self) -> Iterator[tuple[OfferKey, Placement]]:
        for index, own in self._own.items():
            reason = self._reasons.get(index)
            for offer, tied in self._clusters[index].members.items():
                if reason:
                    yield offer, self._by_curator(offer, index, own=own, evidence=reason)
                else:
                    variant, rule, evidence = tied.variant, tied.rule, tied.evidence
                    yield offer, Placement(model=own, own=own, variant=variant, rule=rule, evidence=evidence)
        for offer, index in self._ties.items():
            evidence = f"A curator tied it to {self._told.ties[offer]}."
            yield offer, self._by_curator(offer, index, own=self._known.placed.get(offer), evidence=evidence)

    def _by_curator(self, offer: OfferKey, index: int, *, own: str | None, evidence: str) -> Placement:
        names = self._names[offer]
        parts = names.sped_up.variants if names.sped_up else names.variants
        return Placement(model=self._slugs[index], own=own, variant=variant_of(parts), rule=CURATOR, evidence=evidence)

    def _index(self, slug: str) -> int:
        """Return the cluster of a known model. If the model has no offers, it is a new, empty cluster."""
        slug = self._told.end_of(slug)
        while slug not in self._claims and (merged_into := self._known.models[slug].merged_into):
            slug = merged_into
        if slug not in self._claims:
            self._claims[slug] = len(self._clusters)
            self._clusters.append(Cluster(members={}))
        return self._claims[slug]

    def _follow(self, targets: Mapping[Alias, int]) -> None:
        """Give each model that has an alias the slug of the alias's model."""
        called = self._called()
        slugs = {slug.casefold(): {index} for index, slug in self._own.items()}
        # A slug belongs to one model, even if other models have it as a name.
        sources = {
            alias: slugs.get(alias.spelling.casefold()) or called[self._namer.key(alias.spelling)] for alias in targets
        }
        pairs = [(source, target) for alias, target in targets.items() for source in sources[alias]]
        for group in groups(set(targets.values()), pairs):
            aliases = sorted((alias for alias in targets if targets[alias] in group), key=repr)
            # If aliases merge several models, the oldest one stays.
            slug = min((self._own[targets[alias]] for alias in aliases), key=self._age)
            reason = " ".join(f"A curator made {alias.spelling} an alias of {alias.model}." for alias in aliases)
            for index in group:
                self._slugs[index] = slug
                if self._own[index] != slug:
                    self._reasons[index] = reason

    def _age(self, slug: str) -> tuple[int, str]:
        return self._known.models[slug].born, slug

    def _called(self) -> dict[str, set[int]]:
        """Return the clusters that a curator may mean by each name."""
        called: dict[str, set[int]] = defaultdict(set)
        for index, cluster in enumerate(self._clusters):
            bare = (self._names[member].bare for member in cluster.members if cluster.names)
            for name in (*cluster.names, *bare):
                if name:
                    called[name].add(index)
        return called

    def _merged_into(self, slug: str) -> str | None:
        """Return the model that the rules merge a known slug into.

        Mergers may form a chain. It is kept as it is, because a curator's alias may start at any slug in it.
        """
        if slug in self._claims:
            return _unless_same(slug, self._own[self._claims[slug]])
        return self._known.models[slug].merged_into

    def _ends(self, placements: Mapping[OfferKey, Placement]) -> dict[str, str]:
        """Return where each known slug leads now."""
        now: dict[str, set[str]] = defaultdict(set)
        for offer, placement in placements.items():
            if (own := self._known.placed.get(offer)) and own not in self._claims:
                now[own].add(placement.model)

        def end(slug: str) -> str:
            slug = self._last(slug)
            if slug in self._claims:
                return self._slugs[self._claims[slug]]
            # No cluster has its name. If all its offers moved together, it leads to their model.
            return next(iter(now[slug])) if len(now.get(slug, ())) == 1 else slug

        return {slug: end(slug) for slug in self._known.models}

    def _last(self, slug: str) -> str:
        """Return the slug at which aliases and mergers end."""
        passed: list[str] = []
        while onward := self._onward(slug):
            if slug in passed:
                # A model became the alias of one that had been merged into it, so the one that is still a model is the
                # end.
                return next((each for each in passed if each in self._claims), slug)
            passed.append(slug)
            slug = onward
        return slug

    def _onward(self, slug: str) -> str | None:
        if (alias := self._told.end_of(slug)) != slug:
            return alias
        return None if slug in self._claims else self._known.models[slug].merged_into


def _unless_same(slug: str, end: str) -> str | None:
    return None if end == slug else end


def check(new: Statement, *, among: Iterable[Statement], offers: Iterable[Offer], known: Known, namer: Namer) -> None:
    """Raises StatementError if a curator's new statement cannot be followed, or would do harm.

    A statement does harm if it merges two models that one seller sells side by side, which shows that they are two.
    """
    listed, told = list(offers), list(among)
    if new in told:
        raise curators.Repetition("this statement exists already")
    if isinstance(new, Tie | Split) and new.offer not in {offer.key for offer in listed}:
        raise curators.UnknownOffer(f"there is no offer {' '.join(new.offer)}")
    curators.read([*told, new], models=known.models, key_of=namer.key)
    before = resolve(listed, namer=namer, revision=0, known=known, statements=told)
    after = resolve(listed, namer=namer, revision=0, known=known, statements=[*told, new])
    sold: dict[tuple[object, ...], Offer] = {}
    for offer in sorted(listed, key=lambda offer: offer.key):
        placement = after.placements[offer.key]
        other = sold.setdefault((placement.model, *offer.seller, placement.variant), offer)
        if before.placements[other.key].model != before.placements[offer.key].model:
            raise curators.Clash(f"{other} and {offer} would be offers of one model, {placement.model}, at one seller")
