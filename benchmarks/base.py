"""An earlier commit as a contender: its own tree, its own packages, and a catalogue that its own code has stored."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.runner import ROOT, say

GRANIAN = (
    "-m granian {application} --interface wsgi --no-ws --blocking-threads {threads} --workers 2 "
    "--workers-kill-timeout 2 --log-level warning"
)
PRODUCT = "-m gatewayz.run.web --workers 2"


@dataclass(frozen=True)
class Base:
    commit: str
    tree: Path
    python: str

    @property
    def server(self) -> str:
        """The arguments that start its web server, as it started it itself."""
        if (self.tree / "gatewayz" / "run" / "web.py").exists():
            return PRODUCT
        supervisors = (self.tree / "gatewayz").rglob("supervisor.py")
        threads = re.search(r"--blocking-threads (\d+)", "".join(path.read_text() for path in supervisors))
        return GRANIAN.format(application="gatewayz.wsgi:application", threads=threads[1] if threads else 1)

    def make_catalogue(self, database: Path, size: int) -> None:
        if not database.exists():
            say(f"making a catalogue of {size:,} offers with {self.commit}")
            self._run("-m", "benchmarks.catalogues", str(database), str(size))

    def _run(self, *arguments: str) -> None:
        subprocess.run([self.python, *arguments], cwd=self.tree, check=True)


def checked_out(commit: str, folder: Path) -> Base:
    """Return the commit in a folder of its own with an environment of its own; both are made if they are missing."""
    full = _git("rev-parse", "--verify", f"{commit}^{{commit}}").decode().strip()
    tree, environment = folder / f"base-{full[:10]}", folder / f"base-{full[:10]}-venv"
    if not tree.exists():
        tree.mkdir()
        subprocess.run(["tar", "--extract", "--directory", str(tree)], input=_git("archive", full), check=True)
    python = str(environment / "bin" / "python")
    if not environment.exists():
        say(f"installing the requirements of {commit}")
        uv = [str(Path(sys.executable).parent / "uv"), "--quiet"]
        subprocess.run([*uv, "venv", "--python", sys.executable, str(environment)], check=True)
        requirements = str(tree / "requirements.txt")
        subprocess.run([*uv, "pip", "install", "--python", python, "--requirement", requirements], check=True)
    return Base(full[:10], tree, python)


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
