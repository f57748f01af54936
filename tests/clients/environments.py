"""The environments in which other people's clients run: one for each client, because their pins clash.

A folder of `tests/clients` pins one client: in `requirements.txt` with hashes for pip, or in `package-lock.json` for
npm. Its environment is a folder next to the packages of this interpreter. The folder's name has the hash of the lock
file, so an environment is made once and then kept; those of older lock files are removed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

CLIENTS = Path(__file__).parent
KEPT = Path(sys.prefix) / "clients"
MAKE_SECONDS = 300.0

Command = list[str | Path]


class Unavailable(Exception):
    """The environment cannot be made; the message names the client and the reason."""


def python(client: str) -> Path:
    """Return the interpreter of the client's virtual environment, which is made if necessary. Raises Unavailable."""
    return python_of(CLIENTS / client / "requirements.txt", kept_in=KEPT)


def node(client: str) -> Path:
    """Return the folder that has the client's `node_modules`, which is made if necessary. Raises Unavailable."""
    return node_of(CLIENTS / client / "package-lock.json", kept_in=KEPT)


def python_of(lock: Path, *, kept_in: Path) -> Path:
    """Like `python`, for a lock file anywhere. The environment has the name of the lock file's folder."""
    return _kept(lock, kept_in, _make_python) / "bin" / "python"


def node_of(lock: Path, *, kept_in: Path) -> Path:
    """Like `node`, for a lock file anywhere. The environment has the name of the lock file's folder."""
    return _kept(lock, kept_in, _make_node)


def _kept(lock: Path, kept_in: Path, make: Callable[[Path, Path], None]) -> Path:
    client = lock.parent.name
    version = f"{sys.version_info.major}.{sys.version_info.minor}".encode()
    folder = kept_in / f"{client}-{hashlib.sha256(version + lock.read_bytes()).hexdigest()[:16]}"
    finished = folder / "finished"
    with _locked(client, kept_in):
        if not finished.exists():
            for old in kept_in.glob(f"{client}-*/"):
                shutil.rmtree(old)
            folder.mkdir()
            make(lock, folder)
            finished.touch()
    return folder


@contextmanager
def _locked(client: str, kept_in: Path) -> Iterator[None]:
    """Wait until no other test process makes an environment of this client."""
    kept_in.mkdir(parents=True, exist_ok=True)
    with (kept_in / f"{client}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make_python(lock: Path, folder: Path) -> None:
    interpreter = folder / "bin" / "python"
    _run([sys.executable, "-m", "venv", "--without-pip", folder], cause=lock)
    pinned: Command = ["--quiet", "--require-hashes", "-r", lock]
    try:
        _run([Path(sys.executable).with_name("uv"), "pip", "install", "--python", interpreter, *pinned], cause=lock)
    except Unavailable:  # as in the Makefile: pip reads the settings of an index that uv does not
        _run([sys.executable, "-m", "pip", "--python", interpreter, "install", *pinned], cause=lock)


def _make_node(lock: Path, folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(lock.with_name(name), folder)
    # Without scripts: what a package runs at its installation may download something else.
    _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", folder], cause=lock)


def _run(command: Command, *, cause: Path) -> None:
    name = f"{cause.parent.name} ({cause.name})"
    try:
        subprocess.run(
            command,
            check=True,
            timeout=MAKE_SECONDS,
            env=os.environ | {"VIRTUAL_ENV": ""},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    except FileNotFoundError as error:
        raise Unavailable(f"{name}: {error.filename} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{name}: not installed after {MAKE_SECONDS:.0f} s") from error
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"{name}: {' '.join(error.stdout.split())[-500:]}") from error
