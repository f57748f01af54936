"""The last revisions with their changes, newest first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from catalog.history.versions import Change, Wanted, changes_in, kept_since, versions_of
from catalog.models import Revision
from catalog.models.moment import one_moment

MOST_EXAMINED_REVISIONS = 200
"""The most revisions that are looked through for one page if only some changes are wanted."""
_STEP = 50
MOST_EXAMINED_CHANGES = 400
"""The most changes of a revision that are looked through; a first listing has thousands of new offers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A revision, as far as its changes are wanted."""

    revision: Revision
    """With its gateway, which is None if a curator published it."""
    changes: Sequence[Change]
    left: int
    """How many more there are, or may be."""


Counter = Callable[[Revision], int]
"""How many changes of a revision may be wanted, by its own figures."""


def blocks_before(
    revision: int,
    *,
    gateways: Collection[str],
    may_be_wanted: Counter,
    is_wanted: Callable[[Change], bool],
    most: int,
    most_changes: int,
) -> tuple[list[Block], int | None]:
    """Return the last revisions before this one that have wanted changes, and where the next page begins, if there are
    older ones."""
    with one_moment():
        found: list[Block] = []
        revisions = Revision.objects.filter(
            number__lt=revision, number__gt=kept_since(), is_rendered=False, is_observed=False
        )
        if gateways:
            revisions = revisions.filter(gateway__slug__in=gateways)
        examined = list(revisions.select_related("gateway").order_by("-number")[: MOST_EXAMINED_REVISIONS + 1])
        last = revision
        for each in examined[:MOST_EXAMINED_REVISIONS]:
            if len(found) == most:
                break
            last = each.number
            expected = may_be_wanted(each)
            if not expected:
                continue
            versions = versions_of(Wanted()).filter(from_revision=each.number)
            rows = versions.order_by("offer")[:MOST_EXAMINED_CHANGES]
            # Lazily: each change is the difference of two documents, and only those that are shown are worth it.
            wanted = (change for change in _changes(list(rows)) if is_wanted(change))
            changes = list(islice(wanted, most_changes))
            if changes:
                left = max(0, expected - len(changes)) if len(changes) == most_changes else 0
                found.append(Block(revision=each, changes=changes, left=left))
        has_more = any(each.number < last for each in examined)
    return found, last if has_more else None


def _changes(rows: Sequence[Any]) -> Iterator[Change]:
    for start in range(0, len(rows), _STEP):
        yield from changes_in(rows[start : start + _STEP])
