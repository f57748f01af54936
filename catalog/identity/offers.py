"""What identity is decided from: offers, what curators said of them, and the models that have been named before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from catalog.records import ModelType, OfferRecord

OfferKey = tuple[str, str]
"""Gateway and id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the rules read of an offer; the words are those of `OfferRecord`."""

    gateway: str
    id: str
    slug: str
    canonical_slug: str
    model_type: ModelType
    provider_slug: str | None = None
    hugging_face_id: str | None = None
    host: str | None = None

    @classmethod
    def of(cls, gateway: str, record: OfferRecord) -> Offer:
        return cls(
            gateway=gateway,
            id=record.id,
            slug=record.slug,
            canonical_slug=record.canonical_slug,
            model_type=record.model_type,
            provider_slug=record.provider_slug,
            hugging_face_id=record.hugging_face_id,
            host=record.host,
        )

    @property
    def key(self) -> OfferKey:
        return self.gateway, self.id

    @property
    def seller(self) -> tuple[str, str | None]:
        """Who sells it: a gateway that routes to hosts is as many sellers as it has hosts."""
        return self.gateway, self.host

    def __str__(self) -> str:
        return f"{self.gateway} {self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """The offer is of this model, whatever the rules say."""

    offer: OfferKey
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The offer is never of this model; without one: of none but its own."""

    offer: OfferKey
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """What goes by this spelling is the model; where the spelling is another model's slug, the two are merged."""

    spelling: str
    model: str


Statement = Tie | Split | Alias
"""Of a curator. Models are named by their slugs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A canonical model, by its slug. It stays when its last offer goes."""

    born: int
    """In which order models were named: the revision of the catalogue will do. Of two that merge the older stays."""
    merged_into: str | None = None
    """The slug of the model that the rules made one with it."""
    redirect: str | None = None
    """The slug under which it is found now, if that is another one: curators have the last word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What was decided before, and holds as far as it can."""

    models: Mapping[str, Model] = field(default_factory=dict)
    """By slug."""
    placed: Mapping[OfferKey, str] = field(default_factory=dict)
    """`Placement.own` of each offer, of those that have gone too."""
