"""The service that clients call: the product's own web server, on the bundled catalogues, in a database of its own."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

from gatewayz.run.children import end_with_parent
from gatewayz.run.probe import answers_ok
from gatewayz.run.supervisor import Address, choose_commands
from routing.demo.server import gateways
from tests import clock
from tests.services import find_free_port

Json = Any

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Service:
    url: str
    """Without a slash at its end."""
    infer_key: str
    """A key that may read, and send requests to models."""


@contextmanager
def folder_on_disk() -> Iterator[Path]:
    """Yield an empty folder that is not in memory, as the folder for temporary files may be: the spool refuses that."""
    parent = ROOT / "var"
    parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="test-", dir=parent) as name:
        yield Path(name)


@contextmanager
def serving(folder: Path) -> Iterator[Service]:
    """Yield a server of the bundled catalogues that are published in this folder.

    It sends requests to gateways of the demo: that of Chutes is down, the other two answer.
    """
    address = free_address()
    inference = {}
    with gateways(failing={"chutes"}) as demo, folder_on_disk() as spool:
        for slug in ("chutes", "openrouter", "portkey"):
            inference[f"{slug.upper()}_INFERENCE_BASE"] = demo.base(slug)
            inference[f"{slug.upper()}_INFERENCE_KEYS"] = "of-the-demo"
        environment = environment_of(folder, address, INFERENCE="on", INFERENCE_SPOOL=str(spool), **inference)
        key = manage(environment, "api_key", "create", "--scope", "read", "--scope", "infer", "clients")
        with running(environment, address) as url:
            yield Service(url, key.strip())


def free_address() -> Address:
    return Address(bind="127.0.0.1", port=find_free_port())


def environment_of(folder: Path, address: Address, **variables: str) -> dict[str, str]:
    """Return the environment of a service with its data in the folder, without limits of rate."""
    return {
        "PATH": os.environ["PATH"],
        "ENV_FILE": os.devnull,
        "SECRET_KEY": secrets.token_urlsafe(64),
        "DATA_DIR": str(folder),
        "PUBLIC_URL": address.url("").removesuffix("/"),
        "LOG_LEVEL": "warning",
        "RATE_LIMIT_PER_MINUTE": "0",
        "PAGE_RATE_LIMIT_PER_MINUTE": "0",
        **clock.environment(),
        **variables,
    }


def manage(environment: Mapping[str, str], *command: str) -> str:
    """Run `manage.py` to its end, which must succeed, and return what it prints."""
    done = subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@contextmanager
def running(environment: Mapping[str, str], address: Address, *, probe: str = "/readyz") -> Iterator[str]:
    """Run the web server with one worker until the context ends; yield its address when the probe answers."""
    [web] = (command for command in choose_commands(address, web_workers=1) if command.name == "web")
    server = subprocess.Popen(
        [sys.executable, *web.arguments],
        cwd=ROOT,
        env=environment,
        preexec_fn=end_with_parent(os.getpid(), signal.SIGTERM),
    )
    try:
        _wait_until_ready(address, probe)
        yield f"http://{address.host}:{address.port}"
    finally:
        server.terminate()
        server.wait(START_SECONDS)


def _wait_until_ready(address: Address, probe: str) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while not answers_ok(probe, host=address.host, port=address.port):
        assert time.monotonic() < give_up_at, "the server does not answer"
        time.sleep(0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: Message
    """The names of headers may be written in any case."""
    body: bytes

    @property
    def json(self) -> Json:
        return json.loads(self.body)


def ask(address: str, target: str, *, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
    """Send one request; in the names of headers, `_` is written for `-`. Of a stream, only the beginning is read."""
    with closing(http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)) as connection:
        connection.request(method, target, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        is_endless = response.headers.get_content_type() == "text/event-stream"
        body_read = response.read1() if is_endless else response.read()
        return Answer(status=response.status, headers=response.headers, body=body_read)
