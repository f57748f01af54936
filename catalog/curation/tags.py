"""The curators' statements about tags: renamed, merged into another one, described.

A statement is a standing rule, not an edit of offers. Publications apply it whenever they render an offer, so it holds
for offers that come later too, and for the tags that overrides add or remove. The gateway's own tags stay stored, so
restoring a tag serves exactly what was served before.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import orjson
from django.db import transaction
from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein

from catalog.memory import derived, following
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.models import CurationAction, OfferVersion, Revision, Tag
from catalog.models.naming import MAX_DESCRIPTION, end_of
from catalog.normalize import text
from catalog.publication import audit, naming, renaming
from catalog.publication.audit import Actor, Draft, Item, Kind, Subject
from catalog.publication.renaming import Preview, Renamed

_SEPARATORS = re.compile(r"[\W_]+")
_DIGITS = re.compile(r"[0-9]+")
_SHORTEST, _LONG = 4, 8
"""Below the first number of characters, another letter makes another word; from the second on, two may be wrong."""


class InvalidTag(ValueError):
    """The statement about a tag cannot be applied; the message names the tag and the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TagRow:
    """A tag that offers have, or about which curators stated something."""

    name: str
    offers: int
    """The number of active offers that are served with it."""
    description: str = ""
    merged_into: str | None = None
    """The tag that is served in its place, as it was stated; that one may be merged too."""
    merged: tuple[str, ...] = ()
    """The tags in whose place it is served."""


# --- what there is ---------------------------------------------------------------------------------------------------
def listed() -> list[TagRow]:
    """Return all tags by name: those in use, and those about which curators stated something."""
    counts = in_use()
    stated = {row.name: row for row in Tag.objects.select_related("merged_into").order_by("name")}
    merged: dict[str, list[str]] = {}
    for row in stated.values():
        if row.merged_into:
            merged.setdefault(row.merged_into.name, []).append(row.name)
    return [
        TagRow(
            name=name,
            offers=counts.get(name, 0),
            description=stated[name].description if name in stated else "",
            merged_into=into.name if name in stated and (into := stated[name].merged_into) else None,
            merged=tuple(merged.get(name, ())),
        )
        for name in sorted(counts.keys() | stated.keys())
    ]


def in_use() -> Mapping[str, int]:
    """Count the active offers that are served with each tag.

    A process that serves the newest revision counts in its snapshot. Others, and those that have not loaded it yet,
    read all documents.
    """
    snapshot = _newest_snapshot()
    return _counts_of(snapshot) if snapshot else _stored_counts()


def _newest_snapshot() -> Snapshot | None:
    served = following.FOLLOWER.snapshot
    if served is None:
        return None
    newest = Revision.objects.newest()
    # By number and time, as the follower compares: a restored database may have another revision of this number.
    is_newest = (newest.number, newest.published_at) == (served.revision, served.published_at)
    return served if is_newest else None


@derived.Once
def _counts_of(snapshot: Snapshot, last: Mapping[str, int] | None) -> Mapping[str, int]:
    return Selection.of(snapshot).counts("tags")


def _stored_counts() -> Mapping[str, int]:
    counts: Counter[str] = Counter()
    versions = OfferVersion.objects.current().filter(offer__withdrawn_at=None)
    for document in versions.values_list("document", flat=True).iterator():
        counts.update({tag.lower() for tag in orjson.loads(document)["tags"]})
    return counts


# --- names that may be misspelled ------------------------------------------------------------------------------------
def lookalikes(names: Iterable[str]) -> dict[str, str]:
    """Return the tag that each of these names may be meant as: `{"mutlimodal": "multimodal"}`.

    Names of tags in use are never doubted. A name that was merged is meant as the tag that is served in its place.
    """
    counts, renamed = in_use(), Tag.objects.renamed()
    found = {}
    for name in names:
        folded = name.strip().lower()
        if folded in renamed:
            found[name] = renamed[folded]
        elif folded not in counts and (near := _nearest(folded, counts)):
            found[name] = near
    return found


def lookalike_pairs() -> list[tuple[str, str]]:
    """Return the pairs of tags in use that may be one; in each, the tag of fewer offers is first.

    Two tags that both have a description are meant to be two.
    """
    snapshot = _newest_snapshot()
    pairs = _pairs_of(snapshot) if snapshot else _pairs(_stored_counts())
    described = set(Tag.objects.exclude(description="").values_list("name", flat=True)) if pairs else set()
    return [pair for pair in pairs if not described.issuperset(pair)]


@derived.Once
def _pairs_of(snapshot: Snapshot, last: Sequence[tuple[str, str]] | None) -> Sequence[tuple[str, str]]:
    return _pairs(_counts_of(snapshot))


def _pairs(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    names = sorted(counts, key=lambda name: (counts[name], name))
    pairs = []
    for place, name in enumerate(names):
        pairs += [(name, other) for other in _near(name, names[place + 1 :])]
    return sorted(pairs)


def _nearest(name: str, counts: Mapping[str, int]) -> str | None:
    """Return the tag of most offers among those that the name may be meant as."""
    near = list(_near(name, list(counts)))
    return max(near, key=lambda other: (counts[other], other), default=None)


def _near(name: str, others: Sequence[str]) -> list[str]:
    squashed = [_squashed(other) for other in others]
    own = _squashed(name)
    most = 0 if len(own) < _SHORTEST else 1 if len(own) < _LONG else 2
    found = process.extract(own, squashed, scorer=DamerauLevenshtein.distance, score_cutoff=most, limit=None)
    # `7b` and `8b`, or `v2` and `v3`, are two tags that nobody misspelled.
    return [others[at] for _, _, at in found if _DIGITS.findall(others[at]) == _DIGITS.findall(name)]


def _squashed(name: str) -> str:
    """Return the name without separators: `multi-modal` and `multi_modal` are near in any case."""
    return _SEPARATORS.sub("", name) or name


# --- statements ------------------------------------------------------------------------------------------------------
def preview(name: str, *, into: str | None) -> Preview:
    """Return which offers would be served differently if the tag were merged into (or renamed to) `into`.

    `into` is None for restoring the tag. Raises InvalidTag if the name or the target cannot be a tag.
    """
    before, onward = naming.current(), _onward()
    name = checked_name(name)
    if not is_known(name):
        raise InvalidTag(f"no offer has the tag {name}")
    if into is None:
        onward.pop(name, None)
    else:
        onward[name] = _checked_target(name, into, onward)
    renamed = {each: end_of(each, onward) for each in onward}
    return renaming.preview_tags(before, replace(before, renamed=renamed))


def merge(name: str, *, into: str, reason: str, actor: Actor, now: datetime) -> Renamed:
    """Serve another tag, which is known already, in place of this one. Raises InvalidTag; then nothing is changed."""
    with transaction.atomic():
        newest = renaming.lock()
        if not is_known(target := checked_name(into)):
            raise InvalidTag(f"no offer has the tag {target}; to give {name} a new name, rename it")
        return _redirect(name, target, newest=newest, reason=reason, actor=actor, now=now)


def rename(name: str, *, to: str, reason: str, actor: Actor, now: datetime) -> Renamed:
    """Serve a tag under a new name, which no tag has yet. Raises InvalidTag; then nothing is changed."""
    with transaction.atomic():
        newest = renaming.lock()
        target = checked_name(to)
        if "," in target:
            raise InvalidTag("the name of a tag must not have a comma: filters separate tags by it")
        if is_known(target):
            raise InvalidTag(f"there is a tag {target} already; to serve it in place of {name}, merge them")
        return _redirect(name, target, newest=newest, reason=reason, actor=actor, now=now)


def restore(name: str, *, reason: str, actor: Actor, now: datetime) -> Renamed:
    """Serve a renamed or merged tag under its own name again. Raises InvalidTag; then nothing is changed."""
    with transaction.atomic():
        newest = renaming.lock()
        return _redirect(name, None, newest=newest, reason=reason, actor=actor, now=now)


def describe(name: str, *, description: str, reason: str, actor: Actor, now: datetime) -> Renamed:
    """Say what a tag means; an empty text removes the description. Raises InvalidTag; then nothing is changed."""
    reason = checked_reason(reason)
    try:
        description = text.line(description, longest=MAX_DESCRIPTION) if description.strip() else ""
    except ValueError as error:
        raise InvalidTag(f"the description {error}") from error
    with transaction.atomic():
        newest = renaming.lock()
        row = _row(name)
        if row.description == description:
            raise InvalidTag(f"the tag {row.name} has this description already")
        item = _item(row, "description", before=row.description or None, after=description or None)
        row.description = description
        row.save(update_fields=["description"])
        draft = Draft(kind=Kind.TAG, actor=actor, reason=reason, items=[item])
        return renaming.publish([], draft, newest=newest, now=now)


def undo(action: CurationAction, *, reason: str, actor: Actor, now: datetime) -> Renamed:
    """Undo an action on a tag. Raises InvalidTag if the tag was changed since; then nothing is changed."""
    if action.kind != Kind.TAG:
        raise InvalidTag(f"action {action.number} is not about tags")
    if (earlier := action.undone_by.first()) is not None:
        raise InvalidTag(f"action {earlier.number} has undone it already")
    [item] = action.items.all()
    with transaction.atomic():
        newest = renaming.lock()
        row = _row(item.subject)
        if _value(row, item.field) != item.after:
            raise InvalidTag(f"the {item.field.replace('_', ' ')} of {row.name} was changed since; nothing is undone")
        if item.field == "merged_into":
            return _redirect(row.name, item.before, newest=newest, reason=reason, actor=actor, now=now, undoes=action)
        row.description = item.before or ""
        row.save(update_fields=["description"])
        undone = _item(row, "description", before=item.after, after=item.before)
        draft = Draft(kind=Kind.TAG, actor=actor, reason=checked_reason(reason), items=[undone], undoes=action)
        return renaming.publish([], draft, newest=newest, now=now)


def is_known(name: str) -> bool:
    """Return whether an offer has the tag, or a curator stated something about it."""
    return Tag.objects.filter(name=name).exists() or renaming.has_tag(name)


def checked_name(name: str) -> str:
    """Return the name as it is stored, in lower case. Raises InvalidTag."""
    try:
        return text.line(name, longest=text.MAX_TAG).lower()
    except ValueError as error:
        raise InvalidTag(f"the name of a tag {error}") from error


def checked_reason(reason: str) -> str:
    """Return the reason, stripped. Raises InvalidTag."""
    try:
        return audit.checked_reason(reason)
    except audit.ReasonMissing as error:
        raise InvalidTag(str(error)) from error


def _redirect(
    name: str,
    target: str | None,
    *,
    newest: Revision,
    reason: str,
    actor: Actor,
    now: datetime,
    undoes: CurationAction | None = None,
) -> Renamed:
    reason = checked_reason(reason)
    before, row = naming.current(), _row(name)
    stated = _value(row, "merged_into")
    if target == stated:
        raise InvalidTag(f"the tag {row.name} is served {f'as {target}' if target else 'under its own name'} already")
    if target is not None:
        _checked_target(row.name, target, _onward())
    row.merged_into = Tag.objects.get_or_create(name=target)[0] if target else None
    row.save(update_fields=["merged_into"])
    item = _item(row, "merged_into", before=stated, after=target)
    draft = Draft(kind=Kind.TAG, actor=actor, reason=reason, items=[item], undoes=undoes)
    return renaming.publish(renaming.offers_of_tags(before, naming.current()), draft, newest=newest, now=now)


def _item(row: Tag, field: str, *, before: str | None, after: str | None) -> Item:
    return Item(kind=Subject.TAG, number=row.pk, subject=row.name, field=field, before=before, after=after)


def _value(row: Tag, field: str) -> str | None:
    if field == "merged_into":
        return row.merged_into.name if row.merged_into else None
    return row.description or None


def _row(name: str) -> Tag:
    """Return the stored statement about a tag, which must be known. Raises InvalidTag."""
    name = checked_name(name)
    if not is_known(name):
        raise InvalidTag(f"no offer has the tag {name}")
    return Tag.objects.select_related("merged_into").get_or_create(name=name)[0]


def _onward() -> dict[str, str]:
    """Return the statements: the tag into which each is merged."""
    return dict(Tag.objects.exclude(merged_into=None).order_by("name").values_list("name", "merged_into__name"))


def _checked_target(name: str, target: str, onward: Mapping[str, str]) -> str:
    """Return the target as it is stored. Raises InvalidTag if the tag would in the end be merged into itself."""
    target = checked_name(target)
    if end_of(target, {**onward, name: target}) == name or target == name:
        raise InvalidTag(f"{name} cannot be merged into {target}, which is served as {name}: restore {target} first")
    if target in onward:
        raise InvalidTag(f"the tag {target} is served as {end_of(target, dict(onward))}: merge into that one")
    return target
