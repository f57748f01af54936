"""The probes: whether the process lives, and whether it serves a published revision."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from catalog.api import answers, serializers
from catalog.api.base import CatalogView
from catalog.memory import snapshot


class Alive(CatalogView):
    @extend_schema(operation_id="healthz", summary="The process lives", responses=serializers.HealthSerializer)
    def get(self, request: Request) -> HttpResponse:
        self.query(request)
        return answers.json_response({"status": "ok"})


class Ready(CatalogView):
    @extend_schema(
        operation_id="readyz",
        summary="The database answers, and a published revision is served",
        responses={200: serializers.ReadySerializer, 503: serializers.ReadySerializer},
    )
    def get(self, request: Request) -> HttpResponse:
        self.query(request)
        # The database is not queried here: a silent one would block the few threads, and with them cached answers.
        found = {"serving_revision": None, "published_revision": snapshot.published_revision()}
        problems = []
        try:
            found["serving_revision"] = snapshot.current().revision
        except snapshot.NotReady as error:
            problems.append(str(error))
        if found["published_revision"] is None:
            problems.append("the database does not answer")
        if snapshot.is_failing() and found["serving_revision"] is not None:
            problems.append("the newest revision cannot be read; the last one that could stays served")
        if found["published_revision"] == 0:
            problems.append("nothing has been published yet; the first sync does it")
        status = 503 if problems else 200
        return answers.json_response(
            {"status": "not ready" if problems else "ok", "problems": problems, **found}, status=status
        )
