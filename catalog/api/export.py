"""The whole catalogue in one answer, in three formats."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from catalog.api import answers, serializers, spreadsheet
from catalog.api.views import CatalogView
from catalog.memory import following
from catalog.memory.selection import Selection
from catalog.parameters import offer_filters


class NdjsonRenderer(JSONRenderer):
    """Declares the view's media type to DRF; the view itself makes the bytes."""

    media_type = "application/x-ndjson"
    charset = "utf-8"


class CsvRenderer(NdjsonRenderer):
    media_type = "text/csv"


class Export(CatalogView):
    filterset_class = offer_filters.NarrowingFilterSet

    def selection(self, request: Request) -> Selection:
        return self.query(request).narrowed(Selection.of(following.FOLLOWER.current()))

    # DRF would describe the address in JSON, but label it with the format of the export.
    def options(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:  # type: ignore[override]
        return HttpResponse()


class ExportJson(Export):
    @extend_schema(
        operation_id="export_json",
        summary="All offers that match, in one JSON document",
        responses=serializers.ExportSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        selection = self.selection(request)
        data = answers.fragments(selection.rows)
        return _named(
            answers.published(selection.snapshot, {"data": data, "total": len(data)}), selection, extension="json"
        )


class ExportNdjson(Export):
    renderer_classes = [NdjsonRenderer]

    @extend_schema(
        operation_id="export_ndjson",
        summary="All offers that match, one JSON document on each line",
        responses=OpenApiTypes.STR,
    )
    def get(self, request: Request) -> HttpResponse:
        selection = self.selection(request)
        lines = b"".join(b"%b\n" % row.document for row in selection.rows)
        answer = answers.response(lines, NdjsonRenderer.media_type, cache_control=answers.PUBLIC)
        return _named(answer, selection, extension="ndjson")


class ExportCsv(Export):
    renderer_classes = [CsvRenderer]

    @extend_schema(
        operation_id="export_csv",
        summary="All offers that match, as a table for spreadsheets",
        responses=OpenApiTypes.STR,
    )
    def get(self, request: Request) -> HttpResponse:
        selection = self.selection(request)
        table = spreadsheet.rows(row.document for row in selection.rows)
        answer = answers.response(
            table, f"{CsvRenderer.media_type}; charset=utf-8; header=present", cache_control=answers.PUBLIC
        )
        return _named(answer, selection, extension="csv")


def _named(answer: HttpResponse, selection: Selection, *, extension: str) -> HttpResponse:
    """Add a file name that contains the revision."""
    answer["Content-Disposition"] = f'attachment; filename="gatewayz-{selection.snapshot.revision}.{extension}"'
    return answer
