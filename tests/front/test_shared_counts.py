"""The counts of several processes, of which any one answers for all."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from front import shared_counts
from front.counts import Counts, Cut, Source
from front.shared_counts import SharedCounts

HIT = "requests kept 200"
OF_ITS_OWN = """
import sys
from pathlib import Path
from front.counts import Counts, Source
from front.shared_counts import SharedCounts

counts = Counts()
counts.add(Source.HIT, "200", 0.001)
SharedCounts(counts, gauges=dict).start(Path(sys.argv[1]))
print("started", flush=True)
sys.stdin.read()
"""


class Server:
    """A serving process, without a process."""

    def __init__(self, folder: Path) -> None:
        self.counts = Counts()
        self.shared = SharedCounts(self.counts, gauges=lambda: {"revision": 7})
        self.shared.start(folder)

    def hit(self) -> None:
        self.counts.add(Source.HIT, "200", 0.001)

    def hits_of_all(self) -> float:
        return self.shared.totals().counters.get(HIT, 0)

    def die(self) -> None:
        """End like a killed process: nothing is written, and the kernel releases the lock."""
        file, self.shared._file = self.shared._file, None
        assert file is not None
        file.release()
        self.shared.stop()


@pytest.fixture(autouse=True)
def written_by_scrapes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_counts, "WRITE_SECONDS", 3_600.0)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[Server]]:
    both = [Server(tmp_path / "counts"), Server(tmp_path / "counts")]
    yield both
    for server in both:
        server.shared.stop()


def test_each_process_reports_the_sums_over_all(servers: list[Server]) -> None:
    first, second = servers
    first.hit()
    second.hit()
    second.counts.add(Source.REFUSED, "429", 0.5)
    first.counts.add_failed_login("wrong")
    second.counts.add_failed_login("wrong")
    first.counts.add_cut_connection(Cut.SLOW_HEAD)
    first.counts.stream_opened()
    second.counts.cached_bytes = 5
    second.shared.totals()

    totals = first.shared.totals()

    assert dict(map(_joined, totals.counter("requests"))) == {"kept 200": 2, "refused 429": 1}
    assert dict(map(_joined, totals.counter("failed_logins"))) == {
        **dict.fromkeys(("address", "pair", "account", "busy"), 0),
        "wrong": 2,
    }
    assert dict(map(_joined, totals.counter("seconds"))) == {"kept": 0.002, "refused": 0.5}
    assert totals.counters["buckets kept 0.001"] == 2
    assert totals.counters["cut_connections slow_head"] == 1
    assert sum(totals.gauge("open_streams")) == 1
    assert sum(totals.gauge("cached_bytes")) == 5
    assert totals.gauge("revision") == [7, 7]
    assert second.shared.totals().counters == totals.counters


def _joined(counter: tuple[list[str], float]) -> tuple[str, float]:
    labels, number = counter
    return " ".join(labels), number


def test_a_process_that_was_not_started_reports_itself() -> None:
    counts = Counts()
    counts.add(Source.HIT, "200", 0.001)

    totals = SharedCounts(counts, gauges=lambda: {"revision": 7}).totals()

    assert totals.counters[HIT] == 1
    assert totals.gauge("revision") == [7]


def test_what_a_stopped_process_counted_stays_and_its_gauges_go(servers: list[Server]) -> None:
    first, second = servers
    second.hit()
    second.shared.stop()

    assert first.hits_of_all() == 1
    assert first.shared.totals().gauge("revision") == [7]


def test_a_killed_process_loses_no_count_that_was_written(servers: list[Server], tmp_path: Path) -> None:
    folder = tmp_path / "counts"
    command = [sys.executable, "-c", OF_ITS_OWN, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        alive = servers[0].shared.totals()
        process.send_signal(signal.SIGKILL)
        process.wait()
        dead = servers[0].shared.totals()
    successor = Server(folder)
    successor.shared.stop()
    added = servers[0].shared.totals()

    assert [totals.counters[HIT] for totals in (alive, dead, added)] == [1, 1, 1]
    assert [len(totals.processes) for totals in (alive, dead, added)] == [3, 2, 2]
    assert not list(folder.glob(f"{process.pid}-*"))


STEPS = st.lists(st.tuples(st.sampled_from(["hit", "scrape", "write", "kill", "stop", "start"]), st.integers(0, 2)))


@given(STEPS)
def test_no_order_of_starts_scrapes_and_kills_lowers_a_counter(steps: list[tuple[str, int]]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        servers = [Server(folder) for _ in range(3)]
        reported, counted = 0.0, 0
        for step, which in steps:
            server = servers[which]
            match step:
                case "hit":
                    server.hit()
                    counted += 1
                case "scrape":
                    found = server.hits_of_all()
                    assert reported <= found <= counted
                    reported = found
                case "write":
                    server.shared._write()
                case "start":
                    Server(folder).shared.stop()
                case "kill" | "stop":
                    server.die() if step == "kill" else server.shared.stop()
                    servers[which] = Server(folder)
        for server in servers:
            server.shared.stop()


@given(STEPS.map(lambda steps: [step for step in steps if step[0] != "kill"]))
def test_without_kills_every_count_is_reported(steps: list[tuple[str, int]]) -> None:
    with TemporaryDirectory() as name:
        servers = [Server(Path(name)) for _ in range(3)]
        counted = 0
        for step, which in steps:
            if step == "hit":
                servers[which].hit()
                counted += 1
            elif step == "stop":
                servers[which].shared.stop()
                servers[which] = Server(Path(name))
        for server in servers:
            server.shared.stop()
        last = Server(Path(name))
        assert last.hits_of_all() == counted
        last.shared.stop()


def test_a_process_that_dies_while_it_adds_ended_ones_counts_nothing_twice(
    servers: list[Server], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = servers
    second.hit()
    second.shared.stop()

    def fail(path: Path, **_: object) -> NoReturn:
        raise OSError(errno.EIO, "the process ends here")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "unlink", fail)
        Server(tmp_path / "counts").die()
    halfway = first.hits_of_all()
    Server(tmp_path / "counts").die()

    assert (halfway, first.hits_of_all()) == (1, 1)
    assert "stay in files of their own" in caplog.text


def test_a_scrape_while_ended_processes_are_added_misses_none(
    servers: list[Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = servers
    second.hit()
    second.shared.stop()
    find, finds = shared_counts._find, 0

    def find_after_adding(folder: Path) -> list[shared_counts._Found]:
        nonlocal finds
        finds += 1
        if finds == 1:
            shared_counts._add_ended(folder)
        return find(folder)

    monkeypatch.setattr(shared_counts, "_find", find_after_adding)

    assert first.hits_of_all() == 1
    assert finds > 2


def test_a_folder_that_cannot_be_written_costs_only_the_sums_and_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    server = Server(tmp_path / "file" / "counts")
    server.hit()

    assert [server.hits_of_all(), server.hits_of_all()] == [1, 1]
    assert len(caplog.records) == 1
    assert "cannot be written" in caplog.text
    (tmp_path / "file").unlink()
    assert server.hits_of_all() == 1
    assert caplog.text.count("can be written again") == 1
    assert len(list((tmp_path / "file" / "counts").glob("*.json"))) == 1
    server.shared.stop()


def test_a_full_disk_keeps_what_others_wrote_before(
    servers: list[Server], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = servers
    second.hit()
    second.hits_of_all()

    def fail(path: Path, content: bytes) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "write_bytes", fail)
        for server in servers:
            server.hit()
        found = [server.hits_of_all() for server in servers]

    assert found == [2, 2]
    assert caplog.text.count("No space left on device") == 2
    assert second.hits_of_all() == 2
    assert first.hits_of_all() == 3


def test_a_file_that_is_no_json_is_left_out_and_logged(
    servers: list[Server], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    servers[0].hit()
    for name in ("1-broken.json", "ended.json"):
        (tmp_path / "counts" / name).write_text("{")

    assert servers[0].hits_of_all() == 1
    Server(tmp_path / "counts").die()
    caplog.clear()
    assert servers[0].hits_of_all() == 1
    assert caplog.text == ""


def test_a_folder_that_somebody_deletes_is_made_again(servers: list[Server], tmp_path: Path) -> None:
    first, second = servers
    second.hit()
    second.hits_of_all()
    for path in (tmp_path / "counts").iterdir():
        path.unlink()
    (tmp_path / "counts").rmdir()

    second.hits_of_all()

    assert first.hits_of_all() == 1
    Server(tmp_path / "counts").die()
    assert first.hits_of_all() == 1


def test_counts_that_did_not_change_are_not_written_again(servers: list[Server], tmp_path: Path) -> None:
    (path, _) = sorted((tmp_path / "counts").glob("*-*.json"))
    written = path.stat()
    for server in servers:
        server.shared.totals()

    assert path.stat() == written


def test_counts_are_written_in_the_background_until_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_counts, "WRITE_SECONDS", 0.001)
    writes = threading.Semaphore(0)

    def gauges() -> dict[str, float]:
        writes.release()
        return {}

    counts = Counts()
    shared = SharedCounts(counts, gauges=gauges)
    shared.start(tmp_path)
    for _ in range(3):
        assert writes.acquire(timeout=30)
    counts.add(Source.HIT, "200", 0.001)
    shared.stop()

    assert "counts" not in {thread.name for thread in threading.enumerate()}
    assert f'"{HIT}":1' in next(tmp_path.glob("*-*.json")).read_text()
