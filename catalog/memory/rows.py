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
from catalog.documents.tariffs import tariff_of
from catalog.memory import search_words
from catalog.memory.orders import SortValue
from catalog.normalize import dates
from catalog.pricing.tariffs import Tariff

Json = Any
Facet = tuple[str, str]

# --- what offers are found by: add a line here for each new filter or order ------------------------------------------
_amount = lru_cache(maxsize=8_192)(Decimal)
_seconds = lru_cache(maxsize=8_192)(dates.seconds_of)


def _token_price(shown: Json, side: str) -> Decimal | None:
    """Return US dollars per million tokens, for the price without conditions.

    If prices depend on the time of day, the windows that cover most of the day apply.
    """
    told = shown["price_per_million"] or {}
    return _amount(told[side]) if told.get(side) is not None else None


def _folded(*values: str | None) -> list[str]:
    return [value.casefold() for value in values if value is not None]


FACETS: Mapping[str, Callable[[Json], Iterable[str]]] = {
    "gateway": lambda shown: [shown["source_gateway"]],
    "provider": lambda shown: [registry.PROVIDERS.key(shown["provider_slug"])] if shown["provider_slug"] else [],
    "host": lambda shown: _folded(shown["host"]),
    "model_type": lambda shown: [shown["model_type"]],
    "tags": lambda shown: (tag.lower() for tag in shown["tags"]),
    "modality": lambda shown: _folded(shown["architecture"]["modality"]),
    "input_modalities": lambda shown: _folded(*shown["architecture"]["input_modalities"] or ()),
    "output_modalities": lambda shown: _folded(*shown["architecture"]["output_modalities"] or ()),
    "supported_parameters": lambda shown: _folded(*shown["supported_parameters"] or ()),
    "price_status": lambda shown: [shown["price_status"]],
    "price_basis": lambda shown: _folded(shown["price_basis"]),
    "price_tier": lambda shown: _folded(shown["price_tier"]),
    "execution_mode": lambda shown: _folded(reading.execution_mode_of(shown)),
    "availability": lambda shown: [shown["availability"]],
    "source": lambda shown: [shown["source"]],
    "quantization": lambda shown: _folded(shown["quantization"]),
    "status": lambda shown: ["active" if shown["withdrawn_at"] is None else "withdrawn"],
    "canonical_model": lambda shown: _folded(shown["canonical_model"]),
    "variant": lambda shown: _folded(shown.get("variant")),
    "hugging_face_id": lambda shown: _folded(shown["hugging_face_id"]),
}
"""The facts that offers share, read from the document."""

SORT_VALUES: Mapping[str, Callable[[Json], SortValue]] = {
    "id": lambda shown: shown["id"],
    "name": lambda shown: shown["name"].casefold(),
    "created": lambda shown: shown["created"],
    "prompt_price": lambda shown: _token_price(shown, "input"),
    "completion_price": lambda shown: _token_price(shown, "output"),
    "hourly_rate": lambda shown: _amount(rate) if (rate := shown["pricing"].get("hourly_rate")) is not None else None,
    "context_length": lambda shown: shown["context_length"],
    "first_seen": lambda shown: _seconds(shown["first_seen"]),
    "max_completion_tokens": lambda shown: shown["top_provider"]["max_completion_tokens"],
    "expires": lambda shown: _seconds(shown["expires"]) if shown["expires"] is not None else None,
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
    def of(cls, document: bytes, identity: Identity | None = None) -> Self:
        """Make the row of a stored document."""
        row, _ = cls.parsed(document, identity)
        return row

    @classmethod
    def parsed(cls, document: bytes, identity: Identity | None = None) -> tuple[Self, Json]:
        """Make the row of a stored document, and return it with the parsed document.

        Model and variant are written into the document here, not when it is rendered: a rule can move offers that no
        gateway changed.
        """
        shown = orjson.loads(document)
        if identity:
            shown["canonical_model"], shown["variant"] = identity.model, identity.variant or None
            document = memoryview(orjson.dumps(shown)).tobytes()  # a copy: orjson's own has 16 KB of reserve
        return cls._of(shown, document, identity), shown

    @classmethod
    def _of(cls, shown: Json, document: bytes, identity: Identity | None) -> Self:
        facets = dict.fromkeys(_facet(name, value) for name, values in FACETS.items() for value in values(shown))
        return cls(
            document=document,
            identity=identity,
            id=shown["id"],
            gateway=sys.intern(shown["source_gateway"]),
            provider_slug=shown["provider_slug"] and sys.intern(shown["provider_slug"]),
            names=tuple(_names(shown)),
            permanent=shown["canonical_slug"] if shown["canonical_slug"] not in {shown["id"], shown["slug"]} else None,
            facets=tuple(facets),
            sort_values=tuple(value(shown) for value in SORT_VALUES.values()),
            tariff=tariff_of(shown),
            name_lengths=_lengths(*search_words.lengths(shown)),
        )

    @property
    def is_withdrawn(self) -> bool:
        return _WITHDRAWN in self.facets


def _names(shown: Json) -> Iterator[str]:
    if shown["canonical_slug"] != shown["id"] and "/" in shown["canonical_slug"]:  # without a provider it is ambiguous
        yield shown["canonical_slug"]
    if shown["host"] is not None:
        yield shown["id"].removeprefix("@")
        if shown["provider_slug"] and "/" not in shown["slug"]:
            yield f"{shown['provider_slug']}/{shown['slug']}"


@lru_cache(maxsize=1_024)
def _lengths(of_id: int, of_name: int) -> tuple[int, int]:
    """Return equal lengths as one object, because there are few."""
    return of_id, of_name


@lru_cache(maxsize=65_536)
def _facet(name: str, value: str) -> Facet:
    """Return equal facets as one object, because a hundred thousand offers share a few."""
    return name, value
