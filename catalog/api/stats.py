"""Figures of the catalogue."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from catalog.api import answers, serializers
from catalog.api.views import CatalogView
from catalog.memory import following
from catalog.memory.selection import Selection
from catalog.parameters import offer_filters
from catalog.reports.statistics import statistics


class Stats(CatalogView):
    filterset_class = offer_filters.NarrowingFilterSet

    @extend_schema(
        operation_id="read_stats",
        summary="How many offers of what, and how their prices are distributed",
        responses=serializers.StatsSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        selection = self.query(request).narrowed(Selection.of(following.FOLLOWER.current()))
        return answers.published(selection.snapshot, {"data": statistics(selection)})
