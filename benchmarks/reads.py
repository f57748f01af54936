"""Measures how fast reads are, as ratios within one run: `make bench-reads`. It needs the system's wrk and nginx.

All contenders serve the same catalogues, made from the bundled ones, from two processes on this machine. They are
measured in turns, and the result is the median of several rounds, in docs/measured/reads.md. Only the ratios mean
something elsewhere. With `BASE=<commit>` an earlier commit is one of the contenders.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks import base, measured
from benchmarks.disturbances import administrating, exporting, frozen, open_streams, publishing
from benchmarks.entrants import LIST, earlier, fastapi, make_catalogue, make_catalogues, naive_drf, ours
from benchmarks.runner import Bench, Server, body_and_tag, say
from tests import services

HERE = Path(__file__).parent
SIZES = (0, 104, 5_000, 20_000, 100_000)
STREAMS = 1_000
SMALL = 104
Servers = Mapping[str, Server]


# --- what is measured ------------------------------------------------------------------------------------------------
def same_pages(bench: Bench, servers: Servers, web: Server) -> None:
    """Measure repeated requests for the same pages."""
    server, pages = servers["ours"], {limit: f"{LIST}?limit={limit}" for limit in (10, 100)}
    for limit, page in pages.items():
        (bench.folder / f"page{limit}.json").write_bytes(body_and_tag(server.address(page))[0])
    for name in servers:
        bench.measure(f"page of 10, {name}", servers[name], pages[10])
    bench.measure("page of 10, nginx", web, "/page10.json")
    for name in ("ours", "base"):
        if name in servers:
            bench.measure(f"page of 100, {name}", servers[name], pages[100])
    bench.measure("page of 100, nginx", web, "/page100.json")
    for name, each, path in (("ours", server, pages[10]), ("nginx", web, "/page10.json")):
        bench.measure(f"304, {name}", each, path, "-H", f"If-None-Match: {body_and_tag(each.address(path))[1]}")


def unlike_requests(bench: Bench, kind: str, servers: Servers, *, number: int) -> None:
    """Measure requests of which no two are alike; `number` is that of the round."""
    script = {"never repeated": "unique.lua", "search": "search.lua"}[kind]
    for name, server in servers.items():
        bench.measure(f"{kind}, {name}", server, "", "-s", str(HERE / script), start=20 * number)


def html_pages(bench: Bench, servers: Servers, *, number: int) -> None:
    """Measure the list of models as a page: again and again, and such as nobody asked for before."""
    again = {"ours": "/", "plain": "/page"}
    for form, server in servers.items():
        path, header = again[form], ("-H", "Accept-Encoding: br, gzip")
        name = "ours" if form == "ours" else "FastAPI with Jinja"
        bench.measure(f"HTML again, {name}", server, path, *header)
        script = ("-s", str(HERE / "pages.lua"))
        bench.measure(
            f"HTML never asked before, {name}", server, "", *script, start=20 * number, variables={"PAGES": form}
        )


def with_syncs(bench: Bench, server: Server) -> None:
    """Measure the first page of all offers, without publications and with continuous publications."""
    path = f"{LIST}?gateway=all"
    bench.measure_p99("p99 without syncs", server, path)
    with publishing(bench.folder / "20000.sqlite3"):
        bench.measure_p99("p99 with syncs", server, path)


def with_work(bench: Bench, server: Server) -> None:
    """Measure hits alone, during exports and with a busy admin."""
    path = f"{LIST}?limit=10"
    bench.measure_p99("p99 of hits", server, path)
    with exporting(server):
        bench.measure_p99("p99 of hits during exports", server, path)
    with administrating(server, bench.folder / "20000.sqlite3"):
        bench.measure_p99("p99 of hits with a busy admin", server, path)


def without_database(bench: Bench, server: Server, database: str) -> None:
    """Measure hits while PostgreSQL answers, and while it is frozen."""
    path = f"{LIST}?limit=10"
    bench.measure("hits, database running", server, path)
    with frozen(database):
        bench.measure("hits, database frozen", server, path)


def with_streams(bench: Bench, server: Server) -> None:
    before = sum(server.megabytes())
    with open_streams(server, STREAMS):
        bench.figures[STREAMS_MEMORY].append(sum(server.megabytes()) - before)


@contextmanager
def redis() -> Iterator[str]:
    """Start a Redis and yield its address; empty where there is none."""
    with ExitStack() as stack:
        try:
            address = stack.enter_context(services.redis_server())
        except services.Unavailable as error:
            say(f"without Redis: {error}")
            address = ""
        yield address


def measure_all(bench: Bench, before: base.Base | None) -> None:
    with ExitStack() as stack:
        (bench.folder / "page10.json").write_text("{}")
        shared = {"REDIS_URL": stack.enter_context(redis())}
        web = stack.enter_context(bench.nginx())
        sizes = {size: stack.enter_context(ours(bench, size, **shared)) for size in SIZES}
        logging = stack.enter_context(ours(bench, 20_000, LOG_LEVEL="info", LOG_FORMAT="json", **shared))
        others = {
            "plain FastAPI": stack.enter_context(fastapi(bench, 20_000, "plain")),
            "fast FastAPI": stack.enter_context(fastapi(bench, 20_000, "fast")),
            "naive DRF": stack.enter_context(naive_drf(bench, 20_000)),
        }
        if before is not None:
            others["base"] = stack.enter_context(earlier(bench, before, 20_000, **shared))
        database = stack.enter_context(services.postgresql())
        make_catalogue(database, str(SMALL))
        on_postgresql = stack.enter_context(ours(bench, SMALL, **shared, DATABASE_URL=database))
        for size, server in sizes.items():
            for path in (LIST, "/catalog/providers") * 4:
                body_and_tag(server.address(path))
            bench.figures[f"memory, {size}"].append(max(server.megabytes()))
        server, of_sizes = sizes[20_000], {f"ours at {size:,}": sizes[size] for size in (SMALL, 5_000, 100_000)}
        searching: dict[str, Server] = {name: others[name] for name in ("plain FastAPI", "base") if name in others}
        with_streams(bench, sizes[SMALL])
        for number in range(bench.rounds):
            same_pages(bench, {"ours": server, "ours with a log": logging, **of_sizes, **others}, web)
            large = {"ours at 100,000": sizes[100_000]}
            unlike_requests(bench, "never repeated", {"ours": server, **large, **others}, number=number)
            unlike_requests(bench, "search", {"ours": server, **searching}, number=number)
            html_pages(bench, {"ours": server, "plain": others["plain FastAPI"]}, number=number)
            without_database(bench, on_postgresql, database)
            with_work(bench, server)
            with_syncs(bench, server)


# --- what is reported ------------------------------------------------------------------------------------------------
RATIOS = (
    ("page of 10 / nginx, static file", "page of 10, ours", "page of 10, nginx", "at least 0.44"),
    ("page of 100 / nginx, static file", "page of 100, ours", "page of 100, nginx", "at least 0.45"),
    ("304 / nginx", "304, ours", "304, nginx", "at least 0.30"),
    ("page of 10 / base", "page of 10, ours", "page of 10, base", "at least 1.1"),
    ("page of 100 / base", "page of 100, ours", "page of 100, base", ""),
    ("page of 10 / plain FastAPI", "page of 10, ours", "page of 10, plain FastAPI", "at least 25"),
    ("page of 10 / FastAPI's fast form", "page of 10, ours", "page of 10, fast FastAPI", "at least 6"),
    ("page of 10 / naive DRF", "page of 10, ours", "page of 10, naive DRF", ""),
    ("never repeated / base", "never repeated, ours", "never repeated, base", "at least 2.5"),
    ("never repeated / plain FastAPI", "never repeated, ours", "never repeated, plain FastAPI", "at least 30"),
    ("never repeated / FastAPI's fast form", "never repeated, ours", "never repeated, fast FastAPI", ""),
    ("never repeated / naive DRF", "never repeated, ours", "never repeated, naive DRF", ""),
    ("never repeated, 100,000 / 20,000", "never repeated, ours at 100,000", "never repeated, ours", "at least 0.85"),
    ("search / plain FastAPI's substring filter", "search, ours", "search, plain FastAPI", "at least 20"),
    ("search / base", "search, ours", "search, base", ""),
    ("HTML again / FastAPI with Jinja", "HTML again, ours", "HTML again, FastAPI with Jinja", "10,000/s"),
    ("HTML never asked before / FastAPI with Jinja", "HTML never asked before, ours",
     "HTML never asked before, FastAPI with Jinja", "1,000/s of a worker"),
    ("hits, database frozen / running", "hits, database frozen", "hits, database running", "at least 0.95"),
    ("p99 of hits during exports / alone", "p99 of hits during exports", "p99 of hits", "at most 15 ms"),
    ("p99 of hits with a busy admin / alone", "p99 of hits with a busy admin", "p99 of hits", "at most 15 ms"),
    ("p99 with syncs / without", "p99 with syncs", "p99 without syncs", "at most 2"),
)  # fmt: skip
MEMORY = "memory of a worker at 20,000 offers, above an empty catalogue"
STREAMS_MEMORY = f"memory of {STREAMS:,} open streams"


def report(bench: Bench, before: base.Base | None) -> str:
    conditions = {"rounds": f"{bench.rounds} of {bench.seconds} seconds each"}
    if before is not None:
        conditions["base"] = before.commit
    return measured.write(
        "reads",
        title="Reads, measured",
        command="make bench-reads",
        conditions=conditions,
        tables=[ratios(bench), figures(bench)],
    )


def ratios(bench: Bench) -> measured.Table:
    rows = [
        (name, *_compared(bench, ours_name, other), wanted)
        for name, ours_name, other, wanted in RATIOS
        if other in bench.figures
    ]
    memory = bench.median("memory, 20000") - bench.median("memory, 0")
    rows.append((MEMORY, f"{memory:.0f} MB", "", "at most 90 MB"))
    rows.append((STREAMS_MEMORY, f"{bench.median(STREAMS_MEMORY):.0f} MB", "", "at most 30 MB"))
    return measured.Table(("ratio", "measured", "by processor time", "wanted"), rows)


def _compared(bench: Bench, name: str, other: str) -> tuple[str, str]:
    ratio = f"{bench.median(name) / bench.median(other):.2f}"
    if name.startswith("p99"):
        return f"{ratio} ({bench.median(name):.1f} ms)", ""
    return ratio, f"{bench.cost(other) / bench.cost(name):.2f}"


def figures(bench: Bench) -> measured.Table:
    rows = []
    for name, found in bench.figures.items():
        unit = " MB" if name.startswith("memory") else " ms" if name.startswith("p99") else "/s"
        shown = (f"{figure:,.1f}{unit}" for figure in (statistics.median(found), min(found), max(found)))
        rows.append((name, *shown, f"{bench.cost(name):,.0f} µs" if name in bench.costs else ""))
    return measured.Table(("figure", "median", "lowest", "highest", "processor time of a request"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=2, help="for each figure and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="keep the catalogues there, for the next run")
    parser.add_argument("--base", metavar="COMMIT", help="an earlier commit as a contender")
    options = parser.parse_args()
    for program in ("wrk", "nginx"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is missing: apt-get install wrk nginx")
    with tempfile.TemporaryDirectory(prefix="gatewayz-bench-") as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)  # nginx's workers run as another user
        bench = Bench(folder, options.seconds, options.rounds)
        before = base.checked_out(options.base, folder) if options.base else None
        make_catalogues(folder, SIZES)
        measure_all(bench, before)
        say(report(bench, before))


if __name__ == "__main__":
    main()
