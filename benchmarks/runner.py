"""Runs servers and wrk, and keeps the figures. Servers get two processes and nothing of the shell's environment."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import Request, urlopen  # noqa: TID251  of servers that this program has started

ROOT = Path(__file__).parents[1]
START_SECONDS = 180
QUIET_SECONDS = 0.5
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

    def megabytes(self) -> list[float]:
        """Return the resident memory of each of its processes but the first one."""
        sizes = [re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()) for pid in self._children()]
        return [int(size[1]) / 1024 for size in sizes if size]

    def wait_until_idle(self) -> None:
        """Wait until no process of it computes: each worker accepts connections only after it has loaded."""
        give_up_at = time.monotonic() + START_SECONDS
        before = -1
        while (spent := self._processor_ticks()) - before > 2 and time.monotonic() < give_up_at:
            before = spent
            time.sleep(QUIET_SECONDS)

    def _children(self) -> list[int]:
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=True)
        return [int(pid) for pid in found.stdout.split()]

    def processor_seconds(self) -> float:
        """Return how long its processes but the first one have computed."""
        return self._processor_ticks() / os.sysconf("SC_CLK_TCK")

    def _processor_ticks(self) -> int:
        stats = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self._children())
        return sum(int(stat[11]) + int(stat[12]) for stat in stats)


@dataclass(frozen=True)
class Load:
    """What wrk measured."""

    requests: int
    rate: float
    """Requests per second."""
    p99: float
    """The 99th percentile of the latency, in milliseconds; p50 likewise."""
    p50: float = 0.0


@dataclass
class Bench:
    folder: Path
    seconds: int
    rounds: int
    figures: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    costs: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Microseconds of processor time for each request: other programs of the machine hardly change them."""
    ports: Iterator[int] = field(default_factory=lambda: iter(range(18_400, 18_500)))

    def median(self, name: str) -> float:
        return statistics.median(self.figures[name])

    def cost(self, name: str) -> float:
        return statistics.median(self.costs[name])

    def wrk(
        self, address: str, *options: str, connections: int = 32, start: int = 0, variables: Mapping[str, str] = {}
    ) -> Load:
        """Send as many requests as the server answers."""
        command = ["wrk", "-t2", f"-c{connections}", f"-d{self.seconds}s", "--timeout", "30s", "--latency"]
        command += [*options, address]
        output = subprocess.run(
            command, env=os.environ | {"START": str(start), **variables}, capture_output=True, text=True, check=True
        ).stdout
        if "Non-2xx" in output or "Socket errors" in output:
            raise SystemExit(f"{address} answered with errors:\n{output}")
        return read_load(output)

    def measure(
        self, name: str, server: Server, path: str, *options: str, start: int = 0, variables: Mapping[str, str] = {}
    ) -> None:
        """Note a rate, and what a request costs. `variables` are for the script of wrk."""
        before = server.processor_seconds()
        load = self.wrk(server.address(path), *options, start=start, variables=variables)
        self.costs[name].append((server.processor_seconds() - before) * 1e6 / load.requests)
        self.figures[name].append(load.rate)
        server.wait_until_idle()  # a slow one still has requests in its queue, and would take time from the next one
        say(f"{name}: {load.rate:,.0f}/s, {self.costs[name][-1]:,.0f} us")

    def measure_p99(self, name: str, server: Server, path: str) -> None:
        """Note the slowest hundredth of requests over 16 connections."""
        self.figures[name].append(self.wrk(server.address(path), connections=16).p99)
        say(f"{name}: {self.figures[name][-1]:,.1f} ms")

    @contextmanager
    def serving(
        self,
        arguments: str,
        environment: Mapping[str, str],
        *,
        ready: str,
        python: str = sys.executable,
        tree: Path = ROOT,
    ) -> Iterator[Server]:
        """Run a server with this interpreter in this checkout."""
        port = next(self.ports)
        command = [python, *arguments.split(), "--port", str(port)]
        with self._running(command, port=port, ready=ready, tree=tree, environment=environment) as server:
            yield server

    @contextmanager
    def nginx(self) -> Iterator[Server]:
        port = next(self.ports)
        configuration = self.folder / "nginx.conf"
        configuration.write_text(NGINX.format(folder=self.folder, port=port))
        command = ["nginx", "-c", str(configuration)]
        with self._running(command, port=port, ready="/page10.json", tree=ROOT, environment={}) as server:
            yield server

    @contextmanager
    def _running(
        self, command: Sequence[str], *, port: int, ready: str, tree: Path, environment: Mapping[str, str]
    ) -> Iterator[Server]:
        # Nothing of the shell's environment: granian copies the environment into each request.
        with (self.folder / f"server-{port}.log").open("wb") as log:
            clean = {"PATH": os.environ["PATH"], **environment}
            process = subprocess.Popen(command, env=clean, cwd=tree, stderr=log)
        server = Server(process, port)
        try:
            wait_for(server.address(ready))
            server.wait_until_idle()
            yield server
        finally:
            process.terminate()
            process.wait()


def read_load(output: str) -> Load:
    """Read what wrk has written."""
    requests, rate = re.search(r"(\d+) requests in", output), re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert requests
    assert rate
    return Load(int(requests[1]), float(rate[1]), p99=_latency(output, 99), p50=_latency(output, 50))


def _latency(output: str, percentile: int) -> float:
    """Return the latency of wrk's table in milliseconds."""
    found = re.search(rf"{percentile}%\s+([\d.]+)(us|ms|s|m)\b", output)
    assert found
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1_000.0, "m": 60_000.0}[found[2]]


def wait_for(address: str) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up_at:
        try:
            with urlopen(address, timeout=10):
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{address} gave no answer")


def body_and_tag(address: str, **headers: str) -> tuple[bytes, str]:
    with urlopen(Request(address, headers=headers), timeout=60) as response:
        return response.read(), response.headers["ETag"] or ""


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
