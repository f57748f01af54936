"""Starts runs and reports their progress, for authorised clients."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse
from rest_framework.exceptions import ParseError
from rest_framework.request import Request

from catalog import queries, registry
from catalog.api import answers, bodies, errors
from catalog.api.authentication import AUTHENTICATION, MaySync
from catalog.api.base import CatalogViewSet, operation
from catalog.api.introduction import Tag
from catalog.api.shapes.problems import ProblemSerializer
from catalog.api.shapes.sync import RunAnswerSerializer
from catalog.models import SyncRun
from catalog.normalize import dates
from catalog.parameters.endpoints import NotFound, PathVariable, Query
from catalog.sync import schedule
from front.answers import Answer

Json = Any
COUNTS = ("seen", "new", "changed", "unchanged", "withdrawn", "rejected", "ignored", "held_prices", "confirmed_prices")


class SyncViewSet(CatalogViewSet):
    tag = Tag.GATEWAYS
    authentication_classes = AUTHENTICATION
    permission_classes = (MaySync,)


class Syncs(SyncViewSet):
    prefix = "catalog/sync"
    lookup_url_kwarg = "gateway"
    variable = PathVariable(
        "The gateway to read.", [*registry.GATEWAYS][-1], {"type": "string", "enum": [*registry.GATEWAYS]}
    )

    @operation(
        "start_sync",
        summary="Request a run of a gateway; a waiting run is returned instead of a new one",
        description="Requires a key with the scope `sync`, or the login of a member of staff. `Location` is the "
        "address of the run, which shows how it ends.",
        responses={
            202: OpenApiResponse(RunAnswerSerializer, description="The run, which begins as soon as possible."),
            (409, "application/problem+json"): OpenApiResponse(
                ProblemSerializer, description="The operator has disabled the gateway, so it is not read."
            ),
        },
    )
    def start(self, request: Request, query: Query) -> Answer | HttpResponse:
        if bodies.length_of(request) and request.body.strip() not in {b"", b"{}"}:
            raise ParseError("This takes no body.")
        if query.id not in registry.GATEWAYS:
            raise NotFound(f"There is no gateway of this name; those are {', '.join(registry.GATEWAYS)}.")
        try:
            run = schedule.request_run(query.id, now=timezone.now())
        except schedule.Disabled as error:
            return errors.problem(request, 409, detail=f"{error}.")
        location = {"Location": f"/catalog/sync/runs/{run.pk}"}
        try:
            schedule.send_due()
        except schedule.NoBroker as error:
            detail = f"The run is asked for and will begin later: {error}."
            return errors.problem(request, 503, detail=detail, headers={"Retry-After": "60", **location})
        return answers.json_answer({"data": _shown(run)}, status=202, headers=tuple(location.items()))


class SyncRuns(SyncViewSet):
    prefix = "catalog/sync/runs"
    lookup_url_kwarg, lookup_value_converter = "run_id", "int"
    variable = PathVariable("The run's number.", 1, {"type": "integer", "minimum": 1})

    @operation(
        "read_sync_run",
        summary="The state and outcome of a run",
        description="Poll it until `state` is `ended`. Requires a key with the scope `sync`, or the login of a member "
        "of staff. Old runs are not kept.",
        responses=RunAnswerSerializer,
    )
    def retrieve(self, request: Request, query: Query) -> Answer:
        run = queries.sync_run(int(query.id))
        if run is None:
            raise NotFound("There is no run of this number, or it is no longer kept.")
        return answers.json_answer({"data": _shown(run)})


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
