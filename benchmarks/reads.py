"""Measures how fast reads are, as ratios within one run: `make bench-reads`. It needs the system's wrk and nginx.

All contenders serve the same catalogues, made from the bundled ones, from two processes on this machine. They are
measured in turns, and the result is the median of several rounds, in docs/measured/reads.md. Only the ratios mean
something elsewhere.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen  # noqa: TID251  of servers that this program has started

from benchmarks import measured

HERE = Path(__file__).parent
SIZES = (0, 104, 5_000, 20_000, 100_000)
LIST = "/catalog/models"
GRANIAN = (
    "-m granian {} --interface wsgi --no-ws --blocking-threads 4 --workers 2 "
    "--workers-kill-timeout 2 --log-level warning"
)
NGINX = """
worker_processes 2; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; open_file_cache max=100;
  types {{ application/json json; }}
  server {{ listen 127.0.0.1:{port} reuseport; root {folder}; }}
}}
"""


@dataclass(frozen=True)
class Server:
    process: subprocess.Popen[bytes]
    port: int

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def megabytes_of_a_worker(self) -> float:
        """Return the resident memory of the larger of its two workers."""
        workers = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=True)
        sizes = [
            re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()) for pid in workers.stdout.split()
        ]
        return max(int(size[1]) for size in sizes if size) / 1024


@dataclass
class Bench:
    folder: Path
    seconds: float
    rounds: int
    figures: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    ports: Iterator[int] = field(default_factory=lambda: iter(range(18_400, 18_500)))

    def median(self, name: str) -> float:
        return statistics.median(self.figures[name])

    def wrk(self, address: str, *options: str, connections: int = 32, start: int = 0) -> tuple[float, float]:
        """Return the requests per second, and the 99th percentile of the latency in milliseconds."""
        command = ["wrk", "-t2", f"-c{connections}", f"-d{self.seconds}s", "--latency", *options, address]
        output = subprocess.run(
            command, env=os.environ | {"START": str(start)}, capture_output=True, text=True, check=True
        ).stdout
        time.sleep(1)  # a slow server still has requests in its queue, and would take time from the next one
        if "Non-2xx" in output or "Socket errors" in output:
            raise SystemExit(f"{address} answered with errors:\n{output}")
        rate, slowest = re.search(r"Requests/sec:\s+([\d.]+)", output), re.search(r"99%\s+([\d.]+)(us|ms|s)", output)
        assert rate
        assert slowest
        return float(rate[1]), float(slowest[1]) * {"us": 0.001, "ms": 1.0, "s": 1_000.0}[slowest[2]]

    def measure(self, name: str, address: str, *options: str, start: int = 0) -> None:
        self.figures[name].append(self.wrk(address, *options, start=start)[0])

    @contextmanager
    def serving(self, arguments: str, *, ready: str, **environment: str) -> Iterator[Server]:
        port = next(self.ports)
        command = [sys.executable, *arguments.split(), "--port", str(port)]
        with self._running(command, port=port, ready=ready, environment=environment) as server:
            yield server

    @contextmanager
    def nginx(self) -> Iterator[Server]:
        port = next(self.ports)
        configuration = self.folder / "nginx.conf"
        configuration.write_text(NGINX.format(folder=self.folder, port=port))
        command = ["nginx", "-c", str(configuration)]
        with self._running(command, port=port, ready="/page10.json", environment={}) as server:
            yield server

    @contextmanager
    def _running(self, command: list[str], *, port: int, ready: str, environment: dict[str, str]) -> Iterator[Server]:
        # Nothing of the shell's environment: granian copies the environment into each request.
        with (self.folder / f"server-{port}.log").open("wb") as log:
            clean = {"PATH": os.environ["PATH"], **environment}
            process = subprocess.Popen(command, env=clean, cwd=HERE.parent, stderr=log)
        server = Server(process, port)
        try:
            wait_for(server.address(ready))
            yield server
        finally:
            process.terminate()
            process.wait()


def wait_for(address: str) -> None:
    give_up_at = time.monotonic() + 120
    while time.monotonic() < give_up_at:
        try:
            with urlopen(address, timeout=10):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{address} gave no answer")


def body_and_tag(address: str) -> tuple[bytes, str]:
    with urlopen(Request(address), timeout=30) as response:
        return response.read(), response.headers["ETag"]


# --- the contenders --------------------------------------------------------------------------------------------------
def make_catalogues(folder: Path) -> None:
    for size in SIZES:
        if not (folder / f"{size}.jsonl").exists():
            say(f"making a catalogue of {size:,} offers")
            name = str(folder / f"{size}.sqlite3")
            Path(name).unlink(missing_ok=True)
            for arguments in ([name, str(size)], [name, "--write", str(folder / f"{size}.jsonl")]):
                subprocess.run([sys.executable, "-m", "benchmarks.catalogues", *arguments], cwd=HERE.parent, check=True)


def ours(bench: Bench, size: int, **environment: str) -> Any:
    return bench.serving(
        GRANIAN.format("gatewayz.wsgi:application"),
        ready="/healthz" if not size else "/readyz",
        **{
            "SECRET_KEY": "only-for-this-benchmark" * 3,
            "ENV_FILE": os.devnull,
            "DATA_DIR": str(bench.folder),
            "DATABASE_URL": f"sqlite:///{bench.folder}/{size}.sqlite3",
            "LOG_LEVEL": "warning",
            "RATE_LIMIT_PER_MINUTE": "900000000",  # on, and never reached
        }
        | environment,
    )


def fastapi(bench: Bench, size: int, form: str) -> Any:
    arguments = "-m uvicorn benchmarks.contenders.fast_api:app --workers 2 --no-access-log --log-level warning"
    catalogue = str(bench.folder / f"{size}.jsonl")
    return bench.serving(arguments, ready=f"{LIST}?limit=1", CATALOGUE=catalogue, FORM=form)


def naive_drf(bench: Bench, size: int) -> Any:
    database, documents = str(bench.folder / f"naive-{size}.sqlite3"), str(bench.folder / f"{size}.jsonl")
    if not Path(database).exists():
        command = [sys.executable, "-m", "benchmarks.contenders.naive_drf", documents]
        subprocess.run(command, env=os.environ | {"NAIVE_DATABASE": database}, cwd=HERE.parent, check=True)
    arguments = GRANIAN.format("benchmarks.contenders.naive_drf:application")
    return bench.serving(arguments, ready=f"{LIST}?limit=1", NAIVE_DATABASE=database)


# --- what is measured ------------------------------------------------------------------------------------------------
def same_pages(bench: Bench, servers: dict[str, Server], web: Server) -> None:
    """Measure repeated requests for the same pages."""
    server, pages = servers["ours"], {limit: f"{LIST}?limit={limit}" for limit in (10, 100)}
    for limit, page in pages.items():
        (bench.folder / f"page{limit}.json").write_bytes(body_and_tag(server.address(page))[0])
    tags = [body_and_tag(server.address(pages[10]))[1], body_and_tag(web.address("/page10.json"))[1]]
    for _ in range(bench.rounds):
        for name in servers:
            bench.measure(f"page of 10, {name}", servers[name].address(pages[10]))
        bench.measure("page of 10, nginx", web.address("/page10.json"))
        bench.measure("page of 100, ours", server.address(pages[100]))
        bench.measure("page of 100, nginx", web.address("/page100.json"))
        for name, address, tag in zip(
            ("304, ours", "304, nginx"), (server.address(pages[10]), web.address("/page10.json")), tags, strict=True
        ):
            bench.measure(name, address, "-H", f"If-None-Match: {tag}")


def never_repeated(bench: Bench, servers: dict[str, Server]) -> None:
    for number in range(bench.rounds):
        for name, server in servers.items():
            script = ("-s", str(HERE / "unique.lua"))
            bench.measure(f"never repeated, {name}", server.address(""), *script, start=20 * number)


def with_syncs(bench: Bench, server: Server) -> None:
    """Measure the first page of all offers, without publications and with continuous publications."""
    address = server.address(f"{LIST}?gateway=all")
    for _ in range(bench.rounds):
        bench.figures["p99 without syncs"].append(bench.wrk(address, connections=16)[1])
        with publishing(bench.folder / "20000.sqlite3"):
            bench.figures["p99 with syncs"].append(bench.wrk(address, connections=16)[1])


@contextmanager
def publishing(database: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "benchmarks.catalogues", str(database), "--publish-every", "1"]
    publisher = subprocess.Popen(command, cwd=HERE.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert publisher.stdout is not None
    publisher.stdout.readline()  # the publisher has begun
    try:
        yield
    finally:
        publisher.communicate()


def measure_all(bench: Bench) -> None:
    with ExitStack() as stack:
        start: Callable[[Any], Server] = stack.enter_context
        (bench.folder / "page10.json").write_text("{}")
        web = start(bench.nginx())
        empty = start(ours(bench, 0))
        sizes = {size: start(ours(bench, size)) for size in SIZES[1:]}
        logging = start(ours(bench, 20_000, LOG_LEVEL="info", LOG_FORMAT="json"))
        plain, fast = (start(fastapi(bench, 20_000, form)) for form in ("plain", "fast"))
        naive = start(naive_drf(bench, 20_000))
        for server in (empty, *sizes.values()):
            for path in (LIST, "/catalog/providers") * 4:
                body_and_tag(server.address(path))
        for size, server in {0: empty, **sizes}.items():
            bench.figures[f"memory, {size}"].append(server.megabytes_of_a_worker())
        others = {"plain FastAPI": plain, "fast FastAPI": fast, "naive DRF": naive}
        of_sizes = {f"ours at {size:,}": server for size, server in sizes.items() if size != 20_000}
        same_pages(bench, {"ours": sizes[20_000], "ours with a log": logging, **of_sizes, **others}, web)
        unique = {name: server for name, server in of_sizes.items() if name != "ours at 104"}
        never_repeated(bench, {"ours": sizes[20_000], **unique, **others})
        with_syncs(bench, sizes[20_000])


# --- what is reported ------------------------------------------------------------------------------------------------
RATIOS = (
    ("page of 10 / nginx, static file", "page of 10, ours", "page of 10, nginx", "at least 0.35"),
    ("page of 100 / nginx, static file", "page of 100, ours", "page of 100, nginx", "at least 0.40"),
    ("304 / nginx", "304, ours", "304, nginx", "at least 0.30"),
    ("page of 10 / plain FastAPI", "page of 10, ours", "page of 10, plain FastAPI", "at least 25"),
    ("page of 10 / FastAPI's fast form", "page of 10, ours", "page of 10, fast FastAPI", "at least 6"),
    ("page of 10 / naive DRF", "page of 10, ours", "page of 10, naive DRF", ""),
    ("never repeated / plain FastAPI", "never repeated, ours", "never repeated, plain FastAPI", "at least 15"),
    ("never repeated / FastAPI's fast form", "never repeated, ours", "never repeated, fast FastAPI", ""),
    ("never repeated / naive DRF", "never repeated, ours", "never repeated, naive DRF", ""),
    ("never repeated, 100,000 / 20,000", "never repeated, ours at 100,000", "never repeated, ours", "at least 0.8"),
    ("p99 with syncs / without", "p99 with syncs", "p99 without syncs", "at most 3"),
)  # fmt: skip
MEMORY = "memory of a worker at 20,000 offers, above an empty catalogue"


def report(bench: Bench) -> str:
    return measured.write(
        "reads",
        title="Reads, measured",
        command="make bench-reads",
        conditions={"rounds": f"{bench.rounds} of {bench.seconds} seconds each"},
        tables=[ratios(bench), figures(bench)],
    )


def ratios(bench: Bench) -> measured.Table:
    rows = [
        (name, f"{bench.median(ours_name) / bench.median(other):.2f}", wanted)
        for name, ours_name, other, wanted in RATIOS
    ]
    memory = bench.median("memory, 20000") - bench.median("memory, 0")
    rows.append((MEMORY, f"{memory:.0f} MB", "at most 60 MB"))
    return measured.Table(("ratio", "measured", "wanted"), rows)


def figures(bench: Bench) -> measured.Table:
    rows = []
    for name, found in bench.figures.items():
        unit = " MB" if name.startswith("memory") else " ms" if name.startswith("p99") else "/s"
        shown = (f"{figure:,.1f}{unit}" for figure in (statistics.median(found), min(found), max(found)))
        rows.append((name, *shown))
    return measured.Table(("figure", "median", "lowest", "highest"), rows)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2, help="for each figure and round; whole numbers")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="keep the catalogues there, for the next run")
    options = parser.parse_args()
    for program in ("wrk", "nginx"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is missing: apt-get install wrk nginx")
    with tempfile.TemporaryDirectory(prefix="gatewayz-bench-") as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)  # nginx's workers run as another user
        bench = Bench(folder, int(options.seconds), options.rounds)
        make_catalogues(folder)
        measure_all(bench)
        say(report(bench))


if __name__ == "__main__":
    main()
