"""Finds offers for curators: in the snapshot by what is served, and in the tables by what curators did."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone
from pyroaring import BitMap

from catalog.desk import feeds
from catalog.desk.offers_filters import DeskFilterSet
from catalog.desk.pages import Problem
from catalog.memory.rows import Row
from catalog.memory.snapshot import Snapshot
from catalog.models import Offer, Override, Revision
from catalog.parameters.filterset import InvalidParameters
from catalog.publication.batches import batches
from catalog.publication.fields import HIDDEN
from catalog.web.listing import Asked
from catalog.web.parameters import Superfluous

PATIENCE_SECONDS = 2.0
"""How long a page waits for the curator's own last publication."""
POLL_SECONDS = 0.05
RECENT = timedelta(minutes=1)
"""Nothing waits for an older publication: a process that is this far behind has another problem."""
SOON = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a page shows."""

    snapshot: Snapshot
    behind: int | None
    """The revision that the curator published and that is not served yet; None if it is."""


def seen_by(user: User) -> Seen:
    """Return the snapshot, at best with the last revision that this person published. Raises Problem without one."""
    last = Revision.objects.filter(author=user).order_by("-number").values_list("number", "published_at").first()
    served = _served()
    if last and served.revision < last[0]:
        served = _awaited(last[0], published_at=last[1])
    return Seen(snapshot=served, behind=last[0] if last and served.revision < last[0] else None)


def _awaited(revision: int, *, published_at: datetime) -> Snapshot:
    deadline = time.monotonic() + (PATIENCE_SECONDS if timezone.now() - published_at < RECENT else 0)
    while (served := _served()).revision < revision and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return served


def _served() -> Snapshot:
    served = feeds.snapshot()
    if served is None:
        raise Problem("Nothing is served yet.", "This process has not read a revision. Try again soon.", status=503)
    return served


# --- what is found ---------------------------------------------------------------------------------------------------
def asked(snapshot: Snapshot, filters: DeskFilterSet) -> Asked:
    """Return what the filters ask, with what only the tables know."""
    within = snapshot.index.positions
    if filters.asks_curators:
        within = _positions(snapshot, _offers(_overrides(filters)))
    if filters.values["curated"] == "false":
        within = within - _positions(snapshot, _offers(Override.objects.all()))
    return Asked(snapshot, filters, within)


def keys_of(query: str, *, served: Snapshot | None = None) -> list[int]:
    """Return the primary keys of all offers that a query string of the list finds now, in its order.

    Raises InvalidParameters.
    """
    snapshot = served or _served()
    found = asked(snapshot, DeskFilterSet(QueryDict(query))).selection()
    keys = keys_of_rows(found.rows)
    return [keys[row.gateway, row.id] for row in found.rows if (row.gateway, row.id) in keys]


def keys_of_rows(rows: Sequence[Row]) -> Mapping[tuple[str, str], int]:
    """Return the primary keys of offers by gateway and id."""
    ids = sorted({row.id for row in rows})
    return {
        (gateway, model_id): pk
        for batch in batches(ids)
        for pk, gateway, model_id in Offer.objects.filter(model_id__in=batch).values_list(
            "pk", "gateway__slug", "model_id"
        )
    }


def read_filters(query: QueryDict) -> DeskFilterSet:
    """Raises Superfluous, and Problem with the words of what is wrong."""
    try:
        return DeskFilterSet(query)
    except Superfluous:
        raise
    except InvalidParameters as error:
        raise Problem("This list cannot be shown.", f"{error}.", status=400) from error


def _overrides(filters: DeskFilterSet) -> QuerySet[Override]:
    values = filters.values
    found: QuerySet[Override] = Override.objects.all()
    if values["stale"]:
        found = found.filter(is_stale=True)
    if values["ending"]:
        found = found.filter(expires_at__lte=timezone.now() + SOON)
    if values["field"]:
        found = found.filter(field__in=values["field"])
    if values["status"] == "hidden":
        found = found.filter(offer__in=Override.objects.filter(field=HIDDEN).values("offer"))
    return found


def _offers(overrides: QuerySet[Override]) -> Iterable[tuple[str, str]]:
    """Return gateway and id of the offers of these overrides."""
    return overrides.values_list("offer__gateway__slug", "offer__model_id").distinct()


def _positions(snapshot: Snapshot, offers: Iterable[tuple[str, str]]) -> BitMap:
    found = BitMap()
    index = snapshot.index
    for gateway, model_id in offers:
        at = index.positions_of_id.get(model_id, ())
        found.update(position for position in at if index.rows[position].gateway == gateway)
    return found
