"""The revision of the published catalogue; its number grows by one with each publication that changes something."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from catalog.documents import rendering
from catalog.models import Gateway, Revision


def ensure_empty_catalogue(**_: object) -> None:
    """Create revision 0 after a migration and after a flush, which deletes the row that all publications lock."""
    if Revision._meta.db_table in connection.introspection.table_names():  # not while other apps migrate first
        Revision.objects.get_or_create(number=0, defaults={"published_at": timezone.now()})


def current() -> Revision:
    return Revision.objects.newest()


def publish_next(
    newest: Revision,
    *,
    gateway: Gateway | None,
    author: User | None,
    now: datetime,
    counts: Mapping[str, int],
    is_curated: bool = False,
    is_rendered: bool = False,
    is_observed: bool = False,
) -> Revision:
    """Create the revision after `newest`, which must be locked (`locks.lock_revision`)."""
    # Another publication may have been committed since this one read the clock.
    published_at = max(now, newest.published_at)
    return Revision.objects.create(
        number=newest.number + 1,
        published_at=published_at,
        gateway=gateway,
        author=author,
        is_curated=is_curated,
        is_rendered=is_rendered,
        is_observed=is_observed,
        renderer=newest.renderer,
        **counts,
    )


def note_renderer() -> None:
    """Record on the newest revision that this program's renderer made all of its documents."""
    Revision.objects.filter(number=current().number).update(renderer=rendering.RENDERER)
