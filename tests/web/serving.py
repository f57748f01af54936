"""Real servers of the pages, each a process of its own on a database of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from tests.clients.service import ROOT, environment_of, free_address, running
from tests.clock import sitecustomize
from tests.web import catalogue


@contextmanager
def serving(folder: Path, *, days_later: float = 0, probe: str = "/readyz") -> Iterator[str]:
    """Serve what is in the folder, with a clock that is so many days ahead; yield the address."""
    address = free_address()
    environment = environment_of(folder, address, **catalogue.VARIABLES)
    if days_later:
        environment |= later(environment, days_later)
    with running(environment, address, probe=probe) as url:
        yield url


def publish(folder: Path, *, with_hostile_rows: bool) -> None:
    """Publish the catalogue into an empty folder."""
    environment = environment_of(folder, free_address(), **catalogue.VARIABLES)
    environment["DJANGO_SETTINGS_MODULE"] = "gatewayz.settings"
    options = ["--with-hostile-rows"] if with_hostile_rows else []
    command = [sys.executable, "-m", "tests.web.publishing", *options]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def later(environment: Mapping[str, str], days: float) -> dict[str, str]:
    shift = float(environment.get(sitecustomize.SHIFT, "0")) + timedelta(days=days).total_seconds()
    folder = str(Path(sitecustomize.__file__).parent)
    return {sitecustomize.SHIFT: str(shift), "PYTHONPATH": folder}
