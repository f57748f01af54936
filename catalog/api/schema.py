"""The OpenAPI 3.1 document, generated from the views and the declared parameters.

The docs page fills an example next to a schema into the form of its operation, and sends all of them together. So only
required parameters and harmless ones have such an example; the others have theirs in the description.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from django.conf import settings
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.serializers import Serializer

from catalog.api import introduction
from catalog.api.introduction import Tag
from catalog.api.limits import is_limited
from catalog.api.shapes.problems import DropInProblemSerializer, ProblemSerializer
from catalog.parameters.compatible import CompatibleFilterSet
from catalog.parameters.endpoints import Endpoint, PathVariable
from catalog.parameters.kinds import Parameter
from front.problems import DROP_IN

Json = Any
_VARIABLE = re.compile(r"\{(\w+)\}")
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
        return self.endpoint.description  # not the docstrings, which are for readers of the code

    def get_request_serializer(self) -> Any:
        return self.endpoint.request

    def get_response_serializers(self) -> Any:
        return self.endpoint.responses

    def _is_list_view(self, serializer: Any = None) -> bool:
        return False  # the rows of a list are in `data`

    def get_operation(self, *args: Any, **options: Any) -> Json:
        """Describe the operation. An empty `security` shows that it needs no key; drf-spectacular leaves it out."""
        described = super().get_operation(*args, **options)
        return None if described is None else {**described, "security": self.get_auth()}

    def get_override_parameters(self) -> list[OpenApiParameter | Serializer[Any] | type[Serializer[Any]]]:
        in_query = [_in_query(name, parameter) for name, parameter in self.endpoint.filterset.parameters().items()]
        if (variable := self._variable()) is None:
            return [*in_query]
        return [*(_in_path(name, variable) for name in _VARIABLE.findall(self.path)), *in_query]

    def _get_parameters(self) -> list[Json]:
        """Return the parameters, each with the example that the docs page fills in."""
        parameters: list[Json] = super()._get_parameters()
        examples = {name: _example(p) for name, p in self.endpoint.filterset.parameters().items() if p.is_filled_in}
        if (variable := self._variable()) is not None:
            examples |= dict.fromkeys(_VARIABLE.findall(self.path), variable.example)
        return [
            described | ({"example": examples[described["name"]]} if described["name"] in examples else {})
            for described in parameters
        ]

    def _variable(self) -> PathVariable | None:
        found: PathVariable | None = self.endpoint.variable or self.view.variable  # type: ignore[attr-defined]  # every view of the API has one
        return found

    def _get_request_body(self, direction: Literal["request", "response"] = "request") -> Json:
        body = super()._get_request_body(direction)  # type: ignore[no-untyped-call]  # drf-spectacular types it partly
        return body and body | {"required": True}

    def get_tags(self) -> list[str]:
        tag: str = self.endpoint.tag or self.view.tag  # type: ignore[attr-defined]  # every view of the API has one
        return [tag]

    def _get_response_for_code(self, *args: Any, **options: Any) -> Json:
        """Describe an answer. Without a description of its own, it is what the summary promises."""
        response = super()._get_response_for_code(*args, **options)  # type: ignore[no-untyped-call]  # drf-spectacular types it partly
        return response | {"description": response["description"] or self.endpoint.summary}

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction)
        is_drop_in = self.path.startswith(DROP_IN)
        problem = DropInProblemSerializer if is_drop_in else ProblemSerializer
        for status, description in self._expected_problems().items():
            if status not in bodies:
                response = OpenApiResponse(problem, description=description)
                bodies[status] = self._get_response_for_code(
                    response, status, media_types=["application/problem+json"], direction=direction
                )
        return bodies

    def _expected_problems(self) -> dict[str, str]:
        """Return the possible errors by status."""
        expected = {"503": "The service is not ready."}
        filterset = self.endpoint.filterset
        if filterset.parameters() or not issubclass(filterset, CompatibleFilterSet):
            expected["400"] = "A parameter is wrong; `errors` lists each one."
        if "{" in self.path:
            expected["404"] = "There is nothing at this address."
        if is_limited(self.path):
            expected["401"] = "The key is wrong, or a key is required and missing."
            expected["403"] = "The key lacks the scope `read`."
            expected["429"] = "Too many requests; `Retry-After` gives the seconds to wait."
        if self._needs_key():
            expected["403"] = "The key lacks the scope, or the account lacks the permission."
        return expected

    def _needs_key(self) -> bool:
        return bool(self.view.authentication_classes)

    def get_auth(self) -> list[dict[str, list[str]]]:
        """Return how to authenticate, only where it is required. A read takes a key too, and most clients have none."""
        return [{name: []} for name in (*KEY_SCHEMES, "session")] if self._needs_key() else []


def with_security_schemes(result: Json, **options: object) -> Json:
    """Add the ways to authenticate to the document's components."""
    session = {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME, "description": SESSION_WORDS}
    result["components"]["securitySchemes"] = {**KEY_SCHEMES, "session": session}
    return result


def with_introduction(result: Json, **options: object) -> Json:
    """Add the description of the service, its licence, and the groups of operations."""
    result["info"] |= {"description": introduction.DESCRIPTION, "license": {"name": "MIT", "identifier": "MIT"}}
    result["servers"] = [{"url": "/", "description": "The service that this document comes from."}]
    result["tags"] = [{"name": tag, "description": introduction.DESCRIPTIONS[tag]} for tag in Tag]
    result["paths"] = dict(sorted(result["paths"].items(), key=_by_use))
    return result


def _by_use(path: tuple[str, Json]) -> tuple[int, bool, str]:
    """Return the place of a path on the docs page: by its group, and there the offers first."""
    address, operations = path
    [tag] = next(iter(operations.values()))["tags"]
    return [*Tag].index(tag), not address.startswith("/catalog/models"), address


def without_trailing_slashes(endpoints: list[Operation]) -> list[Operation]:
    """List each address once: lists answer with a trailing slash too."""
    return [operation for operation in endpoints if not operation[0].endswith("/")]


def without_aliases(endpoints: list[Operation]) -> list[Operation]:
    """Leave out the addresses at which a documented endpoint answers too: OpenRouter's list has two prefixes."""
    return [operation for operation in endpoints if not _endpoint_of(operation[3]).is_alias]


def _endpoint_of(callback: Any) -> Endpoint:
    found: Endpoint | None = callback.initkwargs.get("endpoint")
    return found or Endpoint()


def _in_path(name: str, variable: PathVariable) -> OpenApiParameter:
    return OpenApiParameter(
        name, type=dict(variable.schema), location=OpenApiParameter.PATH, description=variable.description
    )


def _in_query(name: str, parameter: Parameter) -> OpenApiParameter:
    return OpenApiParameter(
        name,
        type=parameter.openapi(),
        location=OpenApiParameter.QUERY,
        description=_description(parameter),
        required=parameter.required,
        # Several values may be comma-separated, or the parameter may be repeated; both are accepted.
        style="form" if parameter.takes_several else None,
        explode=True if parameter.takes_several else None,
    )


def _description(parameter: Parameter) -> str:
    label: str = parameter.label
    if parameter.example is None or parameter.is_filled_in:
        return label
    shown = str(parameter.example)
    return f"{label} Example: `{shown.lower() if isinstance(parameter.example, bool) else shown}`."


def _example(parameter: Parameter) -> str | int | list[str] | None:
    return str(parameter.example).split(",") if parameter.takes_several else parameter.example
