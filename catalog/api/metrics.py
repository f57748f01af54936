"""`/metrics` in Prometheus' text format, for clients with METRICS_TOKEN. Each answer covers one serving process."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import timedelta
from hmac import compare_digest
from itertools import accumulate

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from catalog import queries
from catalog import registry as gateways
from catalog.api import errors
from catalog.api.base import current
from catalog.memory import following
from catalog.memory.following import NotReady
from front.counts import BOUNDS_SECONDS, counts

FIGURES_SECONDS = 10.0
"""Cache the database figures this long, so that scraping stays cheap."""

_figures: tuple[float, queries.RunFigures, dict[str, queries.GatewayState]] | None = None


@csrf_exempt  # nothing is written: a client that tries gets that error, not one about a missing token
def metrics(request: HttpRequest) -> HttpResponse:
    allow = {"Allow": "GET, HEAD, OPTIONS"}
    if request.method == "OPTIONS":
        return HttpResponse(headers=allow)
    if request.method not in {"GET", "HEAD"}:
        return errors.problem(request, 405, detail="This address is read-only.", headers=allow)
    if not _may_read(request):
        raise Http404("There is nothing at this address.")  # the same answer as without metrics
    registry = CollectorRegistry()
    registry.register(CatalogueCollector())
    ProcessCollector(registry=registry)
    return HttpResponse(
        generate_latest(registry), content_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"}
    )


def _may_read(request: HttpRequest) -> bool:
    sent = request.headers.get("Authorization", "")
    wanted = f"Bearer {settings.METRICS_TOKEN}"
    return bool(settings.METRICS_TOKEN) and compare_digest(sent.encode(), wanted.encode())


class CatalogueCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("gatewayz_worker_pid", "The process that answered this scrape.", os.getpid())
        yield from _of_requests()
        yield from _of_snapshot()
        yield from _of_tables()


def _of_requests() -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "gatewayz_requests",
        "Requests by what answered them: kept: the response cache; made: a new cached answer; django: Django alone; "
        "preflight: a CORS preflight; refused: over the limit, too large or with a wrong key.",
        labels=["from", "status"],
    )
    for (came_from, status), count in sorted(counts.requests.items()):
        requests.add_metric([came_from, status], count)
    yield requests
    took = HistogramMetricFamily(
        "gatewayz_request_seconds", "Seconds within the process, without the network.", labels=["from"]
    )
    for came_from, latencies in sorted(counts.latencies.items()):
        bounds = [*map(str, BOUNDS_SECONDS), "+Inf"]
        buckets = list(zip(bounds, accumulate(latencies.buckets), strict=True))
        took.add_metric([came_from], [(bound, float(count)) for bound, count in buckets], latencies.seconds)
    yield took
    yield GaugeMetricFamily("gatewayz_kept_answers", "Answers in the response cache.", counts.cached_answers)
    yield GaugeMetricFamily(
        "gatewayz_kept_answers_bytes", "Approximate size of the response cache.", counts.cached_bytes
    )


def _of_snapshot() -> Iterator[Metric]:
    failing = following.FOLLOWER.is_failing
    yield GaugeMetricFamily("gatewayz_snapshot_failing", "1 while the newest revision cannot be read.", failing)
    try:
        served = current()
    except NotReady:
        return
    age = (timezone.now() - served.published_at).total_seconds()
    yield GaugeMetricFamily("gatewayz_snapshot_revision", "The revision that is served.", served.revision)
    yield GaugeMetricFamily("gatewayz_snapshot_offers", "Served offers, including withdrawn ones.", len(served.index))
    yield GaugeMetricFamily("gatewayz_snapshot_age_seconds", "Seconds since the served revision was published.", age)
    yield GaugeMetricFamily("gatewayz_snapshot_build_seconds", "Seconds to read the revision.", served.build_seconds)


def _of_tables() -> Iterator[Metric]:
    try:
        (found, states), published = _recent_figures(), queries.newest_revision().number
    except (DatabaseError, InterfaceError):
        yield GaugeMetricFamily("gatewayz_database_up", "1 if the database answers.", 0)
        return
    yield GaugeMetricFamily("gatewayz_database_up", "1 if the database answers.", 1)
    yield GaugeMetricFamily("gatewayz_published_revision", "The newest published revision.", published)
    runs = GaugeMetricFamily("gatewayz_sync_runs", "Stored runs by outcome.", labels=["gateway", "outcome"])
    rejected = GaugeMetricFamily("gatewayz_rejected_rows", "Rows that the last run could not use.", labels=["gateway"])
    for (gateway, outcome), count in sorted(found.runs.items()):
        runs.add_metric([gateway, outcome], count)
    for gateway, count in sorted(found.rejected.items()):
        rejected.add_metric([gateway], count)
    yield runs
    yield rejected
    of_gateways = GaugeMetricFamily(
        "gatewayz_gateway_state", "1 for the state of each gateway.", labels=["gateway", "state"]
    )
    for slug, state in states.items():
        of_gateways.add_metric([slug, state.state], 1)
    yield of_gateways
    try:
        lag = published - current().revision
    except NotReady:
        return
    yield GaugeMetricFamily("gatewayz_revision_lag", "Published revisions that are not served yet.", max(0, lag))


def _recent_figures() -> tuple[queries.RunFigures, dict[str, queries.GatewayState]]:
    global _figures
    now = time.monotonic()
    if _figures is None or now - _figures[0] > FIGURES_SECONDS:
        interval = timedelta(minutes=settings.SYNC_INTERVAL_MINUTES)
        states = queries.gateway_states(gateways.GATEWAYS, now=timezone.now(), interval=interval)
        _figures = now, queries.run_figures(), states
    return _figures[1:]
