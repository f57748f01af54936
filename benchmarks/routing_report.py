"""The page of `benchmarks.routing`: what was wanted and what was measured, then every figure and check."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path

from benchmarks import measured
from benchmarks.routing_bench import RoutingBench

UNKNOWN = "not run"


@dataclass(frozen=True)
class Wanted:
    """A figure with what it must be, and what is aimed at."""

    name: str
    must: float
    goal: float
    figure: float | None
    unit: str = ""
    is_most: bool = False
    """The figure must be at most so much, instead of at least."""
    by_processor_time: float | None = None
    goal_figure: float | None = None
    """What is compared with the goal, if that is another figure."""
    goal_note: str = ""

    def row(self) -> tuple[str, ...]:
        sign = "≤ " if self.is_most else "≥ "
        by_time = "" if self.by_processor_time is None else _number(self.by_processor_time)
        goal = f"{sign}{_number(self.goal)}{self.unit}{self.goal_note}"
        return (self.name, f"{sign}{_number(self.must)}{self.unit}", goal, self._measured(), by_time, self.verdict())

    def _measured(self) -> str:
        if self.figure is None:
            return UNKNOWN
        shown = f"{_number(self.figure)}{self.unit}"
        return shown if self.goal_figure is None else f"{shown}; {_number(self.goal_figure)}{self.unit}{self.goal_note}"

    def verdict(self) -> str:
        if self.figure is None:
            return UNKNOWN
        if not self._holds(self.figure, self.must):
            return "**missed**"
        figure = self.goal_figure if self.goal_note else self.figure
        return "goal" if figure is not None and self._holds(figure, self.goal) else "must"

    def _holds(self, figure: float, limit: float) -> bool:
        return figure <= limit if self.is_most else figure >= limit


def wanted(bench: RoutingBench) -> list[Wanted]:
    """Return the rows of the table, in the order of the issue that states them."""

    def ratio(kind: str, other: str, must: float, goal: float) -> Wanted:
        name, against = f"{kind}, ours", f"{kind}, {other}"
        by_time = _divided(bench.cost(against), bench.cost(name))
        found = _divided(bench.median(name), bench.median(against))
        return Wanted(f"{kind}, / {other}", must, goal, found, by_processor_time=by_time)

    def above(name: str, other: str) -> float | None:
        return _subtracted(bench.median(f"{name}, ours"), bench.median(f"{name}, {other}"))

    gap = "gap p99, 500 streams of {} events/s"
    reads, beside = bench.median("reads"), bench.median("reads beside 200 streams")
    return [
        ratio("unary c=16", "LiteLLM", 10, 30),
        ratio("unary c=16", "Portkey", 3, 6),
        ratio("streams c=8", "LiteLLM", 15, 40),
        ratio("streams c=8", "Portkey", 3, 6),
        ratio("unary c=64", "nginx", 0.12, 0.30),
        Wanted("added p50 at c=1", 0.8, 0.4, above("p50 unary c=1", "direct"), " ms", is_most=True),
        Wanted(
            "gap p99 added at 500 streams of 20 events/s, above nginx",
            5,
            5,
            above(gap.format(20), "nginx"),
            " ms",
            is_most=True,
            goal_figure=above(gap.format(50), "nginx"),
            goal_note=" at 50 events/s",
        ),
        Wanted(
            "reads while 200 streams of 20 events/s run in the same worker",
            0.85,
            0.95,
            _divided(beside, reads),
            by_processor_time=_divided(bench.cost("reads"), bench.cost("reads beside 200 streams")),
        ),
        Wanted("memory of an open stream", 30, 15, bench.median("KB of an open stream, ours"), " KB", is_most=True),
        Wanted("left open after 1,000 aborts", 0, 0, bench.median("left open, ours"), is_most=True),
    ]


def report(bench: RoutingBench, *, folder: Path) -> str:
    conditions = {
        "rounds": f"{bench.rounds} of {bench.seconds} seconds each",
        "pinned": "contender on one core, upstream and clients on another" if bench.place.cores else "**no**",
        "other programs": f"at most {bench.other_load:.1%} of a core{', so this run is **void**' * bench.is_void}",
        "contenders": ", ".join(f"{name} {version}".strip() for name, version in bench.versions.items()),
    }
    conditions |= {f"**{name} was not run**": why for name, why in bench.not_run.items()}
    return measured.write(
        "routing",
        title="Routing, measured",
        command="make bench-routing",
        conditions=conditions,
        tables=[
            measured.Table(
                ("one worker each, bookkeeping on", "must", "goal", "measured", "by processor time", "result"),
                [each.row() for each in wanted(bench)],
            ),
            figures(bench),
            checks(bench),
            measured.Table(
                ("our ledger", "found", "result"),
                [(name, found, "right" if is_right else "**wrong**") for name, found, is_right in bench.ledger],
            ),
        ],
        folder=folder,
    )


def figures(bench: RoutingBench) -> measured.Table:
    rows = []
    for name, found in bench.figures.items():
        if found:
            unit = unit_of(name)
            shown = (f"{_number(figure)}{unit}" for figure in (statistics.median(found), min(found), max(found)))
            cost = bench.cost(name)
            rows.append((name, *shown, "" if cost is None else f"{cost:,.0f} µs"))
    for name in bench.costs.keys() - bench.figures.keys():
        rows.append((f"an event, {name}", "", "", "", f"{bench.cost(name):,.0f} µs"))
    return measured.Table(("figure", "median", "lowest", "highest", "processor time of each"), rows)


def unit_of(name: str) -> str:
    if name.startswith(("p50", "p99", "gap", "first event")):
        return " ms"
    if name.startswith("memory"):
        return " MB"
    if name.startswith(("KB", "left", "aborted", "streams opened")):
        return ""
    return "/s"


def checks(bench: RoutingBench) -> measured.Table:
    rows = []
    for name, found in bench.checks.items():
        equal = f"{found.equal:,} of {found.checked:,}"
        rows.append((name, equal, f"{found.same_text:,} of {found.checked:,}", str(found.failed), _cell(found.example)))
    head = ("answers compared", "bytes equal", "text and id equal", "failed", "an example of what was not")
    return measured.Table(head, rows)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())[:200]


def _number(figure: float) -> str:
    return f"{figure:,.0f}" if abs(figure) >= 100 or figure == int(figure) else f"{figure:.3g}"


def _divided(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None


def _subtracted(one: float | None, other: float | None) -> float | None:
    return one - other if one is not None and other is not None else None
