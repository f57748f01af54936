"""Every error of the service as `application/problem+json` (RFC 9457); admin pages keep Django's own errors."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.encoding import escape_uri_path
from django.views import csrf, defaults
from rest_framework.exceptions import APIException

from access.keys import NotRead
from catalog.history.feed import Forgotten
from catalog.memory.following import NotReady
from catalog.models.patience import Busy
from catalog.parameters.endpoints import NotFound
from catalog.parameters.filterset import InvalidParameters
from front.problems import ASKED_PATH, instance_of, media_type_of, problem_document

logger = logging.getLogger(__name__)

Json = Any

PAGES = "/admin/"
"""People read these pages; programs read everything else."""


def answer_exception(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """Return DRF's answer to an exception of a view; None if Django should treat it as a defect of the service."""
    request: HttpRequest = context["request"]
    match error:
        case InvalidParameters():
            return _invalid_parameters(request, error)
        case Http404() | NotFound():
            return problem(request, 404, detail=str(error))
        case Forgotten():
            start = f"continue from since_revision={error.complete_since}"
            return problem(request, 410, detail=f"{error}; read /catalog/models again and {start}.")
        case PermissionDenied():
            return problem(request, 403, detail=str(error) or "You are not allowed to do this.")
        case Busy():
            return problem(request, 503, detail=f"{error}; try again soon.", headers={"Retry-After": "5"})
        case NotReady() | NotRead():
            return problem(request, 503, detail=str(error), headers={"Retry-After": "1"})
        case OperationalError() | InterfaceError():
            logger.warning("The database does not answer: %s", error)
            return problem(request, 503, detail="The database does not answer.", headers={"Retry-After": "5"})
        case APIException():
            return problem(request, error.status_code, detail=str(error.detail), headers=_headers_of(request, error))
    return None


def _headers_of(request: HttpRequest, error: APIException) -> dict[str, str]:
    found = {"Allow": request.META.get("ALLOW"), "WWW-Authenticate": getattr(error, "auth_header", None)}
    return {name: value for name, value in found.items() if value}


def problem(
    request: HttpRequest,
    status: int,
    *,
    detail: str,
    kind: str = "",
    errors: Sequence[Json] = (),
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Make an error. `kind` is a name of `problems.KINDS`, required if the status alone does not determine it."""
    body = problem_document(
        status=status,
        detail=detail,
        instance=_instance(request),
        request_id=structlog.contextvars.get_contextvars().get("request_id"),
        kind=kind,
        errors=errors,
    )
    media_type = media_type_of(body["instance"], request.META.get("HTTP_ACCEPT", ""))
    response = HttpResponse(orjson.dumps(body), status=status, content_type=media_type, headers=headers)
    response["Cache-Control"] = "no-store"
    return response


def _instance(request: HttpRequest) -> str:
    asked = request.META.get(ASKED_PATH)
    return escape_uri_path(request.path) if asked is None else instance_of(asked)


def _invalid_parameters(request: HttpRequest, error: InvalidParameters) -> HttpResponse:
    errors = [{"parameter": p.parameter, "value": p.value, "reason": p.reason} for p in error.problems]
    return problem(request, 400, detail=str(error), kind="invalid-parameter", errors=errors)


# --- errors that Django itself raises --------------------------------------------------------------------------------
def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_page(request):
        return defaults.bad_request(request, exception)
    return problem(request, 400, detail="The request could not be understood.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_page(request):
        return defaults.permission_denied(request, exception)
    return problem(request, 403, detail="You are not allowed to do this.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    if _is_page(request):
        return csrf.csrf_failure(request, reason=reason)
    return problem(request, 403, detail=f"The request may come from another site: {reason}")


def static_files_are_read(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware that allows only reading static files."""

    def answer(request: HttpRequest) -> HttpResponse:
        if request.method in {"GET", "HEAD"} or not request.path.startswith(settings.STATIC_URL):
            return get_response(request)
        allow = {"Allow": "GET, HEAD, OPTIONS"}
        if request.method == "OPTIONS":
            return HttpResponse(headers=allow)
        return problem(request, 405, detail="This address is read-only.", headers=allow)

    return answer


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_page(request):
        return defaults.page_not_found(request, exception)
    return problem(request, 404, detail="There is nothing at this address.")


def server_error(request: HttpRequest) -> HttpResponse:
    if _is_page(request):
        return defaults.server_error(request)
    return problem(request, 500, detail="The service failed; its logs have the details under the request id.")


def _is_page(request: HttpRequest) -> bool:
    return request.path.startswith(PAGES) and "text/html" in request.headers.get("Accept", "")
