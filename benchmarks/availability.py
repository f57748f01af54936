"""Simulates a day of availability, with and without `monitoring`: `make bench-availability`, on DATABASE_URL or SQLite.

The clock is given, and the gateways are replaced by listings that differ only in the flips of Chutes' deployments. All
else is the product's own: syncs, the task that observes, publications, and the task that adds up and deletes. Each half
has an empty database and a process of its own. docs/performance.md explains the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine

from benchmarks import measured, sync, tables
from benchmarks.availability_gateways import STEPS_AN_HOUR, Gateways

Figures = dict[str, Any]

STEP = timedelta(minutes=5)
MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)
"""When the day begins: later than all that the database has."""
LEAST_SHOWN = 0.05
"""Tables that grew less, in MB, have no row."""
PRUNED_DAYS, SHORT = 440, timedelta(minutes=20)
"""The age of the oldest interval of the prune, and how long its outages last."""


def main() -> None:
    options = _options()
    if options.monitoring:
        sys.stdout.write(json.dumps(_day(options)))
        return
    before, after = _of_process(options, "off"), _of_process(options, "basic")
    vendor = "PostgreSQL" if "postgres" in options.database_url else "SQLite"
    text = measured.write(
        f"availability-{vendor.lower()}",
        title=f"A day of availability on {vendor}, measured",
        command="make bench-availability",
        conditions={
            "offers": f"{options.offers:,}, {options.chutes:,} of them of Chutes; {options.routed} with requests",
            "simulated": f"{options.hours} hours; {options.rate:g} % of Chutes' offers flip in each",
            "syncs": f"each {options.sync_minutes} minutes",
            "intervals of the prune": f"{options.pruned_offers} offers, {PRUNED_DAYS} days, an outage each second day",
        },
        tables=[_compared(before, after), _grown(before, after), _of_prune(after)],
    )
    sys.stdout.write(text)


def _compared(before: Figures, after: Figures) -> measured.Table:
    shown = [
        ("revisions", "revisions", ".0f"),
        ("changed documents", "documents", ",.0f"),
        ("304s, per cent", "not modified", ".2f"),
        ("seconds of the simulation", "seconds", ".0f"),
    ]
    rows = [(name, format(before[key], form), format(after[key], form)) for name, key, form in shown]
    return measured.Table(("figure", "without monitoring", "with monitoring"), rows)


def _grown(before: Figures, after: Figures) -> measured.Table:
    stored = [name for name in after["grown"] if name.startswith(("monitoring_", "catalog_observation"))]
    states = [name for name in stored if not name.startswith("monitoring_traffic")]
    sums = [
        ("all tables", [tables.ALL], ""),
        ("all tables, without monitoring", [tables.ALL], ""),
        ("what monitoring stores", stored, "at most 25"),
        ("that without requests of clients", states, "at most 3"),
        *((name, [name], "") for name in stored if after["grown"][name] >= LEAST_SHOWN),
    ]
    rows = []
    for words, names, wanted in sums:
        of = before if words.endswith("without monitoring") else after
        grown, compacted = (f"{sum(of[kind][name] for name in names):z.1f}" for kind in ("grown", "compacted"))
        rows.append((words, grown, compacted, wanted))
    return measured.Table(("growth in MB", "at the end", "compacted", "wanted"), rows)


def _of_prune(after: Figures) -> measured.Table:
    rows = [
        ("intervals before and after", f"{after['intervals']:,.0f} and {after['intervals kept']:,.0f}", ""),
        ("calls, each with a transaction or several", f"{after['calls']:,.0f}", ""),
        ("longest call", f"{after['longest'] * 1000:.0f} ms", "below 1,000 ms"),
        ("most processor time of a call, without a server's", f"{after['most computing'] * 1000:.0f} ms", ""),
        ("seconds", f"{after['prune seconds']:.0f}", ""),
    ]
    return measured.Table(("prune", "measured", "wanted"), rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--offers", type=int, default=20_000)
    parser.add_argument("--chutes", type=int, default=500, help="how many of the offers are Chutes'")
    parser.add_argument("--routed", type=int, default=300, help="how many of Chutes' offers get requests")
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--sync-minutes", type=int, default=60, help="the time from one sync to the next")
    parser.add_argument("--rate", type=float, default=5.0, help="the percentage of Chutes' offers that flip in an hour")
    parser.add_argument("--pruned-offers", type=int, default=100)
    parser.add_argument("--database-url", default=os.environ.get("DATABASE_URL", ""))
    parser.add_argument("--monitoring", help=argparse.SUPPRESS)
    return parser.parse_args()


def _of_process(options: argparse.Namespace, monitoring: str) -> Figures:
    chosen = vars(options) | {"monitoring": monitoring}
    given = [f"--{name.replace('_', '-')}={value}" for name, value in chosen.items()]
    command = [sys.executable, "-m", "benchmarks.availability", *given]
    environment = os.environ | {"MONITORING": monitoring}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


# --- the day ---------------------------------------------------------------------------------------------------------
def _day(options: argparse.Namespace) -> Figures:
    sync.set_up(options.database_url)
    from django.db import connection
    from django.utils import timezone

    from catalog.publication import clock
    from catalog.sync import fetch

    clock.database_time = timezone.now  # PostgreSQL's own clock is not the given one
    featherless = options.offers - options.chutes
    gateways = Gateways(chutes=options.chutes, featherless=featherless, rate=options.rate)
    fetch.Fetcher = gateways.fetcher()  # type: ignore[misc]  # this process has no other network
    began = time.perf_counter()
    try:
        with time_machine.travel(MIDNIGHT - timedelta(hours=1), tick=False) as given:
            _run(gateways, given, options, hours=1)  # fills the tables: only what follows is growth
            tables.compact()
            figures = _measured(lambda: _run(gateways, given, options, hours=options.hours))
        figures["seconds"] = time.perf_counter() - began
        if options.monitoring != "off":
            figures |= _prune(offers=options.pruned_offers, now=MIDNIGHT + timedelta(days=6))
    finally:
        connection.creation.destroy_test_db(str(connection.settings_dict["NAME"]), verbosity=0)
        shutil.rmtree(os.environ["DATA_DIR"], ignore_errors=True)
    return figures


def _measured(run: Callable[[], int]) -> Figures:
    from catalog.models import OfferVersion, Revision

    before, newest = tables.megabytes(), Revision.objects.newest().number
    steps = run()
    after, published = tables.megabytes(), Revision.objects.filter(number__gt=newest)
    # A client that asks each minute gets a new ETag in each minute that has a revision: every list names its revision.
    minutes = {int(at.timestamp()) // 60 for at in published.values_list("published_at", flat=True)}
    tables.compact()
    compacted = tables.megabytes()
    return {
        "revisions": published.count(),
        "documents": OfferVersion.objects.filter(from_revision__gt=newest).count(),
        "not modified": 100 * (1 - len(minutes) / (steps * STEP.total_seconds() / 60)),
        "grown": {name: after[name] - before[name] for name in before},
        "compacted": {name: compacted[name] - before[name] for name in before},
    }


def _run(gateways: Gateways, given: Any, options: argparse.Namespace, *, hours: int) -> int:
    """Let these hours pass, and return their number of steps."""
    from django.conf import settings

    steps = hours * STEPS_AN_HOUR
    for step in range(steps):
        gateways.flip()
        if step * STEP % timedelta(minutes=options.sync_minutes) == timedelta(0):
            _sync("chutes")
            _sync("featherless")
        if settings.MONITORING != "off":
            _observe(gateways.loads, routed=options.routed, is_quarter=step % 3 == 0)
        tables.vacuum()
        given.shift(STEP)
    return steps


def _sync(slug: str) -> None:
    from catalog import registry
    from catalog.records import Source
    from catalog.sync import run
    from catalog.sync.task import Task

    report = run.perform(Task(adapter=registry.GATEWAYS[slug], source=Source.API, trigger="schedule"))
    if report.has_failed:
        raise SystemExit(f"the run failed: {report.run.error}")


def _observe(dice: random.Random, *, routed: int, is_quarter: bool) -> None:
    from django.utils import timezone

    from catalog.models import Offer, TaskEnd
    from monitoring import tasks, traffic

    now = timezone.now()
    offers = Offer.objects.filter(gateway__slug="chutes").order_by("pk").values_list("pk", flat=True)[:routed]
    counts = {offer: _counts(dice) for offer in offers}
    newest = int(now.timestamp()) // traffic.SLOT_SECONDS
    for slot in range(newest - traffic.LATE_SECONDS // traffic.SLOT_SECONDS, newest + 1):
        traffic.put(slot, counts)  # as the router does it: each slot again, until it is added up
    tasks.observe()
    if is_quarter:
        tasks.tidy()
    if not TaskEnd.objects.filter(task=tasks.observe.name, ended_at=now).exists():
        raise SystemExit("availability was not observed; the log has the reason")


def _counts(dice: random.Random) -> Any:
    from monitoring import traffic

    times = [dice.randint(0, 5) for _ in traffic.Counts().ttft]
    tokens = {"tokens_in": dice.randint(1, 10**6), "tokens_out": dice.randint(1, 10**5)}
    return traffic.Counts(
        ok=sum(times), error=dice.randint(0, 2), stream_ms=dice.randint(1, 10**6), ttft=(*times,), **tokens
    )


# --- the prune -------------------------------------------------------------------------------------------------------
def _prune(*, offers: int, now: datetime) -> Figures:
    """Prune intervals of 440 days and the requests of the simulated day, and return how long it takes."""
    from catalog.models import Offer
    from monitoring import retention
    from monitoring.models import Interval

    keys = list(Offer.objects.order_by("pk").values_list("pk", flat=True)[:offers])
    Interval.objects.bulk_create((each for key in keys for each in _intervals(key)), batch_size=2_000)
    figures = {"intervals": float(Interval.objects.count())}
    seconds: list[tuple[float, float]] = []
    for name in ("_delete", "join_short"):
        _timed(retention, name, seconds)
    began = time.perf_counter()
    retention.prune(now=now)
    return figures | {
        "prune seconds": time.perf_counter() - began,
        "calls": len(seconds),
        "longest": max(elapsed for elapsed, _ in seconds),
        "most computing": max(computing for _, computing in seconds),
        "intervals kept": Interval.objects.count(),
    }


def _intervals(offer: int) -> Iterator[Any]:
    from catalog.records import Availability
    from monitoring.models import Interval

    first = MIDNIGHT - timedelta(days=PRUNED_DAYS)
    for number in range(0, PRUNED_DAYS - 2, 2):
        start, end = first + timedelta(days=number), first + timedelta(days=number + 2)
        yield Interval(offer_id=offer, state=Availability.ONLINE, start=start, end=end - SHORT)
        yield Interval(offer_id=offer, state=Availability.OFFLINE, start=end - SHORT, end=end)


def _timed(module: Any, name: str, seconds: list[tuple[float, float]]) -> None:
    """Replace a function by itself, timed: by the clock, and by the processor time of this process."""
    real = getattr(module, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter(), time.process_time()
        found = real(*args, **kwargs)
        seconds.append((time.perf_counter() - began[0], time.process_time() - began[1]))
        return found

    setattr(module, name, call)


if __name__ == "__main__":
    main()
