"""The filters that curators saved, which lists take as `view=NAME`."""

from __future__ import annotations

from typing import Any

from pyroaring import BitMap

from catalog.api import answers
from catalog.api.base import CatalogViewSet, read
from catalog.api.shapes.views import ViewListSerializer
from catalog.memory.saved import Saved
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import Query, after
from catalog.parameters.offer_filters import VIEW
from front.answers import Answer

Json = Any


def list_views(snapshot: Snapshot, query: Query) -> Answer:
    data = [_view(snapshot, saved) for saved in snapshot.saved.values()]
    return answers.published(snapshot, {"data": data, "total": len(data), "returned": len(data)})


class Views(CatalogViewSet):
    prefix = "catalog/views"

    list = read(
        list_views,
        is_quick=after(VIEW.sets),
        summary="The saved filters, which lists take as `view=NAME`",
        description="The curators of this service name filters that many clients need, such as `cheap-tools`. All "
        "endpoints that filter offers take a name as `view`; every other parameter narrows it further.",
        responses=ViewListSerializer,
    )


def _view(snapshot: Snapshot, saved: Saved) -> Json:
    found = VIEW.sets(snapshot)[saved.name]
    active = Selection.of(snapshot).members
    return {
        "name": saved.name,
        "title": saved.title,
        "expression": saved.expression,
        "offers": len(found & active) if isinstance(found, BitMap) else None,
        "url": f"/catalog/models?view={saved.name}",
    }
