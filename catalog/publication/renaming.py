"""Publishes a change of names: everything that a tag or a maker is served in, in one revision.

`publish` must run in the transaction that wrote the change, after `lock`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from django.contrib.auth.models import User

from catalog import records
from catalog.models import CurationAction, Offer, Override, Provider, Revision
from catalog.providers import KnownProvider, KnownProviders
from catalog.publication import audit, clock, locks, naming, stored, write
from catalog.publication.batches import batches
from catalog.publication.identity import identify, parts
from catalog.publication.naming import TAGS, Naming
from catalog.publication.overlay import overlay
from catalog.publication.states import Rendered, rendered
from catalog.publication.write import Publication


def lock() -> Revision:
    """Lock all gateways, then the revision, and return the newest one: nothing is published with the old names."""
    locks.lock_all_gateways()
    return locks.lock_revision()


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One offer that is served differently after a change."""

    offer: str
    """Gateway and id."""
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a change of names would change now."""

    offers: int
    """The number of offers that would be served differently."""
    examples: Sequence[Example] = ()


EXAMPLES = 6


def preview_tags(before: Naming, after: Naming) -> Preview:
    """Return which offers would be served with other tags."""
    keys = offers_of_tags(before, after)
    values = dict(Override.objects.filter(field=TAGS, offer__in=keys[:EXAMPLES]).values_list("offer", "value"))
    first = Offer.objects.filter(pk__in=keys[:EXAMPLES]).order_by("pk")
    examples = []
    for pk, gateway, model_id, upstream in first.values_list("pk", "gateway__slug", "model_id", "upstream"):
        tags = _tags(upstream, values.get(pk), before, after)
        examples.append(Example(offer=f"{gateway} {model_id}", before=", ".join(tags[0]), after=", ".join(tags[1])))
    return Preview(offers=len(keys), examples=examples)


def offers_of_tags(before: Naming, after: Naming) -> list[int]:
    """Return the primary keys of the offers that are served with other tags after this change."""
    changed = {
        name
        for name in before.renamed.keys() | after.renamed.keys()
        if before.renamed.get(name) != after.renamed.get(name)
    }
    if not changed:
        return []
    values = dict(Override.objects.filter(field=TAGS).values_list("offer", "value"))
    return [pk for pk, upstream in _offers_with(changed, values) if _moves(upstream, values.get(pk), before, after)]


def has_tag(name: str) -> bool:
    """Return whether an offer's gateway, or an override, gives it this tag, which is in lower case."""
    values = dict(Override.objects.filter(field=TAGS).values_list("offer", "value"))
    return next(_offers_with({name}, values), None) is not None


def _offers_with(names: set[str], values: dict[int, dict[str, list[str]]]) -> Iterator[tuple[int, str]]:
    """Yield the offers that report one of these tags, or whose override names one, each with its record."""
    for pk, upstream in Offer.objects.order_by("pk").values_list("pk", "upstream").iterator():
        # Not records.load: that validates every field of a record, and only the tags are needed here.
        tags = {tag.lower() for tag in orjson.loads(upstream)["tags"]}
        tags.update(*values.get(pk, {}).values())
        if not names.isdisjoint(tags):
            yield pk, upstream


def _moves(upstream: str, value: dict[str, list[str]] | None, before: Naming, after: Naming) -> bool:
    tags, others = _tags(upstream, value, before, after)
    return tags != others


def _tags(upstream: str, value: dict[str, list[str]] | None, *namings: Naming) -> list[tuple[str, ...]]:
    """Return the tags with which an offer is served under each naming."""
    record, overrides = records.load(upstream), {TAGS: value} if value else {}
    return [overlay(names.record(record), names.overrides(overrides)).tags for names in namings]


def offers_of_makers(before: KnownProviders, after: KnownProviders) -> list[int]:
    """Return the primary keys of the offers whose maker has another name, site or key after this change.

    A maker that becomes known by its own spelling counts as well, although few documents show a difference.
    """
    found = Provider.objects.order_by("pk").values_list("pk", "key")
    changed = [pk for pk, key in found if _shown(before, key, "") != _shown(after, key, "")]
    return [
        pk
        for batch in batches(changed)
        for pk in Offer.objects.filter(provider__in=batch).order_by("pk").values_list("pk", flat=True)
    ]


def preview_makers(before: KnownProviders, after: KnownProviders) -> Preview:
    """Return which offers would show another maker."""
    found = Provider.objects.order_by("pk").values_list("pk", "key", "slug")
    shown = {pk: (_shown(before, key, slug), _shown(after, key, slug)) for pk, key, slug in found}
    changed = [pk for pk, (then, now) in shown.items() if then != now]
    count = sum(Offer.objects.filter(provider__in=batch).count() for batch in batches(changed))
    first = Offer.objects.filter(provider__in=changed[:EXAMPLES]).order_by("pk")
    rows = first.values_list("gateway__slug", "model_id", "provider")[:EXAMPLES]
    examples = [
        Example(offer=f"{gateway} {model_id}", before=shown[pk][0][1], after=shown[pk][1][1])
        for gateway, model_id, pk in rows
    ]
    return Preview(offers=count, examples=examples)


def _shown(makers: KnownProviders, key: str, spelling: str) -> tuple[str, str, str | None]:
    """Return what documents show of a maker: its key, its name (or the spelling) and its site."""
    known: KnownProvider | None = makers.of(key)
    return makers.key(key), known.name if known else spelling, known.site_url if known else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """A change of names that is published."""

    action: CurationAction
    offers: int
    """The number of offers that are served differently now."""


def publish(
    keys: Sequence[int], draft: audit.Draft, *, newest: Revision, now: datetime, decides_identity: bool = False
) -> Renamed:
    """Render these offers again in one revision, and write the action. `now` is the time of the decision.

    There is always a new revision, even if no offer changes: readers take the names themselves from it too.
    `decides_identity`: the models of all offers are decided again, because spellings of makers have changed. Raises
    ClockMoved, and StatementError if the statements of curators then contradict each other.
    """
    published_at = clock.publication_time()
    if decides_identity:
        found = identify.decide(parts.whole(), newest=newest.number)
        if found.contradiction:
            raise found.contradiction
        identify.write(found, pks={})
    author = User.objects.filter(pk=draft.actor.number).first() if draft.actor.number else None
    publication = Publication(now=published_at, author=author, is_curated=True, locked=newest)
    changed = list(_changed(keys))
    before, after = write.publish(changed, publication, is_more=True)
    return Renamed(action=audit.write(draft, before=before, after=after, now=now), offers=len(changed))


def _changed(keys: Sequence[int]) -> Iterator[Rendered]:
    offers, names = Offer.objects.select_related("gateway").order_by("pk"), naming.current()
    for batch in batches(keys):
        for state in stored.states(offers.filter(pk__in=batch), names=names):
            found = rendered(state, records.load(state.offer.upstream))
            if found.is_news or found.is_repriced:
                yield found
