"""Runs the steps of a client: `python -P steps.py SCRIPT ADDRESS FOLDER`, with the interpreter of the client.

A step is a public function of the script. It gets the address of the service and a folder to write to, and returns what
JSON can express. The output is one JSON object: for each step its `result`, or the traceback of its `error`.
"""

from __future__ import annotations

import inspect
import json
import runpy
import sys
import traceback
from collections.abc import Callable
from typing import Any

Json = Any


def main(script: str, address: str, folder: str) -> None:
    found: dict[str, Json] = {}
    for name, step in runpy.run_path(script).items():
        if inspect.isfunction(step) and step.__code__.co_filename == script and not name.startswith("_"):
            found[name] = _outcome(step, address, folder)
    sys.stdout.write(json.dumps(found))


def _outcome(step: Callable[[str, str], Json], address: str, folder: str) -> dict[str, Json]:
    try:
        return {"result": step(address, folder)}
    except Exception:  # a client may raise anything, and its other steps are still run
        return {"error": traceback.format_exc()}


if __name__ == "__main__":
    main(*sys.argv[1:])
