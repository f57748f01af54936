"""Compares up to ten models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import chain
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from catalog.api import answers, serializers
from catalog.api.canonical import asked_quantities, workload
from catalog.api.views import CatalogView
from catalog.memory import following
from catalog.parameters import filters
from catalog.parameters.filterset import InvalidParameters, ParameterProblem
from catalog.reports import side_by_side
from catalog.reports.canonical import Models, models_of

Json = Any


class Compare(CatalogView):
    filterset_class = filters.CompareFilterSet

    @extend_schema(
        operation_id="compare_models",
        summary="Up to ten models side by side, each at its cheapest offer for a workload",
        responses=serializers.CompareSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        values = self.query(request).values
        held = following.FOLLOWER.current()
        models = models_of(held)
        asked = named_models(models, values["ids"])
        rows = [models.rows_of(slug) for slug in asked.values()]
        quantities = asked_quantities(values, chain.from_iterable(rows))
        compared = side_by_side.side_by_side(rows, workload(quantities))
        named = [
            {"asked": spelling, "canonical_model": slug, **asdict(model)}
            for (spelling, slug), model in zip(asked.items(), compared, strict=True)
        ]
        return answers.published(
            held,
            {
                "data": {
                    "workload": quantities,
                    "models": named,
                    "differences": side_by_side.differences(compared),
                }
            },
        )


def named_models(models: Models, ids: Sequence[str], *, most: int = filters.MOST_COMPARED) -> dict[str, str]:
    """Return the slugs of these models, by the spelling of the request. Raise InvalidParameters if one is not clear."""
    if len(ids) > most:
        raise InvalidParameters([ParameterProblem.shown("ids", ",".join(ids), f"must have at most {most} models")])
    found: dict[str, str] = {}
    problems: list[ParameterProblem] = []
    for asked in ids:
        try:
            slug = models.model_meant_by(asked)
            if slug in found.values():
                raise ValueError(f"has {slug!r} more than once")
            found[asked] = slug
        except ValueError as error:
            problems.append(ParameterProblem.shown("ids", asked, str(error)))
    if problems:
        raise InvalidParameters(problems)
    return found
