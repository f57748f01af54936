"""Statement 22: processes that are killed at any step lose no row of the ledger, and store none twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.db import connection

from tests.catalog.syncing import database_url

PROVE = bool(os.environ.get("PROVE"))
KILLS = 200 if PROVE else 10
STEPS = 200
"""About as many steps has a process that is not killed."""
ROOT = Path(__file__).parents[3]
Json = Any


@pytest.mark.django_db(databases="__all__", transaction=True)
def test_22_killed_at_any_step_each_request_has_exactly_one_row_per_attempt(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "gatewayz.settings",
        "ENV_FILE": os.devnull,
        "SECRET_KEY": "x" * 60,
        "DATA_DIR": str(tmp_path),
    }
    if connection.vendor == "postgresql":
        environment["DATABASE_URL"] = database_url()
    chance = random.Random(None if PROVE else 22)  # noqa: S311
    with subprocess.Popen(
        [sys.executable, "-m", "tests.routing.ledger.dying", str(tmp_path / "spool")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=ROOT, text=True,
    ) as dying:  # fmt: skip
        sent: list[tuple[str, int]] = []
        killed = 0
        for _ in range(KILLS):
            answer = _asked(dying, chance.randrange(1, STEPS))
            assert answer["status"] in {0, -signal.SIGKILL}
            killed += answer["status"] != 0
            sent += [(name, int(attempt)) for name, attempt in map(str.split, answer["answer"].splitlines())]
        found = orjson.loads(_asked(dying, 0)["answer"])

    assert killed >= KILLS // 2
    rows = {(name, attempt): rest for name, attempt, *rest in found["attempts"]}
    assert len(rows) == len(found["attempts"])
    assert rows.keys() >= set(sent), "what was sent has a row"
    unsent = rows.keys() - set(sent)
    assert len(unsent) <= killed, "at most the attempt that was about to be sent"
    assert all(rows[name][0] == "lost" for name in unsent)
    assert sum(number for _, number, *_ in found["days"]) == len(rows)
    assert sum(cost for _, _, cost, _ in found["days"]) == sum(cost or 0 for _, cost, _ in rows.values())
    assert found["spent"] == [sum(charged for *_, charged in rows.values())]
    assert found["files"] == []


def _asked(dying: subprocess.Popen[str], step: int) -> Json:
    assert dying.stdin is not None
    assert dying.stdout is not None
    dying.stdin.write(f"{step}\n")
    dying.stdin.flush()
    return orjson.loads(dying.stdout.readline())
