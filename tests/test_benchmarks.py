"""benchmarks: what they compare is what they measure, and an earlier commit is started as it started itself."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import reads
from benchmarks.base import Base
from benchmarks.runner import Bench, Load, read_load
from tests import services


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_an_earlier_commit_is_started_as_it_started_itself(tmp_path: Path) -> None:
    base = Base("0123456789", tmp_path, "python")

    write(tmp_path / "gatewayz" / "run" / "supervisor.py", 'web = "-m granian x:y --blocking-threads 3 --no-ws"')
    earlier = base.server
    write(tmp_path / "gatewayz" / "run" / "web.py", "")
    later = base.server

    assert "granian gatewayz.wsgi:application" in earlier
    assert "--blocking-threads 3 " in earlier
    assert later == "-m gatewayz.run.web --workers 2"


WRK = """  2 threads and 32 connections
  Latency Distribution
     50%  812.00us
     99%    1.25s
  40213 requests in 5.05s, 300.11MB read
Requests/sec:   7962.97
"""


def test_what_wrk_writes_is_read() -> None:
    assert read_load(WRK) == Load(requests=40_213, rate=7_962.97, p99=1_250.0, p50=0.812)


@pytest.mark.parametrize("is_compared", [True, False])
def test_every_ratio_is_of_two_measured_figures(monkeypatch: pytest.MonkeyPatch, is_compared: bool) -> None:
    ticks = count(1.0)
    server = SimpleNamespace(
        address=str,
        megabytes=lambda: [100.0, 90.0],
        processor_seconds=lambda: next(ticks),
        wait_until_idle=lambda: None,
    )

    class Nothing:
        """A context without anything, whatever it is opened for."""

        def __init__(self, *_: Any, **__: Any) -> None: ...
        def __enter__(self) -> Any:
            return server

        def __exit__(self, *_: object) -> None: ...

    bench = Bench(Path("/nonexistent"), seconds=1, rounds=2)
    monkeypatch.setattr(bench, "nginx", Nothing)
    monkeypatch.setattr(bench, "wrk", lambda *_, **__: Load(requests=1_000, rate=1_000.0, p99=2.0))
    for name in ("ours", "fastapi", "naive_drf", "earlier", "redis", "frozen", "exporting", "administrating"):
        monkeypatch.setattr(reads, name, Nothing)
    for name in ("publishing", "open_streams"):
        monkeypatch.setattr(reads, name, Nothing)
    monkeypatch.setattr(services, "postgresql", Nothing)
    monkeypatch.setattr(reads, "make_catalogue", lambda *_: None)
    monkeypatch.setattr(reads, "body_and_tag", lambda *_: (b"{}", '"tag"'))
    monkeypatch.setattr(Path, "write_bytes", lambda *_: 2)
    monkeypatch.setattr(Path, "write_text", lambda *_: 2)

    reads.measure_all(bench, Base("0123456789", Path(), "python") if is_compared else None)

    named = {name for _, *names, _ in reads.RATIOS for name in names}
    left_out = {name for name in named - bench.figures.keys() if not name.endswith(", base")}
    assert left_out == set()
    assert (named <= bench.figures.keys()) == is_compared
    assert {"1.00", "0 MB"} <= {row[1] for row in reads.ratios(bench).rows}
