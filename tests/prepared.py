"""Data folders of installations that have started before, made once for all test processes of a run.

It takes seconds to create the tables and to publish the bundled catalogues. The tests of `make run`, `make demo` and
the migrations do without these folders.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import subprocess
import sys
from pathlib import Path

from tests import clock

ROOT = Path(__file__).parents[1]
TABLES = "tables"
"""The subfolder whose database has tables, and the empty catalogue."""
PUBLISHED = "published"
"""The subfolder whose database has the bundled catalogues of all gateways too."""
PREPARE = """
import os, shutil, sys
import django
from django.core.management import call_command
from django.db import connections
os.environ["DJANGO_SETTINGS_MODULE"] = "gatewayz.settings"
django.setup()
call_command("migrate", verbosity=0)
connections.close_all()
shutil.copytree(os.environ["DATA_DIR"], sys.argv[1])
call_command("sync", source="bundled", stdout=open(os.devnull, "w"))
"""


def data_folders(shared: Path) -> Path:
    """Return a folder with both subfolders, which is made in `shared` if no other process has done so.

    Copy them: nothing may change them.
    """
    folder = shared / "prepared"
    finished = folder / "finished"
    with (shared / "prepared-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not finished.exists():
            _prepare(folder)
            finished.touch()
    return folder


def _prepare(folder: Path) -> None:
    (folder / PUBLISHED).mkdir(parents=True)
    environment = {
        "PATH": os.environ["PATH"],
        "ENV_FILE": os.devnull,
        "SECRET_KEY": secrets.token_urlsafe(64),
        "DATA_DIR": str(folder / PUBLISHED),
        "LOG_LEVEL": "warning",
        **clock.environment(),
    }
    command = [sys.executable, "-c", PREPARE, str(folder / TABLES)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
