"""Several threads of one serving process: every answer is whole, nothing is counted twice or lost."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import SimpleNamespace

import pytest
from pytest_django.fixtures import Settings

from access import limits
from access.limits import Limiter
from catalog.memory import following, snapshot
from front.counts import Counts, Source
from front.response_cache import OVERHEAD_BYTES, CachedAnswer, Found, ResponseCache
from tests.factories import offer_record, served_row, snapshot_of
from tests.front.web import Web

THREADS = 8


@pytest.fixture(autouse=True)
def restless_interpreter() -> Iterator[None]:
    """Let threads take turns as often as possible, so that races happen if they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def at_once(work: Callable[[int], object], *, threads: int = THREADS) -> None:
    start = Barrier(threads, timeout=60)

    def wait_and_work(number: int) -> None:
        start.wait()
        work(number)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(wait_and_work, range(threads)))


def edition(number: int) -> snapshot.Snapshot:
    """Return a snapshot in which the description of every offer has the number."""
    rows = [served_row(offer_record(f"maker/model-{row:02}", description=f"edition {number}")) for row in range(6)]
    return snapshot_of(*rows, revision=number)


def test_answers_are_of_one_revision_and_are_all_counted(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RATE_LIMIT_PER_MINUTE = 0
    settings.ANSWERS_MAX_MEBIBYTES = 1
    editions = [edition(number) for number in range(1, 6)]
    monkeypatch.setattr(following.FOLLOWER, "snapshot", editions[0])
    web = Web()
    asked = 60

    def read(number: int) -> None:
        choice = random.Random(number)  # noqa: S311  not for secrets
        for _ in range(asked):
            if number == 0:
                monkeypatch.setattr(following.FOLLOWER, "snapshot", choice.choice(editions))
            limit, encoding = choice.randint(1, 6), choice.choice(["", "gzip", "br"])
            answer = web.ask("/catalog/models", f"limit={limit}", HTTP_ACCEPT_ENCODING=encoding)
            assert answer.status.startswith("200")
            if not encoding:
                found = answer.json
                assert len(found["data"]) == limit
                assert {row["description"] for row in found["data"]} == {f"edition {found['revision']}"}

    at_once(read)

    assert sum(web.counts.requests.values()) == THREADS * asked
    assert sum(sum(latencies.buckets) for latencies in web.counts.latencies.values()) == THREADS * asked


def test_a_full_cache_counts_its_size_and_finds_only_its_own_answers() -> None:
    cache = ResponseCache(None, most_bytes=40 * OVERHEAD_BYTES)
    names = [f"answer {number}" for number in range(31)]

    def add(number: int) -> None:
        choice = random.Random(number)  # noqa: S311  not for secrets
        for _ in range(400):
            name = choice.choice(names)
            request_key = name, choice.choice("abc")
            if cache.find(request_key) is None:
                answer = cache.answer((name,)) or CachedAnswer([], name.encode() * 50)
                variant = answer.variant(choice.choice(["gzip", "br", "identity"]))
                cache.add((name,), answer, request_key=request_key, found=Found(variant, ""))

    at_once(add)

    cached = [answer for name in names if (answer := cache.answer((name,)))]
    found = [(name, letter) for name in names for letter in "abc" if cache.find((name, letter))]
    assert 0 < cache.size <= 40 * OVERHEAD_BYTES
    assert cache.size == sum(answer.counted_size for answer in cached)
    assert sorted(found) == sorted(request_key for answer in cached for request_key in answer.request_keys)


def test_no_request_is_lost_from_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "time", SimpleNamespace(time=lambda: 0.0))  # the window does not end during the test
    limiter = Limiter()
    each = 500

    at_once(lambda _: [limiter.count("192.0.2.1", policy="address", limit=10_000) for _ in range(each)])

    assert limiter.count("192.0.2.1", policy="address", limit=10_000).used == THREADS * each + 1


def test_no_request_is_lost_from_the_counts() -> None:
    counts = Counts()
    each = 500

    def count(_: int) -> None:
        for _ in range(each):
            counts.add(Source.HIT, "200", 0.001)

    at_once(count)

    assert counts.requests[Source.HIT, "200"] == sum(counts.latencies[Source.HIT].buckets) == THREADS * each
