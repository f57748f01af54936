"""The names in force for a publication: what curators state about tags and makers, applied when offers are rendered.

A publication reads them after its locks. A change of names locks all gateways and the revision, so no publication mixes
names of before and after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from catalog import registry
from catalog.models import Maker, Tag
from catalog.providers import KnownProviders, composed
from catalog.records import OfferRecord

Json = Any
TAGS = "tags"
"""The curated field whose values are tags."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """What tags and providers are called."""

    renamed: Mapping[str, str] = field(default_factory=dict)
    """The tag that is served in place of another, by that other one in lower case. No chain is longer than one."""
    makers: KnownProviders = field(default_factory=lambda: registry.PROVIDERS)

    def tags(self, tags: Iterable[str]) -> tuple[str, ...]:
        """Return the tags with those renamed that have a new name; of several equal ones the first stays.

        Without a renamed tag, the result is exactly what was given, in upper and lower case.
        """
        given = tuple(tags)
        if not self.renamed or self.renamed.keys().isdisjoint(tag.lower() for tag in given):
            return given
        found: dict[str, str] = {}
        for tag in given:
            now = self.renamed.get(tag.lower(), tag)
            found.setdefault(now.lower(), now)
        return tuple(found.values())

    def record(self, record: OfferRecord) -> OfferRecord:
        """Return the gateway's record with the tags of this naming."""
        tags = self.tags(record.tags)
        return record if tags == record.tags else replace(record, tags=tags)

    def overrides(self, overrides: Mapping[str, Json]) -> Mapping[str, Json]:
        """Return an offer's overrides, by field, with the tags of this naming."""
        if TAGS not in overrides or not self.renamed:
            return overrides
        value = {part: list(self.tags(tags)) for part, tags in overrides[TAGS].items()}
        return {**overrides, TAGS: value}


def makers() -> KnownProviders:
    """Read the providers that are known now, with what curators state about them."""
    return composed(registry.PROVIDERS, Maker.objects.statements())


def current() -> Naming:
    """Read the names that are in force now."""
    return Naming(renamed=Tag.objects.renamed(), makers=makers())
