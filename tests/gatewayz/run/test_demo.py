from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from catalog.registry import GATEWAYS
from gatewayz.run.demo import environment_of
from routing.demo.server import gateways
from tests import clock
from tests.clients.service import ask, folder_on_disk
from tests.services import find_free_port

SECONDS = 180.0
END = "Ctrl-C ends the demo."


@pytest.fixture
def folder() -> Iterator[Path]:
    with folder_on_disk() as folder:
        yield folder


def test_the_demo_shows_a_stream_a_fallback_and_their_cost_and_leaves_nothing(folder: Path) -> None:
    port = find_free_port()
    environment = {**clock.environment(), "PATH": os.environ["PATH"], "DATA_DIR": str(folder), "PORT": str(port)}
    command = [sys.executable, "-m", "gatewayz.run.demo"]

    with subprocess.Popen(
        command, cwd=settings.BASE_DIR, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as demo:
        try:
            shown = []
            for line in demo.stdout or ():
                shown.append(line)
                if END in line:
                    break
            repeated = repeat(shown, f"http://localhost:{port}")
            demo.send_signal(signal.SIGINT)
            shown += demo.stdout or ()
            status = demo.wait(SECONDS)
        finally:
            demo.terminate()  # the service ends with it

    output = "".join(shown)
    assert status == 0, output
    assert not list(folder.iterdir())
    assert "Gatewayz-Attempts: 2\n" in output
    assert re.search(r": gatewayz-cost 0\.0000\d+ ", output)
    assert re.search(r"requests +2\n *attempts +3\n *absorbed +1\n", output)
    assert re.search(r"cost_usd +0\.000\d+\n", output)
    assert [answer.partition("\n")[0] for answer in repeated] == ["200"] * 4
    assert "You wrote: " in repeated[1]
    assert json.loads(repeated[3].partition("\n")[2])["total"]["requests"] >= 2


def repeat(shown: list[str], address: str) -> list[str]:
    """Send what the printed commands send; return their statuses and bodies."""
    text = "".join(shown)
    [key] = re.findall(r"export KEY=(\S+)", text)
    found = []
    for command in re.findall(r"^  (curl (?:.*\\\n)*.*)", text, flags=re.MULTILINE):
        words = shlex.split(command.replace("$KEY", key))
        [target] = [word.removeprefix(address) for word in words if word.startswith(address)]
        body = words[words.index("-d") + 1] if "-d" in words else None
        headers = dict(word.split(": ") for word in words if ": " in word and not word.startswith("{"))
        answer = ask(
            address.replace("localhost", "127.0.0.1"),
            target,
            method="GET" if body is None else "POST",
            body=None if body is None else body.encode(),
            **{name.replace("-", "_"): value for name, value in headers.items()},
        )
        found.append(f"{answer.status}\n{answer.body.decode()}")
    return found


def test_the_demo_takes_nothing_from_other_installations(tmp_path: Path) -> None:
    keys = {f"{slug.upper()}_{name}": "secret" for slug in GATEWAYS for name in ("API_KEY", "INFERENCE_KEYS")}
    others = {"DATABASE_URL": "postgres://secret", "REDIS_URL": "redis://secret", "SECRET_KEY": "secret"}

    with gateways() as upstream:
        environment = environment_of(tmp_path, upstream, {**keys, **others})

    assert "secret" not in " ".join(environment.values())
    assert environment["ENV_FILE"] == os.devnull
