"""Filters that curators save under a name, which requests use as `view=NAME`.

They are a part of the snapshot, so each change publishes a revision.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from catalog.models import SavedFilter
from catalog.models.saved_filter import LONGEST_TITLE
from catalog.normalize import text
from catalog.parameters import expressions, views
from catalog.publication import audit, clock, locks, write
from catalog.publication.audit import Actor, Draft, Item
from catalog.publication.write import Publication

MOST_SAVED = 500
"""All of them are computed once for each revision that a request uses one of."""


class InvalidSavedFilter(ValueError):
    """The filter cannot be saved; the message gives the reason. Nothing was changed."""


def save(
    *, name: str, title: str, expression: str, renames: str = "", reason: str = "", actor: Actor, now: datetime
) -> SavedFilter:
    """Create a saved filter, or replace the one of this name or of `renames`, and publish that.

    `expression` is a query string of the list's parameters, or an address of a list. An equal filter is left as it is,
    without a revision. Raises InvalidSavedFilter.
    """
    fields = _checked(name, title, expression)
    with transaction.atomic():
        newest = locks.lock_revision()
        row = _row(renames or fields["name"], must_exist=bool(renames))
        if renames and fields["name"] != renames and SavedFilter.objects.filter(name=fields["name"]).exists():
            raise InvalidSavedFilter(f"there is a saved filter {fields['name']} already")
        before = {field: getattr(row, field) for field in fields} if row.pk else dict.fromkeys(fields)
        changed = [field for field in fields if before[field] != fields[field]]
        if not changed:
            return row
        for field, value in fields.items():
            setattr(row, field, value)
        row.save()
        items = [Item("saved_filter", row.pk, row.name, field, before[field], fields[field]) for field in changed]
        _publish(items, before=newest.number, reason=reason, actor=actor, now=now)
    return row


def delete(name: str, *, reason: str = "", actor: Actor, now: datetime) -> None:
    """Delete a saved filter and publish that: requests that name it get an error. Raises InvalidSavedFilter."""
    with transaction.atomic():
        newest = locks.lock_revision()
        row = _row(name, must_exist=True)
        before = {"name": row.name, "title": row.title, "expression": row.expression}
        items = [Item("saved_filter", row.pk, row.name, field, value, None) for field, value in before.items()]
        row.delete()
        _publish(items, before=newest.number, reason=reason, actor=actor, now=now)


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


def _row(name: str, *, must_exist: bool) -> SavedFilter:
    row = SavedFilter.objects.filter(name=name).first()
    if row is None and must_exist:
        raise InvalidSavedFilter(f"there is no saved filter {name} any more")
    if row is None and SavedFilter.objects.count() >= MOST_SAVED:
        raise InvalidSavedFilter(f"there are {MOST_SAVED} saved filters, and there cannot be more")
    return row or SavedFilter()


def _publish(items: list[Item], *, before: int, reason: str, actor: Actor, now: datetime) -> None:
    publication = Publication(now=clock.publication_time(), is_curated=True)
    _, after = write.publish([], publication, is_more=True)
    draft = Draft(kind="saved_filter", actor=actor, reason=reason.strip(), items=items)
    audit.write(draft, before=before, after=after, now=now)
