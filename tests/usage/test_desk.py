"""The page of the desk, and that the catalogue does without this app."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from access.models import ApiKey
from catalog.desk.roles import Role
from catalog.web import charts
from tests.catalog.desk.people import logged_in
from tests.usage.clocks import a_list, about, addresses, ask
from tests.usage.stored import R1, store
from usage.counting import Tally
from usage.days import today
from usage.flushing import flush
from usage.models import KeyDay, Outcome

pytestmark = pytest.mark.django_db(databases="__all__")
ROOT = Path(__file__).parents[2]


def page(client: Client | None = None) -> str:
    answer = (client or logged_in(Role.VIEWER)).get("/admin/usage/")
    assert answer.status_code == 200, answer.content
    assert answer["Cache-Control"] == "no-store"
    return answer.content.decode()


def test_the_page_shows_today_models_keys_and_the_share_of_searches_that_find_nothing() -> None:
    key = ApiKey.objects.issue(name="<b>client</b>")[0]
    KeyDay.objects.create(day=today(), key=key.pk, endpoint="e", model=R1, reads=1_234)
    tally = Tally()
    ask(tally, about(R1), *addresses(3), times=40)
    ask(tally, a_list(Outcome.FOUND), times=3)
    ask(tally, a_list(Outcome.NOTHING), times=1)
    flush(tally)
    store({R1: 7}, ago=3)

    shown = page()

    assert "<dt>reads in 30 days</dt><dd>131</dd>" in shown
    assert "<dt>found nothing</dt><dd>25%</dd>" in shown
    assert f'<a href="/models/{R1}"><bdi>{R1}</bdi></a></th><td class="right"><bdi>97</bdi></td>' in shown
    assert "<bdi>&lt;b&gt;client&lt;&#x2f;b&gt;</bdi>" in shown or "<bdi>&lt;b&gt;client&lt;/b&gt;</bdi>" in shown
    assert "1,234" in shown
    assert shown.count("<rect ") == 31, "a bar for each day, and one for the day with searches"
    assert "style=" not in shown


def test_a_page_without_any_count_says_so() -> None:
    shown = page()

    assert "Nothing was counted yet." in shown
    assert "no search" in shown


def test_the_page_costs_few_queries() -> None:
    store({f"model-{number}": number for number in range(1, 300)}, ago=2)
    client = logged_in(Role.VIEWER)
    page(client)

    captured = [CaptureQueriesContext(connection) for connection in connections.all()]
    with ExitStack() as stack:
        for each in captured:
            stack.enter_context(each)
        page(client)

    assert sum(map(len, captured)) <= 25


def test_only_staff_of_the_desk_reads_it_and_finds_it() -> None:
    assert Client().get("/admin/usage/").status_code == 302
    assert logged_in(None).get("/admin/usage/").status_code == 403
    assert 'href="/admin/usage/"' in logged_in(Role.CURATOR).get("/admin/views/").content.decode()


def test_bars_are_as_high_as_their_numbers_and_gaps_have_none() -> None:
    days = [date(2026, 11, day) for day in range(1, 5)]

    chart = charts.bars(list(zip(days, [0, 50, None, 100], strict=True)), unit="%")

    heights = [float(bar["height"]) for bar in chart["bars"]]
    assert heights[0] == 0
    assert heights[2] == pytest.approx(2 * heights[1], abs=0.2)
    assert [tick["text"] for tick in chart["grid"]] == ["0%", "25%", "50%", "75%", "100%"]
    assert [bar["words"] for bar in chart["bars"]] == ["1 Nov 2026: 0%", "2 Nov 2026: 50%", "4 Nov 2026: 100%"]
    assert [bar["x"] for bar in chart["bars"]] == ["3.75%", "28.75%", "78.75%"]


@pytest.mark.parametrize("most", [0, 1, 3, 7, 23, 1_000_001])
def test_the_axis_of_bars_begins_at_0_and_has_whole_numbers(most: int) -> None:
    chart = charts.bars([(date(2026, 11, 1), most)])

    ticks = [int(tick["text"].replace(",", "")) for tick in chart["grid"]]
    assert ticks[0] == 0
    assert ticks[-1] >= most
    assert 3 <= len(ticks) <= 6
    assert len(set(ticks)) == len(ticks)


# --- without this app ------------------------------------------------------------------------------------------------
WITHOUT = """
from gatewayz.settings import *
INSTALLED_APPS = [app for app in INSTALLED_APPS if app not in {"usage", "routing"}]  # the latter needs the former
DATABASE_ROUTERS = []
DATABASES.pop("usage", None)
"""
TRY = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
from gatewayz.serving import make_front, counting
from catalog.desk.urls import urlpatterns
from django.urls import Resolver404, resolve
assert counting() is None and make_front()._usage is None
assert "usage" not in [pattern.name for pattern in urlpatterns]
for address in ("/catalog/popular", "/usage"):
    try:
        resolve(address)
    except Resolver404:
        continue
    raise SystemExit(address)
import sys
assert not [name for name in sys.modules if name.startswith("usage")]
"""


def test_the_service_runs_without_this_app(tmp_path: Path) -> None:
    (tmp_path / "without_usage.py").write_text(WITHOUT)
    program = f"import os, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'without_usage'; django.setup(){TRY}"
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
        "ENV_FILE": "/dev/null",
        "SECRET_KEY": "x" * 60,
        "DATA_DIR": str(tmp_path),
    }

    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr[-2_000:]
    assert not (tmp_path / "usage.sqlite3").exists()


def test_the_catalogue_and_the_front_never_import_this_app() -> None:
    importing = re.compile(r"^\s*(from|import) usage\b", re.MULTILINE)
    files = [file for folder in ("catalog", "front", "access") for file in (ROOT / folder).rglob("*.py")]

    assert [file for file in files if importing.search(file.read_text())] == []
