"""What the parameters of a query mean in a snapshot: which models, and which workload."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from catalog.memory.rows import Row
from catalog.parameters import filters
from catalog.parameters.filterset import InvalidParameters, ParameterProblem
from catalog.pricing.workloads import Workload
from catalog.reports import comparison
from catalog.reports.canonical import Models


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


def quantities(values: Mapping[str, Any], rows: Iterable[Row]) -> dict[str, int]:
    """Return the parameters of a WorkloadFilterSet. Missing token counts default to the usual workload of these offers.

    Raise InvalidParameters if the result is an empty workload, which cannot compare offers.
    """
    usual = comparison.usual_workload(rows)
    stated = {name: values[name] for name in filters.WorkloadFilterSet.parameters()}
    asked = {name: getattr(usual, name) if value is None else value for name, value in stated.items()}
    if problems := list(filters.nothing_asked(asked)):
        raise InvalidParameters(problems)
    return asked


def workload(asked: Mapping[str, int]) -> Workload:
    """Return the workload of these `quantities`."""
    return Workload(
        input_tokens=asked["input_tokens"],
        cached_input_tokens=Decimal(asked["input_tokens"] * asked["cached_percent"]).scaleb(-2),
        output_tokens=asked["output_tokens"],
        requests=asked["requests"] or None,
    )
