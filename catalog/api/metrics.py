"""`/metrics` in Prometheus' text format, for clients with METRICS_TOKEN. Each answer covers one serving process."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from hmac import compare_digest
from itertools import accumulate
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from kombu.exceptions import KombuError
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from catalog import queries
from catalog import registry as gateways
from catalog.api import errors
from catalog.api.base import current
from catalog.memory import following
from catalog.memory.following import NotReady
from catalog.models.patience import bounded
from front.counts import BOUNDS_SECONDS, counts

FIGURES_SECONDS = 10.0
"""Cache the figures of the database and the broker this long, so that scraping stays cheap."""
_PATIENCE_SECONDS = 3.0
"""The longest time for a statement, and for an answer of the broker."""


@dataclass(frozen=True, slots=True)
class _Figures:
    runs: queries.RunFigures
    states: dict[str, queries.GatewayState]


_figures: tuple[float, _Figures] | None = None
_queue: tuple[float, int | None] | None = None


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
        yield from _of_queue()
        yield from _of_pulses()


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
    logins = CounterMetricFamily(
        "gatewayz_failed_logins",
        "Failed logins to the admin: wrong: a wrong password; address, pair, account: refused by the limit of the "
        "address, of the account at this address, or of the account; busy: refused while another one was checked.",
        labels=["reason"],
    )
    for reason, count in sorted(counts.failed_logins.items()):
        logins.add_metric([reason], count)
    yield logins


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
        with bounded(_PATIENCE_SECONDS):
            found, published = _recent_figures(), queries.newest_revision().number
    except (DatabaseError, InterfaceError):
        yield GaugeMetricFamily("gatewayz_database_up", "1 if the database answers.", 0)
        return
    yield GaugeMetricFamily("gatewayz_database_up", "1 if the database answers.", 1)
    yield GaugeMetricFamily("gatewayz_database_bytes", "Size of the database.", found.runs.database_bytes)
    yield GaugeMetricFamily("gatewayz_published_revision", "The newest published revision.", published)
    yield from _of_runs(found.runs)
    yield from _of_gateways(found.states)
    yield from _of_held(found)
    ends = GaugeMetricFamily(
        "gatewayz_task_end_timestamp_seconds",
        "When each periodic task of the worker last ended without a failure.",
        labels=["task"],
    )
    for task, ended_at in found.runs.task_ends.items():
        ends.add_metric([task], ended_at.timestamp())
    yield ends
    try:
        lag = published - current().revision
    except NotReady:
        return
    yield GaugeMetricFamily("gatewayz_revision_lag", "Published revisions that are not served yet.", max(0, lag))


def _of_runs(found: queries.RunFigures) -> Iterator[Metric]:
    ended = CounterMetricFamily("gatewayz_sync_runs", "Runs that ended, by outcome.", labels=["gateway", "outcome"])
    for (gateway, outcome), count in sorted(found.ended.items()):
        ended.add_metric([gateway, outcome], count)
    yield ended
    stored = GaugeMetricFamily("gatewayz_stored_runs", "Stored runs by outcome.", labels=["gateway", "outcome"])
    for (gateway, outcome), count in sorted(found.stored.items()):
        stored.add_metric([gateway, outcome], count)
    yield stored
    rejected = GaugeMetricFamily("gatewayz_rejected_rows", "Rows that the last run could not use.", labels=["gateway"])
    for gateway, count in sorted(found.rejected.items()):
        rejected.add_metric([gateway], count)
    yield rejected


def _of_gateways(states: dict[str, queries.GatewayState]) -> Iterator[Metric]:
    shown = GaugeMetricFamily("gatewayz_gateway_state", "1 for the state of each gateway.", labels=["gateway", "state"])
    success = GaugeMetricFamily(
        "gatewayz_last_success_timestamp_seconds", "When each gateway was last read.", labels=["gateway"]
    )
    for slug, state in states.items():
        shown.add_metric([slug, state.state], 1)
        if state.last_success_at is not None:
            success.add_metric([slug], state.last_success_at.timestamp())
    yield shown
    yield success


def _of_held(found: _Figures) -> Iterator[Metric]:
    """Gateways without holds have the number 0 and no time."""
    for name, waiting in (("runs", found.runs.held_runs), ("prices", found.runs.held_prices)):
        number = GaugeMetricFamily(f"gatewayz_held_{name}", f"Held {name}.", labels=["gateway"])
        oldest = GaugeMetricFamily(
            f"gatewayz_oldest_held_{name}_timestamp_seconds",
            f"Since when the oldest of the held {name} waits for a decision.",
            labels=["gateway"],
        )
        for slug in found.states:
            number.add_metric([slug], waiting[slug].count if slug in waiting else 0)
            if slug in waiting:
                oldest.add_metric([slug], waiting[slug].oldest.timestamp())
        yield number
        yield oldest


def _of_queue() -> Iterator[Metric]:
    global _queue
    now = time.monotonic()
    if _queue is None or now - _queue[0] > FIGURES_SECONDS:
        _queue = now, _queue_length()
    length = _queue[1]
    yield GaugeMetricFamily("gatewayz_broker_up", "1 if the broker answers.", length is not None)
    if length is not None:
        yield GaugeMetricFamily("gatewayz_queue_messages", "Messages that wait for the worker.", length)


def _queue_length() -> int | None:
    """Return the number of messages that wait for the worker, or None if the broker does not answer."""
    patience = {"socket_connect_timeout": _PATIENCE_SECONDS, "socket_timeout": _PATIENCE_SECONDS}
    connection = current_app.connection_for_read(transport_options=patience)
    unreachable: tuple[type[BaseException], ...] = (OSError, KombuError, *connection.connection_errors)
    try:
        with connection:
            channel: Any = connection.channel()  # kombu's stubs lack the methods of a channel
            return int(channel.queue_declare(queue=current_app.conf.task_default_queue).message_count)
    except unreachable:
        return None


def _of_pulses() -> Iterator[Metric]:
    """Without a pulse of its own, a worker on another machine has no sample here."""
    pulses = GaugeMetricFamily(
        "gatewayz_pulse_timestamp_seconds", "The pulses of worker and beat in DATA_DIR.", labels=["process"]
    )
    for process in ("worker", "beat"):
        with suppress(OSError):
            pulses.add_metric([process], (settings.DATA_DIR / f"{process}.pulse").stat().st_mtime)
    yield pulses


def _recent_figures() -> _Figures:
    global _figures
    now = time.monotonic()
    if _figures is None or now - _figures[0] > FIGURES_SECONDS:
        interval = timedelta(minutes=settings.SYNC_INTERVAL_MINUTES)
        states = queries.gateway_states(gateways.GATEWAYS, now=timezone.now(), interval=interval)
        _figures = now, _Figures(queries.run_figures(), states)
    return _figures[1]
