"""docs/measured: what the benchmarks and `make prove` write."""

from __future__ import annotations

from pathlib import Path

from benchmarks.measured import FOLDER, Table, page, write
from tests import prove

REPORT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" tests="1236" failures="0" errors="0" skipped="2" time="125.6">
<testcase classname="tests.test_a" name="test_it" time="0.1" /></testsuite></testsuites>
"""


def test_a_page_has_its_command_its_conditions_and_its_tables() -> None:
    text = page(
        "Reads, measured",
        command="make bench-reads",
        conditions={"date": "2026-11-22", "commit": "0cc4eba"},
        tables=[Table(("figure", "median"), [("page of 10", "36,780.0/s")])],
    )

    assert text.startswith("# Reads, measured\n\n`make bench-reads` writes this page;")
    assert "\n- date: 2026-11-22\n- commit: 0cc4eba\n" in text
    assert text.endswith("\n| figure | median |\n| --- | --- |\n| page of 10 | 36,780.0/s |\n")


def test_a_written_page_names_date_commit_and_machine(tmp_path: Path) -> None:
    text = write("some", title="Some", command="make some", tables=[], conditions={"rows": "3"}, folder=tmp_path)

    assert (tmp_path / "some.md").read_text() == text
    assert [line.partition(":")[0] for line in text.splitlines() if line.startswith("- ")] == [
        "- date",
        "- commit",
        "- machine",
        "- rows",
    ]


def test_the_page_of_the_proofs_counts_what_passed_on_each_database(tmp_path: Path) -> None:
    for name in ("PostgreSQL", "SQLite"):
        (tmp_path / f"{name}.xml").write_text(REPORT)

    text = prove.write_page(tmp_path, folder=tmp_path)

    assert "| SQLite | 1,234 | 2 | 2 min 6 s |\n| PostgreSQL | 1,234 | 2 | 2 min 6 s |" in text


def test_every_page_is_listed() -> None:
    listed = (FOLDER / "README.md").read_text()

    assert all(f"({file.name})" in listed for file in FOLDER.glob("*.md") if file.name != "README.md")
