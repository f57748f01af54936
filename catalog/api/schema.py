"""The OpenAPI 3.1 document, generated from the views and from the declared parameters."""

from __future__ import annotations

from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.serializers import Serializer

from catalog.api import serializers
from catalog.serving.parameters import Parameter, SelectionFilterSet
from catalog.serving.problems import DROP_IN

Endpoint = tuple[str, str, str, Any]
"""Path, pattern, method and view, as drf-spectacular's hooks are given them."""


class CatalogSchema(AutoSchema):
    """Takes the query parameters from the view's FilterSet, and gives every operation its errors."""

    def get_override_parameters(self) -> list[OpenApiParameter | Serializer[Any] | type[Serializer[Any]]]:
        filterset: type[SelectionFilterSet] | None = getattr(self.view, "filterset_class", None)
        return [] if filterset is None else [_documented(name, p) for name, p in filterset.parameters().items()]

    def get_tags(self) -> list[str]:
        if self.path.startswith((*DROP_IN, "/litellm/")):
            return ["drop-in"]
        return ["catalogue" if self.path.startswith("/catalog") else "health"]

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction)
        expected = {"400": "A parameter is wrong; `errors` names it.", "503": "Nothing can be served yet."}
        if "{" in self.path:
            expected["404"] = "There is nothing at this address."
        is_drop_in = self.path.startswith(DROP_IN)
        problem = serializers.DropInProblemSerializer if is_drop_in else serializers.ProblemSerializer
        for status, description in expected.items():
            if status not in bodies:
                response = OpenApiResponse(problem, description=description)
                bodies[status] = self._get_response_for_code(  # type: ignore[no-untyped-call]  # drf-spectacular types it partly
                    response, status, media_types=["application/problem+json"], direction=direction
                )
        return bodies


def without_trailing_slashes(endpoints: list[Endpoint]) -> list[Endpoint]:
    """Each address once: lists answer with a trailing slash too."""
    return [endpoint for endpoint in endpoints if not endpoint[0].endswith("/")]


def without_second_prefix(endpoints: list[Endpoint]) -> list[Endpoint]:
    """Each address once: what answers under `/api/v1` answers under `/v1` too."""
    return [endpoint for endpoint in endpoints if not endpoint[0].startswith("/v1/")]


def _documented(name: str, parameter: Parameter) -> OpenApiParameter:
    return OpenApiParameter(
        name,
        # In the schema, not beside it: the page of the document would send every parameter's example at once.
        type=parameter.openapi() | ({} if parameter.example is None else {"examples": [_example(parameter)]}),
        location=OpenApiParameter.QUERY,
        description=parameter.label,
        # Several values may be given comma-separated or by repeating the parameter; both are read.
        style="form" if parameter.takes_several else None,
        explode=True if parameter.takes_several else None,
    )


def _example(parameter: Parameter) -> str | int | list[str] | None:
    return str(parameter.example).split(",") if parameter.takes_several else parameter.example
