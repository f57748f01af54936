"""`make test` itself: both halves run, none is skipped silently, and no half hides the failure of the other."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pytest
import redis
from django.conf import settings

from tests import services, suite
from tests.conftest import ALIKE, FIRST, TOGETHER


class Halves:
    def __init__(self) -> None:
        self.statuses = {"SQLite": 0, "PostgreSQL": 0}
        self.ran: list[tuple[str, list[str], dict[str, str]]] = []

    def run(self, name: str, options: Sequence[str], environment: dict[str, str]) -> int:
        self.ran.append((name, list(options), environment))
        return self.statuses[name]

    @property
    def names(self) -> list[str]:
        return [name for name, *_ in self.ran]


@contextmanager
def a_server() -> Iterator[str]:
    yield "an address"


def no_server() -> AbstractContextManager[str]:
    raise services.Unavailable("it does not start")


@pytest.fixture
def halves(monkeypatch: pytest.MonkeyPatch) -> Halves:
    halves = Halves()
    monkeypatch.setattr(suite, "run_half", halves.run)
    monkeypatch.setattr(services, "postgresql", a_server)
    monkeypatch.setattr(services, "redis_server", a_server)
    for name in ("TEST_CLOCK", "TEST_DATABASE", "TEST_DATABASE_URL", "TEST_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    return halves


def test_both_halves_run_with_the_servers_that_were_started(halves: Halves) -> None:
    assert suite.run_suite(["-k", "some"]) == 0

    (_, _, sqlite), (_, _, postgresql) = halves.ran
    assert halves.names == ["SQLite", "PostgreSQL"]
    assert "TEST_DATABASE" not in sqlite
    assert postgresql["TEST_DATABASE"] == "postgresql"
    assert sqlite["TEST_REDIS_URL"] == postgresql["TEST_REDIS_URL"] == postgresql["TEST_DATABASE_URL"] == "an address"


def test_one_half_runs_today_and_the_other_on_another_day(halves: Halves) -> None:
    suite.run_suite([])

    assert [environment.get("TEST_CLOCK") for _, _, environment in halves.ran] == [None, suite.SHIFTED]


def test_a_clock_that_is_given_is_that_of_both_halves(halves: Halves, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_CLOCK", "2031-12-31T23:58")

    suite.run_suite([])

    assert [environment["TEST_CLOCK"] for _, _, environment in halves.ran] == ["2031-12-31T23:58"] * 2


def test_options_are_passed_on(halves: Halves) -> None:
    suite.run_suite(["-k", "some"])

    assert [options for _, options, _ in halves.ran] == [["-k", "some"]] * 2


def test_the_tests_never_get_the_settings_of_the_product(halves: Halves, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "gatewayz.settings")

    suite.run_suite(["-k", "some"])

    assert {environment["DJANGO_SETTINGS_MODULE"] for _, _, environment in halves.ran} == {"tests.settings"}


def test_servers_that_are_given_are_used(halves: Halves, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_DATABASE_URL", "given")
    monkeypatch.setattr(services, "postgresql", no_server)

    suite.run_suite(["-k", "some"])

    assert halves.ran[1][2]["TEST_DATABASE_URL"] == "given"


@pytest.mark.parametrize("failing", ["SQLite", "PostgreSQL"])
def test_a_half_that_fails_is_not_hidden_by_the_other(failing: str, halves: Halves) -> None:
    halves.statuses[failing] = 1

    assert suite.run_suite(["-k", "some"]) == 1
    assert halves.names == ["SQLite", "PostgreSQL"]


def test_without_postgresql_a_banner_says_what_was_not_run(
    halves: Halves, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(services, "postgresql", no_server)

    assert suite.run_suite(["-k", "some"]) == 0

    assert halves.names == ["SQLite"]
    assert "NOT RUN: what needs TEST_DATABASE_URL (it does not start)" in capsys.readouterr().out


def test_without_redis_both_halves_run_and_a_banner_says_so(
    halves: Halves, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(services, "redis_server", no_server)

    suite.run_suite(["-k", "some"])

    assert halves.names == ["SQLite", "PostgreSQL"]
    assert "TEST_REDIS_URL" not in halves.ran[0][2]
    assert "NOT RUN: what needs TEST_REDIS_URL (it does not start)" in capsys.readouterr().out


def test_a_banner_lists_the_clients_whose_environment_could_not_be_made(
    halves: Halves, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def skip_a_client(name: str, options: Sequence[str], environment: dict[str, str]) -> int:
        with Path(environment["TEST_NOT_RUN"]).open("a") as file:
            file.write("the client openai: no network\n")
        return 0

    monkeypatch.setattr(suite, "run_half", skip_a_client)

    assert suite.run_suite([]) == 0

    assert capsys.readouterr().out.count("NOT RUN: what needs the client openai: no network") == 1


@pytest.mark.parametrize("start", [services.postgresql, services.redis_server])
def test_a_machine_without_any_program_is_told_so(
    start: Callable[[], AbstractContextManager[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "find_postgresql_programs", list)
    monkeypatch.setattr(services, "find_redis_programs", list)

    with pytest.raises(services.Unavailable, match="no program was found"), start():
        pass


def test_a_program_that_does_not_start_gives_way_to_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "redis-server"
    broken.write_text("#!/bin/sh\necho out of order; exit 1\n")
    broken.chmod(0o755)
    working = services.find_redis_programs()
    monkeypatch.setattr(services, "find_redis_programs", lambda: [broken, *working])

    with services.redis_server() as address, redis.Redis.from_url(address) as client:
        assert client.ping()

    monkeypatch.setattr(services, "find_redis_programs", lambda: [broken])
    with pytest.raises(services.Unavailable, match="out of order"), services.redis_server():
        pass


@pytest.mark.skipif(not services.find_postgresql_programs(), reason="NOT RUN: this machine has no PostgreSQL")
def test_a_postgresql_of_our_own_answers_and_is_gone_afterwards() -> None:
    with services.postgresql() as address, psycopg.connect(address) as connection:
        assert connection.execute("SELECT current_setting('fsync')").fetchone() == ("off",)

    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(address, connect_timeout=2)


@pytest.mark.redis
def test_the_redis_of_a_test_is_empty(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_this_run_is_on_the_database_that_was_asked_for() -> None:
    asked = os.environ.get("TEST_DATABASE", "sqlite3")

    assert settings.DATABASES["default"]["ENGINE"] == f"django.db.backends.{asked}"


@pytest.mark.parametrize("place", [*ALIKE, *FIRST, *TOGETHER])
def test_what_is_chosen_by_its_place_is_there(place: str) -> None:
    file, _, test = place.partition("::")
    path = settings.BASE_DIR / file

    assert path.is_dir() if file.endswith("/") else f"def {test}" in path.read_text()
