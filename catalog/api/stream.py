"""A stream of the published revisions (server-sent events), for clients that follow the catalogue without polling."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import orjson
from drf_spectacular.types import OpenApiTypes

from catalog.api.base import CatalogViewSet, streaming
from catalog.api.introduction import Tag
from catalog.history.revisions import changes_are_kept_since, revisions_after
from catalog.models import Revision
from catalog.normalize import dates
from catalog.parameters import filters
from catalog.parameters.endpoints import Query
from catalog.parameters.filterset import InvalidParameters, ParameterProblem
from front.streams import Revisions

Json = Any

MEDIA_TYPE = "text/event-stream"
HEARTBEAT_SECONDS = 15.0
"""Proxies close connections on which nothing comes for a minute."""
_BEGINNING = b"retry: 2000\n\n"
_HEARTBEAT = b": heartbeat\n\n"


def stream_changes(query: Query, last_event_id: str, revisions: Revisions) -> AsyncIterator[bytes]:
    """Return the events after the one that the client had last. Raise InvalidParameters."""
    if not last_event_id:
        return _events(query.values["since_revision"], revisions)
    if re.fullmatch("[0-9]{1,15}", last_event_id, re.ASCII) is None:
        raise InvalidParameters([ParameterProblem.shown("Last-Event-ID", last_event_id, "must be a revision number")])
    return _events(int(last_event_id), revisions)


async def _events(seen: int | None, revisions: Revisions) -> AsyncIterator[bytes]:
    yield _BEGINNING
    if seen is None:
        seen = revisions.current() or 0
    elif seen < (kept := await revisions.run(changes_are_kept_since)):
        yield _event("gone", kept, {"complete_since": kept, "models_url": "/catalog/models"})
        seen = kept
    while not revisions.is_draining:
        newest = await revisions.wait_beyond(seen, HEARTBEAT_SECONDS)
        if newest is None:
            yield _HEARTBEAT
            continue
        published = await _published(revisions, seen, until=newest)
        for revision in published:
            yield _event("revision", revision.number, _shown(revision))
        seen = published[-1].number if published else newest  # none: the database was just restored


async def _published(revisions: Revisions, seen: int, *, until: int) -> list[Revision]:
    return list(await revisions.run(lambda: revisions_after(seen, until=until)))


def _shown(revision: Revision) -> Json:
    return {
        "revision": revision.number,
        "timestamp": dates.iso(revision.published_at),
        "gateway": revision.gateway.slug if revision.gateway else None,
        "is_curated": revision.is_curated,
        "new": revision.new,
        "changed": revision.changed,
        "withdrawn": revision.withdrawn,
        "changes_url": f"/catalog/changes?since_revision={revision.number - 1}",
    }


def _event(name: str, number: int, data: Json) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (number, name.encode(), orjson.dumps(data))


class ChangeStream(CatalogViewSet):
    prefix = "catalog/changes"
    tag = Tag.HISTORY

    stream = streaming(
        stream_changes,
        filters.StreamFilterSet,
        detail=False,
        media_type=MEDIA_TYPE,
        summary="New revisions as they are published, as server-sent events",
        description="Each event has the id and the counts of one revision; `changes_url` has its changes. Begin with "
        "`since_revision`, or with the header `Last-Event-ID`, which browsers send when they reconnect: no revision is "
        "skipped. Without both, the stream begins with the next one. If changes since then were deleted, the first "
        "event is `gone`: read `/catalog/models` again. A comment comes every 15 seconds.",
        responses={(200, MEDIA_TYPE): OpenApiTypes.STR},
    )
