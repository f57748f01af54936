"""The body of `/catalog/estimate`: which keys it may have, and their meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import time
from decimal import Decimal
from typing import Annotated, Any, Literal

from django.http import QueryDict
from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from catalog.api import bodies
from catalog.parameters.filterset import InvalidParameters, ParameterProblem
from catalog.parameters.kinds import LONGEST_VALUE, Parameter
from catalog.parameters.offer_filters import LARGEST_LIMIT, LARGEST_OFFSET, NarrowingFilterSet
from catalog.pricing import money, workloads
from catalog.pricing.quantities import MAX_DIGITS, problem_of_quantity

Json = Any

MOST_IDS = 100


def _quantity(value: object) -> Decimal:
    if isinstance(value, str) and money.is_number(value):
        value = Decimal(value)
    if not isinstance(value, int | Decimal) or isinstance(value, bool):
        raise ValueError("must be a number or decimal text")
    if problem := problem_of_quantity(value):
        raise ValueError(problem)
    return Decimal(value)


_QUANTITY = {
    "anyOf": [
        {"type": "number", "minimum": 0, "maximum": 10**MAX_DIGITS - 1},
        {"type": "string", "pattern": rf"^(?=(\.?[0-9]){{1,{MAX_DIGITS}}}$)[0-9]+(\.[0-9]+)?$"},
    ]
}
Quantity = Annotated[Decimal, BeforeValidator(_quantity), WithJsonSchema(_QUANTITY)]


def _in_lower_case(value: object) -> object:
    return value.casefold() if isinstance(value, str) else value


def _of(label: str) -> Any:
    """A quantity that is 0 if it is missing."""
    return Field(Decimal(0), description=label)


def _stated(label: str) -> Any:
    """A quantity that is unknown if it is missing."""
    return Field(None, description=label)


class WorkloadBody(bodies.Body):
    """The quantities of `costing.Workload`: numbers, or decimal text for exact fractions."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    input_tokens: Quantity = _of("Input tokens of text, including the cached and cache-written ones.")
    cached_input_tokens: Quantity = _of("The part of `input_tokens` that is read from a cache.")
    cache_write_tokens: Quantity = _of("The part of `input_tokens` that is written to a cache for the default time.")
    cache_write_1h_tokens: Quantity = _of("The part of `input_tokens` that is written to a cache for one hour.")
    output_tokens: Quantity = _of("Output tokens of text, including reasoning tokens.")
    reasoning_tokens: Quantity = _of("The part of `output_tokens` that is used for reasoning.")
    audio_input_tokens: Quantity = _of("Input tokens of audio, including cached ones.")
    cached_audio_tokens: Quantity = _of("The part of `audio_input_tokens` that is read from a cache.")
    audio_output_tokens: Quantity = _of("Output tokens of audio.")
    images: Quantity = _of("Input images.")
    image_tokens: Quantity = _of("The input images in tokens, for offers that bill images by token.")
    output_image_tokens: Quantity = _of("The output images in tokens, for offers that bill images by token.")
    web_searches: Quantity = _of("Web searches.")
    characters: Quantity = _of("Characters that are converted to speech.")
    pages: Quantity = _of("Pages of input documents.")
    audio_minutes: Quantity = _of("The input audio in minutes, for offers that bill audio by the minute.")
    generated_images: Quantity = _of("Output images, for offers that bill by image.")
    generated_video_seconds: Quantity = _of("Seconds of output video.")
    rerank_searches: Quantity = _of("Searches with reranked results.")
    steps: Quantity = _of("Steps of a diffusion model.")
    requests: Quantity | None = _stated(
        "The number of requests of the workload. Offers that charge per request require it."
    )
    hours: Quantity | None = _stated("Hours of one instance. Offers that are billed by the hour require it.")
    prompt_tokens: Quantity | None = _stated("The size of each prompt. Default: all input divided by `requests`.")
    at: Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] | None = _stated(
        "The time of day of all requests in UTC, such as `16:30`."
    )
    execution_mode: Annotated[
        Literal["standard", "batch", "flex", "priority", "fast"], BeforeValidator(_in_lower_case)
    ] = Field(
        "standard",
        description="The mode in which requests are answered. Some offers have other prices in other modes.",
    )


def _one_or_several(parameter: Parameter) -> Json:
    schema = parameter.openapi()
    return {"anyOf": [schema, schema["items"]]} if parameter.takes_several else schema


_FILTERS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        name: {**_one_or_several(parameter), "description": parameter.label}
        for name, parameter in NarrowingFilterSet.parameters().items()
    },
}


EXAMPLE: Json = {
    "workload": {"input_tokens": 1_000_000, "output_tokens": 250_000},
    "filters": {"model_type": "LLM", "context_length_min": 32768},
    "limit": 10,
}


class EstimateBody(bodies.Body):
    workload: Annotated[WorkloadBody, WithJsonSchema(WorkloadBody.model_json_schema())] = Field(
        description="The workload to cost. At least one quantity must be above 0: an empty one costs 0 everywhere."
    )
    filters: Annotated[dict[str, Any], WithJsonSchema(_FILTERS)] = Field(
        default_factory=dict, description="Only offers that match these query parameters of `/catalog/models`, by name."
    )
    ids: list[Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_VALUE)]] | None = Field(
        None,
        description="Only offers of these models, each named as in `/catalog/compare`.",
        min_length=1,
        max_length=MOST_IDS,
        json_schema_extra={"uniqueItems": True},
    )
    limit: int = Field(50, ge=0, le=LARGEST_LIMIT, description="The maximum number of offers in `data`.")
    offset: int = Field(0, ge=0, le=LARGEST_OFFSET, description="The number of offers to skip in `data`.")
    uncosted_limit: int = Field(
        0, ge=0, le=LARGEST_LIMIT, description="The maximum number of offers in `uncosted.offers`."
    )
    uncosted_offset: int = Field(
        0, ge=0, le=LARGEST_OFFSET, description="The number of offers to skip in `uncosted.offers`."
    )


def given(body: WorkloadBody) -> dict[str, str]:
    """Return the quantities of the request, as text in plain notation."""
    stated = body.model_dump(exclude_unset=True, exclude_none=True)
    return {name: money.plain(value) if isinstance(value, Decimal) else value for name, value in stated.items()}


def workload(body: WorkloadBody) -> workloads.Workload:
    """Return the workload. Raise InvalidParameters if it contradicts itself or has no quantity."""
    stated = body.model_dump() | {"at": time.fromisoformat(body.at) if body.at else None}
    try:
        if not any(stated[name] for name in stated.keys() - {"prompt_tokens", "at", "execution_mode"}):
            raise ValueError("must have a quantity above 0: an empty workload costs 0 everywhere")
        return workloads.Workload(**stated)
    except ValueError as error:
        raise InvalidParameters([ParameterProblem.shown("workload", "", str(error))]) from None


def filterset(given: Mapping[str, Json]) -> NarrowingFilterSet:
    """Parse the filters like a query string. Raise InvalidParameters if they are invalid."""
    query, problems = QueryDict(mutable=True), []
    for name, value in given.items():
        try:
            query.setlist(name, [_text(each) for each in _several(value)])
        except ValueError as error:
            problems.append(ParameterProblem.shown(f"filters.{name}", str(value)[:200], str(error)))
    if problems:
        raise InvalidParameters(problems)
    try:
        return NarrowingFilterSet(query)
    except InvalidParameters as error:
        problems = [replace(problem, parameter=f"filters.{problem.parameter}") for problem in error.problems]
        raise InvalidParameters(problems, unlisted=error.unlisted) from None


def _several(value: Json) -> Sequence[Json]:
    if not isinstance(value, list):
        return [value]
    if not value:
        raise ValueError("must not be empty")
    return value


def _text(value: Json) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str() | int():
            return str(value)
        case Decimal() if value.is_finite() and abs(value.adjusted()) < money.MAX_DIGITS:
            return money.plain(value)
    raise ValueError("must be text, a number, true, false, or a list of these")
