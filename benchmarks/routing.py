"""Measures the router, as ratios within one run: `make bench-routing`. It needs the system's wrk and nginx, and node.

The contenders run one after the other on one core, with one worker each; the upstream and the clients have another
core. They take turns within each round, and the results are medians. While they run, other programs may use at most a
twentieth of a core: otherwise the run is void. What arrives is checked in the same run, and so is our
ledger. The figures of a whole run are written to docs/measured/routing.md.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from benchmarks import measured, routing_contenders, routing_report
from benchmarks.routing_bench import RoutingBench
from benchmarks.routing_contenders import Contender, NotRun, Place
from benchmarks.runner import ROOT, say
from tests.services import find_free_port

FOLDER = ROOT / "var" / "bench-routing"
MAKERS: dict[str, Callable[[Place], AbstractContextManager[Contender]]] = {
    "nginx": routing_contenders.nginx,
    "ours": routing_contenders.ours,
    "litellm": routing_contenders.litellm,
    "portkey": routing_contenders.portkey,
}
KEEP_PACE = ("direct", "nginx", "ours")
"""Those that are measured with hundreds of paced streams."""
PACED, IDLE = 500, 1_000
BESIDE = 200
READS = "/catalog/models?limit=10"


# --- what is measured ------------------------------------------------------------------------------------------------
def a_round(bench: RoutingBench, contenders: list[Contender]) -> None:
    for contender in contenders:
        for connections in (1, 16, 64):
            bench.unary(contender, connections)
        for connections in (8, 64):
            bench.streams(contender, connections)
    for contender in contenders:
        if contender.name in KEEP_PACE:
            for interval_ms in (50, 20):
                bench.paced(contender, PACED, interval_ms)
    for contender in contenders:
        if contender.data is not None:
            reads(bench, contender)


def reads(bench: RoutingBench, contender: Contender) -> None:
    """Measure reads of the catalogue alone, and while the same worker relays streams."""
    bench.reads("reads", contender, READS)
    with bench.held(contender, BESIDE, interval_ms=50):
        bench.reads(f"reads beside {BESIDE} streams", contender, READS)


def memory(bench: RoutingBench, contenders: list[Contender]) -> None:
    """Measure open streams, and what is left of them once their clients have gone."""
    for contender in contenders:
        if contender.name != "direct":
            bench.open_streams(contender, IDLE)


def measure_all(bench: RoutingBench, place: Place, only: set[str]) -> None:
    with ExitStack() as stack:
        upstream = stack.enter_context(bench.upstream(place))
        contenders = [routing_contenders.direct(place, upstream)] if "direct" in only else []
        for name, make in MAKERS.items():
            if name not in only:
                bench.not_run[name] = "left out by --only"
                continue
            try:
                contenders.append(stack.enter_context(make(place)))
            except (NotRun, SystemExit, OSError) as error:
                bench.not_run[name] = str(error)
                say(f"\n*** {name} IS NOT RUN: {error}\n")
        for contender in contenders:
            bench.figures[f"memory idle, {contender.name}"].append(contender.running.kilobytes() / 1_024)
            bench.warm_up(contender)
        memory(bench, contenders)  # first: what a round has used and given back would hide what streams need
        for number in range(bench.rounds):
            say(f"--- round {number + 1} of {bench.rounds}")
            with bench.undisturbed():
                a_round(bench, contenders)
        for contender in contenders:
            if contender.data is not None:
                bench.compare_ledger(contender)


# --- the program -----------------------------------------------------------------------------------------------------
@contextmanager
def other_load(bench: RoutingBench) -> Iterator[None]:
    """Say at the end whether the run is void."""
    yield
    if bench.is_void:
        say(f"\n*** VOID: other programs used up to {bench.other_load:.0%} of a core.\n")


def cores(is_pinned: bool) -> tuple[int, int] | None:
    if not is_pinned:
        return None
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2 or shutil.which("taskset") is None:
        raise SystemExit("two cores and taskset are needed; --unpinned does without, and its run is void")
    return usable[0], usable[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2, help="for each figure and round")
    parser.add_argument(
        "--only",
        action="append",
        choices=("direct", *MAKERS),
        help="one contender; repeatable; default: all. Nothing is then written to docs",
    )
    parser.add_argument("--unpinned", action="store_true", help="leave the cores to the system; the run is void")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for environments, data and logs; not on a tmpfs")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing: apt-get install wrk nginx")
    folder = (options.folder / "run").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    only = set(options.only or ("direct", *MAKERS))
    pinned = cores(not options.unpinned)
    place = Place(folder=folder, upstream=f"http://127.0.0.1:{find_free_port()}", cores=pinned)
    bench = RoutingBench(place, seconds=options.seconds, rounds=options.rounds)
    with other_load(bench):
        measure_all(bench, place, only)
    is_whole = not bench.is_void and not bench.not_run
    text = routing_report.report(bench, folder=measured.FOLDER if is_whole else folder)
    say(text)
    if not is_whole:
        say(f"Not a whole run, so docs/measured is unchanged; this page is {folder}/routing.md.")
    return 0 if is_whole and bench.is_correct else 1


if __name__ == "__main__":
    sys.exit(main())
