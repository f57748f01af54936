"""Compares up to ten models."""

from __future__ import annotations

from dataclasses import asdict
from itertools import chain

from catalog.api import answers
from catalog.api.base import CatalogViewSet, read
from catalog.api.introduction import Tag
from catalog.api.shapes.costs import CompareSerializer
from catalog.memory.snapshot import Snapshot
from catalog.parameters.endpoints import Query
from catalog.parameters.filters import CompareFilterSet
from catalog.reports import asked, side_by_side
from catalog.reports.canonical import models_of
from front.answers import Answer


def compare_models(snapshot: Snapshot, query: Query) -> Answer:
    models = models_of(snapshot)
    named = asked.named_models(models, query.values["ids"])
    rows = [models.rows_of(slug) for slug in named.values()]
    quantities = asked.quantities(query.values, chain.from_iterable(rows))
    compared = side_by_side.side_by_side(rows, asked.workload(quantities))
    shown = [
        {"asked": spelling, "canonical_model": slug, **asdict(model)}
        for (spelling, slug), model in zip(named.items(), compared, strict=True)
    ]
    return answers.published(
        snapshot,
        {
            "data": {
                "workload": quantities,
                "models": shown,
                "differences": side_by_side.differences(compared),
            }
        },
    )


class Compare(CatalogViewSet):
    prefix = "catalog/compare"
    tag = Tag.COSTS

    list = read(
        compare_models,
        CompareFilterSet,
        summary="Up to ten models side by side, each with its cheapest offer for a workload",
        description="Shows what separates the models: prices, context, modalities, parameters. The workload is by "
        "default a usual one for their kind, so that the costs can be compared.",
        responses=CompareSerializer,
    )
