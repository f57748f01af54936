"""The feed of changes: all published changes, in order and without a gap.

All data is read up to a revision that the caller names. So a response shows a single revision, even if it is not the
newest. Revisions are numbered and committed one after the other: once one is readable, all earlier ones are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from catalog.history.versions import Change, Position, Wanted, changes_in, kept_since, versions_of
from catalog.models import Revision
from catalog.models.moment import one_moment

MOST_EXAMINED = 1_000
"""The number of changes that are examined for one page if only some kinds are wanted."""
_STEP = 100


class Forgotten(Exception):
    """Some of the requested changes are no longer kept; all changes after revision `complete_since` are."""

    def __init__(self, complete_since: int) -> None:
        super().__init__(f"not all changes before revision {complete_since + 1} are kept any more")
        self.complete_since = complete_since


class NotPublished(Exception):
    """The requested revision does not exist; `newest` is the last one."""

    def __init__(self, newest: int) -> None:
        super().__init__(f"there is no such revision; the newest is {newest}")
        self.newest = newest


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    changes: Sequence[Change]
    """The changes in the order of their positions."""
    end: Position
    """The position at which the next page begins."""
    has_more: bool
    """Whether more changes exist already."""
    complete_since: int
    """All changes after this revision are kept."""


# --- the feed --------------------------------------------------------------------------------------------------------
def changes_after(start: Position | None, *, until: int, wanted: Wanted, limit: int) -> Page:
    """Return the next changes up to revision `until`. The default start is the oldest change that is kept.

    The page has at most `limit` changes. With `wanted.kinds` it may have fewer or none, although more follow. Raises
    Forgotten and NotPublished.
    """
    with one_moment():
        complete_since = kept_since()
        start = start or Position.after(complete_since)
        if start.revision <= complete_since:
            raise Forgotten(complete_since)
        if start.revision > until + 1:
            # Another process may serve a newer revision already, and a client may have its number.
            _check_published(start.revision - 1)
        of_pages_before = Q(from_revision=start.revision, offer__lte=start.offer)
        versions = versions_of(wanted).filter(from_revision__gte=start.revision, from_revision__lte=until)
        examined = MOST_EXAMINED if wanted.is_partial else limit
        rows = list(versions.exclude(of_pages_before).order_by("from_revision", "offer")[: examined + 1])
        found, seen = _some(changes_in(rows[:examined]), wanted=wanted, limit=limit)
    has_more = seen < len(rows)
    end = Position(*rows[seen - 1][:2]) if has_more else max(start, Position.after(until))
    return Page(changes=found, end=end, has_more=has_more, complete_since=complete_since)


def newest_changes(*, until: int, wanted: Wanted, limit: int) -> Sequence[Change]:
    """Return the last changes up to revision `until`, newest first. Kinds are filtered in the last MOST_EXAMINED."""
    with one_moment():
        versions = versions_of(wanted).filter(from_revision__gt=kept_since(), from_revision__lte=until)
        newest = versions.order_by("-from_revision", "-offer")
        step = max(limit, _STEP) if wanted.is_partial else limit
        found: list[Change] = []
        # In steps: most often the first few have enough, and each comes with two documents.
        for start in range(0, MOST_EXAMINED if wanted.is_partial else limit, step):
            rows = list(newest[start : start + step])
            found += _some(changes_in(rows), wanted=wanted, limit=limit - len(found))[0]
            if len(found) == limit or len(rows) < step:
                break
    return found


def last_revision_before(moment: datetime) -> int:
    """Return the revision that was served until the beginning of this second."""
    older = Revision.objects.filter(published_at__lt=moment.replace(microsecond=0))
    return older.order_by("-published_at", "-number").values_list("number", flat=True).first() or 0


def founded_at() -> datetime:
    """Return the creation time of this catalogue; two installations hardly ever share it."""
    return Revision.objects.get(number=0).published_at


def _check_published(revision: int) -> None:
    newest = Revision.objects.newest().number
    if revision > newest:
        raise NotPublished(newest)


def _some(changes: Iterable[Change], *, wanted: Wanted, limit: int) -> tuple[list[Change], int]:
    """Return the first `limit` changes of the wanted kinds, and the number of changes examined."""
    found: list[Change] = []
    seen = 0
    for change in changes:
        seen += 1
        if wanted.takes(change):
            found.append(change)
        if len(found) == limit:
            break
    return found, seen
