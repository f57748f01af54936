"""Runs a client in its environment, in a process of its own, and returns the outcome of its steps."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.clients import environments
from tests.clients.environments import CLIENTS, Command, Unavailable

Json = Any

RUN_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The outcome of each step of a client; reading one that failed fails the test, with the client's own traceback."""

    steps: Mapping[str, Json]

    def __getitem__(self, name: str) -> Json:
        outcome = self.steps[name]
        assert "error" not in outcome, outcome["error"]
        return outcome["result"]


def environment_of(client: str, make: Callable[[str], Path]) -> Path:
    """Return the environment. If it cannot be made, skip the test; the banner at the end of `make test` names it."""
    try:
        return make(client)
    except Unavailable as error:
        if report := os.environ.get("TEST_NOT_RUN"):
            with Path(report).open("a") as file:
                file.write(f"the client {error}\n")
        pytest.skip(f"NOT RUN: the client {error}")


def run_python(client: str, *, address: str, folder: Path, script: str = "client.py", **variables: str) -> Outcomes:
    """Run the steps of the script with the client's interpreter, and these environment variables."""
    interpreter = environment_of(client, environments.python)
    command: Command = [interpreter, "-P", CLIENTS / "steps.py", CLIENTS / client / script, address, folder]
    return _outcomes(command, folder=folder, **variables)


def run_node(client: str, *, address: str, folder: Path, **variables: str) -> Outcomes:
    """Run the steps of `client.mjs` with the client's packages, and these environment variables."""
    packages = environment_of(client, environments.node)
    for file in (CLIENTS / client).iterdir():
        shutil.copy(file, packages)  # Node looks for packages next to the script
    command: Command = ["node", CLIENTS / "steps.mjs", packages / "client.mjs", address, folder]
    return _outcomes(command, folder=folder, **variables)


def started(command: Command, *, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command in the folder to its end, with a clean environment."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_COLOR": "1", **variables}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=RUN_SECONDS, check=False
    )


def _outcomes(command: Command, *, folder: Path, **variables: str) -> Outcomes:
    done = started(command, folder=folder, **variables)
    assert done.returncode == 0, done.stderr or done.stdout
    return Outcomes(json.loads(done.stdout))
