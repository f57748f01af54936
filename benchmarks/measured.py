"""Writes the pages of docs/measured: the figures of one run, with its date, its machine and its commit."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "measured"


@dataclass(frozen=True, slots=True)
class Table:
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def __str__(self) -> str:
        lines = [self.head, ("---",) * len(self.head), *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write(
    name: str,
    *,
    title: str,
    command: str,
    tables: Sequence[Table],
    conditions: Mapping[str, str],
    folder: Path = FOLDER,
) -> str:
    """Write `<name>.md` and return its text. `conditions` are what the figures depend on, besides the machine."""
    text = page(title, command=command, tables=tables, conditions={**_circumstances(), **conditions})
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return text


def page(title: str, *, command: str, tables: Sequence[Table], conditions: Mapping[str, str]) -> str:
    notice = f"`{command}` writes this page; [the list](README.md) explains what the pages are."
    listed = "\n".join(f"- {name}: {value}" for name, value in conditions.items())
    return "\n\n".join([f"# {title}", notice, listed, *map(str, tables)]) + "\n"


def _circumstances() -> dict[str, str]:
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": _commit(),
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}",
    }


def _commit() -> str:
    """Return the commit that was measured; it ends in `-dirty` if files differed from it."""
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        described = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):  # an archive without its history
        return "unknown"
    return described.stdout.strip()
