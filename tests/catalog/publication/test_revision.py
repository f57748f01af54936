from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from django.conf import settings

from tests.catalog.syncing import environment

MIGRATE = """
import django
from django.core.management import call_command
django.setup()
for target in (["auth"], ["catalog"], ["catalog", "zero"], []):
    call_command("migrate", *target, verbosity=0)
"""


def test_the_empty_catalogue_comes_with_its_table_in_any_order_of_migrations(tmp_path: Path) -> None:
    database = tmp_path / "fresh.sqlite3"
    variables = environment(data_dir=tmp_path, fixtures_dir=tmp_path) | {"DATABASE_URL": f"sqlite:///{database}"}

    migrated = subprocess.run(
        [sys.executable, "-c", MIGRATE],
        cwd=settings.BASE_DIR,
        env=variables,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert migrated.returncode == 0, migrated.stderr

    with closing(sqlite3.connect(database)) as tables:
        assert tables.execute("SELECT number FROM catalog_revision").fetchall() == [(0,)]
