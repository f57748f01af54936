"""Starts runs and reports their progress, for authorised clients."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ParseError
from rest_framework.request import Request

from catalog import queries, registry
from catalog.api import answers, bodies, errors, serializers
from catalog.api.authentication import AUTHENTICATION, MaySync
from catalog.api.base import CatalogView
from catalog.models import SyncRun
from catalog.normalize import dates
from catalog.sync import schedule

Json = Any
COUNTS = ("seen", "new", "changed", "unchanged", "withdrawn", "rejected", "ignored", "held_prices", "confirmed_prices")


class SyncView(CatalogView):
    authentication_classes = AUTHENTICATION
    permission_classes = (MaySync,)


class SyncStart(SyncView):
    @extend_schema(
        operation_id="start_sync",
        summary="Have a gateway read as soon as possible; while a run waits to begin, it is that one",
        request=None,
        responses={202: serializers.RunAnswerSerializer},
    )
    def post(self, request: Request, gateway: str) -> HttpResponse:
        self.query(request)
        if bodies.length_of(request) and request.body.strip() not in {b"", b"{}"}:
            raise ParseError("This takes no body.")
        if gateway not in registry.GATEWAYS:
            raise Http404(f"There is no gateway of this name; those are {', '.join(registry.GATEWAYS)}.")
        run = schedule.request_run(gateway, now=timezone.now())
        response = _begun(request, run)
        response["Location"] = f"/catalog/sync/runs/{run.pk}"
        return response


class SyncRunDetail(SyncView):
    @extend_schema(
        operation_id="read_sync_run",
        summary="How a run goes, or went",
        responses=serializers.RunAnswerSerializer,
    )
    def get(self, request: Request, run_id: int) -> HttpResponse:
        self.query(request)
        run = queries.sync_run(run_id)
        if run is None:
            raise Http404("There is no run of this number, or it is no longer kept.")
        return answers.json_response({"data": _shown(run)})


def _begun(request: HttpRequest, run: SyncRun) -> HttpResponse:
    try:
        schedule.send_due()
    except schedule.NoBroker as error:
        detail = f"The run is asked for and will begin later: {error}."
        return errors.problem(request, 503, detail=detail, headers={"Retry-After": "60"})
    return answers.json_response({"data": _shown(run)}, status=202)


def _shown(run: SyncRun) -> Json:
    waits, runs = run.outcome == SyncRun.Outcome.WAITING, run.outcome == SyncRun.Outcome.RUNNING
    return {
        "id": run.pk,
        "gateway": run.gateway.slug,
        "state": "waiting" if waits else "running" if runs else "ended",
        "outcome": None if waits or runs else run.outcome,
        "error": run.error or None,
        "trigger": run.trigger,
        "source": run.source or None,
        "started_at": None if waits else dates.iso(run.started_at),
        "finished_at": dates.iso(run.finished_at) if run.finished_at else None,
        "revision_before": run.revision_before,
        "revision_after": run.revision_after,
        "counts": {name: getattr(run, name) for name in COUNTS},
    }
