from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import hypothesis
import pytest
import redis
from django.apps import apps
from django.conf import settings
from django.core.management.commands import flush
from django.db import connection
from django.db.models.signals import post_migrate
from django.utils import timezone
from pytest_django import DjangoDbBlocker
from whitenoise.middleware import WhiteNoiseMiddleware

from tests import clock
from tests.settings import _scratch as SCRATCH

clock.shift()

# Time is measured in benchmarks/: on a busy machine a deadline fails correct tests.
# The second database takes longer. Its differences are not in the logic, and a few examples of each idea find them.
IS_SECOND = os.environ.get("TEST_DATABASE") == "postgresql"
# The examples of `make test` are the same in every run; `make prove` tries others each time.
# They do not explain a failure line by line either, which can take longer than all tests together.
hypothesis.settings.register_profile(
    "sample",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=10 if IS_SECOND else 25,
    phases=set(hypothesis.Phase) - {hypothesis.Phase.explain},
)
hypothesis.settings.register_profile("explore", deadline=None, derandomize=False, max_examples=40)
hypothesis.settings.register_profile("prove", deadline=None, derandomize=False, max_examples=2_000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "sample"))


def pytest_configure() -> None:
    # A DJANGO_SETTINGS_MODULE of the shell overrides the one of pyproject.toml.
    if settings.SETTINGS_MODULE != "tests.settings":
        pytest.exit(
            f"with {settings.SETTINGS_MODULE} the tests would work on real data; unset DJANGO_SETTINGS_MODULE", 4
        )


ALIKE = (
    "tests/catalog/api/test_quickness.py",
    "tests/catalog/formats/",
    "tests/catalog/reports/",
    "tests/catalog/web/test_assets.py",
    "tests/catalog/web/test_documents.py",
    "tests/catalog/web/test_errors.py",
    "tests/catalog/web/test_lists.py",
    "tests/catalog/web/test_words.py",
    "tests/faults/test_restart.py",
    "tests/front/",
)
"""Tests that use a database, but would find the same on any: `make test` runs them on the first one only."""


FIRST = (
    "tests/faults/",
    "tests/gatewayz/run/",
    "tests/new_gateway/",
    "tests/clients/",
    "tests/catalog/formats/test_three_files.py",
    "tests/catalog/test_extending.py",
    "tests/catalog/test_tasks.py",
    "tests/test_deployment.py",
    "tests/routing/books/test_service.py",
    "tests/routing/ledger/test_kill.py",
    "tests/access/",
    "tests/front/",
    "tests/catalog/publication/",
    "tests/catalog/memory/",
    "tests/catalog/api/",
)
"""Files that run first, because a test of them takes or waits for seconds: at the end no process is left alone."""


def _place(item: pytest.Item) -> int:
    return next((place for place, path in enumerate(FIRST) if item.nodeid.startswith(path)), len(FIRST))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On the second database, run only tests that use a database: the others have run already and cannot differ."""
    items.sort(key=_place)
    if not IS_SECOND:
        return
    left_out = [item for item in items if not _touches_a_database(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if _touches_a_database(item)]


def _touches_a_database(item: pytest.Item) -> bool:
    if item.nodeid.startswith(ALIKE) and not os.environ.get("PROVE"):
        return False
    wanted = set(getattr(item, "fixturenames", ()))
    return item.get_closest_marker("django_db") is not None or not wanted.isdisjoint({"db", "transactional_db"})


def pytest_collection_finish() -> None:
    """Spare the collector what stays until the end: a complete collection takes half a second with it."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    # The name from tests.settings, never settings.DATA_DIR: with other settings that folder has real data.
    shutil.rmtree(SCRATCH, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def flushable_audit_trail() -> Iterator[None]:
    """Lift the triggers of the audit trail while a test empties its database, and only then."""
    from catalog.models import append_only  # the apps must be loaded first

    empty = flush.Command.handle

    def emptied(command: flush.Command, **options: Any) -> None:
        with append_only.lifted():
            empty(command, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flush.Command, "handle", emptied)
        yield


@pytest.fixture(scope="session", autouse=True)
def founded_long_ago() -> None:
    """Date the empty catalogue before all tests: tests travel to times before today, and it must not be newer."""
    from catalog.models import Revision  # the apps must be loaded first

    def found(**_: object) -> None:
        Revision.objects.filter(number=0).update(published_at=datetime(2020, 1, 1, tzinfo=UTC))

    # Connected after the product's receiver, which creates revision 0.
    post_migrate.connect(found, sender=apps.get_app_config("catalog"), weak=False)


@pytest.fixture(scope="session", autouse=True)
def static_files_are_found_once() -> None:
    """Let all applications of this process share what WhiteNoise reads of the static files: each client makes one."""
    find = WhiteNoiseMiddleware.add_files_from_finders
    found: dict[str, object] = {}

    def find_once(middleware: WhiteNoiseMiddleware) -> None:
        if not found:
            find(middleware)
            found.update(middleware.files)
        middleware.files.update(found)

    WhiteNoiseMiddleware.add_files_from_finders = find_once


@pytest.fixture(autouse=True)
def travelling_database_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the database the same clock as a test that travels in time."""
    monkeypatch.setattr("catalog.publication.clock.database_time", timezone.now)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Set up the test database, with the clock of the tests."""
    with django_db_blocker.unblock():
        clock.shift_database(connection)


@pytest.fixture
def redis_url(worker_id: str) -> Iterator[str]:
    """The address of an empty database in the tests' Redis; each test process has its own number."""
    server = os.environ.get("TEST_REDIS_URL")
    if not server:
        pytest.skip("NOT RUN: no Redis; `make test` starts one, or set TEST_REDIS_URL")
    # "gw0" is database 1, and so on: a Redis with another purpose would have its data in database 0.
    number = 1 + int(worker_id.removeprefix("gw") if worker_id != "master" else 0) % 15
    address = urlsplit(server)._replace(path=f"/{number}").geturl()
    with redis.Redis.from_url(address) as client:
        client.flushdb()
        yield address
        client.flushdb()
