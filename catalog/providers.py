"""Curated facts about providers: which spellings mean one provider, its name, and its addresses. Pure.

Gateways spell providers in different ways (`deepseek`, `deepseek-ai`). `fixtures/providers.json` is the source of the
facts that ship; curators state more at the desk. `composed` joins both.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from catalog.normalize.model_ids import provider_key


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownProvider:
    slug: str
    """The canonical spelling."""
    name: str
    """The name that people read."""
    site_url: str | None
    hugging_face: str | None
    """The provider's organisation at Hugging Face."""
    aliases: tuple[str, ...]
    """Other spellings; upper and lower case do not matter."""
    icon: str | None
    """The provider's logo in the icon set that `make logos` fetches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MakerStatement:
    """What curators state about one provider, or about one spelling: that it means another provider."""

    slug: str
    """A spelling of the provider."""
    name: str = ""
    """The name that people read; empty: as it ships."""
    site_url: str | None = None
    """None: as it ships. Empty: the provider has no site."""
    icon: str | None = None
    """None: as it ships. Empty: a letter instead of a logo."""
    merged_into: str | None = None
    """A spelling of the provider that this one is. It may be merged too: chains are followed to their end."""


class KnownProviders:
    def __init__(self, providers: Iterable[KnownProvider]) -> None:
        """Raises ValueError if two providers share a spelling."""
        self._providers = tuple(providers)
        self._by_key: dict[str, KnownProvider] = {}
        for provider in self._providers:
            for spelling in (provider.slug, *provider.aliases):
                if self._by_key.setdefault(provider_key(spelling), provider) is not provider:
                    raise ValueError(f"{spelling} is a spelling of two providers")

    @classmethod
    def load(cls, path: Path) -> KnownProviders:
        """Load the providers from a JSON file. Raises OSError, or ValueError if the file is not valid."""
        rows = json.loads(path.read_text(encoding="utf-8"))
        return cls(KnownProvider(**{**row, "aliases": tuple(row["aliases"])}) for row in rows)

    def __iter__(self) -> Iterator[KnownProvider]:
        return iter(self._providers)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KnownProviders) and self._providers == other._providers

    def __hash__(self) -> int:
        return hash(self._providers)

    def of(self, spelling: str) -> KnownProvider | None:
        return self._by_key.get(provider_key(spelling))

    def key(self, spelling: str) -> str:
        """Return the provider's one key, for any of its spellings and in any case."""
        known = self.of(spelling)
        return provider_key(known.slug if known else spelling)

    @property
    def icons(self) -> frozenset[str]:
        return frozenset(provider.icon for provider in self._providers if provider.icon)

    @property
    def digest(self) -> str:
        """A digest of all facts. When it changes, everything that was rendered with the facts is rendered again."""
        return hashlib.sha256(repr(self._providers).encode()).hexdigest()[:12]


@lru_cache(maxsize=8)
def composed(shipped: KnownProviders, statements: tuple[MakerStatement, ...]) -> KnownProviders:
    """Return the providers that ship with what curators state about them.

    Raises ValueError if a chain of mergers is a circle. A merged provider has the facts of the one at the end of its
    chain, and all spellings of both. Nothing is lost: without the statement each has its own facts again.
    """
    if not statements:
        return shipped
    stated = {shipped.key(statement.slug): statement for statement in statements}
    ends = {key: _end(key, stated, shipped) for key in stated}
    by_key = {provider_key(provider.slug): provider for provider in shipped}
    spellings: dict[str, list[str]] = defaultdict(list)
    for key in sorted(stated):
        if ends[key] != key:
            known = by_key.pop(key, None)
            spellings[ends[key]] += [known.slug, *known.aliases] if known else [stated[key].slug]
    for key in {key for key in stated if ends[key] == key} | set(spellings):
        by_key[key] = _curated(by_key.get(key), stated.get(key), key=key, more=spellings[key])
    return KnownProviders(by_key[key] for key in sorted(by_key))


def _end(key: str, stated: Mapping[str, MakerStatement], shipped: KnownProviders) -> str:
    passed = {key}
    while key in stated and (onward := stated[key].merged_into) is not None:
        key = shipped.key(onward)
        if key in passed:
            raise ValueError(f"{onward} would in the end be merged into itself")
        passed.add(key)
    return key


def _curated(
    known: KnownProvider | None, statement: MakerStatement | None, *, key: str, more: Sequence[str]
) -> KnownProvider:
    slug = statement.slug if statement else key
    known = known or KnownProvider(slug=slug, name=slug, site_url=None, hugging_face=None, aliases=(), icon=None)
    known = replace(known, aliases=(*known.aliases, *more))
    if statement is None:
        return known
    return replace(
        known,
        name=statement.name or known.name,
        site_url=known.site_url if statement.site_url is None else statement.site_url or None,
        icon=known.icon if statement.icon is None else statement.icon or None,
    )


def logo_path(key: str) -> str:
    """Return the path at which the service shows the logo of the provider with this key."""
    return f"/catalog/logos/{quote(key, safe='')}.svg"
