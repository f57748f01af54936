"""The service without this app."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.clients.service import ROOT

WITHOUT = """
from gatewayz.settings import *
INSTALLED_APPS = [app for app in INSTALLED_APPS if app != "monitoring"]
"""
TRY = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
from gatewayz.serving import make_front, watching
from catalog.memory import following
from catalog.publication.listeners import is_observed
from catalog.web.sections import SECTIONS
from django.urls import Resolver404, resolve
make_front()
assert watching() is None and not is_observed() and not SECTIONS
assert following.FOLLOWER.read_watches() == {}
try:
    resolve("/catalog/availability")
except Resolver404:
    pass
else:
    raise SystemExit("its addresses are there")
import sys
assert not [name for name in sys.modules if name.startswith("monitoring")]
"""


def test_the_service_runs_without_this_app(tmp_path: Path, prepared_tables: Path) -> None:
    shutil.copytree(prepared_tables, tmp_path, dirs_exist_ok=True)  # so that `migrate` has little to do
    (tmp_path / "without_monitoring.py").write_text(WITHOUT)
    program = f"import os, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'without_monitoring'; django.setup(){TRY}"
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
        "ENV_FILE": "/dev/null",
        "SECRET_KEY": "x" * 60,
        "DATA_DIR": str(tmp_path),
    }

    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr[-2_000:]


def test_the_catalogue_the_front_and_usage_never_import_this_app() -> None:
    importing = re.compile(r"^\s*(from|import) monitoring\b", re.MULTILINE)
    files = [file for folder in ("catalog", "front", "access", "usage") for file in (ROOT / folder).rglob("*.py")]

    assert [file for file in files if importing.search(file.read_text())] == []
