"""Curated facts of the providers: which spellings are one maker, what it is called, where it lives. Pure.

`fixtures/providers.json` is the source; gateways spell makers as they like (`deepseek`, `deepseek-ai`).
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
    """Its canonical spelling."""
    name: str
    """For people."""
    site_url: str | None
    hugging_face: str | None
    """Its organisation there."""
    aliases: tuple[str, ...]
    """Other spellings, upper and lower case aside."""
    icon: str | None
    """Its mark in the icon set that `make logos` fetches."""


class KnownProviders:
    def __init__(self, providers: Iterable[KnownProvider]) -> None:
        """Raises ValueError where two providers share a spelling."""
        self._providers = tuple(providers)
        self._by_key: dict[str, KnownProvider] = {}
        for provider in self._providers:
            for spelling in (provider.slug, *provider.aliases):
                if self._by_key.setdefault(provider_key(spelling), provider) is not provider:
                    raise ValueError(f"{spelling} is a spelling of two providers")

    @classmethod
    def load(cls, path: Path) -> KnownProviders:
        """Raises OSError, or ValueError where the file is not as it should be."""
        rows = json.loads(path.read_text(encoding="utf-8"))
        return cls(KnownProvider(**{**row, "aliases": tuple(row["aliases"])}) for row in rows)

    def of(self, spelling: str) -> KnownProvider | None:
        return self._by_key.get(provider_key(spelling))

    def key(self, spelling: str) -> str:
        """The one key of a provider, whichever of its spellings is given, in whatever case."""
        known = self.of(spelling)
        return provider_key(known.slug if known else spelling)

    @property
    def icons(self) -> frozenset[str]:
        return frozenset(provider.icon for provider in self._providers if provider.icon)

    @property
    def digest(self) -> str:
        """Another one for other facts: what was rendered with them is then rendered anew."""
        return hashlib.sha256(repr(self._providers).encode()).hexdigest()[:12]


def logo_path(key: str) -> str:
    """Where the service shows the mark of the provider of this key."""
    return f"/catalog/logos/{quote(key, safe='')}.svg"
