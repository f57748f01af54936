"""The generated parts of the documents are as the code has them."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from catalog.management.commands import docs
from catalog.management.generated.parts import UnknownPart, table, with_parts

TEXT = "before\n<!-- fields: Offer -->\nold\n<!-- end -->\nafter\n"


def test_no_generated_part_lags(settings: Settings) -> None:
    changed = docs.changes(Path(settings.BASE_DIR))

    assert not changed, f"generated parts lag in {', '.join(changed)}; run `make docs`"


def test_a_part_that_lags_fails_the_check_and_the_command_writes_it(tmp_path: Path, settings: Settings) -> None:
    page = tmp_path / "docker-compose.yml"
    page.write_text("  # <!-- gateways: compose -->\n  # <!-- end -->\n")
    (tmp_path / "fixtures").symlink_to(settings.FIXTURES_DIR)
    settings.BASE_DIR = tmp_path

    with pytest.raises(CommandError, match="generated parts lag in docker-compose.yml; run `make docs`"):
        call_command("docs", check=True)
    call_command("docs")

    assert "  CHUTES_LLM_BASE:\n" in page.read_text()
    call_command("docs", check=True)


def test_a_marker_that_names_no_part_is_refused(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "README.md").write_text("<!-- gateways: prices -->\n<!-- end -->\n")
    (tmp_path / "fixtures").symlink_to(settings.FIXTURES_DIR)
    settings.BASE_DIR = tmp_path

    with pytest.raises(CommandError, match=r"README.md: the gateways have no part prices"):
        call_command("docs")


def test_a_part_is_replaced_and_the_rest_stays() -> None:
    assert with_parts(TEXT, {"fields": lambda name: f"new {name}"}) == TEXT.replace("old", "new Offer")


def test_the_markers_of_a_file_with_comments_are_comments() -> None:
    text = "A=1\n  # <!-- gateways: compose -->\n  # <!-- end -->\nB=2\n"

    written = with_parts(text, {"gateways": lambda _: "  NEW:"})

    assert written == "A=1\n  # <!-- gateways: compose -->\n  NEW:\n  # <!-- end -->\nB=2\n"


def test_text_about_markers_is_no_part() -> None:
    text = "The table is between `<!-- fields: Offer -->` and\n`<!-- end -->`.\n"

    assert with_parts(text, {}) == text


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(UnknownPart, match="there are no parts of the kind fields"):
        with_parts(TEXT, {})


def test_a_table_escapes_its_separator() -> None:
    assert table(("a", "b"), [("1|2", "3")]) == "| a | b |\n| --- | --- |\n| 1\\|2 | 3 |"
