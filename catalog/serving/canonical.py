"""The canonical models of a snapshot: their offers, and which of them a person means."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from catalog import registry
from catalog.identity.names import Namer
from catalog.serving import derived
from catalog.serving.index import Index, Row
from catalog.serving.snapshot import Snapshot

_MOST_CANDIDATES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """What an id may mean."""

    rule: str | None
    """How it was understood; None where nothing is called so."""
    models: Sequence[str]
    """Slugs: one where it is clear, several where a person has to choose."""
    evidence: str
    is_sure: bool = True
    """False for models of the name that was asked for, of another maker than was asked for."""


class Models:
    """What is looked up by model."""

    def __init__(self, index: Index, *, redirects: Mapping[str, str], last: Models | None = None) -> None:
        self._index = index
        self._redirects = redirects
        self._namer = Namer(registry.PROVIDERS)
        self._keys: dict[str, str] = {}
        known_keys = last._keys if last is not None else {}
        self._positions: dict[str, list[int]] = defaultdict(list)
        by_id: dict[str, set[str]] = defaultdict(set)
        by_key: dict[str, set[str]] = defaultdict(set)
        by_name: dict[str, set[str]] = defaultdict(set)
        for position, row in index.rows.items():
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
        self._steps: tuple[tuple[str, Mapping[str, set[str]], str], ...] = (
            ("id_in_any_case", by_id, "an offer has this id, upper and lower case aside"),
            ("name", by_key, "an offer or its model goes by this name, variant, separators and maker's spelling aside"),
            ("name_without_maker", by_name, "the model is called so, whoever made it"),
        )

    def rows_of(self, slug: str) -> list[Row]:
        """All offers of the model, withdrawn ones too, by id and gateway; the slug in any case."""
        return [self._index.rows[position] for position in sorted(self._positions.get(slug.casefold(), ()))]

    def positions_of(self, slugs: Iterable[str]) -> list[int]:
        """Of all offers of these models."""
        return [position for slug in slugs for position in self._positions.get(slug.casefold(), ())]

    def meant_by(self, asked: str) -> Meant:
        """What an id means: as it stands; else without a gateway before it, for some ids begin like one."""
        meant = self._meant_by(asked)
        gateway, _, rest = asked.partition("/")
        if rest and gateway.casefold() in registry.GATEWAYS and not (meant.models and meant.is_sure):
            within = self._meant_by(rest)
            return within if within.models else meant
        return meant

    def _meant_by(self, asked: str) -> Meant:
        gateway, _, rest = asked.partition("/")
        named = [row for row in self._index.rows_of_id(rest) if row.gateway == gateway]
        if rows := self._index.rows_of_id(asked):
            return _meant("id", rows, f"{len(rows)} offers have this id" if len(rows) > 1 else "an offer has this id")
        if named:
            return _meant("gateway_and_id", named, f"{gateway} has an offer of this id")
        if asked.casefold() in self._positions or asked.casefold() in self._redirects:
            slug = self._redirects.get(asked.casefold(), asked)
            return _meant("slug", self.rows_of(slug), "it is the slug of a model, or of one that was merged into it")
        spellings = (asked.casefold(), self._namer.key(asked), self._namer.key(asked).rpartition("/")[2])
        for (rule, known, evidence), spelling in zip(self._steps, spellings, strict=True):
            if found := known.get(spelling):
                is_sure = rule != "name_without_maker" or "/" not in asked
                models = sorted(found)[:_MOST_CANDIDATES]
                return Meant(rule=rule, models=models, evidence=evidence, is_sure=is_sure)
        return Meant(rule=None, models=(), evidence="no offer and no model is called so")

    def model_meant_by(self, asked: str) -> str:
        """The slug of the one model that is meant. Raises ValueError with the candidates where there are several."""
        meant = self.meant_by(asked)
        if len(meant.models) == 1 and meant.is_sure:
            return meant.models[0]
        if not meant.models:
            raise ValueError(f"has {asked!r}, which is the name of no model that is known")
        raise ValueError(f"has {asked!r}, which may mean {', '.join(meant.models)}: name one of these")


@derived.Once
def models_of(held: Snapshot, last: Models | None) -> Models:
    return Models(held.index, redirects=held.redirects, last=last)


def _meant(rule: str, rows: Iterable[Row], evidence: str) -> Meant:
    return Meant(rule=rule, models=sorted({row.identity.model for row in rows if row.identity}), evidence=evidence)
