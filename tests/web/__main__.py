"""The tests of the pages in a browser: `python -m tests.web [options of pytest]`.

They do not run with the others: one browser uses both cores. A banner at the end says what did not run, and why.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.suite import banner, say

FOLDER = Path(__file__).parent


def main(options: Sequence[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "not-run.txt"
        environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings", "TEST_NOT_RUN": str(report)}
        say("\n=== The tests of the pages, in Chromium")
        paths = [] if any(Path(option.partition("::")[0]).exists() for option in options) else [str(FOLDER)]
        command = [sys.executable, "-m", "pytest", "-n", "0", *paths, *options]
        status = subprocess.run(command, env=environment, check=False).returncode
        missing = sorted(set(report.read_text().splitlines())) if report.exists() else []
    if missing:
        say(banner(missing))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
