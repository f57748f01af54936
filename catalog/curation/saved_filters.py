"""Filters that curators save under a name, which requests use as `view=NAME`.

They are a part of the snapshot, so each change publishes a revision.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from django.db import transaction

from catalog.models import Revision, SavedFilter
from catalog.models.saved_filter import LONGEST_TITLE
from catalog.normalize import text
from catalog.parameters import expressions, views
from catalog.publication import apply, audit, locks
from catalog.publication.audit import Actor, Draft, Item, Kind, Subject

MOST_SAVED = 500
"""All of them are computed once for each revision that a request uses one of."""


class InvalidSavedFilter(ValueError):
    """The filter cannot be saved; the message gives the reason. Nothing was changed."""


def save(
    *, name: str, title: str, expression: str, changes: str = "", reason: str = "", actor: Actor, now: datetime
) -> SavedFilter:
    """Create a saved filter, or change the one that has the name `changes`, and publish that.

    `expression` is a query string of the list's parameters, or an address of a list. A change to equal values
    publishes nothing. Raises InvalidSavedFilter.
    """
    fields = _checked(name, title, expression)
    with transaction.atomic():
        newest = locks.lock_revision()
        row = _stored(changes) if changes else _new()
        if fields["name"] != row.name and SavedFilter.objects.filter(name=fields["name"]).exists():
            raise InvalidSavedFilter(f"there is a saved filter {fields['name']} already")
        before = _fields_of(row)
        if before == fields:
            return row
        for field, value in fields.items():
            setattr(row, field, value)
        row.save()
        words = "Changed." if before["name"] else "Saved."
        _publish(_items(row, before=before, after=fields), reason=reason or words, actor=actor, newest=newest, now=now)
    return row


def delete(name: str, *, reason: str = "", actor: Actor, now: datetime) -> None:
    """Delete a saved filter and publish that: requests that name it get an error. Raises InvalidSavedFilter."""
    with transaction.atomic():
        newest = locks.lock_revision()
        row = _stored(name)
        items = _items(row, before=_fields_of(row), after={})
        row.delete()
        _publish(items, reason=reason or "Deleted.", actor=actor, newest=newest, now=now)


def _checked(name: str, title: str, expression: str) -> dict[str, str]:
    name = name.strip().lower()
    if not views.is_name(name):
        raise InvalidSavedFilter(f"the name must consist of {views.FORM}")
    try:
        title = text.line(title, longest=LONGEST_TITLE)
    except ValueError as error:
        raise InvalidSavedFilter(f"the title {error}") from error
    try:
        return {"name": name, "title": title, "expression": expressions.taken(expression).expression}
    except expressions.InvalidExpression as error:
        raise InvalidSavedFilter(str(error)) from error


def _stored(name: str) -> SavedFilter:
    row = SavedFilter.objects.filter(name=name).first()
    if row is None:
        raise InvalidSavedFilter(f"there is no saved filter {name} any more")
    return row


def _new() -> SavedFilter:
    if SavedFilter.objects.count() >= MOST_SAVED:
        raise InvalidSavedFilter(f"there are {MOST_SAVED} saved filters, and there cannot be more")
    return SavedFilter()


def _fields_of(row: SavedFilter) -> dict[str, str]:
    """Return the stored values; they are empty if there is no row yet."""
    return {"name": row.name, "title": row.title, "expression": row.expression}


def _items(row: SavedFilter, *, before: Mapping[str, str], after: Mapping[str, str]) -> list[Item]:
    changed = [field for field, value in before.items() if value != after.get(field)]
    of_row = partial(Item, kind=Subject.VIEW, number=row.pk, subject=row.name)
    return [of_row(field=field, before=before[field] or None, after=after.get(field)) for field in changed]


def _publish(items: list[Item], *, reason: str, actor: Actor, newest: Revision, now: datetime) -> None:
    before, after = apply.republish_curated([], author_number=actor.number, newest=newest, is_more=True)
    draft = Draft(kind=Kind.VIEW, actor=actor, reason=audit.checked_reason(reason), items=items)
    audit.write(draft, before=before, after=after, now=now)
