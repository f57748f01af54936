"""Several serving processes keep one limit together, and never wait for Redis."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from access import shared_limits
from access.limits import Limiter
from access.shared_limits import PREFIX, SharedLimits
from tests.services import redis_server

_clients = count()


@pytest.fixture
def minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute that does not end during the test."""
    now = time.time() // 60 * 60
    monkeypatch.setattr(time, "time", lambda: now)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that wait longer for Redis: it answers late on a busy machine."""
    monkeypatch.setattr(shared_limits, "ANSWER_SECONDS", 1.0)


def processes(address: str, number: int) -> list[tuple[Limiter, SharedLimits]]:
    """Serving processes that know of each other."""
    redis.Redis.from_url(address).delete(f"{PREFIX}:processes")
    limiters = [Limiter() for _ in range(number)]
    found = [(limiter, SharedLimits(limiter, address)) for limiter in limiters]
    for _ in range(2):
        for _, shared in found:
            shared.exchange()
    return found


def admitted(limiter: Limiter, client: str, *, limit: int, tries: int) -> int:
    return sum(not limiter.count(client, policy="address", limit=limit).is_exceeded for _ in range(tries))


@given(
    st.sampled_from([60, 600, 6_000]),
    st.lists(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0, 1, 50, 9_999])), max_size=6), max_size=12),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_four_processes_never_let_through_more_than_a_fifth_above_the_limit(
    redis_url: str, minute: None, limit: int, rounds: list[list[tuple[int, int]]]
) -> None:
    """Requests come at any process in any number; between them, each process exchanges once in each round."""
    client, serving, let_through = f"client {next(_clients)}", processes(redis_url, 4), 0

    for requests in rounds:
        for (_, shared), (at, tries) in zip(serving, [*requests, *[(0, 0)] * 4], strict=False):
            let_through += admitted(serving[at][0], client, limit=limit, tries=tries)
            shared.exchange()

    assert let_through <= 1.2 * limit


@pytest.mark.parametrize("limit", [60, 600, 6_000])
def test_under_attack_the_processes_together_reach_the_limit_and_no_more(
    redis_url: str, minute: None, limit: int
) -> None:
    client, serving, let_through = f"client {next(_clients)}", processes(redis_url, 4), 0

    for _ in range(100):
        for limiter, shared in serving:
            let_through += admitted(limiter, client, limit=limit, tries=min(limit, 1_500))
            shared.exchange()

    assert limit <= let_through <= 1.2 * limit


def test_a_client_that_is_not_busy_is_never_exchanged_and_its_address_is_not_stored(
    redis_url: str, minute: None
) -> None:
    [(limiter, shared), _] = processes(redis_url, 2)
    for client, requests in (("quiet", 3), ("192.0.2.7", 20)):
        admitted(limiter, client, limit=100, tries=requests)

    shared.exchange()

    stored = redis.Redis.from_url(redis_url, decode_responses=True).keys(f"{PREFIX}:*")
    assert len(stored) == 2  # this client, and the processes
    assert not any("192.0.2.7" in key for key in stored)
    quota = limiter.count("192.0.2.7", policy="address", limit=100)
    assert quota.used == 21
    shared.exchange()
    other = processes(redis_url, 2)[0][0]
    assert other.count("quiet", policy="address", limit=100).used == 1


@pytest.fixture
def own_redis() -> Iterator[str]:
    with redis_server() as address:
        yield address


def test_while_redis_is_frozen_nothing_waits_and_each_process_counts_for_itself(
    own_redis: str, minute: None, caplog: pytest.LogCaptureFixture
) -> None:
    serving = processes(own_redis, 2)
    limiter, shared = serving[0]
    information: Any = redis.Redis.from_url(own_redis).info("server")
    os.kill(information["process_id"], signal.SIGSTOP)
    try:
        began = time.monotonic()
        for _ in range(3):
            shared.try_exchange()
        assert time.monotonic() - began < 20  # it is frozen until the end of the test
        assert admitted(limiter, "a", limit=50, tries=60) == 50
        assert caplog.text.count("count for each process alone") == 1
    finally:
        os.kill(information["process_id"], signal.SIGCONT)

    for _, each in serving * 2:
        each.try_exchange()

    assert limiter.processes == 2
    assert caplog.text.count("shared again") == 1
