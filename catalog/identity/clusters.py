"""Decide which offers are one model by the rules alone, without statements of curators or earlier decisions.

The rules, in order:
1. `hugging_face`: offers that name one repository of their provider's;
2. `equal_id`: ids that have the same key, if exactly one model has it as a name;
3. `canonical_slug`: an id that equals a gateway's whole permanent slug of a model;
4. `dated_host_id`: at the host of its provider, an id that is another id and a date, if that host lists no other date.

Before these rules, `names.with_bases` gives variants the names of their bases. If the word of a variant is
unknown to us, the variant is tied by the rule `variant`.

A home is a group of offers that meet by the first two rules. The other two rules join whole homes, but never two homes
that are known to be of different repositories. The order of the offers does not matter: an ambiguous offer is tied to
neither side.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from catalog.identity.groups import groups
from catalog.identity.names import TUNED, Names, Repository, variant_of
from catalog.identity.offers import Offer, OfferKey

HUGGING_FACE = "hugging_face"
EQUAL_ID = "equal_id"
CANONICAL_SLUG = "canonical_slug"
DATED_HOST_ID = "dated_host_id"
VARIANT = "variant"
OWN = "own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tied:
    """How an offer was tied to its model."""

    rule: str
    evidence: str
    """A sentence that a person can check."""
    variant: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A model's name without its hosts' word for speed."""

    key: str
    spelling: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The offers of one model."""

    members: dict[OfferKey, Tied]
    names: frozenset[str] = frozenset()
    """The keys by which this cluster, and no other, is found. An offer whose name identifies no model is in a cluster
    by itself, without any key."""
    plain: Plain | None = None
    """Set if only hosts list the model and all use their own word for speed, which never becomes part of a new slug."""


def alone(offer: OfferKey, names: Names, evidence: str, *, rule: str = OWN) -> Cluster:
    return Cluster(members={offer: Tied(rule=rule, evidence=evidence, variant=variant_of(names.variants))})


@dataclass(slots=True, kw_only=True)
class _Home:
    """Offers with one repository or one id."""

    repositories: set[str] = field(default_factory=set)
    """The key of the home, if it is a repository's."""
    members: dict[OfferKey, bool] = field(default_factory=dict)
    """Whether each offer came by its repository rather than by its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Joint:
    """Two homes that are one model."""

    home: str
    other: str
    rule: str
    evidence: str


def clusters(
    offers: Mapping[OfferKey, Offer], names: Mapping[OfferKey, Names], *, apart: Collection[OfferKey] = ()
) -> list[Cluster]:
    """Return the clusters of all offers except those in `apart`. Offers in `apart` count as evidence of what exists,
    but tie nothing."""
    return _Rules(offers, names, apart).clusters()


class _Rules:
    def __init__(
        self, offers: Mapping[OfferKey, Offer], names: Mapping[OfferKey, Names], apart: Collection[OfferKey]
    ) -> None:
        self._offers = offers
        self._names = names
        present = sorted(key for key in offers if key not in apart)
        self._tieable = [key for key in present if not names[key].is_moving]
        self._moving = [key for key in present if names[key].is_moving]
        self._moving_keys = set(self._moving)
        self._keys: dict[OfferKey, str] = {}
        """The keys of the offers' ids, after it is known whether their last word is the host's."""
        self._variants: dict[OfferKey, tuple[str, ...]] = {}
        self._homes: dict[str, _Home] = defaultdict(_Home)
        self._home_of: dict[OfferKey, str] = {}
        self._by_name: dict[str, set[str]] = defaultdict(set)
        """The homes that have a repository, by each key that is a name of theirs."""

    def clusters(self) -> list[Cluster]:
        self._meet_by_repository()
        self._meet_by_id()
        joints = self._believable(self._permanent_slugs(), among=[])
        joints += self._believable(self._dates(joints), among=joints)
        grouped = groups(self._homes, _pairs(joints))
        owners = self._owners(grouped)
        reasons = {home: joint for joint in reversed(joints) for home in (joint.other, joint.home)}
        found = [self._cluster(index, group, reasons, owners) for index, group in enumerate(grouped)]
        return found + list(self._of_moving_names())

    def _of_moving_names(self) -> Iterator[Cluster]:
        """Yield a cluster for each offer with a moving name, which also contains its variants."""
        variants: dict[OfferKey, list[OfferKey]] = defaultdict(list)
        for key in self._moving:
            variants[self._base(key)].append(key)
        for base, keys in variants.items():
            evidence = "Its name stands for another model from time to time."
            members = {key: alone(key, self._names[key], evidence).members[key] for key in keys if key == base}
            members |= {
                key: Tied(rule=VARIANT, evidence=self._same_slug(key), variant=variant_of(self._names[key].variants))
                for key in keys
                if key != base
            }
            yield Cluster(members=members)

    def _base(self, key: OfferKey) -> OfferKey:
        """Return the last offer in the chain of bases, as long as those have moving names too."""
        while (base := self._names[key].base) in self._moving_keys and base is not None:
            key = base
        return key

    def _same_slug(self, key: OfferKey) -> str:
        slug = self._offers[key].canonical_slug
        names = self._names[key]
        return f"{names.gateway_name}'s permanent slug of {key[1]} is that of {(names.base or key)[1]}, {slug}."

    def _settle(self, offer: OfferKey, home: str, *, by_repository: bool) -> None:
        self._home_of[offer] = home
        self._homes[home].members[offer] = by_repository

    def _meet_by_repository(self) -> None:
        ambiguous = self._ambiguous()
        for offer in self._tieable:
            names = self._names[offer]
            if not (repository := names.repository):
                continue
            self._keys[offer], self._variants[offer] = names.key, names.variants
            # If repositories differ only by case or separators, an offer belongs to the one that it spells exactly.
            home = f"{repository.key}\n{repository.id}" if repository.key in ambiguous else repository.key
            self._settle(offer, home, by_repository=True)
            self._homes[home].repositories.add(home)
            self._by_name[repository.key].add(home)
            self._by_name[names.key].add(home)

    def _ambiguous(self) -> set[str]:
        """Return the keys that several repositories have in the same variant."""
        listed = Counter(
            (names.repository.key, names.variants)
            for names in self._names.values()
            if names.traits.ids_are_repositories and names.repository
        )
        return {key for (key, _), count in listed.items() if count > 1}

    def _meet_by_id(self) -> None:
        plain = [offer for offer in self._tieable if offer not in self._home_of]
        # If an offer that is not resold has this name, the last word is part of the name and not a host's word for
        # speed.
        ordinary = [self._names[offer] for offer in plain if not self._names[offer].sped_up]
        proper = set(self._by_name) | {names.key for names in ordinary}
        resold = {names.key for names in ordinary if names.is_resold}
        for offer in plain:
            names = self._names[offer]
            key, parts = names.key, names.variants
            if names.sped_up and key not in proper and self._is_listed(names.sped_up.key, resold):
                key, parts = names.sped_up.key, names.sped_up.variants
            self._keys[offer], self._variants[offer] = key, parts
            candidates = self._candidates(key)
            if len(candidates) > 1:
                self._settle(offer, f"{key}\n{offer[0]}\n{offer[1]}", by_repository=False)
            else:
                self._settle(offer, next(iter(candidates), key), by_repository=False)

    def _is_listed(self, key: str, resold: Collection[str]) -> bool:
        """Whether exactly one model of this name is listed, whose weights others than its provider have: as a
        repository, or at a host. If only the provider runs a model, its `-fast` may be another model."""
        candidates = self._candidates(key)
        return len(candidates) == 1 or (not candidates and key in resold)

    def _candidates(self, key: str) -> set[str]:
        """Return the models of repositories that an id may mean.

        If there is a `gemma` and a `gemma-it`, hosts sell the second one under the name of the first.
        """
        found = self._by_name.get(key, set())
        return found.union(*(self._by_name.get(f"{key}-{word}", set()) for word in TUNED)) if found else set()

    def _permanent_slugs(self) -> list[_Joint]:
        homes_by_slug: dict[str, set[str]] = defaultdict(set)
        sources: dict[tuple[str, str], OfferKey] = {}
        for offer in self._tieable:
            if permanent := self._names[offer].permanent:
                homes_by_slug[permanent].add(self._home_of[offer])
                sources.setdefault((permanent, self._home_of[offer]), offer)
        joints = []
        for permanent, homes in sorted(homes_by_slug.items()):
            others = self._by_name.get(permanent) or ({permanent} if permanent in self._homes else set())
            if len(homes) == 1 and len(others) == 1 and homes != others:
                (home,), (other,) = homes, others
                source = self._offers[sources[permanent, home]]
                gateway = self._names[source.key].gateway_name
                evidence = f"{gateway}'s permanent slug of {source.id} is {source.canonical_slug}."
                joints.append(_Joint(home=home, other=other, rule=CANONICAL_SLUG, evidence=evidence))
        return joints

    def _dates(self, joints: Collection[_Joint]) -> list[_Joint]:
        listed: dict[tuple[str | None, str], set[str]] = defaultdict(set)
        for key, names in self._names.items():
            if names.dated:
                listed[self._offers[key].host, names.dated.undated].add(names.dated.date)
        joined = {home for joint in joints for home in (joint.home, joint.other)}
        found = []
        for offer in self._tieable:
            dated, home = self._names[offer].dated, self._home_of[offer]
            if not dated or home in joined or not self._is_of_hosts(home):
                continue
            others = self._by_name.get(dated.undated) or ({dated.undated} if dated.undated in self._homes else set())
            if len(others) == 1 and len(listed[self._offers[offer].host, dated.undated]) == 1:
                host = self._offers[offer].host
                evidence = f"At {host}, the host of its maker, {dated.undated} has no other date than {dated.date}."
                found.append(_Joint(home=home, other=next(iter(others)), rule=DATED_HOST_ID, evidence=evidence))
        return found

    def _is_of_hosts(self, home: str) -> bool:
        """Whether only hosts list it. If another gateway has an offer of the dated model, it is a separate model."""
        return not self._homes[home].repositories and all(
            self._offers[member].host is not None for member in self._homes[home].members
        )

    def _believable(self, joints: list[_Joint], *, among: list[_Joint]) -> list[_Joint]:
        """Return the joints by which no two repositories become one model."""
        pairs = _pairs([*among, *joints])
        doubted = set()
        for group in groups({home for pair in pairs for home in pair}, pairs):
            if len({repository for home in group for repository in self._homes[home].repositories}) > 1:
                doubted.update(group)
        return [joint for joint in joints if joint.home not in doubted]

    def _owners(self, grouped: list[list[str]]) -> dict[str, int]:
        """Return the only group that has each name. A group with a repository of that name comes before one that only
        has the name."""
        by_repository: dict[str, int] = {}
        by_id: dict[str, int] = {}
        several: set[str] = set()
        for index, group in enumerate(grouped):
            for home in group:
                if "\n" in home:
                    continue
                if self._homes[home].repositories:
                    by_repository[home] = index
                for key in {home, *(self._keys[member] for member in self._homes[home].members)}:
                    if by_id.setdefault(key, index) != index:
                        several.add(key)
        return {key: index for key, index in by_id.items() if key not in several} | by_repository

    def _cluster(
        self, index: int, group: list[str], reasons: Mapping[str, _Joint], owners: Mapping[str, int]
    ) -> Cluster:
        plain = self._plain([member for home in group for member in self._homes[home].members])
        members = {
            member: self._tied(member, home, reasons.get(home))
            for home in group
            for member in self._homes[home].members
        }
        keys = {*group, *(self._keys[member] for member in members)}
        return Cluster(
            members=members,
            names=frozenset(key for key in keys if owners.get(key) == index),
            plain=plain,
        )

    def _plain(self, members: Collection[OfferKey]) -> Plain | None:
        """Return the model's name without its hosts' words for speed if all its offers have one in their names."""
        found = {
            member: sped_up
            for member in members
            if (sped_up := self._names[member].sped_up) and self._keys[member] == self._names[member].key
        }
        if len(found) < len(members) or any(self._names[member].repository for member in members):
            return None
        self._variants |= {member: sped_up.variants for member, sped_up in found.items()}
        return Plain(key=found[min(found)].key, spelling=min(sped_up.spelling for sped_up in found.values()))

    def _tied(self, offer: OfferKey, home: str, joint: _Joint | None) -> Tied:
        rule, evidence = self._reason(offer, self._homes[home], joint)
        return Tied(rule=rule, evidence=evidence, variant=variant_of(self._variants[offer]))

    def _reason(self, offer: OfferKey, home: _Home, joint: _Joint | None) -> tuple[str, str]:
        names = self._names[offer]
        if names.base in home.members and names.worded and not names.worded.is_known:
            return VARIANT, self._same_slug(offer)
        if len(home.members) == 1:
            return (joint.rule, joint.evidence) if joint else (OWN, "No other offer is known to be of it.")
        repository = names.repository
        others = [other for other in home.members if other != offer]
        if repository and home.members[offer] and (same := [other for other in others if home.members[other]]):
            return HUGGING_FACE, self._one_repository(repository, same)
        # Either this offer came by its id, or all the others came by theirs.
        by_id = offer if not home.members[offer] else min(other for other in others if not home.members[other])
        namesakes = [other for other in home.members if other != by_id and self._has_name(other, self._keys[by_id])]
        peer = offer if offer in namesakes else min(namesakes)
        return EQUAL_ID, f"{self._offers[by_id]} and {self._offers[peer]} are both {self._keys[by_id]}."

    def _one_repository(self, repository: Repository, others: list[OfferKey]) -> str:
        ids = {other: found.id for other in others if (found := self._names[other].repository)}
        peer = min(others, key=lambda other: (ids[other] != repository.id, other))
        if ids[peer] == repository.id:
            return f"It is {repository.id} at Hugging Face, and so is {self._offers[peer]}."
        return f"It is {repository.id} at Hugging Face, {self._offers[peer]} is {ids[peer]}: both are {repository.key}."

    def _has_name(self, offer: OfferKey, key: str) -> bool:
        repository = self._names[offer].repository
        return self._keys[offer] == key or (repository is not None and repository.key == key)


def _pairs(joints: Iterable[_Joint]) -> list[tuple[str, str]]:
    return [(joint.home, joint.other) for joint in joints]
