"""The revisions one after the other, for clients that follow the catalogue."""

from __future__ import annotations

from collections.abc import Sequence

from catalog.history.versions import kept_since
from catalog.models import Revision

MOST_AT_ONCE = 500


def revisions_after(number: int, *, until: int) -> Sequence[Revision]:
    """Return the next revisions up to `until`, at most MOST_AT_ONCE, in their order."""
    found = Revision.objects.filter(number__gt=number, number__lte=until).order_by("number")
    return list(found.select_related("gateway")[:MOST_AT_ONCE])


def changes_are_kept_since() -> int:
    """Return the revision after which all changes are kept."""
    return kept_since()
