"""`manage.py status`: the state of each gateway, as text for people and as an exit status for a monitor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
import time_machine
from django.core.management import CommandError, call_command

from catalog import registry
from catalog.adapter.contract import Request
from catalog.adapter.errors import Unreachable
from catalog.sync import decisions
from tests.catalog.syncing import Network, sync, sync_rows
from tests.factories import chutes_row, chutes_rows, openrouter_rows, write_listing

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("two_gateways")]

NOW = datetime(2100, 11, 22, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    with time_machine.travel(moment, tick=False):
        yield


def status(*arguments: str) -> dict[str, list[str]]:
    """Return the words of each gateway's line."""
    out = StringIO()
    call_command("status", *arguments, stdout=out)
    lines = out.getvalue().splitlines()
    assert lines[0].split()[:4] == ["gateway", "state", "models", "held"]
    return {line.split()[0]: line.split() for line in lines[1:]}


def check(*, fails_for: str | None = None) -> None:
    """Check the result for a monitor: no error, or an error that names `fails_for`."""
    if fails_for is None:
        status("--check")
        return
    with pytest.raises(CommandError, match=f"^not fresh: {fails_for}$") as failure:
        status("--check")
    assert failure.value.returncode == 1


@pytest.fixture
def both_read(fixtures_dir: Path, network: Network) -> Path:
    """Read OpenRouter from its API and Chutes from its file, as in the settings."""
    write_listing(fixtures_dir, chutes_rows(5))
    models = Request(host="api", path="/api/v1/models", query={"output_modalities": "all"})
    network.answer("openrouter", models, {"data": openrouter_rows(3)})
    with at(NOW):
        for slug in registry.GATEWAYS:
            sync(slug)
    return fixtures_dir


def test_a_new_installation_has_never_read_anything() -> None:
    assert status() == {
        "openrouter": ["openrouter", "never", "0", "0", "-", "-", "never", "now", "-"],
        "chutes": ["chutes", "never", "0", "0", "-", "-", "never", "now", "-"],
        "revision": ["revision", "0"],
    }
    check(fails_for="openrouter, chutes")


def test_a_gateway_that_was_read_shows_when_how_and_what_comes_next(both_read: Path) -> None:
    with at(NOW + HOUR):
        found = status()
        check()

    assert found["chutes"][:8] == ["chutes", "bundled", "5", "0", "bundled", "2025-10-08", "2100-11-22", "08:00"]
    assert found["chutes"][-1] == "published"
    assert found["openrouter"][:8] == ["openrouter", "fresh", "3", "0", "api", "-", "2100-11-22", "08:00"]
    assert found["revision"] == ["revision", "2"]


def test_without_check_nothing_is_a_failure(both_read: Path) -> None:
    with at(NOW + 900 * HOUR):
        assert {slug: words[1] for slug, words in status().items() if slug != "revision"} == {
            "openrouter": "stale",
            "chutes": "bundled",
        }
        check(fails_for="openrouter")


def test_a_file_that_replaces_the_api_does_not_pass_the_check(both_read: Path) -> None:
    write_listing(both_read, openrouter_rows(3), slug="openrouter")
    with at(NOW + HOUR):
        sync("openrouter", source="bundled")

        # The file is only a bridge until the API answers.
        assert status()["openrouter"][1:9] == [
            "bundled",
            "3",
            "0",
            "bundled",
            "2026-05-28",
            "2100-11-22",
            "09:00",
            "now",
        ]
        check(fails_for="openrouter")


def test_a_gateway_that_fails_is_named_with_its_error(both_read: Path, network: Network) -> None:
    network.fail("openrouter", Unreachable("OpenRouter: openrouter.ai did not finish its answer"))
    with at(NOW + HOUR):
        sync("openrouter")

        assert status()["openrouter"][1] == "failing"
        assert " ".join(status()["openrouter"]).endswith("failed OpenRouter: openrouter.ai did not finish its answer")
        check(fails_for="openrouter")


def test_a_held_gateway_is_named_with_the_reason_until_it_is_decided(both_read: Path) -> None:
    with at(NOW + HOUR):
        held = sync_rows(both_read, chutes_rows(2)).run

        assert status()["chutes"][1:3] == ["held", "5"]
        assert " ".join(status()["chutes"]).endswith("held 3 of 5 known offers are missing, more than 30 %")
        check(fails_for="chutes")

        decisions.release(held, author=None)

        assert status()["chutes"][1:3] == ["bundled", "2"]
        check()


def test_held_prices_are_counted_and_are_no_failure(both_read: Path) -> None:
    with at(NOW + HOUR):
        sync_rows(both_read, [chutes_row("maker/model-00000", pricing_per_hour="99"), *chutes_rows(5)[1:]])

        assert status()["chutes"][1:4] == ["bundled", "5", "1"]
        check()


def test_withdrawn_offers_are_not_counted(both_read: Path) -> None:
    with at(NOW + HOUR):
        sync_rows(both_read, chutes_rows(4))

        assert status()["chutes"][2] == "4"
