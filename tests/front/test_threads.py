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
from front.counts import Counts
from front.response_cache import OVERHEAD_BYTES, Answer, Shelf
from tests.factories import offer_record, served_row, snapshot_of
from tests.front.web import Web

THREADS = 8


@pytest.fixture(autouse=True)
def restless_interpreter() -> Iterator[None]:
    """Threads take turns as often as they can, so that what they could spoil they do spoil."""
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


def test_a_shelf_that_is_full_keeps_its_size_and_its_order_whole() -> None:
    shelf = Shelf(None, most_bytes=40 * OVERHEAD_BYTES)

    def keep(number: int) -> None:
        choice = random.Random(number)  # noqa: S311  not for secrets
        for _ in range(400):
            name = f"answer {choice.randint(0, 30)}"
            wording = name, choice.choice("abc")
            if shelf.find(wording) is None:
                answer = shelf.answer((name,)) or Answer([], name.encode() * 50)
                variant = answer.variant(choice.choice(["gzip", "br", "identity"]))
                shelf.keep((name,), answer, wording=wording, variant=variant)

    at_once(keep)

    kept = shelf._answers.values()
    assert 0 < shelf.size <= 40 * OVERHEAD_BYTES
    assert shelf.size == sum(answer.counted_size for answer in kept)
    assert sorted(shelf._by_wording) == sorted(wording for answer in kept for wording in answer.wordings)


def test_no_request_is_lost_from_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=lambda: 0.0))  # one minute, however long it takes
    limiter = Limiter()
    each = 500

    at_once(lambda _: [limiter.count("192.0.2.1", policy="address", limit=10) for _ in range(each)])

    assert limiter.count("192.0.2.1", policy="address", limit=10).used == THREADS * each + 1


def test_no_request_is_lost_from_the_counts() -> None:
    counts = Counts()
    each = 500

    def count(_: int) -> None:
        for _ in range(each):
            counts.add("kept", "200", 0.001)

    at_once(count)

    assert counts.requests["kept", "200"] == sum(counts.latencies["kept"].buckets) == THREADS * each
