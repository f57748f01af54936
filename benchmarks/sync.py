"""Measures how long a sync takes, as ratios within one run: `make bench-sync` on the database of DATABASE_URL.

The default database is SQLite. Rows are made like OpenRouter's from the bundled catalogue, each with its own id, price
and text. The benchmark measures `sync.run.perform`, from the first byte of the answer to the last commit; only the
network is replaced. docs/measured has the results.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import measured

Json = Any
GATEWAY = "openrouter"


def main() -> None:
    options = _options()
    if options.measure_memory is not None:
        _say(str(_peak_memory_of(options.measure_memory)))
        return
    if options.read_from is not None:
        _read_until_stopped(options.read_from)
        return
    set_up(options.database_url)
    _say(_report(options))


def _report(options: argparse.Namespace) -> str:
    figures = _figures(options.rows, options.repeat)
    seconds = [(name, f"{value:.3f}") for name, value in figures.items()]
    ratios = [(name, f"{ratio:.2f}", wanted) for name, ratio, wanted in _ratios(figures)]
    ratios.append(("longest read during a publication", f"{_longest_read(options.rows) * 1000:.1f} ms", ""))
    ratios.append(("peak memory above the idle worker", f"{_memory(options):.0f} MB", "at most 300"))
    if options.per_row:
        ratios.append(("cost of a row at 100,000 against 10,000", f"{_cost_per_row():.2f}", "at most 1.3"))
    return measured.write(
        f"sync-{vendor()}",
        title=f"Syncs on {vendor()}, measured",
        command="make bench-sync",
        conditions={"rows": f"{options.rows:,}", "repeats": f"{options.repeat}, medians"},
        tables=[
            measured.Table(("ratio", "measured", "wanted"), ratios),
            measured.Table(("run", "seconds"), seconds),
        ],
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=15_700)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--database-url", default=os.environ.get("DATABASE_URL", ""))
    parser.add_argument("--per-row", action="store_true", help="also compare 100,000 rows with 10,000: some minutes")
    parser.add_argument("--measure-memory", type=int, metavar="ROWS", help=argparse.SUPPRESS)
    parser.add_argument("--read-from", metavar="DATABASE", help=argparse.SUPPRESS)
    return parser.parse_args()


def set_up(database_url: str) -> None:
    os.environ["SECRET_KEY"] = "only-for-this-benchmark"  # noqa: S105  nothing is served
    os.environ["ENV_FILE"] = os.devnull
    os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="gatewayz-bench-")
    os.environ["DJANGO_SETTINGS_MODULE"] = "gatewayz.settings"
    os.environ["LOG_LEVEL"] = "error"
    os.environ["DATABASE_URL"] = database_url or f"sqlite:///{os.environ['DATA_DIR']}/bench.sqlite3"
    import django

    django.setup()
    from django.db import connection

    if connection.vendor == "sqlite":  # a file: an in-memory database has no readers next to the writer
        connection.settings_dict["TEST"]["NAME"] = f"{os.environ['DATA_DIR']}/bench.sqlite3"
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)


# --- the rows --------------------------------------------------------------------------------------------------------
def rows_like_the_real_ones(count: int) -> list[Json]:
    from django.conf import settings

    templates = json.loads((settings.FIXTURES_DIR / f"{GATEWAY}_catalog.json").read_text())
    dice = random.Random(7)  # noqa: S311  the same rows in every run
    rows = []
    for number in range(count):
        row = json.loads(json.dumps(templates[number % len(templates)]))
        row["id"] = f"maker-{number % 900}/{row['id'].split('/')[-1].split(':')[0]}-{number}"
        row["canonical_slug"] = row["id"]
        row["description"] = " ".join(dice.choice(("fast", "large", "open", "model", "for", "code")) for _ in range(30))
        if float(row["pricing"]["prompt"]) > 0:
            row["pricing"]["prompt"] = f"0.0000{dice.randint(1, 9999):05d}"
        rows.append(row)
    return rows


def reordered(rows: list[Json]) -> list[Json]:
    """Return the same rows in another order, with changed volatile fields."""
    shuffled = [dict(row) for row in rows]
    dice = random.Random(time.time_ns())  # noqa: S311
    dice.shuffle(shuffled)
    for row in shuffled:
        row["supported_parameters"] = sorted(row["supported_parameters"], key=lambda _: dice.random())
        row["links"] = {"details": f"/{dice.random()}"}
    return shuffled


def repriced(rows: list[Json], share: float) -> list[Json]:
    changed = [json.loads(json.dumps(row)) for row in rows]
    dice = random.Random(time.time_ns())  # noqa: S311
    for row in dice.sample(changed, int(len(rows) * share)):
        row["context_length"] = dice.randint(1_000, 1_000_000)
    return changed


# --- what is measured ------------------------------------------------------------------------------------------------
def sync(rows: list[Json]) -> float:
    """Return the seconds of one run whose answer is these rows."""
    from catalog import registry
    from catalog.records import Source
    from catalog.sync import fetch, run
    from catalog.sync.task import Task

    body = json.dumps({"data": rows}).encode()
    real, fetch.Fetcher = fetch.Fetcher, _answering(body)  # type: ignore[misc]
    try:
        task = Task(adapter=registry.GATEWAYS[GATEWAY], source=Source.API, trigger="command")
        seconds, report = _timed(lambda: run.perform(task))
    finally:
        fetch.Fetcher = real  # type: ignore[misc]
    if report.has_failed:
        raise SystemExit(f"the run failed: {report.run.error}")
    return seconds


def _answering(body: bytes) -> Any:
    class Answering:
        def __init__(self, *args: object, **kwargs: object) -> None: ...
        def __enter__(self) -> Any:
            return self

        def __exit__(self, *args: object) -> None: ...
        def get(self, request: Any) -> bytes:
            return body if request.path.endswith("/models") else b'{"data": []}'

    return Answering


def update_or_create(rows: list[Json]) -> float:
    """Do what such catalogues usually do: one update_or_create for each row, into the same table."""
    from django.utils import timezone

    from catalog.models import Gateway, Offer

    gateway = Gateway.objects.get(slug=GATEWAY)

    def write() -> None:
        for row in rows:
            Offer.objects.update_or_create(
                gateway=gateway,
                model_id=row["id"],
                defaults={"name": row["name"], "upstream": json.dumps(row)},
                create_defaults={"first_seen_at": timezone.now()},
            )

    seconds, _ = _timed(write)
    return seconds


def bare_bulk_load() -> float:
    """Read the finished rows of a first ingest, and load them again into the emptied tables."""
    from django.db import transaction

    from catalog.models import IdentityLink, Offer, OfferVersion, Price, PriceHold

    tables = (Offer, OfferVersion, Price, IdentityLink)
    finished = {table: list(table.objects.order_by("pk")) for table in tables}

    def load() -> None:
        with transaction.atomic():
            for table in tables:
                table.objects.bulk_create(finished[table], batch_size=500)

    with transaction.atomic():
        for table in (PriceHold, *reversed(tables)):  # holds refer to offers, and no load brings them back
            table.objects.all()._raw_delete("default")
    seconds, _ = _timed(load)
    _settle()
    return seconds


def _settle() -> None:
    """Vacuum and analyse, as PostgreSQL does by itself within a minute of such a load.

    A sync an hour later would therefore find the tables in this state.
    """
    from django.db import connection

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def empty() -> None:
    from catalog.models import (
        Capture,
        Gateway,
        IdentityLink,
        Offer,
        OfferVersion,
        Price,
        PriceHold,
        Provider,
        Revision,
        RunPage,
        SyncRun,
    )

    Gateway.objects.update(accepted_run=None)
    for table in (IdentityLink, PriceHold, Price, OfferVersion, Offer, Provider, RunPage, Capture):
        table.objects.all()._raw_delete("default")
    Revision.objects.exclude(number=0).delete()
    SyncRun.objects.all().delete()


def _figures(count: int, repeat: int) -> dict[str, float]:
    rows = rows_like_the_real_ones(count)
    first, bulk = [], []
    for _ in range(repeat):
        empty()
        first.append(sync(rows))
        bulk.append(bare_bulk_load())
    current = rows
    equal, moved, changed = [], [], []
    for _ in range(repeat):
        sync(current)
        equal.append(sync(current))
        moved.append(sync(reordered(current)))
        current = repriced(current, 0.01)
        changed.append(sync(current))
    # This comes last, because it leaves the table in a state that no sync leaves.
    naive = update_or_create(current)
    found = {"first": first, "bulk": bulk, "equal": equal, "moved": moved, "changed": changed, "naive": [naive]}
    return {_NAMES[name]: statistics.median(seconds) for name, seconds in found.items()}


_NAMES = {
    "first": "first ingest",
    "bulk": "bare bulk load of the same finished rows",
    "equal": "unchanged, equal bytes",
    "moved": "unchanged, another order and volatile fields moved",
    "changed": "1 % changed",
    "naive": "the same rows through update_or_create",
}


def _ratios(figures: dict[str, float]) -> list[tuple[str, float, str]]:
    seconds = {key: figures[name] for key, name in _NAMES.items()}
    moved_wanted = "at least 10" if vendor() == "sqlite" else "at least 40"
    return [
        ("update_or_create / unchanged, equal bytes", seconds["naive"] / seconds["equal"], "at least 100"),
        ("update_or_create / unchanged, re-ordered", seconds["naive"] / seconds["moved"], moved_wanted),
        ("1 % changed / unchanged, re-ordered", seconds["changed"] / seconds["moved"], "at most 1.5"),
        ("first ingest / bare bulk load", seconds["first"] / seconds["bulk"], "at most 4"),
    ]


def _cost_per_row() -> float:
    costs = []
    for count in (10_000, 100_000):
        empty()
        costs.append(sync(rows_like_the_real_ones(count)) / count)
    return costs[1] / costs[0]


def _longest_read(count: int) -> float:
    """Return the longest wait of a reader in another process for the current versions during a first ingest."""
    from django.db import connection

    empty()
    rows = rows_like_the_real_ones(count)
    name = str(connection.settings_dict["NAME"])
    command = [sys.executable, "-m", "benchmarks.sync", "--read-from", name]
    reader = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert reader.stdout is not None
    reader.stdout.readline()  # the reader has begun
    sync(rows)
    longest, _ = reader.communicate()
    return float(longest)


def _read_until_stopped(name: str) -> None:
    """Read repeatedly until standard input ends; print the seconds that the slowest read took."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gatewayz.settings")
    import django

    django.setup()
    from django.db import connection

    connection.settings_dict["NAME"] = name
    from catalog.models import OfferVersion, Revision

    def read() -> None:
        newest = Revision.objects.newest()
        OfferVersion.objects.current().filter(from_revision__lte=newest.number).order_by("pk").first()

    read()
    is_stopped = threading.Event()

    def listen() -> None:
        sys.stdin.read()
        is_stopped.set()

    threading.Thread(target=listen, daemon=True).start()
    _say("reading")
    sys.stdout.flush()
    longest = 0.0
    while not is_stopped.is_set():
        longest = max(longest, _timed(read)[0])
    _say(str(longest))


def _memory(options: argparse.Namespace) -> float:
    """Return the megabytes that a first and a re-ordered run need above a process that has only loaded the program."""

    def peak(rows: int) -> float:
        command = [sys.executable, "-m", "benchmarks.sync", "--measure-memory", str(rows)]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    return peak(options.rows) - peak(0)


def _peak_memory_of(count: int) -> float:
    set_up("")
    if count:
        # Another process makes the answer, so that this memory does not count.
        path = Path(os.environ["DATA_DIR"]) / "rows.json"
        maker = f"from benchmarks import sync; sync.write_rows({count}, {str(path)!r})"
        subprocess.run([sys.executable, "-c", maker], check=True)
        _sync_file(path)
        _sync_file(path.with_name("reordered.json"))
    # Not getrusage(): it reports the peak of the process that started this one.
    [peak] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(peak.split()[1]) / 1024


def write_rows(count: int, path: str) -> None:
    set_up("")
    rows = rows_like_the_real_ones(count)
    Path(path).write_text(json.dumps({"data": rows}))
    Path(path).with_name("reordered.json").write_text(json.dumps({"data": reordered(rows)}))


def _sync_file(path: Path) -> None:
    from catalog import registry
    from catalog.records import Source
    from catalog.sync import fetch, run
    from catalog.sync.task import Task

    fetch.Fetcher = _answering(path.read_bytes())  # type: ignore[misc]
    run.perform(Task(adapter=registry.GATEWAYS[GATEWAY], source=Source.API, trigger="command"))


def vendor() -> str:
    from django.db import connection

    return connection.vendor


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
