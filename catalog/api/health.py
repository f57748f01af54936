"""The probes: whether the process lives, and whether it serves a published revision."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse
from rest_framework.request import Request

from catalog.api import answers
from catalog.api.base import CatalogView, current, to_django
from catalog.api.introduction import Tag
from catalog.api.shapes.gateways import HealthSerializer, ReadySerializer
from catalog.memory import following
from catalog.memory.following import NotReady
from catalog.parameters.endpoints import Endpoint
from front.answers import Answer

Json = Any


class ProbeView(CatalogView):
    tag = Tag.HEALTH

    def get(self, request: Request) -> HttpResponse:
        """Answer without the catalogue, if the front has not."""
        self.query(request)
        if self.endpoint.probe is None:
            raise TypeError(f"{self.endpoint.name} is no probe")
        return to_django(self.endpoint.probe())


def _liveness() -> Answer:
    return answers.json_answer({"status": "ok"})


def _readiness() -> Answer:
    # The database is not queried here: a silent one would block the few threads, and with them cached answers.
    found: dict[str, Json] = {"serving_revision": None, "published_revision": following.FOLLOWER.published_revision}
    problems = []
    try:
        found["serving_revision"] = current().revision
    except NotReady as error:
        problems.append(str(error))
    if found["published_revision"] is None:
        problems.append("the database does not answer")
    if following.FOLLOWER.is_failing and found["serving_revision"] is not None:
        problems.append("the newest revision cannot be read; the last one that could stays served")
    if following.FOLLOWER.is_replacing:
        problems.append("the database has another catalogue than the one that is served; it is being read")
    if found["published_revision"] == 0:
        problems.append("nothing has been published yet; the first sync does it")
    body = {"status": "not ready" if problems else "ok", "problems": problems, **found}
    return answers.json_answer(body, status=503 if problems else 200)


class Alive(ProbeView):
    endpoint = Endpoint(
        probe=_liveness,
        name="healthz",
        summary="The process is alive",
        description="Uses neither the database nor the catalogue: restart a process that does not answer it.",
        responses=HealthSerializer,
    )


class Ready(ProbeView):
    endpoint = Endpoint(
        probe=_readiness,
        name="readyz",
        summary="The database answers, and a published revision is served",
        description="Send requests to a process only while it answers 200. `problems` lists what is missing.",
        responses={
            200: ReadySerializer,
            503: OpenApiResponse(ReadySerializer, description="Not ready; see `problems`."),
        },
    )
