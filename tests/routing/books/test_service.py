"""The books of a real service: two workers, a fake gateway, and one worker that is killed. Statements 22, 24 and 28."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import orjson
import pytest

from gatewayz.run.children import end_with_parent
from gatewayz.run.supervisor import choose_commands
from tests.clients.service import (
    ROOT,
    START_SECONDS,
    Answer,
    _wait_until_ready,
    ask,
    environment_of,
    free_address,
)
from tests.routing.upstream_server import UpstreamServer, upstream_server

MODEL = "openrouter/openai/gpt-4o-mini"
CANARY = "canary-0815"
WORKERS = 2
BUDGET = "0.005"
"""Enough for these requests, and not for one with a long answer."""


@dataclass
class Service:
    url: str
    secret: str
    folder: Path
    upstream: UpstreamServer
    process: subprocess.Popen[bytes]

    def send(self, **fields: Any) -> Answer | None:
        """The answer to a request; None if its worker died."""
        body = {"model": MODEL, "max_tokens": 40, "messages": [{"role": "user", "content": CANARY}], "user": CANARY}
        headers = {"Authorization": f"Bearer {self.secret}", "Content_Type": "application/json"}
        with suppress(OSError, HTTPException):
            return ask(self.url, "/v1/chat/completions", method="POST", body=orjson.dumps(body | fields), **headers)
        return None

    def stored(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.folder / "usage.sqlite3")) as database:
            return database.execute(query).fetchall()

    def workers(self) -> list[int]:
        return [
            int(pid) for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        ]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(START_SECONDS)


@pytest.fixture
def service(tmp_path: Path, prepared_data: Path) -> Iterator[Service]:
    address = free_address()
    with upstream_server() as upstream, (tmp_path / "log").open("wb") as log:
        environment = environment_of(
            tmp_path,
            address,
            INFERENCE="on",
            OPENROUTER_INFERENCE_KEYS=f"sk-{CANARY}",
            OPENROUTER_INFERENCE_BASE=upstream.base,
            INFERENCE_BUDGET_USD_PER_DAY=BUDGET,
            LOG_LEVEL="debug",
        )
        shutil.copytree(prepared_data, tmp_path, dirs_exist_ok=True)
        made = subprocess.run(
            [sys.executable, "manage.py", "api_key", "create", "client", "--scope", "infer"],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        [web] = (command for command in choose_commands(address, web_workers=WORKERS) if command.name == "web")
        process = subprocess.Popen(
            [sys.executable, *web.arguments], cwd=ROOT, env=environment, stdout=log, stderr=log,
            preexec_fn=end_with_parent(os.getpid(), signal.SIGTERM),
        )  # fmt: skip
        own = Service(f"http://127.0.0.1:{address.port}", made.stdout.strip(), tmp_path, upstream, process)
        try:
            _wait_until_ready(address, "/readyz")
            yield own
        finally:
            own.stop()


def test_22_24_28_a_killed_worker_loses_no_row_and_the_budget_holds(service: Service) -> None:
    with ThreadPoolExecutor(8) as pool:
        before = [pool.submit(service.send) for _ in range(60)]
        before[20].result()
        os.kill(service.workers()[0], signal.SIGKILL)
        answers = [each.result() for each in before]
        answers += pool.map(lambda _: service.send(), range(200))
    statuses = Counter(answer.status if answer is not None else 0 for answer in answers)
    refused = service.send(max_tokens=16_000)
    assert refused is not None
    give_up_at = time.monotonic() + START_SECONDS
    while service.stored("SELECT count(*) FROM routing_attempt WHERE outcome = 'ok'")[0][0] < statuses[200]:
        assert time.monotonic() < give_up_at, "the rows are not stored"
    service.stop()

    rows = service.stored("SELECT request_id, attempt, outcome, cost_nano, reserved_nano FROM routing_attempt")
    assert len({row[:2] for row in rows}) == len(rows)
    sent = len(service.upstream.seen)
    killed = statuses[0]
    assert sent <= len(rows) <= sent + killed, "each request that the gateway counted has one row"
    assert sum(row[2] == "ok" for row in rows) >= statuses[200]
    assert {row[2] for row in rows} <= {"ok", ""}, "what the killed worker had in flight is lost later"
    spent = sum(cost or 0 for *_, cost, _ in rows)
    in_flight = sum(reserved for _, _, outcome, _, reserved in rows if not outcome)
    assert spent + in_flight <= 5_000_000
    others = [answer.body for answer in answers if answer is not None and answer.status != 200]
    assert not others, others
    assert killed < 30, statuses
    assert refused.status == 402
    assert orjson.loads(refused.body)["error"]["metadata"]["limit_source"] == "all_day"
    [(total,)] = service.stored("SELECT spent_nano FROM routing_spending WHERE \"key\" = 0 AND period = 'day'")
    assert total == spent

    for path in [*service.folder.rglob("*.log"), *service.folder.rglob("*.sqlite3*"), service.folder / "log"]:
        assert CANARY.encode() not in path.read_bytes(), path
