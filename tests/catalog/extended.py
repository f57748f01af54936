"""A copy of the product that a test extends, and that then answers requests over HTTP from a process of its own.

The second part of this file runs in that process: `python extended.py TARGET…` publishes the bundled catalogue of
Chutes, serves it, and prints an answer for each target.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from http.client import HTTPConnection
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

Json = Any

PACKAGES = ("routing", "usage", "monitoring", "catalog", "front", "access", "gatewayz")
LONGEST_SECONDS = 120
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    status: int
    body: str
    is_from_django: bool

    @property
    def json(self) -> Json:
        return json.loads(self.body)


def copy_of_the_product(folder: Path, *, data: Path) -> Path:
    """Copy the product, and a data folder whose database has all tables."""
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name)  # with its bytecode, which takes seconds to make again
    shutil.copytree(ROOT / "fixtures", folder / "fixtures", ignore=shutil.ignore_patterns("payloads", "expected"))
    shutil.copytree(data, folder / "var")
    return folder


def insert(file: Path, *, line: str, below: str) -> None:
    """Insert a line below the only line that begins with `below`."""
    lines = file.read_text("utf-8").splitlines()
    [place] = [number for number, known in enumerate(lines) if known.startswith(below)]
    file.write_text("\n".join([*lines[: place + 1], line, *lines[place + 1 :], ""]), "utf-8")


def ask(folder: Path, *targets: str) -> list[Answered]:
    """Start the copy, and get these addresses one after the other."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(folder),
        "DJANGO_SETTINGS_MODULE": "gatewayz.settings",
        "ENV_FILE": os.devnull,
        "SECRET_KEY": "extended-" + "0123456789" * 5,
        "DATA_DIR": str(folder / "var"),
        "LOG_LEVEL": "error",
    }
    process = subprocess.run(
        [sys.executable, __file__, *targets],
        cwd=folder,
        env=environment,
        capture_output=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    assert process.returncode == 0, process.stderr.decode()
    assert process.stderr == b""  # drf-spectacular would print warnings there
    return [Answered(**answer) for answer in json.loads(process.stdout)]


# --- in the process of the copy --------------------------------------------------------------------------------------
class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass


def main(targets: list[str]) -> None:
    import django
    from django.core.management import call_command
    from django.core.signals import request_started

    django.setup()
    call_command("sync", "chutes", source="bundled", stdout=StringIO())
    asked_django: list[object] = []
    count = asked_django.append
    request_started.connect(lambda **_: count(None), weak=False)
    application = import_module("gatewayz.wsgi").application
    with make_server("127.0.0.1", 0, application, handler_class=_Silent) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        found = []
        for target in targets:
            before = len(asked_django)
            connection = HTTPConnection("127.0.0.1", server.server_port)
            connection.request("GET", target)
            answer = connection.getresponse()
            body = answer.read().decode()
            found.append({"status": answer.status, "body": body, "is_from_django": len(asked_django) > before})
        server.shutdown()
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).parent))  # the packages of the copy alone may be imported
    main(sys.argv[1:])
