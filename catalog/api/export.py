"""The whole catalogue in one answer, in three formats."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes

from catalog.api import answers, spreadsheet
from catalog.api.base import CatalogViewSet, read
from catalog.api.introduction import Tag
from catalog.api.shapes.exports import ExportSerializer
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import Query
from catalog.parameters.offer_filters import NarrowingFilterSet, TableFilterSet
from catalog.reports import exports
from front.answers import Answer, Headers

NDJSON = "application/x-ndjson"
CSV = "text/csv"


def export_json(snapshot: Snapshot, query: Query) -> Answer:
    return answers.whole_list(snapshot, _selection(snapshot, query).rows, headers=_named(snapshot, "json"))


def export_ndjson(snapshot: Snapshot, query: Query) -> Answer:
    lines = (b"%b\n" % row.document for row in exports.rows(_selection(snapshot, query)))
    return answers.parted(answers.joined(lines, b""), NDJSON, headers=_named(snapshot, "ndjson"))


def export_csv(snapshot: Snapshot, query: Query) -> Answer:
    is_guarded = query.values["spreadsheet"]
    documents = (row.document for row in exports.rows(_selection(snapshot, query)))
    table = spreadsheet.table(documents, is_guarded=is_guarded)
    content_type = f"{CSV}; charset=utf-8; header=present"
    name = _named(snapshot, "csv", mark="-spreadsheet" if is_guarded else "")
    return answers.parted(table, content_type, headers=name)


class Exports(CatalogViewSet):
    prefix = "catalog"
    tag = Tag.EXPORTS

    json = read(
        export_json,
        NarrowingFilterSet,
        detail=False,
        url_path="export.json",
        summary="All offers that match, in one JSON document",
        description="The rows of `/catalog/models` without pages. Takes the same filters.",
        responses=ExportSerializer,
    )
    ndjson = read(
        export_ndjson,
        NarrowingFilterSet,
        detail=False,
        url_path="export.ndjson",
        media_type=NDJSON,
        summary="All offers that match, one JSON document on each line",
        description="For data tools and streams: each line is a row of `/catalog/models`.",
        responses=OpenApiTypes.STR,
    )
    csv = read(
        export_csv,
        TableFilterSet,
        detail=False,
        url_path="export.csv",
        media_type=CSV,
        summary="All offers that match, as a table",
        description="One row for each offer and one column for each fact; the first line has the names of the columns.",
        responses=OpenApiTypes.STR,
    )


def _selection(snapshot: Snapshot, query: Query) -> Selection:
    return query.filters.narrowed(Selection.of(snapshot))


def _named(snapshot: Snapshot, extension: str, *, mark: str = "") -> Headers:
    """Return the header with the name of the file, which contains the revision, and the mark after it."""
    return (("Content-Disposition", f'attachment; filename="gatewayz-{snapshot.revision}{mark}.{extension}"'),)
