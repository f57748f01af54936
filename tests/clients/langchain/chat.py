"""LangChain's own tests of chat models, run on the service by pytest in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

TESTS = Path(__file__).with_name("standard_tests.py")


def run_standard_tests(address, folder):
    """Return the names of the tests that passed, and the messages of those that were skipped or failed."""
    report = Path(folder) / "report.xml"
    # One event loop for all tests: LangChain keeps the connections of a loop for the next model.
    ini = ["-o", "asyncio_mode=auto", "-o", "asyncio_default_test_loop_scope=session", "-c", os.devnull]
    options = ["--quiet", "-p", "no:cacheprovider", f"--rootdir={folder}", f"--confcutdir={TESTS.parent}", *ini]
    subprocess.run(
        [sys.executable, "-m", "pytest", TESTS, *options, f"--junitxml={report}"],
        env=os.environ | {"OPENAI_BASE_URL": f"{address}/v1", "OPENAI_API_KEY": os.environ["INFER_KEY"]},
        capture_output=True,
        check=False,
    )
    found = {"passed": [], "skipped": {}, "failed": {}}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314  pytest has just written it
        outcomes = {each.tag: each.get("message", "") for each in case}
        if (failed := outcomes.get("failure", outcomes.get("error"))) is not None:
            found["failed"][case.get("name")] = failed
        elif "skipped" in outcomes:
            found["skipped"][case.get("name")] = outcomes["skipped"]
        else:
            found["passed"].append(case.get("name"))
    return found
