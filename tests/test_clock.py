"""The shifted clock of a test run: it ticks, and the processes that a test starts have the same clock."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import time_machine
from django.db import connection

from tests import clock
from tests.clock import sitecustomize

START = "2031-12-31T23:58"


@pytest.fixture
def shifted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Shift the clock to a run that starts at START, in addition to the clock of this run."""
    monkeypatch.setenv("TEST_CLOCK", START)
    monkeypatch.setenv(sitecustomize.SHIFT, "0")  # so that it is restored: deleting a missing variable restores nothing
    monkeypatch.delenv(sitecustomize.SHIFT)
    before = list(time_machine.traveller_stack)
    clock.shift()
    yield
    while len(time_machine.traveller_stack) > len(before):
        time_machine.travel(0).stop()


def seconds_after_start(moment: datetime) -> float:
    return (moment - datetime.fromisoformat(START).replace(tzinfo=UTC)).total_seconds()


def test_a_run_starts_at_the_time_that_is_asked_for_and_its_clock_ticks(shifted: None) -> None:
    first = datetime.now(UTC)
    while (second := datetime.now(UTC)) == first:
        pass

    assert 0 <= seconds_after_start(first) < seconds_after_start(second) < 60


@pytest.mark.usefixtures("shifted")
def test_a_process_of_a_test_has_the_clock_of_the_test() -> None:
    command = [sys.executable, "-c", "from datetime import *; print(datetime.now(UTC).isoformat())"]
    ended = subprocess.run(
        command, env={"PATH": os.environ["PATH"]} | clock.environment(), capture_output=True, text=True, check=True
    )

    assert 0 <= seconds_after_start(datetime.fromisoformat(ended.stdout.strip())) < 60


def test_without_a_clock_nothing_is_shifted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_CLOCK", raising=False)
    monkeypatch.delenv(sitecustomize.SHIFT, raising=False)
    before = list(time_machine.traveller_stack)

    clock.shift()

    assert clock.environment() == {}
    assert time_machine.traveller_stack == before


@pytest.mark.django_db
@pytest.mark.skipif(os.environ.get("TEST_DATABASE") != "postgresql", reason="SQLite has no clock of its own")
@pytest.mark.parametrize("function", ["now()", "statement_timestamp()", "clock_timestamp()"])
def test_the_database_has_the_clock_of_the_tests(function: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}")
        [moment] = cursor.fetchone()

    assert abs((moment - datetime.now(UTC)).total_seconds()) < 60
