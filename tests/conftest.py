from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
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
from xdist.scheduler import LoadFileScheduling

from tests import clock, prepared
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
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "sample")
hypothesis.settings.load_profile(PROFILE)


def pytest_configure() -> None:
    # A DJANGO_SETTINGS_MODULE of the shell overrides the one of pyproject.toml.
    if settings.SETTINGS_MODULE != "tests.settings":
        pytest.exit(
            f"with {settings.SETTINGS_MODULE} the tests would work on real data; unset DJANGO_SETTINGS_MODULE", 4
        )


ALIKE = (
    "tests/catalog/api/test_addresses.py",
    "tests/catalog/api/test_canonical.py",
    "tests/catalog/api/test_changes.py::test_what_cannot_be_meant_is_refused_by_name",
    "tests/catalog/api/test_errors.py",
    "tests/catalog/api/test_estimate.py",
    "tests/catalog/api/test_hints.py",
    "tests/catalog/api/test_openapi.py::test_a_documented_default_changes_nothing",
    "tests/catalog/api/test_openapi.py::test_every_parameter_has_an_example",
    "tests/catalog/api/test_openapi.py::test_the_schema_of_the_body_allows",
    "tests/catalog/api/test_openapi.py::test_what_a_documented_parameter_allows",
    "tests/catalog/api/test_openapi.py::test_what_parameters_make_of_a_list",
    "tests/catalog/api/test_quickness.py",
    "tests/catalog/desk/test_bulk.py::test_5000_offers_are_one_action",
    "tests/catalog/desk/test_roles.py::test_18_no_page_shows_a_button_or_a_link_that_answers_403",
    "tests/catalog/desk/test_roles.py::test_strangers_are_sent_to_the_login_and_back",
    "tests/catalog/formats/",
    "tests/catalog/management/test_sync.py::test_the_shell_sees_failure_in_the_exit_status",
    "tests/catalog/reports/",
    "tests/catalog/test_tasks.py::test_a_run_that_hangs_is_ended_by_its_time_limit_and_reports_it",
    "tests/catalog/web/test_assets.py",
    "tests/catalog/web/test_documents.py",
    "tests/catalog/web/test_errors.py",
    "tests/catalog/web/test_lists.py",
    "tests/catalog/web/test_words.py",
    "tests/faults/test_attacks.py::test_reads_continue_next_to_a_frozen_redis",
    "tests/faults/test_attacks.py::test_reads_continue_next_to_slow_and_hostile_clients",
    "tests/faults/test_faults.py::test_a_gateway_syncs_while_the_other_one_is_silent",
    "tests/faults/test_faults.py::test_an_answer_that_is_none_fails_the_run_and_changes_nothing",
    "tests/faults/test_restart.py",
    "tests/front/",
    "tests/usage/test_desk.py::test_the_service_runs_without_this_app",
    "tests/usage/test_flushing.py::test_21_a_killed_process_loses_only_what_it_had_not_flushed",
)
"""Tests that use a database, but would find the same on any: `make test` runs them on the first one only.

They read what is in memory, meet faults of the network, or have an SQLite of their own. `make prove` runs them on both.
"""


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


TOGETHER = ("tests/clients/",)
"""Folders whose tests share a service, so one test process runs all of them."""


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
    if item.nodeid.startswith(ALIKE) and PROFILE == "sample":
        return False
    wanted = set(getattr(item, "fixturenames", ()))
    return item.get_closest_marker("django_db") is not None or not wanted.isdisjoint({"db", "transactional_db"})


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    scheduling = LoadFileScheduling(config, log)
    scheduling._split_scope = _scope
    return scheduling


def _scope(nodeid: str) -> str:
    """Return what one test process runs as a whole: the test's file, or its folder if that is one of TOGETHER."""
    return next((folder for folder in TOGETHER if nodeid.startswith(folder)), nodeid.partition("::")[0])


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


@pytest.fixture(scope="session", autouse=True)
def no_pauses() -> None:
    """Let background work run without its pauses for requests: with three test processes each lasts milliseconds."""
    from catalog.memory import unhurried  # the apps must be loaded first

    unhurried.STEP_SECONDS = 60.0


@pytest.fixture(autouse=True)
def travelling_database_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the database the same clock as a test that travels in time."""
    monkeypatch.setattr("catalog.publication.clock.database_time", timezone.now)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Set up the test database, with the clock of the tests."""
    with django_db_blocker.unblock():
        clock.shift_database(connection)


@pytest.fixture(scope="session")
def prepared_folders(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    own = tmp_path_factory.getbasetemp()
    return prepared.data_folders(own if worker_id == "master" else own.parent)


@pytest.fixture(scope="session")
def prepared_tables(prepared_folders: Path) -> Path:
    """A data folder with all tables in SQLite, for tests that start processes. Copy it."""
    return prepared_folders / prepared.TABLES


@pytest.fixture(scope="session")
def prepared_data(prepared_folders: Path) -> Path:
    """A data folder with all tables and the bundled catalogues in SQLite, for tests that start processes. Copy it."""
    return prepared_folders / prepared.PUBLISHED


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
