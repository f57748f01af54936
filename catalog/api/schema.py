"""The OpenAPI 3.1 document, generated from the views and the declared parameters."""

from __future__ import annotations

from typing import Any, Literal

from django.conf import settings
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.serializers import Serializer

from catalog.api.serializers.problems import DropInProblemSerializer, ProblemSerializer
from catalog.formats.contract import Route
from catalog.parameters import cacheable
from catalog.parameters.filterset import SelectionFilterSet
from catalog.parameters.kinds import Parameter
from front.problems import DROP_IN

Json = Any
KEY_WORDS = "A key from the admin. It has a rate limit of its own and its scopes. Reading requires no key."
SESSION_WORDS = "The login of a member of staff to the admin; `X-CSRFToken` is required too."
KEY_SCHEMES: dict[str, Json] = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "gwz_…", "description": KEY_WORDS},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": KEY_WORDS},
}

Endpoint = tuple[str, str, str, Any]
"""Path, pattern, method and view, in the form that drf-spectacular passes to its hooks."""


class CatalogSchema(AutoSchema):
    """Takes the query parameters from the view's FilterSet, and adds the possible errors to every operation."""

    def get_override_parameters(self) -> list[OpenApiParameter | Serializer[Any] | type[Serializer[Any]]]:
        filterset: type[SelectionFilterSet] | None = getattr(self.view, "filterset_class", None)
        return [] if filterset is None else [_documented(name, p) for name, p in filterset.parameters().items()]

    def get_tags(self) -> list[str]:
        if _route_of(self.view) is not None:
            return ["drop-in"]
        return ["catalogue" if self.path.startswith("/catalog") else "health"]

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction)
        is_drop_in = self.path.startswith(DROP_IN)
        problem = DropInProblemSerializer if is_drop_in else ProblemSerializer
        for status, description in self._expected_problems().items():
            if status not in bodies:
                response = OpenApiResponse(problem, description=description)
                bodies[status] = self._get_response_for_code(  # type: ignore[no-untyped-call]  # drf-spectacular types it partly
                    response, status, media_types=["application/problem+json"], direction=direction
                )
        return bodies

    def _expected_problems(self) -> dict[str, str]:
        """Return the possible errors by status."""
        expected = {"400": "A parameter is wrong; `errors` lists each one.", "503": "The service is not ready."}
        if "{" in self.path:
            expected["404"] = "There is nothing at this address."
        if cacheable.is_limited(self.path):
            expected["401"] = "The key is wrong, or a key is required and missing."
            expected["429"] = "Too many requests; `Retry-After` gives the seconds to wait."
        if self._needs_key():
            expected["403"] = "The key lacks the scope, or the account lacks the permission."
        return expected

    def _needs_key(self) -> bool:
        return bool(self.view.authentication_classes)

    def get_auth(self) -> list[dict[str, list[str]]]:
        """Keys are optional everywhere that has a limit, and required for operations that change something."""
        if not cacheable.is_limited(self.path):
            return []
        known: list[dict[str, list[str]]] = [{name: []} for name in KEY_SCHEMES]
        return [*known, {"session": []}] if self._needs_key() else [{}, *known]


def with_security_schemes(result: Json, **options: object) -> Json:
    """Add the ways to authenticate to the document's components."""
    session = {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME, "description": SESSION_WORDS}
    result["components"]["securitySchemes"] = {**KEY_SCHEMES, "session": session}
    return result


def without_trailing_slashes(endpoints: list[Endpoint]) -> list[Endpoint]:
    """List each address once: lists answer with a trailing slash too."""
    return [endpoint for endpoint in endpoints if not endpoint[0].endswith("/")]


def without_further_prefixes(endpoints: list[Endpoint]) -> list[Endpoint]:
    """List each route of a format once: OpenRouter's answer under `/api/v1` and most of them under `/v1` too."""
    routes = [(endpoint, _route_of(endpoint[3].cls)) for endpoint in endpoints]
    return [endpoint for endpoint, route in routes if route is None or endpoint[0] == route.addresses[0]]


def _route_of(view: object) -> Route | None:
    """Return the route of a view that answers one of a format."""
    route: Route | None = getattr(view, "route", None)
    return route


def _documented(name: str, parameter: Parameter) -> OpenApiParameter:
    return OpenApiParameter(
        name,
        # The example is in the schema, not next to it: the docs page would otherwise send all examples at once.
        type=parameter.openapi() | ({} if parameter.example is None else {"examples": [_example(parameter)]}),
        location=OpenApiParameter.QUERY,
        description=parameter.label,
        required=parameter.required,
        # Several values may be comma-separated, or the parameter may be repeated; both are accepted.
        style="form" if parameter.takes_several else None,
        explode=True if parameter.takes_several else None,
    )


def _example(parameter: Parameter) -> str | int | list[str] | None:
    return str(parameter.example).split(",") if parameter.takes_several else parameter.example
