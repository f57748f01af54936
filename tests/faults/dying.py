"""`python -m tests.faults.dying <outcome file>`: syncs of OpenRouter, each killed at a statement of SQL.

It runs in its own process, with the settings of the environment. Each line of its input is the number of a statement:
a child process of its own, which has opened nothing before, runs a sync and is killed there. The exit status of the
child is printed. At 0 nothing is killed; then the outcome and the statements are written into the file, one a line.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import django


def main(outcome: Path) -> None:
    django.setup()
    import_module("catalog.sync.run")  # once, and not in each child
    for line in sys.stdin:
        if child := os.fork():
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)  # noqa: T201  the answer
        else:
            sync(int(line), outcome)
            return


def sync(deadly: int, outcome: Path) -> None:
    from django.db import connection

    from catalog.models import SyncRun
    from catalog.sync import run

    seen: list[str] = []

    def count(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append(" ".join(sql.split())[:200])
        if len(seen) == deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(sql, params, many, context)

    def count_end(end: Callable[[], None], name: str) -> Callable[[], None]:
        """Count the end of a transaction: these statements bypass the wrapper."""

        def ending() -> None:
            seen.append(name)
            if len(seen) == deadly:
                os.kill(os.getpid(), signal.SIGKILL)
            end()

        return ending

    connection.ensure_connection()
    connection._commit = count_end(connection._commit, "COMMIT")  # type: ignore[attr-defined]
    with connection.execute_wrapper(count):
        report = run.run_gateway("openrouter", trigger=SyncRun.Trigger.COMMAND)
    outcome.write_text("\n".join([str(report.run.outcome), *seen]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
