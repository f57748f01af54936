"""Starts what `benchmarks.reads` compares: this tree, an earlier commit, and what one would write first."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.base import GRANIAN, PRODUCT, Base
from benchmarks.runner import ROOT, Bench, Server, say

LIST = "/catalog/models"
Running = AbstractContextManager[Server]


def make_catalogues(folder: Path, sizes: tuple[int, ...]) -> None:
    for size in sizes:
        if not (folder / f"{size}.jsonl").exists():
            say(f"making a catalogue of {size:,} offers")
            name = str(folder / f"{size}.sqlite3")
            Path(name).unlink(missing_ok=True)
            make_catalogue(name, str(size))
            make_catalogue(name, "--write", str(folder / f"{size}.jsonl"))


def make_catalogue(database: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "benchmarks.catalogues", database, *arguments], cwd=ROOT, check=True)


def ours(bench: Bench, size: int, **environment: str) -> Running:
    limits = {"PAGE_RATE_LIMIT_PER_MINUTE": "900000000"}  # on, and never reached
    settings = _settings(bench.folder, f"{bench.folder}/{size}.sqlite3") | limits | environment
    return bench.serving(PRODUCT, settings, ready="/readyz" if size else "/healthz")


def earlier(bench: Bench, base: Base, size: int, **environment: str) -> Running:
    database = bench.folder / f"{base.tree.name}-{size}.sqlite3"
    base.make_catalogue(database, size)
    settings = _settings(bench.folder, str(database)) | environment
    return bench.serving(base.server, settings, ready="/readyz", python=base.python, tree=base.tree)


def _settings(folder: Path, database: str) -> dict[str, str]:
    return {
        "SECRET_KEY": "only-for-this-benchmark" * 3,
        "ENV_FILE": os.devnull,
        "DATA_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{database}",
        "LOG_LEVEL": "warning",
        "RATE_LIMIT_PER_MINUTE": "900000000",  # on, and never reached
    }


def fastapi(bench: Bench, size: int, form: str) -> Running:
    arguments = "-m uvicorn benchmarks.contenders.fast_api:app --workers 2 --no-access-log --log-level warning"
    environment = {"CATALOGUE": str(bench.folder / f"{size}.jsonl"), "FORM": form}
    return bench.serving(arguments, environment, ready=f"{LIST}?limit=1")


def naive_drf(bench: Bench, size: int) -> Running:
    database, documents = str(bench.folder / f"naive-{size}.sqlite3"), str(bench.folder / f"{size}.jsonl")
    if not Path(database).exists():
        command = [sys.executable, "-m", "benchmarks.contenders.naive_drf", documents]
        subprocess.run(command, env=os.environ | {"NAIVE_DATABASE": database}, cwd=ROOT, check=True)
    arguments = GRANIAN.format(application="benchmarks.contenders.naive_drf:application", threads=4)
    return bench.serving(arguments, {"NAIVE_DATABASE": database}, ready=f"{LIST}?limit=1")
