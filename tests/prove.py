"""The first step of `make prove`: the given tests in full, on both databases; docs/measured/proofs.md has the result.

`python -m tests.prove <paths> [options of pytest]`, with PROVE=1 in the environment. A run that fails, or that has
options, writes no page: it has not proved everything.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from benchmarks import measured
from tests import suite


def main(arguments: Sequence[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="gatewayz-proofs-") as folder:
        os.environ["TEST_REPORTS"] = folder
        status = suite.main(arguments)
        if status == 0 and not any(argument.startswith("-") for argument in arguments):
            suite.say(write_page(Path(folder)))
    return status


def write_page(reports: Path, *, folder: Path = measured.FOLDER) -> str:
    """Write proofs.md from the reports of the halves, and return its text."""
    rows = [summary(report) for report in sorted(reports.glob("*.xml"), reverse=True)]
    return measured.write(
        "proofs",
        title="Proofs, counted",
        command="make prove",
        conditions={},
        tables=[measured.Table(("database", "passed", "skipped", "time"), rows)],
        folder=folder,
    )


def summary(report: Path) -> tuple[str, ...]:
    """Return database, passed and skipped tests, and time of one half. Raises ParseError."""
    counts = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    seconds = 0.0
    for found in ET.parse(report).iter("testsuite"):  # noqa: S314  pytest has just written it
        counts = {name: count + int(found.get(name, 0)) for name, count in counts.items()}
        seconds += float(found.get("time", 0))
    passed = counts["tests"] - counts["failures"] - counts["errors"] - counts["skipped"]
    minutes, rest = divmod(round(seconds), 60)
    return report.stem, f"{passed:,}", f"{counts['skipped']:,}", f"{minutes} min {rest} s"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
