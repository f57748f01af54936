"""Every error of the service as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import structlog
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.encoding import escape_uri_path
from rest_framework.exceptions import APIException

from catalog.history import Forgotten
from catalog.serving.parameters import InvalidParameters
from catalog.serving.problems import problem_document
from catalog.serving.snapshot import NotReady

Json = Any

TITLES = {
    400: "Bad request",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    410: "No longer kept",
    413: "Content too large",
    415: "Unsupported media type",
    500: "Internal server error",
    503: "Not ready",
}


def answer_exception(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """What DRF answers when a view raises; None lets Django treat it as a defect of ours."""
    request: HttpRequest = context["request"]
    match error:
        case InvalidParameters():
            return _invalid_parameters(request, error)
        case Http404():
            return problem(request, 404, detail=str(error))
        case Forgotten():
            begin = f"go on from since_revision={error.complete_since}"
            return problem(
                request, 410, detail=f"{error}; read /catalog/models anew and {begin}.", kind="no-longer-kept"
            )
        case NotReady():
            return problem(request, 503, detail=str(error), headers={"Retry-After": "1"})
        case APIException():
            headers = {"Allow": request.META["ALLOW"]} if "ALLOW" in request.META else {}
            return problem(request, error.status_code, detail=str(error.detail), headers=headers)
    return None


def problem(
    request: HttpRequest,
    status: int,
    *,
    detail: str,
    title: str = "",
    kind: str = "",
    errors: Sequence[Json] = (),
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    body = problem_document(
        status=status,
        title=title or TITLES.get(status, "Error"),
        detail=detail,
        instance=escape_uri_path(request.path),
        request_id=structlog.contextvars.get_contextvars().get("request_id"),
        kind=kind,
        errors=errors,
    )
    response = HttpResponse(
        orjson.dumps(body), status=status, content_type="application/problem+json", headers=headers or {}
    )
    response["Cache-Control"] = "no-store"
    response["Access-Control-Allow-Origin"] = "*"
    return response


def _invalid_parameters(request: HttpRequest, error: InvalidParameters) -> HttpResponse:
    errors = [{"parameter": p.parameter, "value": p.value, "reason": p.reason} for p in error.problems]
    return problem(request, 400, detail=str(error), title="Invalid parameter", kind="invalid-parameter", errors=errors)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return problem(request, 400, detail="The request could not be understood.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return problem(request, 403, detail="You may not do this.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return problem(request, 404, detail="There is nothing at this address.")


def server_error(request: HttpRequest) -> HttpResponse:
    return problem(request, 500, detail="Something went wrong on our side; the request id leads to it in the logs.")
