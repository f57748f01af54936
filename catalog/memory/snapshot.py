"""One published revision. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from pyroaring import BitMap

from catalog import registry
from catalog.memory.index import Index
from catalog.memory.moves import Move
from catalog.memory.popularity import Popularity, Scores
from catalog.memory.rows import Row
from catalog.memory.saved import Saved
from catalog.memory.sellers import Seller
from catalog.memory.watching import Watches
from catalog.providers import KnownProviders


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRow:
    """What gateways report about a provider. A field is empty if no gateway reports it."""

    name: str = ""
    headquarters: str = ""
    status_page_url: str = ""
    terms_url: str = ""
    privacy_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Snapshot:
    """One published revision. It never changes, and compares by object identity, not by content."""

    revision: int
    published_at: datetime
    index: Index
    providers: dict[str, ProviderRow]
    """By key: the providers about which gateways report something."""
    redirects: dict[str, str] = field(default_factory=dict)
    """The current slug of a model, by a slug from before a merge or by an alias. The keys are in lower case."""
    makers: KnownProviders = field(default_factory=lambda: registry.PROVIDERS)
    """The known providers, with what curators state about them. The keys of all facts follow from it."""
    renamed_tags: Mapping[str, str] = field(default_factory=dict)
    """The tag that is served in place of another one, by that other one. Both are in lower case."""
    sellers: Mapping[str, Seller] = field(default_factory=dict)
    """The gateways by slug, as fresh as they are. They change without a new revision too."""
    moves: Mapping[tuple[str, str], Move] = field(default_factory=dict)
    """By gateway and id: the offers whose prices changed lately."""
    saved: Mapping[str, Saved] = field(default_factory=dict)
    """The filters that curators saved, by name in the order of the names."""
    popularity: Popularity = field(default_factory=Popularity)
    """How often the models are asked for. It changes without a new revision, once a day."""
    watches: Watches = field(default_factory=dict)
    """What is observed of offers. It changes without a new revision, once an hour."""
    build_seconds: float = 0.0
    identity: object = field(default_factory=object)
    """A key for values derived from this snapshot, which must neither outlive it nor keep it in memory."""
    derived: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)
    """A cache: the values that were computed from this snapshot, by the `derived.Once` that computed them."""

    def with_sellers(self, sellers: Mapping[str, Seller]) -> Self:
        """Return the same revision with newer facts about the gateways. What was derived from the offers stays."""
        after = replace(self, sellers=sellers, identity=object())
        after.derived.update(self.derived)
        return after

    def with_popularity(self, scores: Scores) -> Self:
        """Return the same revision with these scores of models. What was derived from the offers stays."""
        after = replace(self, popularity=Popularity.of(self.index, scores), identity=object())
        after.derived.update(self.derived)
        return after

    def with_watches(self, watches: Watches) -> Self:
        """Return the same revision with what is observed now. What was derived from the offers stays."""
        after = replace(self, watches=watches, identity=object())
        after.derived.update(self.derived)
        return after

    def current(self, facet: str, value: str) -> str:
        """Return the value of a facet that this one means now: a tag or a provider may have been renamed or merged."""
        if facet == "tags":
            return self.renamed_tags.get(value, value)
        return self.makers.key(value) if facet == "provider" else value

    def having(self, facet: str, value: str) -> BitMap:
        """Return the positions of the offers with this fact, by any of its names. Callers must not change it."""
        return self.index.having(facet, self.current(facet, value))

    @property
    def rows(self) -> list[Row]:
        """The rows by id, then by gateway."""
        return [self.index.rows[position] for position in self.index.positions]

    def rows_of_id(self, offer_id: str) -> list[Row]:
        """Return the offers of this id, by gateway."""
        return self.index.rows_of_id(offer_id)
