"""Figures of the catalogue."""

from __future__ import annotations

from catalog.api import answers
from catalog.api.base import CatalogViewSet, read
from catalog.api.introduction import Tag
from catalog.api.shapes.costs import StatsSerializer
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import Query
from catalog.parameters.offer_filters import NarrowingFilterSet
from catalog.reports.statistics import statistics
from front.answers import Answer


def read_stats(snapshot: Snapshot, query: Query) -> Answer:
    return answers.published(snapshot, {"data": statistics(query.filters.narrowed(Selection.of(snapshot)))})


class Stats(CatalogViewSet):
    prefix = "catalog/stats"
    tag = Tag.COSTS

    list = read(
        read_stats,
        NarrowingFilterSet,
        summary="Numbers of offers and the distribution of their prices",
        description="Takes the filters of `/catalog/models`, so it answers questions such as what a gateway usually "
        "charges. Percentiles are prices of real offers; free offers are counted apart.",
        responses=StatsSerializer,
    )
