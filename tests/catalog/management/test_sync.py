"""`manage.py sync`: its output and its exit status."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone

from catalog.adapter.errors import Refused
from catalog.models import Gateway, SyncRun
from catalog.registry import GATEWAYS
from tests.catalog.syncing import Network, Shop, environment, published, sync_rows
from tests.factories import chutes_row, chutes_rows, openrouter_rows, write_listing

COLUMNS = ["gateway", "outcome", "seen", "new", "changed", "unchanged", "withdrawn", "rejected", "revision", "seconds"]


class Result:
    """The output of a `manage.py sync`, and the reason if it failed."""

    def __init__(self, *arguments: str) -> None:
        stdout, stderr = StringIO(), StringIO()
        self.failure: str | None = None
        try:
            call_command("sync", *arguments, stdout=stdout, stderr=stderr, no_color=True)
        except CommandError as error:
            self.failure = str(error)
        self.stdout, self.stderr = stdout.getvalue(), stderr.getvalue()

    def cells(self, slug: str) -> list[str]:
        """Return a gateway's row of the table, with the revisions as one cell and without the seconds."""
        [line] = [line for line in self.stdout.splitlines() if re.match(rf"{slug} ", line)]
        return line.replace(" -> ", "->").split()[1:-1]


def hold(slug: str) -> None:
    Gateway.objects.ensure([slug])
    now = timezone.now()
    assert Gateway.objects.take_lease(slug=slug, now=now, until=now + timedelta(minutes=2))


@pytest.mark.django_db
def test_the_sync_prints_its_progress_and_its_result() -> None:
    result = Result("--source", "bundled")

    assert result.failure is None
    assert result.stderr == ""
    progress, _, table = result.stdout.partition("\n\n")
    listed = {slug: len(json.loads((settings.FIXTURES_DIR / f"{slug}_catalog.json").read_bytes())) for slug in GATEWAYS}
    assert progress.splitlines() == [
        line
        for slug, gateway in GATEWAYS.items()
        for line in (
            f"{gateway.name}: reading the bundled catalogue",
            f"{gateway.name}: checking {listed[slug]} rows",
            f"{gateway.name}: comparing and publishing",
        )
    ]
    header, *rows = table.splitlines()
    assert header.split() == COLUMNS
    for revision, (slug, row) in enumerate(zip(GATEWAYS, rows[: len(GATEWAYS)], strict=True)):
        count = listed[slug]
        assert re.fullmatch(
            rf"{slug} +published +{count} +{count} +0 +0 +0 +0 +{revision} -> {revision + 1} +\d+\.\d\d", row
        )
        assert len(header) == len(row)
    assert set(SyncRun.objects.values_list("trigger", flat=True)) == {SyncRun.Trigger.COMMAND}


@pytest.mark.django_db
def test_the_table_shows_every_count_and_the_revision_before_and_after(fixtures_dir: Path) -> None:
    sync_rows(fixtures_dir, [chutes_row(f"a/{number}") for number in (1, 2, 3, 4)])
    kept = [chutes_row("a/2"), chutes_row("a/3")]
    rows = [chutes_row("a/1", name="renamed"), *kept, chutes_row("a/5"), chutes_row("a/6", type="?")]
    write_listing(fixtures_dir, rows)

    result = Result("chutes")

    assert result.cells("chutes") == ["published", "5", "1", "1", "2", "1", "1", "1->2"]
    assert "chutes: row 5 a/6 rejected: type: " in result.stdout
    assert Result("chutes").cells("chutes") == ["unchanged", "5", "0", "0", "4", "0", "1", "2->2"]


@pytest.mark.django_db
def test_a_dry_run_shows_the_same_counts_and_changes_nothing() -> None:
    result = Result("--dry-run", "--source", "bundled")

    assert result.failure is None
    assert result.cells("chutes")[1:7] == ["104", "104", "0", "0", "0", "0"]
    assert "Dry run: nothing was changed." in result.stdout
    assert published() == (0, {})


@pytest.mark.django_db
def test_of_many_rejected_rows_the_first_twenty_are_shown(fixtures_dir: Path, credulous: None) -> None:
    write_listing(fixtures_dir, [chutes_row("a/1"), *chutes_rows(25, type="?")])

    result = Result("chutes")

    assert result.stdout.count(" rejected: ") == 20
    assert "chutes: and 5 more rejected rows, all of them in the admin" in result.stdout


@pytest.mark.django_db
def test_the_text_of_a_row_cannot_steer_the_operators_terminal(fixtures_dir: Path, credulous: None) -> None:
    escape, csi = "\x1b[2J", "\x9b2J"
    write_listing(
        fixtures_dir, [chutes_row(), *[chutes_row(f"a/{odd}", type=odd, name=odd) for odd in (escape, csi, "\n$ rm")]]
    )

    result = Result("chutes")

    assert result.stdout.count(" rejected: ") == 3
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]|^\$", result.stdout, flags=re.MULTILINE)


@pytest.mark.django_db
@pytest.mark.parametrize("arguments", [("--source", "bundled"), ("shop", "chutes"), ("shop", "chutes", "shop")])
def test_one_dead_gateway_fails_the_command_and_keeps_no_other_from_being_read(
    arguments: tuple[str, ...], two_gateways: None, shop: Shop, fixtures_dir: Path
) -> None:
    write_listing(fixtures_dir, chutes_rows(2), slug="chutes")
    write_listing(fixtures_dir, openrouter_rows(2), slug="openrouter")

    result = Result(*arguments)

    assert result.failure == "not synced: shop"
    assert result.stderr == "shop: shop_catalog.json cannot be read: No such file or directory\n"
    assert result.cells("shop") == ["failed", "0", "0", "0", "0", "0", "0", "-"]
    for slug in set(SyncRun.objects.values_list("gateway__slug", flat=True)) - {"shop"}:
        assert result.cells(slug)[:7] == ["published", "2", "2", "0", "0", "0", "0"]
    assert SyncRun.objects.count() == (3 if "--source" in arguments else 2)


@pytest.mark.django_db
def test_only_the_gateways_that_are_named_are_read(shop: Shop, fixtures_dir: Path) -> None:
    write_listing(fixtures_dir, chutes_rows(2), slug="shop")

    result = Result("shop")

    assert result.failure is None
    assert "chutes" not in result.stdout
    assert list(Gateway.objects.values_list("slug", flat=True)) == ["shop"]


@pytest.mark.django_db
def test_a_gateway_that_another_run_holds_is_busy_and_the_others_are_read(shop: Shop, fixtures_dir: Path) -> None:
    write_listing(fixtures_dir, chutes_rows(2), slug="shop")
    hold("chutes")

    result = Result("chutes", "shop")

    assert result.failure == "not synced: chutes"
    assert result.stderr == "chutes is being read by another run\n"
    assert not re.search(r"^chutes ", result.stdout, flags=re.MULTILINE)
    assert result.cells("shop")[0] == "published"


@pytest.mark.django_db
def test_an_unknown_gateway_is_refused_before_any_is_read(two_gateways: None) -> None:
    result = Result("chutes", "acme")

    assert result.failure == "unknown gateway acme; known are openrouter, chutes"
    assert result.stdout == ""
    assert not SyncRun.objects.exists()


@pytest.mark.django_db
def test_the_source_can_be_chosen_for_one_run(network: Network) -> None:
    network.fail("chutes", Refused("Chutes.ai: api.chutes.ai/chutes/ answered 403 Forbidden"))

    result = Result("chutes", "--source", "api")

    assert result.failure == "not synced: chutes"
    assert "Chutes.ai: asking /chutes/ include_public=true" in result.stdout
    assert result.stderr == "chutes: Chutes.ai: api.chutes.ai/chutes/ answered 403 Forbidden\n"
    assert [request.path for request in network.asked] == ["/chutes/"]
    assert Result("chutes", "--source", "bundled").failure is None
    assert len(network.asked) == 1


@pytest.mark.django_db(transaction=True)
def test_the_shell_sees_failure_in_the_exit_status(fixtures_dir: Path, tmp_path: Path) -> None:
    def status() -> tuple[int, str]:
        command = [sys.executable, "manage.py", "sync", "chutes"]
        variables = environment(data_dir=tmp_path, fixtures_dir=fixtures_dir)
        ended = subprocess.run(
            command, cwd=settings.BASE_DIR, env=variables, capture_output=True, timeout=60, check=False, text=True
        )
        return ended.returncode, ended.stderr.splitlines()[-1] if ended.stderr else ""

    write_listing(fixtures_dir, b"<html>")
    assert status() == (1, "CommandError: not synced: chutes")
    assert published() == (0, {})

    write_listing(fixtures_dir, chutes_rows(2))
    assert status() == (0, "")
    assert published()[0] == 1

    hold("chutes")
    assert status() == (1, "CommandError: not synced: chutes")
