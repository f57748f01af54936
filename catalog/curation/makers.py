"""The curators' statements about makers (providers): name, site, logo, other spellings, and two that are one.

A statement is a standing rule on top of the providers that ship (`fixtures/providers.json`). Documents keep the
gateway's spelling in `provider_slug`; name, site, logo, filters, lists and models follow the statement. A merger is a
statement about one spelling, so restoring it serves exactly what was served before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import transaction
from django.db.models import Count, Q

from catalog import registry
from catalog.identity.curators import StatementError
from catalog.models import CurationAction, Maker, Provider
from catalog.normalize import text
from catalog.providers import KnownProvider, KnownProviders, MakerStatement, composed
from catalog.publication import audit, naming, renaming
from catalog.publication.audit import Actor, Draft, Item, Kind, Subject
from catalog.publication.renaming import Preview, Renamed

_is_address = URLValidator(schemes=["http", "https"])


class InvalidMaker(ValueError):
    """The statement about a maker cannot be applied; the message names what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MakerRow:
    """A maker that has offers, or about which curators stated something."""

    slug: str
    key: str
    name: str
    site_url: str | None
    icon: str | None
    offers: int
    """The number of active offers, in all spellings."""
    aliases: tuple[str, ...] = ()
    """The spellings that ship."""
    merged: tuple[str, ...] = ()
    """The spellings that curators merged into it."""
    is_curated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What curators may state about a maker. None leaves a fact as it ships; empty text removes site or logo."""

    name: str | None = None
    site_url: str | None = None
    icon: str | None = None


# --- what there is ---------------------------------------------------------------------------------------------------
def listed() -> list[MakerRow]:
    """Return all makers with active offers or with a statement of a curator, by name."""
    makers = naming.makers()
    is_active = Q(offers__isnull=False, offers__withdrawn_at=None)
    counted = Provider.objects.annotate(active=Count("offers", filter=is_active)).exclude(active=0)
    counts: dict[str, int] = {}
    reported: dict[str, Provider] = {}
    for provider in counted.order_by("pk"):
        key = makers.key(provider.key)
        counts[key] = counts.get(key, 0) + provider.active
        if key not in reported or (provider.name and not reported[key].name):
            reported[key] = provider
    merged = _merged(makers)
    stated = {makers.key(slug) for slug in Maker.objects.filter(merged_into=None).values_list("slug", flat=True)}
    rows = [
        _row_of(makers.of(key), reported.get(key), key=key, offers=counts.get(key, 0), merged=merged.get(key, ()))
        for key in counts.keys() | stated
    ]
    return sorted(rows, key=lambda row: (row.name.casefold(), row.key))


def known(spelling: str) -> KnownProvider | None:
    """Return the maker as it is known now."""
    return naming.makers().of(spelling)


def found(spelling: str, *, among: Sequence[MakerRow]) -> MakerRow | None:
    """Return the maker that a spelling means now, or None."""
    key = naming.makers().key(spelling.strip())
    return next((row for row in among if row.key == key), None)


def _merged(makers: KnownProviders) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for slug in Maker.objects.exclude(merged_into=None).order_by("key").values_list("slug", flat=True):
        found[makers.key(slug)] = (*found.get(makers.key(slug), ()), slug)
    return found


def _row_of(
    known: KnownProvider | None, reported: Provider | None, *, key: str, offers: int, merged: tuple[str, ...]
) -> MakerRow:
    slug = known.slug if known else reported.slug if reported else key
    shipped = registry.PROVIDERS.of(key)
    return MakerRow(
        slug=slug,
        key=key,
        name=known.name if known else (reported and reported.name) or slug,
        site_url=known.site_url if known else None,
        icon=known.icon if known else None,
        offers=offers,
        aliases=shipped.aliases if shipped else (),
        merged=merged,
        is_curated=known != shipped,
    )


# --- statements ------------------------------------------------------------------------------------------------------
def preview(slug: str, *, into: str | None) -> Preview:
    """Return which offers would have another maker if this one were merged; without `into`, if it were restored.

    Raises InvalidMaker if the statement could not be applied.
    """
    before = Maker.objects.statements()
    _, key = checked_spelling(slug)
    others = tuple(each for each in before if registry.PROVIDERS.key(each.slug) != key)
    own = next((each for each in before if registry.PROVIDERS.key(each.slug) == key), MakerStatement(slug=slug))
    target = checked_spelling(into)[0] if into is not None else None
    after = (*others, _merging(own, target))
    return renaming.preview_makers(naming.makers(), _composed(after))


def _merging(statement: MakerStatement, target: str | None) -> MakerStatement:
    return MakerStatement(
        slug=statement.slug,
        name=statement.name,
        site_url=statement.site_url,
        icon=statement.icon,
        merged_into=target,
    )


def merge(slug: str, *, into: str, reason: str, actor: Actor, now: datetime) -> Renamed:
    """State that one maker, or a spelling that no offer has yet, is another maker. Raises InvalidMaker; then nothing
    is changed."""
    with _changing(slug, reason=reason, actor=actor, now=now) as change:
        change.merge(_row(into, must_be_known=True))
    return change.done


def restore(slug: str, *, reason: str, actor: Actor, now: datetime) -> Renamed:
    """State that a merged spelling is a maker of its own again. Raises InvalidMaker; then nothing is changed."""
    with _changing(slug, reason=reason, actor=actor, now=now) as change:
        if change.row.merged_into is None:
            raise InvalidMaker(f"{change.row.slug} is not merged into another maker; there is nothing to restore")
        change.row.merged_into = None
    return change.done


def describe(slug: str, facts: Facts, *, reason: str, actor: Actor, now: datetime) -> Renamed:
    """State name, site and logo of a maker. Raises InvalidMaker; then nothing is changed."""
    facts = checked_facts(facts)
    with _changing(slug, reason=reason, actor=actor, now=now, must_be_known=True) as change:
        if change.row.merged_into:
            raise InvalidMaker(
                f"{change.row.slug} is merged into {change.row.merged_into.slug}: state the facts of that one"
            )
        change.row.name, change.row.site_url, change.row.icon = facts.name or "", facts.site_url, facts.icon
    return change.done


def undo(action: CurationAction, *, reason: str, actor: Actor, now: datetime) -> Renamed:
    """Undo an action on a maker. Raises InvalidMaker if the maker was changed since; then nothing is changed."""
    if action.kind != Kind.MAKER:
        raise InvalidMaker(f"action {action.number} is not about makers")
    if (earlier := action.undone_by.first()) is not None:
        raise InvalidMaker(f"action {earlier.number} has undone it already")
    items = list(action.items.order_by("position"))
    with _changing(items[0].subject, reason=reason, actor=actor, now=now, undoes=action) as change:
        stated = _facts_of(change.row)
        for item in items:
            if stated[item.field] != item.after:
                words = _WORDS[item.field]
                raise InvalidMaker(f"the {words} of {change.row.slug} was changed since; nothing is undone")
            if item.field == "merged_into":
                change.row.merged_into = _row(item.before) if item.before else None
            else:
                setattr(change.row, item.field, item.before if item.field != "name" else item.before or "")
    return change.done


_WORDS = {"name": "name", "site_url": "site", "icon": "logo", "merged_into": "merger"}


def _facts_of(row: Maker) -> dict[str, str | None]:
    """Return what curators state about a maker, as items of the audit trail have it."""
    return {
        "name": row.name or None,
        "site_url": row.site_url,
        "icon": row.icon,
        "merged_into": row.merged_into.slug if row.merged_into else None,
    }


class _Change:
    """One change of a maker, from its locks to its publication."""

    done: Renamed

    def __init__(self, slug: str, *, must_be_known: bool) -> None:
        self.newest = renaming.lock()
        self.makers = naming.makers()
        self.row = _row(slug, must_be_known=must_be_known)
        self.before = _facts_of(self.row)

    def merge(self, target: Maker) -> None:
        if self.row == target:
            raise InvalidMaker(f"{self.row.slug} would in the end be merged into itself")
        if self.row.merged_into == target:
            raise InvalidMaker(f"{self.row.slug} is merged into {target.slug} already")
        self.row.merged_into = target

    def publish(self, *, reason: str, actor: Actor, undoes: CurationAction | None, now: datetime) -> Renamed:
        """Raises InvalidMaker if makers cannot be as they are stated now."""
        after = _facts_of(self.row)
        items = [
            Item(
                kind=Subject.MAKER,
                number=self.row.pk,
                subject=self.row.slug,
                field=name,
                before=self.before[name],
                after=after[name],
            )
            for name in _WORDS
            if after[name] != self.before[name]
        ]
        if not items:
            raise InvalidMaker(f"{self.row.slug} has these facts already; there is nothing to change")
        self.row.save()
        keys = renaming.offers_of_makers(self.makers, _composed(Maker.objects.statements()))
        draft = Draft(kind=Kind.MAKER, actor=actor, reason=reason, items=items, undoes=undoes)
        try:
            return renaming.publish(keys, draft, newest=self.newest, now=now, decides_identity=True)
        except StatementError as error:
            raise InvalidMaker(f"a statement about a model would then be contradicted: {error}") from error


@contextmanager
def _changing(
    slug: str,
    *,
    reason: str,
    actor: Actor,
    now: datetime,
    must_be_known: bool = False,
    undoes: CurationAction | None = None,
) -> Iterator[_Change]:
    """Let the caller change the statement about a spelling, then publish it; all in one transaction."""
    reason = checked_reason(reason)
    with transaction.atomic():
        change = _Change(slug, must_be_known=must_be_known)
        yield change
        change.done = change.publish(reason=reason, actor=actor, undoes=undoes, now=now)


def _composed(statements: tuple[MakerStatement, ...]) -> KnownProviders:
    try:
        return composed(registry.PROVIDERS, statements)
    except ValueError as error:
        raise InvalidMaker(str(error)) from error


def checked_spelling(spelling: str) -> tuple[str, str]:
    """Return a spelling as it is stored, with its key. Raises InvalidMaker."""
    try:
        spelling = text.line(spelling, longest=text.MAX_ID)
    except ValueError as error:
        raise InvalidMaker(f"the spelling of a maker {error}") from error
    if "," in spelling:
        raise InvalidMaker("the spelling of a maker must not have a comma: filters separate makers by it")
    return spelling, registry.PROVIDERS.key(spelling)


def checked_facts(facts: Facts) -> Facts:
    """Return the facts, stripped. Raises InvalidMaker, which names the fact that is wrong."""
    try:
        name = text.line(facts.name, longest=text.MAX_NAME) if facts.name and facts.name.strip() else None
    except ValueError as error:
        raise InvalidMaker(f"the name {error}") from error
    site = facts.site_url.strip() if facts.site_url is not None else None
    if site:
        try:
            _is_address(text.line(site, longest=text.MAX_ADDRESS))
        except (ValidationError, ValueError) as error:
            raise InvalidMaker("the site must be an address that begins with https:// or http://") from error
    if facts.icon and facts.icon not in registry.PROVIDERS.icons:
        raise InvalidMaker(f"there is no logo {text.shortened(facts.icon)}; choose one of those that ship")
    return Facts(name=name, site_url=site, icon=facts.icon)


def checked_reason(reason: str) -> str:
    """Return the reason, stripped. Raises InvalidMaker."""
    try:
        return audit.checked_reason(reason)
    except audit.ReasonMissing as error:
        raise InvalidMaker(str(error)) from error


def _row(spelling: str, *, must_be_known: bool = False) -> Maker:
    """Return the stored statement about a spelling; a new one has the name that a gateway reports."""
    spelling, key = checked_spelling(spelling)
    if row := Maker.objects.select_related("merged_into").filter(key=key).first():
        return row
    shipped = registry.PROVIDERS.of(spelling)
    reported = Provider.objects.filter(key=key).first()
    if must_be_known and not shipped and not reported:
        raise InvalidMaker(f"there is no maker {text.shortened(spelling)}")
    slug = shipped.slug if shipped else reported.slug if reported else spelling
    name = reported.name if reported and not shipped else ""
    return Maker.objects.create(key=key, slug=slug, name=name)
