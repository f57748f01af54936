"""Measures one contender of `benchmarks.routing` at a time, and keeps the figures."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import routing_upstream
from benchmarks.routing_contenders import PATH, Contender, Place, Running
from benchmarks.routing_load import Found, Work, body_of
from benchmarks.runner import body_and_tag, read_load, say

MOST_OTHER_LOAD = 0.05
"""Of one core, by other programs."""
CHECKED_SHARE = 0.01
"""The share of unary answers whose bytes are compared."""
LEAST_CHECKED = 20
EXACT_UNARY, EXACT_STREAMS = 500, 100
"""What the ledger is compared for to the last token."""
STORED_SECONDS = 30.0
GONE_SECONDS = 5.0
"""How long after their clients streams may still be open upstream."""
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Checks:
    """What arrived at the clients of one contender."""

    checked: int = 0
    equal: int = 0
    same_text: int = 0
    failed: int = 0
    example: str = ""

    def add(self, found: Found) -> None:
        self.checked += found.checked
        self.equal += found.equal
        self.same_text += found.same_text
        self.failed += found.failed
        self.example = found.example or self.example


@dataclass
class RoutingBench:
    place: Place
    seconds: int
    rounds: int
    figures: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    costs: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Microseconds of the contender's processor time for each request, stream or event."""
    checks: dict[str, Checks] = field(default_factory=lambda: defaultdict(Checks))
    versions: dict[str, str] = field(default_factory=dict)
    not_run: dict[str, str] = field(default_factory=dict)
    """Contenders that are missing, and why."""
    other_load: float = 0.0
    """The most that other programs have used during a round, as a share of one core."""
    ledger: list[tuple[str, str, bool]] = field(default_factory=list)
    """What was compared: its name, what was found, and whether it is right."""
    _numbers: int = 0

    @property
    def is_void(self) -> bool:
        return self.other_load > MOST_OTHER_LOAD or self.place.cores is None

    @property
    def is_correct(self) -> bool:
        ours = self.checks.get("ours", Checks())
        return all(is_right for *_, is_right in self.ledger) and ours.equal == ours.checked and not ours.failed

    def median(self, name: str) -> float | None:
        return statistics.median(self.figures[name]) if self.figures.get(name) else None

    def cost(self, name: str) -> float | None:
        return statistics.median(self.costs[name]) if self.costs.get(name) else None

    # --- the machine -------------------------------------------------------------------------------------------------
    @contextmanager
    def upstream(self, place: Place) -> Iterator[Running]:
        port = place.upstream.rpartition(":")[2]
        command = place.command(sys.executable, "-m", "benchmarks.routing_upstream", "--port", port, core=1)
        with place.running("upstream", command, {}, ready=f"{place.upstream}/counts") as running:
            yield running

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Note how much of the machine's work was not that of this program and its children."""
        before = _busy_seconds(), Running.of_this_program().processor_seconds(), time.monotonic()
        yield
        busy, own, took = (
            after - start
            for after, start in zip(
                (_busy_seconds(), Running.of_this_program().processor_seconds(), time.monotonic()), before, strict=True
            )
        )
        self.other_load = max(self.other_load, max(0.0, busy - own) / took)

    # --- rates -------------------------------------------------------------------------------------------------------
    def unary(self, contender: Contender, connections: int) -> None:
        """Measure requests without a stream by wrk, then compare a hundredth as many answers byte by byte."""
        name = f"unary c={connections}, {contender.name}"
        self._versioned(contender)
        self._number()
        content = routing_upstream.wanted("unary", self._numbers)
        file = self.place.folder / "body.json"
        file.write_text(json.dumps(body_of(contender.model, content, is_stream=False)))
        headers = [part for header in contender.headers.items() for part in ("-H", ": ".join(header))]
        script = ["-s", str(Path(__file__).with_name("post.lua")), *headers]
        number = self._wrk(name, contender, PATH, connections, *script, environment={"BODY": str(file)})
        checked = max(LEAST_CHECKED, int(number * CHECKED_SHARE))
        self._load(contender, kind="unary", connections=connections, requests=checked, check_every=1)

    def reads(self, name: str, contender: Contender, path: str) -> None:
        self._wrk(name, contender, path, 16)

    def _wrk(
        self,
        name: str,
        contender: Contender,
        path: str,
        connections: int,
        *options: str,
        environment: dict[str, str] | None = None,
    ) -> int:
        """Send as many requests as are answered, and return their number."""
        address = f"http://127.0.0.1:{contender.port}{path}"
        command = ["wrk", "-t1", f"-c{connections}", f"-d{self.seconds}s", "--timeout", "30s", "--latency", *options]
        before = contender.running.processor_seconds()
        output = subprocess.run(
            self.place.command(*command, address, core=1),
            env=os.environ | (environment or {}),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        if "Non-2xx" in output:
            self.checks[contender.name].failed += 1
            self.checks[contender.name].example = output[-300:]
        load = read_load(output)
        spent = contender.running.processor_seconds() - before
        self.costs[name].append(spent * 1e6 / max(1, load.requests))
        self.figures[name].append(load.rate)
        self.figures[f"p50 {name}"].append(load.p50)
        self.figures[f"p99 {name}"].append(load.p99)
        say(f"{name}: {load.rate:,.0f}/s, p50 {load.p50:.2f} ms, {self.costs[name][-1]:,.0f} us")
        contender.running.wait_until_idle()
        return load.requests

    # --- streams -----------------------------------------------------------------------------------------------------
    def streams(self, contender: Contender, connections: int) -> None:
        name = f"streams c={connections}, {contender.name}"
        found, spent = self._load(contender, kind="burst", connections=connections, seconds=self.seconds)
        self.figures[name].append(found.rate)
        self._note(f"first event, {name}", found.first_p50)
        self.costs[name].append(spent * 1e6 / max(1, found.requests))
        say(f"{name}: {found.rate:,.0f}/s, first event {found.first_p50 or 0:.2f} ms, {self.costs[name][-1]:,.0f} us")

    def paced(self, contender: Contender, connections: int, interval_ms: int) -> None:
        """Measure the time between events of streams whose gateway sends one each `interval_ms`."""
        pace = 1_000 // interval_ms
        name = f"{connections} streams of {pace} events/s, {contender.name}"
        events = max(2, self.seconds) * pace
        found, spent = self._load(
            contender,
            kind="paced",
            connections=connections,
            requests=connections,
            interval_ms=interval_ms,
            events=events,
        )
        self._note(f"gap p50, {name}", found.gap_p50)
        self._note(f"gap p99, {name}", found.gap_p99)
        self._note(f"first event, {name}", found.first_p50)
        self.costs[name].append(spent * 1e6 / max(1, found.requests * events))
        say(f"{name}: gap p99 {found.gap_p99 or 0:.1f} ms, {self.costs[name][-1]:,.0f} us for each event")

    def _load(self, contender: Contender, **work: Any) -> tuple[Found, float]:
        """Run the client of streams; return what it found and the contender's processor time in seconds."""
        wanted = self._work(contender, **work)
        command = self.place.command(
            sys.executable, "-m", "benchmarks.routing_load", json.dumps(asdict(wanted)), core=1
        )
        before = contender.running.processor_seconds()
        done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True)
        spent = contender.running.processor_seconds() - before
        found = Found(**json.loads(done.stdout))
        self.checks[contender.name].add(found)
        contender.running.wait_until_idle()
        return found, spent

    def _work(self, contender: Contender, **work: Any) -> Work:
        self._number()
        own: dict[str, Any] = {
            "path": PATH,
            "port": contender.port,
            "headers": dict(contender.headers),
            "model": contender.model,
        }
        return Work(**(own | {"start": self._numbers} | work))

    def _number(self) -> None:
        """Begin new numbers of requests, so that no answer can be taken for one of an earlier measurement."""
        self._numbers = (self._numbers + 1_000_000) % 90_000_000

    def _note(self, name: str, figure: float | None) -> None:
        if figure is not None:
            self.figures[name].append(figure)

    def warm_up(self, contender: Contender) -> None:
        """Send a few requests that are counted nowhere."""
        self._versioned(contender)
        for kind in ("unary", "burst"):
            self._load(contender, kind=kind, connections=8, requests=32, check_every=1)

    def _versioned(self, contender: Contender) -> None:
        self.versions[contender.name] = contender.version

    # --- open streams ------------------------------------------------------------------------------------------------
    @contextmanager
    def held(self, contender: Contender, connections: int, *, interval_ms: int) -> Iterator[int]:
        """Keep streams without an end open; yield how many have begun. Their connections are reset at the end."""
        wanted = self._work(
            contender,
            kind="paced",
            connections=connections,
            interval_ms=interval_ms,
            events=routing_upstream.MOST_EVENTS,
        )
        arguments = ["-m", "benchmarks.routing_load", "--hold", json.dumps(asdict(wanted))]
        command = self.place.command(sys.executable, *arguments, core=1)
        client = subprocess.Popen(
            command, cwd=Path(__file__).parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert client.stdout is not None
        try:
            yield json.loads(client.stdout.readline() or '{"open": 0}')["open"]
        finally:
            client.communicate()

    def open_streams(self, contender: Contender, connections: int) -> None:
        contender.running.wait_until_idle()
        before, aborted = contender.running.kilobytes(), self._counts(contender)["aborted"]
        with self.held(contender, connections, interval_ms=1_000) as number:
            more = contender.running.kilobytes() - before
        give_up_at = time.monotonic() + GONE_SECONDS
        while self._counts(contender)["open"] and time.monotonic() < give_up_at:
            time.sleep(0.1)
        counts = self._counts(contender)
        self.figures[f"streams opened, {contender.name}"].append(number)
        if number:
            self.figures[f"KB of an open stream, {contender.name}"].append(more / number)
        self.figures[f"left open, {contender.name}"].append(counts["open"])
        self.figures[f"aborted upstream, {contender.name}"].append(counts["aborted"] - aborted)
        say(f"{number} open streams, {contender.name}: {more:,} KB more, {counts['open']} left open")
        body_and_tag(f"{self.place.upstream}/abort")  # what is left would go on during all other measurements
        contender.running.wait_until_idle()

    def _counts(self, contender: Contender) -> dict[str, int]:
        found = json.loads(body_and_tag(f"{self.place.upstream}/counts")[0])
        return found.get(contender.credential) or asdict(routing_upstream.Counts())

    # --- the ledger --------------------------------------------------------------------------------------------------
    def compare_ledger(self, contender: Contender) -> None:
        """Compare our ledger with what the upstream has counted, over the whole run and for a known load."""
        before, counted_before = self._stored(contender), self._counts(contender)
        cancelled = before["rows"] - before["ok"]
        self._compared(
            "rows of the ledger in the whole run; requests upstream; cancelled by clients",
            f"{before['rows']:,}; {counted_before['requests']:,}; {cancelled:,}",
            counted_before["requests"] <= before["rows"] <= counted_before["requests"] + cancelled,
        )
        self._compared("rows without an end", str(before["without_end"]), before["without_end"] == 0)
        self._load(contender, kind="unary", connections=16, requests=EXACT_UNARY, check_every=1)
        self._load(contender, kind="burst", connections=8, requests=EXACT_STREAMS, check_every=1)
        after, counted = (
            self._stored(contender, rows=before["rows"] + EXACT_UNARY + EXACT_STREAMS),
            self._counts(contender),
        )
        for name, ours, theirs in (
            ("rows; requests upstream", "rows", "requests"),
            ("input tokens; upstream", "input", "prompt_tokens"),
            ("output tokens; upstream", "output", "completion_tokens"),
        ):
            stored, sent = after[ours] - before[ours], counted[theirs] - counted_before[theirs]
            self._compared(
                f"{EXACT_UNARY} requests and {EXACT_STREAMS} streams: {name}", f"{stored:,}; {sent:,}", stored == sent
            )
        unpriced = after["unpriced"] - before["unpriced"]
        self._compared("of these without a cost", str(unpriced), unpriced == 0)

    def _compared(self, name: str, found: str, is_right: bool) -> None:
        self.ledger.append((name, found, is_right))
        say(f"{name}: {found}{'' if is_right else '  *** WRONG'}")

    def _stored(self, contender: Contender, *, rows: int = 0) -> dict[str, int]:
        """Return the sums of the ledger once it has changed no more for a second, and has this many rows."""
        assert contender.data is not None
        give_up_at = time.monotonic() + STORED_SECONDS
        last: dict[str, int] = {}
        while time.monotonic() < give_up_at:
            found = _sums(contender.data / "usage.sqlite3")
            if found == last and found["rows"] >= rows and not found["without_end"]:
                return found
            last = found
            time.sleep(1.5)
        return last


def _sums(database: Path) -> dict[str, int]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        [row] = connection.execute(
            "select count(*), count(*) filter (where outcome = 'ok'), count(*) filter (where outcome = ''), "
            "coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0), "
            "count(*) filter (where outcome <> '' and cost = '') from routing_attempt"
        )
    return dict(zip(("rows", "ok", "without_end", "input", "output", "unpriced"), row, strict=True))


def _busy_seconds() -> float:
    """Return the time that all cores have spent on programs, and what the host has taken for itself."""
    found = re.match(r"cpu +(.*)", Path("/proc/stat").read_text())
    assert found
    user, nice, system, _, _, _, _, steal, *_ = map(int, found[1].split())
    return (user + nice + system + steal) / _TICKS
