"""The inputs of identity: offers, curators' statements about them, and the models that have been named before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from catalog.records import ModelType, OfferRecord

OfferKey = tuple[str, str]
"""Gateway and id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The fields of an offer that the rules read, named as in `OfferRecord`."""

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
        """The seller of the offer. A gateway that routes to hosts counts as one seller per host."""
        return self.gateway, self.host

    def __str__(self) -> str:
        return f"{self.gateway} {self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """The offer belongs to this model, and no rule changes that."""

    offer: OfferKey
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The offer never belongs to this model. Without a model, it belongs to none but its own."""

    offer: OfferKey
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """The spelling is a name of the model. If it is another model's slug, the two are merged."""

    spelling: str
    model: str


Statement = Tie | Split | Alias
"""A statement of a curator. Models are named by their slugs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A canonical model, by its slug. It stays when its last offer is withdrawn."""

    born: int
    """When the model was named; the revision of the catalogue serves as the time. If two models merge, the older one
    stays."""
    merged_into: str | None = None
    """The slug of the model into which the rules merged this one."""
    redirect: str | None = None
    """The slug by which it is found now, if that is another one. Curators have the last word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Earlier decisions, which are kept as far as possible."""

    models: Mapping[str, Model] = field(default_factory=dict)
    """The models by slug."""
    placed: Mapping[OfferKey, str] = field(default_factory=dict)
    """`Placement.own` of each offer, of those that have gone too."""
    apart: Mapping[OfferKey, str] = field(default_factory=dict)
    """`Placement.apart_from` of each offer that has one, of those that have gone too."""
