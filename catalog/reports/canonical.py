"""The canonical models of a snapshot: their offers, and which of them an id or a name means."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from catalog import registry
from catalog.identity.names import Namer, in_any_order
from catalog.identity.spellings import Spellings, bedrock_readings
from catalog.memory import derived
from catalog.memory.index import Index
from catalog.memory.rows import Row
from catalog.memory.snapshot import Snapshot
from catalog.memory.unhurried import unhurried
from catalog.pricing import variants
from catalog.providers import KnownProviders

_MOST_CANDIDATES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """The models that an id may mean, and why."""

    rule: str | None
    """The rule that matched the id; None if nothing has this name."""
    models: Sequence[str]
    """Slugs: one if the id is clear, several if a person has to choose."""
    evidence: str
    is_sure: bool = True
    """False if a person has to confirm the match."""
    alike: Mapping[str, str] = field(default_factory=dict)
    """Slugs of other models whose names are alike, and what differs."""


class Models:
    """Looks up offers by model, and models by id or name."""

    def __init__(
        self,
        index: Index,
        *,
        redirects: Mapping[str, str],
        makers: KnownProviders = registry.PROVIDERS,
        last: Models | None = None,
    ) -> None:
        self._index = index
        self._redirects = redirects
        self._makers = makers
        self._namer = Namer(makers, registry.GATEWAYS)
        self._keys: dict[str, str] = {}
        known_keys = last._keys if last is not None and last._makers == makers else {}
        self._positions: dict[str, list[int]] = defaultdict(list)
        by_id: dict[str, set[str]] = defaultdict(set)
        by_key: dict[str, set[str]] = defaultdict(set)
        by_name: dict[str, set[str]] = defaultdict(set)
        self._by_permanent: dict[str, dict[str, Row]] = defaultdict(dict)
        self._by_words: dict[str, set[str]] = defaultdict(set)
        for position, row in unhurried(index.rows.items()):
            if row.identity is None:
                continue
            slug = row.identity.model
            self._positions[slug.casefold()].append(position)
            by_id[row.id.casefold()].add(slug)
            for name in {slug, row.id, *row.names}:
                key = known_keys.get(name) or self._namer.key(name)
                self._keys[name] = key
                by_key[key].add(slug)
                by_name[key.rpartition("/")[2]].add(slug)
                if words := in_any_order(key.rpartition("/")[2]):
                    self._by_words[words].add(slug)
            if row.permanent is not None:
                self._by_permanent[row.permanent.casefold()].setdefault(slug, row)
        self._by_id, self._by_key, self._by_name = by_id, by_key, by_name
        self._spellings = Spellings(by_key)

    def rows_of(self, slug: str) -> list[Row]:
        """Return all offers of the model, including withdrawn ones, by id and gateway. The slug matches in any case."""
        return [self._index.rows[position] for position in sorted(self._positions.get(slug.casefold(), ()))]

    def positions_of(self, slugs: Iterable[str]) -> list[int]:
        """Return the positions of all offers of these models."""
        return [position for slug in slugs for position in self._positions.get(slug.casefold(), ())]

    def meant_by(self, asked: str) -> Meant:
        """Return what an id means.

        The id is first read unchanged, because some ids begin like a gateway's name. Only if that is not clear is a
        leading gateway removed.
        """
        meant = self._meant_by(asked)
        gateway, _, rest = asked.partition("/")
        if rest and gateway.casefold() in registry.GATEWAYS and not (meant.models and meant.is_sure):
            within = self._meant_by(rest)
            meant = within if within.models else meant
        return replace(meant, alike=self._alike(meant.models)) if meant.is_sure else meant

    def _alike(self, models: Sequence[str]) -> Mapping[str, str]:
        keys = [self._namer.key(slug) for slug in models]
        words = {in_any_order(key.rpartition("/")[2]) or "" for key in keys}
        respelled = self._models_of(name for key in keys for name in self._spellings.differing_in_separators(key))
        found = dict.fromkeys(respelled, "its name differs only in separators")
        reordered = {slug for each in words for slug in self._by_words.get(each, ())}
        found |= dict.fromkeys(reordered, "its name is the same words in another order")
        return {slug: found[slug] for slug in sorted(found.keys() - set(models))[:_MOST_CANDIDATES]}

    def _models_of(self, keys: Iterable[str]) -> set[str]:
        return {slug for key in keys for slug in self._by_key[key]}

    def model_meant_by(self, asked: str) -> str:
        """Return the slug of the model that the id means. Raise ValueError, with the candidates, if it is ambiguous."""
        meant = self.meant_by(asked)
        if len(meant.models) == 1 and meant.is_sure:
            return meant.models[0]
        if (own := self._slug(asked)) is not None:
            return own
        if not meant.models:
            raise ValueError(f"has {asked!r}, which is the name of no model that is known")
        raise ValueError(f"has {asked!r}, which may mean {', '.join(meant.models)}: name one of these")

    def _meant_by(self, asked: str) -> Meant:
        defined = self._defined(asked)
        if defined is not None:
            return defined
        if models := self._by_id.get(asked.casefold()):
            return _of_several("id_in_any_case", models, "an offer has this id, upper and lower case aside")
        return self._at_bedrock(asked) or self._named(asked)

    def _at_bedrock(self, asked: str) -> Meant | None:
        """Match an id of Amazon Bedrock; return None if it is none, or matches nothing."""
        found: Meant | None = None
        for reading in bedrock_readings(asked, providers=self._makers):
            meant = self._meant_by(reading.spelling)
            is_sure = meant.is_sure and reading.is_sure
            if meant.models and (found is None or (is_sure and not found.is_sure)):
                evidence = f"{reading.evidence}, {meant.evidence}"
                found = replace(meant, rule="bedrock_id", evidence=evidence, is_sure=is_sure)
        return found

    def _defined(self, asked: str) -> Meant | None:
        """Match the names that gateways and this catalogue define themselves."""
        gateway, _, rest = asked.partition("/")
        if rows := self._index.rows_of_id(asked):
            return _meant("id", rows, f"{len(rows)} offers have this id" if len(rows) > 1 else "an offer has this id")
        if named := [row for row in self._index.rows_of_id(rest) if row.gateway == gateway]:
            return _meant("gateway_and_id", named, f"{gateway} has an offer of this id")
        permanent = self._by_permanent.get(asked.casefold(), {})
        names = [f"the permanent slug of {row.gateway} {row.id}" for _, row in sorted(permanent.items())]
        if (slug := self._slug(asked)) is not None:
            if others := sorted(permanent.keys() - {slug}):
                evidence = f"it is the slug of {slug}, and {' and '.join(names)}"
                return Meant(rule="slug", models=[slug, *others], evidence=evidence, is_sure=False)
            return _of_several("slug", [slug], "it is the slug of a model, or of one that was merged into it")
        return _of_several("canonical_slug", permanent, f"it is {' and '.join(names)}") if permanent else None

    def _named(self, asked: str) -> Meant:
        """Match the names that people and other services use."""
        key = self._namer.key(asked)
        name = key.rpartition("/")[2]
        with_word = variants.split(asked)
        base = self._of_base(*with_word) if with_word else None
        if base is not None and with_word and with_word[1] in variants.MEANINGS:
            return base
        if models := self._by_key.get(key):
            evidence = (
                "an offer or its model has this name, ignoring variant, separators and the spelling of the provider"
            )
            return _of_several("name", models, evidence)
        if base is not None:
            return base
        if models := self._by_name.get(name):
            if all(slug.startswith("@") for slug in models):  # the host's own name may mean another's model
                models = models | self._models_of(self._spellings.differing_in_separators(key))
            evidence = "the model has this name, of any provider"
            return _of_several("name_without_maker", models, evidence, is_sure="/" not in asked)
        return self._respelled(asked, key) or self._of_same_words(key) or self._of_same_stem(key)

    def _of_base(self, base: str, word: str) -> Meant | None:
        """Match the id without the variant after its colon; return None if it matches nothing."""
        meant = self._meant_by(base)
        if not meant.models:
            return None
        known = variants.MEANINGS.get(word)
        meaning = f"`:{word}` {known}" if known else f"`:{word}` is a word that we do not know"
        # Except at OpenRouter, the word after the colon is the size of a model, or a pointer to the newest one.
        is_sure = meant.is_sure and (known is not None or ("/" in base and word.isalpha() and word != "latest"))
        return replace(meant, rule="variant", evidence=f"{meaning}; without it, {meant.evidence}", is_sure=is_sure)

    def _respelled(self, asked: str, key: str) -> Meant | None:
        found = self._spellings.respelled(key)
        if found is None:
            return None
        # At other services, the word after the colon may name another model.
        is_sure = found.is_sure and ":" not in asked
        evidence = "the model has this name, with other separators"
        return _of_several("separators", self._models_of(found.keys), evidence, is_sure=is_sure)

    def _of_same_stem(self, key: str) -> Meant:
        if models := self._models_of(self._spellings.of_same_stem(key)):
            evidence = "the model has this name, apart from a date or a word such as `instruct` at the end"
            return _of_several("ending", models, evidence, is_sure=False)
        return Meant(rule=None, models=(), evidence="no offer and no model is called so")

    def _of_same_words(self, key: str) -> Meant | None:
        maker, slash, name = key.rpartition("/")
        found = sorted(self._by_words.get(in_any_order(name) or "", ()))
        of_maker = [slug for slug in found if slash and self._namer.key(slug).rpartition("/")[0] == maker]
        if not found:
            return None
        evidence = "the model is called by the same words in another order"
        return _of_several("word_order", of_maker or found, evidence, is_sure=False)

    def _slug(self, asked: str) -> str | None:
        """Return the slug of the model that has this slug in any case, after redirects."""
        slug = self._redirects.get(asked.casefold(), asked).casefold()
        for position in self._positions.get(slug, ()):
            if (identity := self._index.rows[position].identity) is not None:
                return identity.model
        return None


@derived.Once
def models_of(snapshot: Snapshot, last: Models | None) -> Models:
    return Models(snapshot.index, redirects=snapshot.redirects, makers=snapshot.makers, last=last)


def _of_several(rule: str, models: Iterable[str], evidence: str, *, is_sure: bool = True) -> Meant:
    return Meant(rule=rule, models=sorted(models)[:_MOST_CANDIDATES], evidence=evidence, is_sure=is_sure)


def _meant(rule: str, rows: Iterable[Row], evidence: str) -> Meant:
    return Meant(rule=rule, models=sorted({row.identity.model for row in rows if row.identity}), evidence=evidence)
