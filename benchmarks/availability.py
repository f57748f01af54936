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

from benchmarks import measured, sync
from benchmarks.availability_gateways import STEPS_AN_HOUR, Gateways

Figures = dict[str, float]

STEP = timedelta(minutes=5)
MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)
"""When the day begins: later than all that the database has."""
OF_ALL, OF_MONITORING, OF_STATES = "all tables", "what monitoring stores", "that without requests of clients"
WANTED = {OF_MONITORING: "at most 25 MB", OF_STATES: "at most 3 MB"}
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
        tables=[_compared(before, after), _of_prune(after)],
    )
    sys.stdout.write(text)


def _compared(before: Figures, after: Figures) -> measured.Table:
    shown = [
        ("revisions", "revisions", ".0f", ""),
        ("changed documents", "documents", ",.0f", ""),
        ("304s, per cent", "not modified", ".2f", ""),
        *((f"growth of {of}, MB", of, ".1f", WANTED.get(of, "")) for of in (OF_ALL, OF_MONITORING, OF_STATES)),
        ("seconds of the simulation", "seconds", ".0f", ""),
    ]
    rows = [(name, format(before[key], form), format(after[key], form), wanted) for name, key, form, wanted in shown]
    return measured.Table(("figure", "without monitoring", "with monitoring", "wanted"), rows)


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
    fetch.Fetcher = gateways.fetcher()  # type: ignore[misc]
    began = time.perf_counter()
    try:
        with time_machine.travel(MIDNIGHT - timedelta(hours=1), tick=False) as given:
            _run(gateways, given, options, hours=1)  # fills the tables: only what follows is growth
            _compact()
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

    before, newest = _megabytes(), Revision.objects.newest().number
    steps = run()
    after, published = _megabytes(), Revision.objects.filter(number__gt=newest)
    # A client that asks each minute gets a new ETag in each minute that has a revision: every list names its revision.
    minutes = {int(at.timestamp()) // 60 for at in published.values_list("published_at", flat=True)}
    return {
        "revisions": published.count(),
        "documents": OfferVersion.objects.filter(from_revision__gt=newest).count(),
        "not modified": 100 * (1 - len(minutes) / (steps * STEP.total_seconds() / 60)),
        **{of: after[of] - before[of] for of in before},
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
        _vacuum()
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


# --- the tables ------------------------------------------------------------------------------------------------------
def _asked(statement: str) -> list[Any]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def _megabytes() -> Figures:
    """Return the sizes of tables with their indexes; of all tables in SQLite, that of the file."""
    if sync.vendor() == "postgresql":
        sizes = dict(_asked("SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables"))
        total = sum(sizes.values())
    else:
        _asked("PRAGMA wal_checkpoint(TRUNCATE)")
        sizes = dict(_asked("SELECT tbl_name, SUM(pgsize) FROM dbstat JOIN sqlite_master USING (name) GROUP BY 1"))
        [(total,)] = _asked("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
    observed = {name: size for name, size in sizes.items() if name.startswith(("monitoring_", "catalog_observation"))}
    states = [size for name, size in observed.items() if not name.startswith("monitoring_traffic")]
    found = {OF_ALL: total, OF_MONITORING: sum(observed.values()), OF_STATES: sum(states)}
    return {of: float(size) / 2**20 for of, size in found.items()}


def _compact() -> None:
    """Leave no free space in the tables: all that the day needs is growth."""
    _asked("VACUUM FULL ANALYZE" if sync.vendor() == "postgresql" else "VACUUM")


def _vacuum() -> None:
    """Vacuum the tables that autovacuum would by its usual settings: a simulated day has too few of its minutes."""
    if sync.vendor() != "postgresql":
        return
    _asked("SELECT pg_stat_force_next_flush()")
    for (name,) in _asked(
        "SELECT s.relname FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid "
        "WHERE s.n_dead_tup > 50 + 0.2 * GREATEST(c.reltuples, 0)"
    ):
        _asked(f'VACUUM ANALYZE "{name}"')


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
