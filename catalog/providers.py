"""Curated facts about providers: which spellings mean one provider, its name, and its addresses. Pure.

`fixtures/providers.json` is the source. Gateways spell providers in different ways (`deepseek`, `deepseek-ai`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
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


def logo_path(key: str) -> str:
    """Return the path at which the service shows the logo of the provider with this key."""
    return f"/catalog/logos/{quote(key, safe='')}.svg"
