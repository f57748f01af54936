"""The OpenAPI 3.1 document, generated from the views and the declared parameters."""

from __future__ import annotations

from typing import Any, Literal

from django.conf import settings
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.serializers import Serializer

from catalog.api.limits import is_limited
from catalog.api.shapes.problems import DropInProblemSerializer, ProblemSerializer
from catalog.parameters.endpoints import Endpoint
from catalog.parameters.kinds import Parameter
from front.problems import DROP_IN

Json = Any
KEY_WORDS = "A key from the admin. It has a rate limit of its own and its scopes. Reading requires no key."
SESSION_WORDS = "The login of a member of staff to the admin; `X-CSRFToken` is required too."
KEY_SCHEMES: dict[str, Json] = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "gwz_…", "description": KEY_WORDS},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": KEY_WORDS},
}

Operation = tuple[str, str, str, Any]
"""Path, pattern, method and view, in the form that drf-spectacular passes to its hooks."""


class CatalogSchema(AutoSchema):
    """Describes an operation as its endpoint is declared, and adds the possible errors to every operation."""

    @property
    def endpoint(self) -> Endpoint:
        found: Endpoint = self.view.endpoint  # type: ignore[attr-defined]  # every view of the API declares one
        return found

    def get_operation_id(self) -> str:
        return self.endpoint.name

    def get_summary(self) -> str:
        return self.endpoint.summary

    def get_description(self) -> str:  # type: ignore[override]  # as drf-spectacular has it
        return ""  # not the docstrings, which are for readers of the code

    def get_request_serializer(self) -> Any:
        return self.endpoint.request

    def get_response_serializers(self) -> Any:
        return self.endpoint.responses

    def _is_list_view(self, serializer: Any = None) -> bool:
        return False  # the rows of a list are in `data`

    def get_override_parameters(self) -> list[OpenApiParameter | Serializer[Any] | type[Serializer[Any]]]:
        return [_documented(name, parameter) for name, parameter in self.endpoint.filterset.parameters().items()]

    def get_tags(self) -> list[str]:
        return [self.endpoint.tag or ("catalogue" if self.path.startswith("/catalog") else "health")]

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
        if is_limited(self.path):
            expected["401"] = "The key is wrong, or a key is required and missing."
            expected["429"] = "Too many requests; `Retry-After` gives the seconds to wait."
        if self._needs_key():
            expected["403"] = "The key lacks the scope, or the account lacks the permission."
        return expected

    def _needs_key(self) -> bool:
        return bool(self.view.authentication_classes)

    def get_auth(self) -> list[dict[str, list[str]]]:
        """Keys are optional everywhere that has a limit, and required for operations that change something."""
        if not is_limited(self.path):
            return []
        known: list[dict[str, list[str]]] = [{name: []} for name in KEY_SCHEMES]
        return [*known, {"session": []}] if self._needs_key() else [{}, *known]


def with_security_schemes(result: Json, **options: object) -> Json:
    """Add the ways to authenticate to the document's components."""
    session = {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME, "description": SESSION_WORDS}
    result["components"]["securitySchemes"] = {**KEY_SCHEMES, "session": session}
    return result


def without_trailing_slashes(endpoints: list[Operation]) -> list[Operation]:
    """List each address once: lists answer with a trailing slash too."""
    return [operation for operation in endpoints if not operation[0].endswith("/")]


def without_aliases(endpoints: list[Operation]) -> list[Operation]:
    """Leave out the addresses at which a documented endpoint answers too: OpenRouter's list has two prefixes."""
    return [operation for operation in endpoints if not _endpoint_of(operation[3]).is_alias]


def _endpoint_of(callback: Any) -> Endpoint:
    found: Endpoint | None = callback.initkwargs.get("endpoint")
    return found or Endpoint()


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
