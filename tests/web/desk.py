"""The desk in a browser: a service of its own, with accounts of every role, and people who log in.

`python -m tests.web.desk` makes the accounts, and what waits for them, in the data folder of the environment.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.clients.service import ROOT, environment_of, free_address, manage, running
from tests.web import catalogue
from tests.web.browsers import Visitor

DATABASE = "gatewayz.sqlite3"
PASSWORD = "correct horse battery staple"  # noqa: S105  of these tests
ROLES = ("viewer", "curator", "operator")
MARKUP = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'


@dataclass(frozen=True, slots=True)
class Desk:
    address: str
    folder: Path
    environment: dict[str, str]

    def manage(self, *command: str) -> None:
        """Run `manage.py` on the service's data."""
        manage(self.environment, *command)

    def sql(self, query: str) -> Any:
        """Return the first value of the answer of the service's database."""
        with closing(sqlite3.connect(self.folder / DATABASE)) as database:
            return database.execute(query).fetchone()[0]


@contextmanager
def serving_desk(published: Path, folder: Path, *, has_markup: bool = True) -> Iterator[Desk]:
    """Serve a copy of what is published, with an account of each role and something of each kind that waits.

    `has_markup`: what gateways and curators wrote is markup, which must stay text.
    """
    with closing(sqlite3.connect(published / DATABASE)) as one, closing(sqlite3.connect(folder / DATABASE)) as other:
        one.backup(other)
    address = free_address()
    environment = environment_of(folder, address, **catalogue.VARIABLES)
    command = [sys.executable, "-m", "tests.web.desk", *(["markup"] if has_markup else [])]
    made = environment | {"DJANGO_SETTINGS_MODULE": "gatewayz.settings"}
    done = subprocess.run(command, cwd=ROOT, env=made, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    with running(environment, address) as url:
        yield Desk(url, folder, environment)


def log_in(visitor: Visitor, name: str, path: str = "/admin/", **options: Any) -> Page:
    """Open a page of the desk as this person, through the login page."""
    page = visitor.opens(path, **options)
    enter(page, name)
    page.wait_for_url(f"**{path}")
    return page


def fill_login(page: Page, name: str) -> None:
    """Log in with a page that is not a test's."""
    page.goto("/admin/")
    enter(page, name)
    page.wait_for_url("**/admin/")


def enter(page: Page, name: str) -> None:
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


def main(*, has_markup: bool) -> None:
    import django

    django.setup()
    _make_people()
    if has_markup:
        _make_work(MARKUP, MARKUP)
    else:
        _make_work("@deepinfra/some-model", "asked for by the model team")


def _make_people() -> None:
    from django.contrib.auth.hashers import make_password
    from django.contrib.auth.models import Group, User

    password = make_password(PASSWORD)
    for name, role in (*((role, role) for role in ROLES), ("ben", "curator")):
        user = User.objects.create(username=name, password=password, is_staff=True)
        user.groups.set([Group.objects.get(name=role)])
    User.objects.create(username="root", password=password, is_staff=True, is_superuser=True)


def _make_work(row: str, reason: str) -> None:
    from datetime import timedelta

    from django.contrib.auth.models import User
    from django.utils import timezone

    from catalog.curation.overrides import Order, carry_out
    from catalog.curation.wishes import Wish
    from catalog.models import Gateway, Offer, SyncRun
    from catalog.publication.audit import Actor

    now = timezone.now()
    for slug, outcome in (("portkey", "failed"), ("chutes", "held")):
        gateway = Gateway.objects.get(slug=slug)
        for number in range(30):
            began = now - timedelta(hours=30 - number)
            fields: dict[str, Any] = {"outcome": "unchanged" if number < 28 else outcome, "started_at": began}
            run = SyncRun.objects.create(
                gateway=gateway, trigger="schedule", lease_token=0, finished_at=began, **fields
            )
        for position in range(1, 42 if slug == "portkey" else 1):
            run.rejected_rows.create(position=position, model_id=row, reason=row[: 9 + position % 3], raw=row)
    curator = Actor.of(User.objects.get(username="curator"))
    offers = Offer.objects.filter(gateway__slug="chutes").order_by("pk")[:2]
    value = {"add": ["hot"], "remove": []}
    wishes = [Wish(offer=each.pk, field="tags", value=value, expires_at=now + timedelta(days=3)) for each in offers]
    carry_out(Order(wishes=wishes, actor=curator, reason=reason, kind="bulk", is_confirmed=True), now=now)


if __name__ == "__main__":
    main(has_markup="markup" in sys.argv)
