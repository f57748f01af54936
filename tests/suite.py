"""The tests on SQLite, then those that use data on PostgreSQL: `python -m tests.suite [options of pytest]`.

Servers named in TEST_DATABASE_URL and TEST_REDIS_URL are used. If they are not set, servers are started, and stopped at
the end. The exit status is pytest's. A banner at the end lists what did not run because no server was available, or
because the environment of a client could not be made (tests/clients).

The half on PostgreSQL starts at another date than today, so that no test depends on the date. TEST_CLOCK sets the start
of both halves (tests/clock). TEST_REPORTS names a folder for a report of each half, in JUnit's format.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import NoReturn

from gatewayz.run.children import end_with_parent
from tests import services

SHIFTED = "2027-03-01T00:30"
"""Half an hour after midnight, on the first day of a month, on a Monday."""


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def run_suite(options: Sequence[str]) -> int:
    missing: list[str] = []
    with ExitStack() as stack:
        # The import of the product's package above has already set its own settings module.
        environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
        # Without bytecode each test process compiles and rewrites every module again, which takes 6 s.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        offer("TEST_REDIS_URL", services.redis_server, stack=stack, environment=environment, missing=missing)
        offer("TEST_DATABASE_URL", services.postgresql, stack=stack, environment=environment, missing=missing)
        report = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "not-run.txt"
        status = run_halves(options, environment | {"TEST_NOT_RUN": str(report)})
        missing += sorted(set(report.read_text().splitlines())) if report.exists() else []
    if missing:
        say(banner(missing))
    return status


def offer(
    name: str,
    start: Callable[[], AbstractContextManager[str]],
    *,
    stack: ExitStack,
    environment: dict[str, str],
    missing: list[str],
) -> None:
    """Put the address of the server into the environment; start one if the address is missing."""
    if environment.get(name):
        say(f"{name} is given")
        return
    try:
        environment[name] = stack.enter_context(start())
    except services.Unavailable as error:
        missing.append(f"{name} ({error})")
    else:
        say(f"{name} is a server of our own")


def run_halves(options: Sequence[str], environment: dict[str, str]) -> int:
    # Coverage takes a third of the time, so only `make coverage` measures it.
    coverage = ["--cov", "--cov-report="] if environment.get("COVERAGE") else []
    sqlite = {name: value for name, value in environment.items() if name != "TEST_DATABASE"}
    statuses = [run_half("SQLite", [*coverage, *options], sqlite)]
    if "TEST_DATABASE_URL" in environment:
        coverage += ["--cov-append"] if coverage else []
        postgresql = {"TEST_CLOCK": SHIFTED} | sqlite | {"TEST_DATABASE": "postgresql"}
        statuses.append(run_half("PostgreSQL", [*coverage, *options], postgresql))
    if coverage:
        subprocess.run([sys.executable, "-m", "coverage", "report"], check=False)
    return next(filter(None, statuses), 0)


def run_half(name: str, options: Sequence[str], environment: dict[str, str]) -> int:
    if folder := environment.get("TEST_REPORTS"):
        options = [*options, f"--junit-xml={folder}/{name}.xml"]
    say(f"\n=== The tests on {name}")
    started_at = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *options],
        env=environment,
        preexec_fn=end_with_parent(os.getpid(), signal.SIGINT),
    )
    try:
        status = process.wait()
    except KeyboardInterrupt:
        process.wait()  # the terminal's Ctrl-C has reached pytest too, which first ends its tests' processes
        raise
    except SystemExit:
        process.send_signal(signal.SIGINT)
        process.wait()
        raise
    say(f"=== The tests on {name} took {time.monotonic() - started_at:.0f} s")
    return status


def banner(missing: Sequence[str]) -> str:
    lines = [f"NOT RUN: what needs {reason}" for reason in missing]
    rule = "!" * min(120, max(map(len, lines)))
    return "\n".join(["", rule, *lines, rule])


def end_by_signal(number: int, _: object) -> NoReturn:
    raise SystemExit(128 + number)


def main(options: Sequence[str]) -> int:
    signal.signal(signal.SIGTERM, end_by_signal)  # otherwise the servers would outlive this process
    try:
        return run_suite(options)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
