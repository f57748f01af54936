"""`python -m tests.routing.ledger.dying <spool>`: processes that write and store a ledger, each killed at one step.

It runs with the settings of the environment. Each line of its input is the number of a step: a child process, which has
opened nothing before, is killed there. Steps are appends to the spool, requests that are "sent", statements of SQL,
COMMITs and deletions of files. The answer is the exit status of the child and the ids of what it sent, in one line of
JSON. At 0 a child stores everything that is left, and the answer is what the database has.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import django
import orjson

REQUESTS = 12


def main(folder: Path) -> None:
    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connections

    if "usage" in settings.DATABASES:
        for app in ("usage", "routing"):
            call_command("migrate", app, database="usage", verbosity=0)
        connections.close_all()
    for line in sys.stdin:
        reading, writing = os.pipe()
        if child := os.fork():
            os.close(writing)
            with os.fdopen(reading, "rb") as answers:
                answer = answers.read()
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            sys.stdout.write(orjson.dumps({"status": status, "answer": answer.decode()}).decode() + "\n")
            sys.stdout.flush()
        else:
            os.close(reading)
            deadly = int(line)
            work(folder, deadly, writing) if deadly else report(folder, writing)
            os._exit(0)


def work(folder: Path, deadly: int, answers: int) -> None:
    """Send requests of one or two attempts, and store the spool now and then."""
    from django.db import connections

    from routing.ledger import files, ingesting
    from routing.ledger.spool import Spool
    from tests.routing.ledger.rows import begun, ended
    from usage.router import alias

    count = Steps(deadly)
    files.OwnFile.append = count.before(files.OwnFile.append)  # type: ignore[method-assign]
    Path.unlink = count.before(Path.unlink)  # type: ignore[method-assign]
    connection: Any = connections[alias()]
    connection.ensure_connection()
    connection._commit = count.before(connection._commit)
    ledger = Spool(folder)
    ledger.start()
    now = datetime.now(UTC)
    with connection.execute_wrapper(count.execute):
        for number in range(REQUESTS):
            request_id = f"{os.getpid()}-{number}"
            for attempt in range(1, 2 + number % 2):
                is_final = attempt == 1 + number % 2
                ledger.begin(begun(request_id, attempt, at=now))
                os.write(answers, f"{request_id} {attempt}\n".encode())  # what the gateway counts
                count()
                cost = Decimal(number) / 1_000
                ledger.end(ended(request_id, attempt, at=now, is_final=is_final, cost=cost))
            if number % 4 == 3:
                ingesting.ingest(folder)
        ledger.stop()
        ingesting.ingest(folder)


class Steps:
    def __init__(self, deadly: int) -> None:
        self._left = deadly

    def __call__(self) -> None:
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(self, step: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with a step before it and one after it, at which the process may end."""

        def counted(*args: Any, **named: Any) -> Any:
            self()
            found = step(*args, **named)
            self()
            return found

        return counted

    def execute(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        self()
        return execute(sql, params, many, context)


def report(folder: Path, answers: int) -> None:
    from routing.ledger import files, ingesting
    from routing.models import Attempt, Spending
    from usage.models import InferenceDay

    ingesting.ingest(folder, now=datetime.now(UTC) + timedelta(hours=1))
    found = {
        "attempts": [*Attempt.objects.values_list("request_id", "attempt", "outcome", "cost_nano", "charged_nano")],
        "days": [*InferenceDay.objects.values_list("outcome", "attempts", "cost_nano", "charged_nano")],
        "spent": [*Spending.objects.filter(key=0, period="month").values_list("spent_nano", flat=True)],
        "files": [path.name for path in files.found(folder)],
    }
    os.write(answers, orjson.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
