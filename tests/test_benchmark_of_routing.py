"""benchmarks.routing: the upstream, the client and the table agree with each other, without any contender."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from benchmarks import routing_failures, routing_load, routing_report, routing_upstream
from benchmarks.routing_bench import RoutingBench
from benchmarks.routing_contenders import PATH, PINS, Place
from benchmarks.routing_failures import SCENARIOS, Asked, Got
from benchmarks.routing_load import Found, Work
from tests.routing.upstream_server import Seen
from tests.services import find_free_port

ROOT = Path(__file__).parents[1]
START_SECONDS = 30.0


@pytest.fixture(scope="module")
def upstream() -> Iterator[int]:
    port = find_free_port()
    command = [sys.executable, "-m", "benchmarks.routing_upstream", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT)
    give_up_at = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            assert time.monotonic() < give_up_at
            time.sleep(0.05)
    yield port
    process.terminate()
    assert process.wait(START_SECONDS) == 0


def load(port: int, **work: Any) -> Found:
    headers = {"Authorization": "Bearer me"}
    wanted = Work(port=port, path=PATH, headers=headers, model="x", connections=4, check_every=1, **work)
    command = [sys.executable, "-m", "benchmarks.routing_load", json.dumps(asdict(wanted))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return Found(**json.loads(done.stdout))


@pytest.mark.parametrize("kind", ["unary", "burst", "paced"])
def test_every_answer_of_the_upstream_is_whole_and_of_its_own_request(upstream: int, kind: str) -> None:
    found = load(upstream, kind=kind, requests=12, interval_ms=2, events=6, start=40)

    assert (found.requests, found.failed, found.example) == (12, 0, "")
    assert (found.checked, found.equal, found.same_text) == (12, 12, 12)
    assert found.first_p50 is not None


def test_the_answer_of_another_request_and_changed_bytes_are_noticed() -> None:
    work = Work(port=1, path=PATH, headers={}, model="x", kind="burst", connections=1, check_every=1)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
    good = routing_upstream.stream_body(7)
    with_cost = good.replace(b"data: [DONE]", b": gatewayz-cost 0.1\ndata: [DONE]")

    def checked(body: bytes) -> tuple[int, int]:
        judging = routing_load._Load(work)
        judging.answered(7, head + body)
        return judging.found.equal, judging.found.same_text

    assert checked(good) == checked(with_cost) == (1, 1)
    assert checked(good.replace(b'"index":0', b'"index": 0')) == (0, 1)
    assert checked(routing_upstream.stream_body(8)) == (0, 0)
    assert checked(good.replace(b"data: [DONE]\n\n", b"")) == (0, 0)


def test_chunks_are_joined() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=1\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"

    assert routing_load.body_in(chunked) == b"abcde"


@pytest.fixture
def bench(tmp_path: Path) -> RoutingBench:
    return RoutingBench(Place(folder=tmp_path, upstream="http://127.0.0.1:1", cores=(0, 1)), seconds=1, rounds=1)


def test_the_table_says_what_was_missed_and_what_was_not_run(bench: RoutingBench, tmp_path: Path) -> None:
    rates = {"unary c=16, ours": 50.0, "unary c=16, LiteLLM": 1.0, "unary c=16, Portkey": 20.0}
    for name, rate in rates.items():
        bench.figures[name].append(rate)
        bench.costs[name].append(1_000 / rate)
    bench.not_run["nginx"] = "nginx is not installed"

    rows = {row.name: row.row() for row in routing_report.wanted(bench)}
    text = routing_report.report(bench, folder=tmp_path)

    assert rows["unary c=16, / LiteLLM"][1:] == ("≥ 10", "≥ 30", "50", "50", "goal")
    assert rows["unary c=16, / Portkey"][-1] == "**missed**"
    assert rows["unary c=64, / nginx"][-1] == "not run"
    assert "- **nginx was not run**: nginx is not installed" in text
    assert (tmp_path / "routing.md").read_text() == text


def test_a_run_next_to_other_programs_is_void(bench: RoutingBench) -> None:
    assert not bench.is_void
    bench.other_load = 0.06
    assert bench.is_void


def test_what_is_installed_for_comparison_is_pinned_with_hashes() -> None:
    locked = (PINS / "litellm" / "requirements.txt").read_text()
    packages = json.loads((PINS / "portkey" / "package-lock.json").read_text())["packages"]

    pinned = re.split(r"^(?=[\w.-]+(?:\[[\w,]+\])?==)", locked, flags=re.MULTILINE)[1:]

    assert any(each.startswith("litellm==") for each in pinned)
    assert all("--hash=sha256:" in each for each in pinned)
    assert all("integrity" in package for name, package in packages.items() if name)


def test_every_rule_fails_an_answer_that_says_nothing() -> None:
    seen = Seen(PATH, {}, b'{"model": "x"}', 1)
    nothing = Got(status=200, seconds=99.0)

    passed = {
        scenario.name
        for scenario in SCENARIOS
        if not scenario.leaves and not scenario.judge(nothing, Asked([seen], [seen, seen]))
    }

    assert passed == {"a good stream"}  # the gateway of this test has sent nothing, and so did the client get nothing
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)


def test_an_answer_is_read_as_clients_read_it() -> None:
    whole = Got(status=200, body=routing_upstream.stream_body(1))
    broken = Got(status=200, body=b'data: {"error": {"code": 502}}\n\ndata: {bro\n\n')

    assert (whole.is_done, whole.shows_error) == (True, False)
    assert whole.text == "word " * 33
    assert (broken.is_done, broken.shows_error) == (False, True)
    assert routing_failures._shown(broken).startswith("200, 0 characters, {'code': 502}")
