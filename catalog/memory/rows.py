"""An offer in memory: its finished document, and the values that it is found by. Pure."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Self

import orjson

from catalog import registry
from catalog.documents import reading
from catalog.documents.encoding import stored_json
from catalog.documents.tariffs import tariff_of
from catalog.memory import search_words
from catalog.memory.orders import SortValue
from catalog.normalize import dates, model_ids
from catalog.pricing.tariffs import Tariff
from catalog.providers import KnownProvider, KnownProviders

Document = Mapping[str, Any]
Facet = tuple[str, str]

# --- what offers are found by: add a line here for each new filter or order ------------------------------------------
_amount = lru_cache(maxsize=8_192)(Decimal)
_seconds = lru_cache(maxsize=8_192)(dates.seconds_of)


def _token_price(document: Document, side: str) -> Decimal | None:
    """Return US dollars per million tokens, for the price without conditions.

    If prices depend on the time of day, the windows that cover most of the day apply.
    """
    prices = document["price_per_million"] or {}
    return _amount(prices[side]) if prices.get(side) is not None else None


def _folded(*values: str | None) -> list[str]:
    return [value.casefold() for value in values if value is not None]


FACETS: Mapping[str, Callable[[Document], Iterable[str]]] = {
    "gateway": lambda document: [document["source_gateway"]],
    "provider": lambda document: (
        [model_ids.provider_key(document["provider_slug"])] if document["provider_slug"] else []
    ),
    "host": lambda document: _folded(document["host"]),
    "model_type": lambda document: [document["model_type"]],
    "tags": lambda document: (tag.lower() for tag in document["tags"]),
    "modality": lambda document: _folded(document["architecture"]["modality"]),
    "input_modalities": lambda document: _folded(*document["architecture"]["input_modalities"] or ()),
    "output_modalities": lambda document: _folded(*document["architecture"]["output_modalities"] or ()),
    "supported_parameters": lambda document: _folded(*document["supported_parameters"] or ()),
    "price_status": lambda document: [document["price_status"]],
    "price_basis": lambda document: _folded(document["price_basis"]),
    "price_tier": lambda document: _folded(document["price_tier"]),
    "execution_mode": lambda document: _folded(reading.execution_mode_of(document)),
    "availability": lambda document: [document["availability"]],
    "source": lambda document: [document["source"]],
    "quantization": lambda document: _folded(document["quantization"]),
    # Documents that an older program rendered have no such field.
    "is_featured": lambda document: ["featured" if document.get("is_featured") else "plain"],
    "status": lambda document: ["active" if document["withdrawn_at"] is None else "withdrawn"],
    "canonical_model": lambda document: _folded(document["canonical_model"]),
    "variant": lambda document: _folded(document.get("variant")),
    "hugging_face_id": lambda document: _folded(document["hugging_face_id"]),
}
"""The facts that offers share, read from the document."""

SORT_VALUES: Mapping[str, Callable[[Document], SortValue]] = {
    "id": lambda document: document["id"],
    "name": lambda document: document["name"].casefold(),
    "created": lambda document: document["created"],
    "prompt_price": lambda document: _token_price(document, "input"),
    "completion_price": lambda document: _token_price(document, "output"),
    "hourly_rate": lambda document: (
        _amount(rate) if (rate := document["pricing"].get("hourly_rate")) is not None else None
    ),
    "context_length": lambda document: document["context_length"],
    "first_seen": lambda document: _seconds(document["first_seen"]),
    "max_completion_tokens": lambda document: document["top_provider"]["max_completion_tokens"],
    "expires": lambda document: _seconds(document["expires"]) if document["expires"] is not None else None,
}
"""The values that offers are sorted and filtered by, from the document. Money is US dollars, times are Unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which model an offer belongs to, and why."""

    model: str
    """The slug of the canonical model."""
    variant: str
    """Empty for a standard offer of the model."""
    rule: str
    evidence: str


_WITHDRAWN = ("status", "withdrawn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One offer: its finished document, and the values that it is found by."""

    document: bytes
    identity: Identity | None
    id: str
    gateway: str
    provider_slug: str | None
    maker: KnownProvider | None
    """Its provider, if that is known, by the names of the snapshot that has this row."""
    host_maker: KnownProvider | None
    """The known provider that runs it, if the gateway routes to hosts."""
    names: tuple[str, ...]
    """The names that people and other services use for it, besides its id."""
    permanent: str | None
    """The gateway's permanent name of the model, if it differs from the id."""
    facets: tuple[Facet, ...]
    sort_values: tuple[SortValue, ...]
    """The values in the order of SORT_VALUES."""
    tariff: Tariff
    """Its prices. Offers with equal prices share one tariff."""
    name_lengths: tuple[int, int]
    """The numbers of words of its id and of its name (`search_words.lengths`)."""

    @classmethod
    def of(
        cls, document: bytes, identity: Identity | None = None, *, makers: KnownProviders = registry.PROVIDERS
    ) -> Self:
        """Make the row of a stored document."""
        row, _ = cls.parsed(document, identity, makers=makers)
        return row

    @classmethod
    def parsed(
        cls, stored: bytes, identity: Identity | None = None, *, makers: KnownProviders = registry.PROVIDERS
    ) -> tuple[Self, Document]:
        """Return the row of a stored document, and the document as it was parsed.

        Model and variant are written into the document here, not when it is rendered: a rule can move offers that no
        gateway changed.
        """
        document = orjson.loads(stored)
        if identity:
            document["canonical_model"], document["variant"] = identity.model, identity.variant or None
            stored = stored_json(document)
        return cls._of(document, stored, identity, makers), document

    @classmethod
    def _of(cls, document: Document, stored: bytes, identity: Identity | None, makers: KnownProviders) -> Self:
        spelling = document["provider_slug"]
        facets = dict.fromkeys(
            _facet(name, makers.key(value) if name == "provider" else value)
            for name, values in FACETS.items()
            for value in values(document)
        )
        return cls(
            document=stored,
            identity=identity,
            id=document["id"],
            gateway=sys.intern(document["source_gateway"]),
            provider_slug=spelling and sys.intern(spelling),
            maker=makers.of(spelling) if spelling else None,
            host_maker=makers.of(document["host"]) if document["host"] is not None else None,
            names=tuple(_names(document)),
            permanent=_permanent(document),
            facets=tuple(facets),
            sort_values=tuple(value(document) for value in SORT_VALUES.values()),
            tariff=tariff_of(document),
            name_lengths=_lengths(*search_words.lengths(document)),
        )

    @property
    def is_withdrawn(self) -> bool:
        return _WITHDRAWN in self.facets


def _names(document: Document) -> Iterator[str]:
    offer_id, permanent = document["id"], document["canonical_slug"]
    if permanent != offer_id and "/" in permanent:  # without a provider it is ambiguous
        yield permanent
    if document["host"] is not None:
        yield offer_id.removeprefix("@")
        if document["provider_slug"] and "/" not in document["slug"]:
            yield f"{document['provider_slug']}/{document['slug']}"


def _permanent(document: Document) -> str | None:
    permanent: str = document["canonical_slug"]
    return permanent if permanent not in {document["id"], document["slug"]} else None


@lru_cache(maxsize=1_024)
def _lengths(of_id: int, of_name: int) -> tuple[int, int]:
    """Return equal lengths as one object, because there are few."""
    return of_id, of_name


@lru_cache(maxsize=65_536)
def _facet(name: str, value: str) -> Facet:
    """Return equal facets as one object, because a hundred thousand offers share a few."""
    return name, value
