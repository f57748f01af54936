"""`python -m tests.ledger [compare | record | generate]`: ask the service everything, on SQLite and on PostgreSQL.

- `compare` compares with the ledger, except for what `allowed.txt` allows. The exit status is 1 if anything else
  differs, or if a line of that file allows nothing.
- `record` writes the ledger: the same requests, today's answers.
- `generate` makes the list of requests from the service as it is today, and records their answers.
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests import services
from tests.ledger import book, differences
from tests.ledger.service import METRICS_TOKEN
from tests.suite import banner, say

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent
LEDGER, ALLOWED = FOLDER / "answers.txt", FOLDER / "allowed.txt"
KEPT = ROOT / "var/ledger"
"""The folder for bodies and for the answers of the last run; it is not part of the repository."""
BODIES = book.Bodies(KEPT / "bodies")


class Failed(Exception):
    """The service could not be asked."""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.ledger")
    parser.add_argument("command", nargs="?", default="compare", choices=["compare", "record", "generate"])
    command = parser.parse_args(arguments).command
    began = time.monotonic()
    KEPT.mkdir(parents=True, exist_ok=True)
    try:
        found, missing = ask_all(*(["--generate"] if command == "generate" else []))
    except Failed as error:
        say(str(error))
        return 1
    say(f"{len(found['SQLite'])} requests on {' and '.join(found)} in {time.monotonic() - began:.0f} s")
    status = _agree(found)
    if command == "compare":
        status |= _compare(found["SQLite"])
    elif status == 0:
        book.write(LEDGER, found["SQLite"])
        ALLOWED.write_text("".join(f"{line}\n" for line in ALLOWED.read_text().splitlines() if line.startswith("#")))
        say(f"{LEDGER.relative_to(ROOT)} is written, and no difference is allowed")
    recorded = book.read(LEDGER) if LEDGER.exists() else {}
    BODIES.drop_all_but(entry.body for entries in (*found.values(), recorded) for entry in entries.values())
    if missing:
        say(banner(missing))
    return status


def ask_all(*options: str) -> tuple[dict[str, book.Book], list[str]]:
    """Return the answers of each database, and why a database was not asked. Raises Failed."""
    missing: list[str] = []
    with ExitStack() as stack:
        databases = {"SQLite": ""}
        try:
            databases["PostgreSQL"] = stack.enter_context(services.postgresql())
        except services.Unavailable as error:
            missing.append(f"PostgreSQL ({error})")
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        started = {
            name: _start(name, scratch / name, address=address, number=number, options=options)
            for number, (name, address) in enumerate(databases.items())
        }
        ended = {name: process.wait() for name, process in started.items()}
        if failed := [name for name, status in ended.items() if status]:
            raise Failed(f"The service on {' and '.join(failed)} could not be asked; the reason is above.")
    return {name: book.read(_answers_of(name)) for name in databases}, missing


def _answers_of(name: str) -> Path:
    return KEPT / f"{name}.txt"


def _start(name: str, scratch: Path, *, address: str, number: int, options: Sequence[str]) -> subprocess.Popen[bytes]:
    scratch.mkdir()
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "tests.ledger.child",
        LEDGER,
        _answers_of(name),
        KEPT / "bodies",
        *options,
    ]
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "DJANGO_SETTINGS_MODULE": "tests.ledger.settings",
        "ENV_FILE": os.devnull,
        "DATA_DIR": str(scratch),
        "DATABASE_URL": address or f"sqlite:///{scratch / 'ledger.sqlite3'}",
        "SECRET_KEY": secrets.token_hex(32),
        "METRICS_TOKEN": METRICS_TOKEN,
        "RATE_LIMIT_PER_MINUTE": "0",  # thousands of requests come from one address
        "SNAPSHOT_POLL_SECONDS": "60",
        # These values must not matter. They differ here, so that an influence would be noticed.
        "PYTHONHASHSEED": str(1 + number),
        "TZ": ("Pacific/Kiritimati", "America/New_York")[number],
    }
    return subprocess.Popen(command, cwd=ROOT, env=environment)


def _agree(found: dict[str, book.Book]) -> int:
    """Return 0 if all databases give the same answers."""
    status = 0
    for name, answers in found.items():
        if differs := differences.compare(found["SQLite"], answers):
            say(f"\n{len(differs)} answers on {name} (+) are not those on SQLite (-):")
            _say_all(differs)
            status = 1
    return status


def _compare(answers: book.Book) -> int:
    allowed = differences.allowances(ALLOWED.read_text("utf-8"))
    found = differences.compare(book.read(LEDGER), answers)
    left, stale = differences.judge(found, allowed)
    if len(found) > len(left):
        say(f"{len(found) - len(left)} answers differ as {ALLOWED.name} allows")
    if left:
        say(f"\n{len(left)} answers (+) differ from the ledger (-):")
        _say_all(left)
        say(f"\nIf that is meant: a line in {ALLOWED.relative_to(ROOT)}, or `make ledger-record`.")
    for allowance in stale:
        say(f"\n{ALLOWED.relative_to(ROOT)} allows what does not differ: {allowance.line}")
    if not left and not stale:
        say("All answers are those of the ledger.")
    return 1 if left or stale else 0


def _say_all(found: Sequence[differences.Difference]) -> None:
    for line in differences.report(found, BODIES.find):
        say(line)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
