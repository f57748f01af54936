"""Starts what `benchmarks.routing` compares, each with one worker on one core: this tree, LiteLLM, Portkey and nginx.

LiteLLM and Portkey run with the versions that `benchmarks/contenders` pins, in environments of their own, and get
nothing of the shell's environment, so no credential.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.runner import ROOT, say, wait_for
from tests.clients import environments
from tests.services import find_free_port

PINS = ROOT / "benchmarks" / "contenders"
PATH = "/v1/chat/completions"
MODEL = ("chutes", "bench/model")
"""What ours is asked for: the gateway and the id of an offer."""
STOP_SECONDS = 40.0
_TICKS = os.sysconf("SC_CLK_TCK")
NGINX = """
worker_processes 1; worker_rlimit_nofile 16384; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 1000000000; client_max_body_size 10m;
  upstream gateway {{ server {upstream}; keepalive 2048; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://gateway; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
"""


class NotRun(Exception):
    """A contender cannot be had here; the message says why."""


class Running:
    """A process with all that it has started."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    @classmethod
    def of_this_program(cls) -> Running:
        return cls(os.getpid())

    def processor_seconds(self) -> float:
        """Return how long they have computed, with those that have ended and were waited for."""
        return sum(sum(map(int, stat[11:15])) for stat in self._stats()) / _TICKS

    def kilobytes(self) -> int:
        """Return the resident memory of all its processes."""
        return sum(int(stat[21]) for stat in self._stats()) * os.sysconf("SC_PAGE_SIZE") // 1_024

    def wait_until_idle(self, *, most_seconds: float = 60.0) -> None:
        give_up_at, before = time.monotonic() + most_seconds, -1.0
        while (spent := self.processor_seconds()) - before > 0.03 and time.monotonic() < give_up_at:
            before = spent
            time.sleep(0.5)

    def _stats(self) -> list[list[str]]:
        """Return what the kernel counts of each process, from the field of its state on."""
        found = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                found[int(path.parent.name)] = path.read_text().rpartition(")")[2].split()
            except OSError:  # it has ended
                continue
        mine = [self.pid]
        for pid in mine:
            mine += [child for child, stat in found.items() if int(stat[1]) == pid]
        return [found[pid] for pid in mine if pid in found]


@dataclass(frozen=True, kw_only=True)
class Contender:
    name: str
    version: str
    port: int
    model: str
    headers: Mapping[str, str]
    credential: str
    """The key that it sends upstream: the upstream counts by it."""
    running: Running
    data: Path | None = None
    """The folder with the database of this project."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where contenders run."""

    folder: Path
    upstream: str
    """The address of the upstream, without a path."""
    cores: Sequence[int] | None
    """Of the contender and of everything else; None: not pinned."""
    seconds_to_first: int = 60
    """The deadline for the first content; likewise between two events."""
    environment: Mapping[str, str] = field(default_factory=dict)

    def command(self, *command: str | Path, core: int = 0) -> list[str]:
        pinned = ["taskset", "--cpu-list", str(self.cores[core])] if self.cores else []
        return [*pinned, *map(str, command)]

    @contextmanager
    def running(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], *, ready: str, cwd: Path = ROOT
    ) -> Iterator[Running]:
        """Run a server until the context ends. `ready` is an address that answers once it serves."""
        with (self.folder / f"{name}.log").open("wb") as log:
            clean = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **environment}
            process = subprocess.Popen(command, env=clean, cwd=cwd, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            wait_for(ready)
            yield Running(process.pid)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                say(f"{name} did not end and was killed")
                process.kill()
                process.wait()


# --- direct, nginx ---------------------------------------------------------------------------------------------------
def direct(place: Place, running: Running) -> Contender:
    """Return the upstream itself as a contender."""
    headers = {"Authorization": "Bearer bench-direct"}
    port = int(place.upstream.rpartition(":")[2])
    return Contender(
        name="direct",
        version="",
        port=port,
        model="bench",
        headers=headers,
        credential="bench-direct",
        running=running,
    )


@contextmanager
def nginx(place: Place) -> Iterator[Contender]:
    if shutil.which("nginx") is None:
        raise NotRun("nginx is not installed: apt-get install nginx")
    port, configuration = find_free_port(), place.folder / "nginx.conf"
    upstream = place.upstream.removeprefix("http://")
    configuration.write_text(NGINX.format(folder=place.folder, port=port, upstream=upstream))
    shown = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True).stderr
    command = place.command("nginx", "-c", configuration)
    with place.running("nginx", command, {}, ready=f"http://127.0.0.1:{port}/counts") as running:
        yield Contender(
            name="nginx",
            version=shown.rpartition("/")[2].split()[0],
            port=port,
            model="bench",
            headers={"Authorization": "Bearer bench-nginx"},
            credential="bench-nginx",
            running=running,
        )


# --- ours ------------------------------------------------------------------------------------------------------------
@contextmanager
def ours(
    place: Place, *, offers: Sequence[tuple[str, str]] = (MODEL,), bases: Mapping[str, str] | None = None
) -> Iterator[Contender]:
    """Start this tree as its documents say: settings, a key of its own command, the web server.

    `offers`, each with its gateway and its id, are added to the bundled ones. `bases` are the addresses of gateways, by
    default the upstream for Chutes.
    """
    data = place.folder / "ours"
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir()
    settings = _settings(place, data, bases or {"chutes": f"{place.upstream}/v1"})
    _manage(settings, "-m", "benchmarks.routing_catalogue", data / "catalogue.sqlite3", json.dumps(offers))
    secret = _manage(settings, "manage.py", "api_key", "create", "bench", "--scope", "infer", "--per-minute", "0")
    port = find_free_port()
    command = place.command(sys.executable, "-m", "gatewayz.run.web", "--workers", "1", "--port", str(port))
    with place.running("ours", command, settings, ready=f"http://127.0.0.1:{port}/readyz") as running:
        headers = {"Authorization": f"Bearer {secret}"}
        running.wait_until_idle()
        yield Contender(
            name="ours",
            version="",
            port=port,
            model="/".join(MODEL),
            headers=headers,
            credential="bench-chutes",
            running=running,
            data=data,
        )


def _settings(place: Place, data: Path, bases: Mapping[str, str]) -> dict[str, str]:
    first = str(place.seconds_to_first)
    gateways = {f"{slug.upper()}_INFERENCE_BASE": base for slug, base in bases.items()}
    gateways |= {f"{slug.upper()}_INFERENCE_KEYS": f"bench-{slug}" for slug in bases}
    return {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": secrets.token_urlsafe(48),
        "ENV_FILE": os.devnull,
        "DATA_DIR": str(data),
        "DATABASE_URL": f"sqlite:///{data}/catalogue.sqlite3",
        "LOG_LEVEL": "warning",
        "RATE_LIMIT_PER_MINUTE": "900000000",  # on, and never reached
        "WEB_WORKERS": "1",
        "INFERENCE": "on",
        "INFERENCE_SPOOL": str(data / "spool"),
        "INFERENCE_FIRST_CONTENT_SECONDS": first,
        "INFERENCE_UNARY_SECONDS": first,
        "INFERENCE_IDLE_SECONDS": first,
        "INFERENCE_BUDGET_USD_PER_DAY": "1000000",  # on, and never reached
        "INFERENCE_BUDGET_USD_PER_MONTH": "9000000",
        **gateways,
        **place.environment,
    }


def _manage(settings: Mapping[str, str], *arguments: str | Path) -> str:
    """Run a program of this tree, and return the last line that it wrote."""
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=settings, capture_output=True, text=True)
    if done.returncode:
        raise NotRun(f"{arguments[0]} {arguments[1]} failed: {done.stderr[-1_500:]}")
    return (done.stdout.strip().splitlines() or [""])[-1]


# --- LiteLLM ---------------------------------------------------------------------------------------------------------
@contextmanager
def litellm(place: Place, configuration: Mapping[str, Any] | None = None) -> Iterator[Contender]:
    python = _environment(place, "litellm", "requirements.txt")
    version = _pinned("litellm/requirements.in", r"^litellm\[proxy\]==(\S+)$")
    port, master_key = find_free_port(), f"sk-{secrets.token_hex(16)}"
    file = place.folder / "litellm.json"  # JSON is YAML, too
    file.write_text(json.dumps(configuration or litellm_configuration([litellm_model(place.upstream, "bench")])))
    environment = {
        "LITELLM_MASTER_KEY": master_key,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # it would fetch prices at its start
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOG": "ERROR",
    }
    arguments = ["--config", str(file), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    command = place.command(python.with_name("litellm"), *arguments, "--telemetry", "False")
    ready = f"http://127.0.0.1:{port}/health/liveliness"
    with place.running("litellm", command, environment, ready=ready, cwd=place.folder) as running:
        running.wait_until_idle()
        yield Contender(
            name="LiteLLM",
            version=version,
            port=port,
            model="bench",
            headers={"Authorization": f"Bearer {master_key}"},
            credential="bench-litellm",
            running=running,
        )


def litellm_model(upstream: str, name: str, model: str = "bench", **parameters: Any) -> dict[str, Any]:
    own = {"model": f"openai/{model}", "api_base": f"{upstream}/v1", "api_key": "bench-litellm"}
    return {"model_name": name, "litellm_params": own | parameters}


def litellm_configuration(models: Sequence[Mapping[str, Any]], **router: Any) -> dict[str, Any]:
    """Return the configuration of a proxy without a database, without logs of spending, and without retries."""
    return {
        "model_list": models,
        "litellm_settings": {"num_retries": 0, "telemetry": False, "request_timeout": 600},
        "general_settings": {"disable_spend_logs": True, "disable_error_logs": True},
        "router_settings": {"num_retries": 0} | router,
    }


# --- Portkey ---------------------------------------------------------------------------------------------------------
@contextmanager
def portkey(place: Place) -> Iterator[Contender]:
    folder = _environment(place, "portkey", "package-lock.json")
    version = _pinned("portkey/package.json", r'"@portkey-ai/gateway": "([^"]+)"')
    port, packages = find_free_port(), folder / "node_modules" / "@portkey-ai" / "gateway"
    preload, server = PINS / "portkey" / "mutable.mjs", packages / "build" / "start-server.js"
    command = place.command("node", "--import", preload, server, f"--port={port}", "--headless")
    with place.running("portkey", command, {"NODE_ENV": "production"}, ready=f"http://127.0.0.1:{port}/") as running:
        running.wait_until_idle()
        yield Contender(
            name="Portkey",
            version=version,
            port=port,
            model="bench",
            headers={
                "Authorization": "Bearer bench-portkey",
                "x-portkey-provider": "openai",
                "x-portkey-custom-host": f"{place.upstream}/v1",
            },
            credential="bench-portkey",
            running=running,
        )


def _environment(place: Place, contender: str, lock: str) -> Path:
    """Return the environment of a contender, which is made if necessary. Raise NotRun."""
    make = environments.python_of if lock.endswith(".txt") else environments.node_of
    try:
        return make(PINS / contender / lock, kept_in=place.folder.parent / "environments")
    except environments.Unavailable as error:
        raise NotRun(str(error)) from None


def _pinned(file: str, pattern: str) -> str:
    found = re.search(pattern, (PINS / file).read_text(), re.MULTILINE)
    assert found
    return found[1]
