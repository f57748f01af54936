"""`/metrics` in Prometheus' text format, for clients with METRICS_TOKEN. Each answer covers all serving processes.

A scrape answers within WAIT_SECONDS even if database and broker do not: it then has the other figures.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hmac import compare_digest
from itertools import accumulate
from operator import itemgetter
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
from catalog.models.patience import Gathered, bounded
from front.counts import BUCKETS, Gauges, counts
from front.shared_counts import SharedCounts, Totals

FIGURES_SECONDS = 10.0
"""Cache the figures of the database and the broker this long, so that scraping stays cheap."""
WAIT_SECONDS = 2.0
"""The longest time for database and broker together, well below the deadline of a request."""


OF_APPS: list[Callable[[Totals], Iterator[Metric]]] = []
"""What other apps show, by the counts of all processes."""
GAUGES_OF_APPS: list[Callable[[], Gauges]] = []
"""Numbers of this process that other apps share with the other processes."""


@dataclass(frozen=True, slots=True)
class _Figures:
    runs: queries.RunFigures
    states: dict[str, queries.GatewayState]
    published: int
    """The number of the newest revision."""


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
    return HttpResponse(
        generate_latest(registry), content_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"}
    )


def _may_read(request: HttpRequest) -> bool:
    sent = request.headers.get("Authorization", "")
    wanted = f"Bearer {settings.METRICS_TOKEN}"
    return bool(settings.METRICS_TOKEN) and compare_digest(sent.encode(), wanted.encode())


class CatalogueCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        end = time.monotonic() + WAIT_SECONDS
        _FIGURES.start()
        _QUEUE.start()
        totals = SHARED_COUNTS.totals()
        yield from _of_processes(totals)
        yield from _of_requests(totals)
        yield from _of_connections(totals)
        yield from _of_usage(totals)
        for of_app in OF_APPS:
            yield from of_app(totals)
        yield from _of_snapshot(totals)
        yield from _of_tables(totals, wait_seconds=max(0.0, end - time.monotonic()))
        yield from _of_queue(wait_seconds=max(0.0, end - time.monotonic()))
        yield from _of_pulses()


def _of_processes(totals: Totals) -> Iterator[Metric]:
    yield GaugeMetricFamily("gatewayz_worker_pid", "The process that answered this scrape.", os.getpid())
    alive = totals.processes
    yield GaugeMetricFamily("gatewayz_processes", "Serving processes that share DATA_DIR and are alive.", len(alive))
    families: dict[str, Metric] = {}
    for process in (process for process in alive if process.host == alive[0].host):
        for found in ProcessCollector(pid=partial(int, process.pid), registry=None).collect():
            family = families.setdefault(found.name, Metric(found.name, found.documentation, found.type))
            for sample in found.samples:
                family.add_sample(sample.name, {"pid": str(process.pid)}, sample.value)
    yield from families.values()


def _of_requests(totals: Totals) -> Iterator[Metric]:
    yield counter(
        totals,
        "requests",
        "Requests by what answered them: kept: the response cache; made: a new cached answer; django: Django alone; "
        "inference: a model, or the refusal of a request to one; preflight: a CORS preflight; refused: over the limit, "
        "too large or with a wrong key.",
        labels=["from", "status"],
    )
    took = HistogramMetricFamily(
        "gatewayz_request_seconds", "Seconds within the process, without the network.", labels=["from"]
    )
    numbers = {(source, bucket): number for (source, bucket), number in totals.counter("buckets")}
    for (source,), seconds in totals.counter("seconds"):
        at_most = accumulate(numbers.get((source, bucket), 0.0) for bucket in BUCKETS)
        took.add_metric([source], list(zip(BUCKETS, at_most, strict=True)), seconds)
    yield took
    answers, size = sum(totals.gauge("cached_answers")), sum(totals.gauge("cached_bytes"))
    yield GaugeMetricFamily("gatewayz_kept_answers", "Answers in the response caches.", answers)
    yield GaugeMetricFamily("gatewayz_kept_answers_bytes", "Approximate size of the response caches.", size)


def _of_connections(totals: Totals) -> Iterator[Metric]:
    yield counter(
        totals,
        "failed_logins",
        "Failed logins to the admin: wrong: a wrong password; address, pair, account: refused by the limit of the "
        "address, of the account at this address, or of the account; busy: refused while another one was checked.",
    )
    yield counter(
        totals,
        "unavailable",
        "Requests answered with 503: full: no thread was free; overdue: the answer was not ready at the deadline.",
    )
    yield counter(totals, "cut_connections", "Connections that were closed because the client was too slow.")
    streams = sum(totals.gauge("open_streams"))
    yield GaugeMetricFamily("gatewayz_open_streams", "Streams that are open.", streams)


def _of_usage(totals: Totals) -> Iterator[Metric]:
    yield counter(totals, "usage_flush_failures", "Attempts to store the counts of requests that failed.", labels=[])
    unflushed = sum(totals.gauge("usage_unflushed"))
    words = "Requests that are counted and were not stored by the last attempt."
    yield GaugeMetricFamily("gatewayz_usage_unflushed", words, unflushed)


def counter(totals: Totals, name: str, documentation: str, *, labels: Sequence[str] = ("reason",)) -> Metric:
    family = CounterMetricFamily(f"gatewayz_{name}", documentation, labels=labels)
    for values, number in totals.counter(name):
        family.add_metric(values, number)
    return family


def _of_snapshot(totals: Totals) -> Iterator[Metric]:
    """Of several processes, the worst: an alert must not depend on which one answers."""
    failing = max(totals.gauge("snapshot_failing"), default=0.0)
    yield GaugeMetricFamily("gatewayz_snapshot_failing", "1 while the newest revision cannot be read.", failing)
    serving = [process.gauges for process in totals.processes if "snapshot_revision" in process.gauges]
    if not serving:
        return
    oldest = min(serving, key=itemgetter("snapshot_revision"))
    revision, offers = oldest["snapshot_revision"], oldest["snapshot_offers"]
    age = time.time() - oldest["snapshot_published_at"]
    build = max(gauges["snapshot_build_seconds"] for gauges in serving)
    yield GaugeMetricFamily("gatewayz_snapshot_revision", "The oldest revision that is served.", revision)
    yield GaugeMetricFamily("gatewayz_snapshot_offers", "Served offers, including withdrawn ones.", offers)
    yield GaugeMetricFamily("gatewayz_snapshot_age_seconds", "Seconds since the served revision was published.", age)
    yield GaugeMetricFamily("gatewayz_snapshot_build_seconds", "Seconds to read the revision.", build)


def _gauges() -> Gauges:
    gauges = snapshot_gauges()
    for of_app in GAUGES_OF_APPS:
        gauges.update(of_app())
    return gauges


def snapshot_gauges() -> Gauges:
    """Return what this process serves, for the totals of all processes."""
    failing = float(following.FOLLOWER.is_failing)
    try:
        served = current()
    except NotReady:
        return {"snapshot_failing": failing}
    return {
        "snapshot_failing": failing,
        "snapshot_revision": served.revision,
        "snapshot_offers": len(served.index),
        "snapshot_published_at": served.published_at.timestamp(),
        "snapshot_build_seconds": served.build_seconds,
    }


SHARED_COUNTS = SharedCounts(counts, gauges=_gauges)
"""The counts of all serving processes. Each of these starts it with the folder `counts` of DATA_DIR, and stops it."""


def _of_tables(totals: Totals, *, wait_seconds: float) -> Iterator[Metric]:
    try:
        found = _FIGURES.value(wait_seconds=wait_seconds)
    except (DatabaseError, InterfaceError, TimeoutError):
        yield GaugeMetricFamily("gatewayz_database_up", "1 if the database answers.", 0)
        return
    yield GaugeMetricFamily("gatewayz_database_up", "1 if the database answers.", 1)
    yield GaugeMetricFamily("gatewayz_database_bytes", "Size of the database.", found.runs.database_bytes)
    yield GaugeMetricFamily("gatewayz_published_revision", "The newest published revision.", found.published)
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
    if served := totals.gauge("snapshot_revision"):
        lag = max(0.0, found.published - min(served))
        yield GaugeMetricFamily("gatewayz_revision_lag", "Published revisions that are not served yet.", lag)


def _read_figures() -> _Figures:
    with bounded(WAIT_SECONDS):
        states = queries.gateway_states(gateways.GATEWAYS, now=timezone.now())
        return _Figures(queries.run_figures(), states, queries.newest_revision().number)


_FIGURES = Gathered(_read_figures, fresh_seconds=FIGURES_SECONDS)


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
        # A disabled gateway is not read, as the operator wants: alerts about old data must not name it.
        if state.last_success_at is not None and state.state != "disabled":
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


def _of_queue(*, wait_seconds: float) -> Iterator[Metric]:
    try:
        length = _QUEUE.value(wait_seconds=wait_seconds)
    except TimeoutError:
        length = None
    yield GaugeMetricFamily("gatewayz_broker_up", "1 if the broker answers.", length is not None)
    if length is not None:
        yield GaugeMetricFamily("gatewayz_queue_messages", "Messages that wait for the worker.", length)


def _queue_length() -> int | None:
    """Return the number of messages that wait for the worker, or None if the broker does not answer."""
    patience = {"socket_connect_timeout": WAIT_SECONDS, "socket_timeout": WAIT_SECONDS}
    connection = current_app.connection_for_read(transport_options=patience)
    unreachable: tuple[type[BaseException], ...] = (OSError, KombuError, *connection.connection_errors)
    try:
        with connection:
            channel: Any = connection.channel()  # kombu's stubs lack the methods of a channel
            return int(channel.queue_declare(queue=current_app.conf.task_default_queue).message_count)
    except unreachable:
        return None


_QUEUE = Gathered(_queue_length, fresh_seconds=FIGURES_SECONDS)


def _of_pulses() -> Iterator[Metric]:
    """Without a pulse of its own, a worker on another machine has no sample here."""
    pulses = GaugeMetricFamily(
        "gatewayz_pulse_timestamp_seconds", "The pulses of worker and beat in DATA_DIR.", labels=["process"]
    )
    for process in ("worker", "beat"):
        with suppress(OSError):
            pulses.add_metric([process], (settings.DATA_DIR / f"{process}.pulse").stat().st_mtime)
    yield pulses
