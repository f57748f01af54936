"""The catalogue is served without this app."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from django.conf import settings

WITHOUT = """
from gatewayz.settings import *
INSTALLED_APPS = [app for app in INSTALLED_APPS if app != "routing"]
"""
TRY = """
import os, sys, django
os.environ["DJANGO_SETTINGS_MODULE"] = "without_routing"
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from gatewayz.serving import make_front
make_front()
from django.urls import Resolver404, resolve
for address in ("/v1/route", "/v1/chat/completions", "/v1/usage"):
    try:
        resolve(address)
    except Resolver404:
        continue
    raise SystemExit(address)
assert not [name for name in sys.modules if name.split(".")[0] == "routing"]
"""


def test_the_service_runs_without_this_app(tmp_path: Path, prepared_tables: Path) -> None:
    shutil.copytree(prepared_tables, tmp_path, dirs_exist_ok=True)  # so that `migrate` has little to do
    (tmp_path / "without_routing.py").write_text(WITHOUT)
    environment = {
        **{name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"},
        "ENV_FILE": "/dev/null",
        "SECRET_KEY": "x" * 60,
        "DATA_DIR": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([str(settings.BASE_DIR), str(tmp_path)]),
    }

    tried = subprocess.run([sys.executable, "-c", TRY], env=environment, cwd=tmp_path, capture_output=True, text=True)

    assert tried.returncode == 0, tried.stderr
