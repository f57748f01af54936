"""Reads a published revision from the database: all of it, or what was published since another one."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import reduce
from operator import or_
from typing import Any, Self

from django.db.models import Q, QuerySet
from django.utils import timezone

from catalog import registry
from catalog.memory import moves, sellers, unhurried
from catalog.memory.index import Index, IndexBuilder
from catalog.memory.moves import Move
from catalog.memory.rows import Identity, Row
from catalog.memory.saved import Saved, read_saved
from catalog.memory.sellers import Seller
from catalog.memory.snapshot import ProviderRow, Snapshot
from catalog.models import CanonicalModel, IdentityStatement, Maker, OfferVersion, Provider, Revision, Tag
from catalog.models.moment import one_moment
from catalog.providers import KnownProviders, composed

Document = Mapping[str, Any]


def load() -> Snapshot:
    """Read the newest revision completely."""
    began = time.perf_counter()
    builder = IndexBuilder()
    with one_moment():
        newest = Revision.objects.newest()
        about = _About.read(newest)
        for row, document in _parsed_rows(OfferVersion.objects.current(), about.makers):
            builder.add(row, document)
    return _snapshot(newest, builder.index(), about, began=began)


def caught_up(snapshot: Snapshot) -> Snapshot | None:
    """Build the newest revision from this snapshot and everything published since.

    If curators changed a maker since, everything is read: each row may have another one.

    Return None if that is impossible: this snapshot is not an ancestor of it, or an offer vanished without a version
    that records it.
    """
    began = time.perf_counter()
    with one_moment():
        newest = Revision.objects.newest()
        if not Revision.objects.filter(number=snapshot.revision, published_at=snapshot.published_at).exists():
            return None  # another database, possibly an older state of the same one
        about = _About.read(newest)
        rows = None if about.makers != snapshot.makers else _rows_since(snapshot)
        count = OfferVersion.objects.current().count()
    if rows is None:
        return load()
    index = snapshot.index.with_rows(rows)
    return _snapshot(newest, index, about, began=began) if len(index) == count else None


def _rows_since(snapshot: Snapshot) -> list[Row]:
    """Read the offers that changed since this snapshot, which has the makers of now."""
    is_news = Q(from_revision__gt=snapshot.revision) | Q(offer__identified_in__gt=snapshot.revision)
    return [row for row, _ in _parsed_rows(OfferVersion.objects.current().filter(is_news), snapshot.makers)]


def read_sellers() -> Mapping[str, Seller]:
    """Read how fresh each gateway's data is now."""
    return sellers.read_sellers(now=timezone.now())


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    """What a snapshot has besides its offers, read in the same moment."""

    providers: dict[str, ProviderRow]
    redirects: dict[str, str]
    makers: KnownProviders
    renamed_tags: Mapping[str, str]
    sellers: Mapping[str, Seller]
    moves: Mapping[tuple[str, str], Move]
    saved: Mapping[str, Saved]

    @classmethod
    def read(cls, newest: Revision) -> Self:
        makers = composed(registry.PROVIDERS, Maker.objects.statements())
        return cls(
            providers=_provider_facts(makers),
            redirects=_redirects(),
            makers=makers,
            renamed_tags=Tag.objects.renamed(),
            sellers=read_sellers(),
            moves=moves.read_moves(until=newest.published_at),
            saved=read_saved(),
        )


def _snapshot(newest: Revision, index: Index, about: _About, *, began: float) -> Snapshot:
    return Snapshot(
        revision=newest.number,
        published_at=newest.published_at,
        index=index,
        providers=about.providers,
        redirects=about.redirects,
        makers=about.makers,
        renamed_tags=about.renamed_tags,
        sellers=about.sellers,
        moves=about.moves,
        saved=about.saved,
        build_seconds=time.perf_counter() - began,
    )


def _parsed_rows(versions: QuerySet[OfferVersion], makers: KnownProviders) -> Iterator[tuple[Row, Document]]:
    """Yield the rows of these versions, each with its parsed document."""
    # Fetch a few at a time: a large fetch would hold the interpreter while it converts the rows to Python objects.
    stored = versions.order_by("pk").values_list(
        "document", "offer__canonical__slug", "offer__variant", "offer__identity_rule", "offer__identity_evidence"
    )
    for document, slug, variant, rule, evidence in unhurried.unhurried(stored.iterator(chunk_size=100)):
        identity = Identity(model=slug, variant=variant, rule=sys.intern(rule), evidence=evidence) if slug else None
        yield Row.parsed(document.encode(), identity, makers=makers)


def _redirects() -> dict[str, str]:
    """Return the redirects of merged models, and of the aliases that curators gave to models besides their slugs."""
    merged = CanonicalModel.objects.exclude(redirect=None).values_list("key", "redirect__slug")
    aliases = IdentityStatement.objects.filter(kind=IdentityStatement.Kind.ALIAS)
    targets = {
        spelling.casefold(): redirect or slug
        for spelling, slug, redirect in aliases.values_list("spelling", "model__slug", "model__redirect__slug")
    }
    own = CanonicalModel.objects.filter(redirect=None, key__in=list(targets)).values_list("key", flat=True)
    return {spelling: slug for spelling, slug in targets.items() if spelling not in set(own)} | dict(merged.iterator())


def _provider_facts(makers: KnownProviders) -> dict[str, ProviderRow]:
    names = [field.name for field in fields(ProviderRow)]
    is_reported = reduce(or_, (~Q(**{name: ""}) for name in names))
    reported: dict[str, dict[str, str]] = {}
    for row in Provider.objects.filter(is_reported).order_by("pk").values("key", *names):
        facts = reported.setdefault(makers.key(row.pop("key")), row)
        # Several spellings of a provider may each contribute a fact.
        facts.update({name: value for name, value in row.items() if value and not facts[name]})
    return {key: ProviderRow(**facts) for key, facts in reported.items()}
