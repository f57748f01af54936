"""A format is three files: its module, its golden file and its page. A pretend one is added to a copy of the tree."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.catalog.formats.offers import UNCERTAIN

ROOT = Path(__file__).parents[3]
GENERATED = {"docs/api/drop-in.md", "docs/api/endpoints.md"}
TESTS_OF_A_FORMAT, TESTS_OF_A_ROUTE = 6, 6
"""In the contract suite; one more test of a route has a case for each kind of uncertain price."""
CHECK_AND_WRITE_DOCUMENTS = """
from django.core.management import call_command
call_command("check")
call_command("docs")
"""
NOT_COPIED = (".*", "var", "staticfiles", "node_modules", "*.sqlite3*")

MODULE = '''\
"""The prices of models that are billed by tokens, as no service lists them."""

from __future__ import annotations

import orjson

from catalog.formats import shapes
from catalog.formats.contract import Format, Query, Route
from catalog.formats.standard_prices import LeftOut, is_candidate, per_million, standard_prices
from catalog.memory import derived
from catalog.memory.selection import Selection
from catalog.memory.snapshot import Snapshot
from catalog.pricing import billing, meters

METERS = (meters.INPUT_TEXT, meters.OUTPUT_TEXT, meters.INPUT_TEXT_CACHE_READ)


class Pretend(Format):
    slug = "pretend"
    name = "Pretend"
    docs_url = "https://example.org/pretend"
    routes = (
        Route(
            path="prices.json",
            prefixes=("/pretend", "/pretend/v1"),
            operation_id="read_pretend_prices",
            summary="Pretend's prices",
            shape=shapes.mapping(shapes.price("US dollars for a million tokens."), description="By gateway and id."),
        ),
    )

    def answer(self, route: Route, snapshot: Snapshot, query: Query) -> bytes:
        return prices_of(snapshot)


@derived.Once
def prices_of(snapshot: Snapshot, last: bytes | None) -> bytes:
    prices: dict[str, orjson.Fragment] = {}
    for row in Selection.of(snapshot).having("execution_mode", billing.STANDARD).rows:
        document = orjson.loads(row.document)
        if is_candidate(document):
            try:
                found = standard_prices(document, expressible=METERS)
                prices[f"{row.gateway}/{row.id}"] = per_million(found.amount(meters.INPUT_TEXT))
            except LeftOut:
                continue
    return orjson.dumps(prices)
'''
EXPECTED = """\
{
  "/pretend/prices.json": {
    "openrouter/acme/awkward": 0.7,
    "openrouter/acme/certain": 0.7,
    "openrouter/acme/chat:free": 0,
    "openrouter/acme/embeddings": 0.02,
    "openrouter/acme/long": 0.7,
    "chutes/acme/long": 0.5
  }
}
"""
PAGE = "# Pretend's prices\n\n`/pretend/prices.json` has the price of a million tokens of input.\n"
FILES = {
    "catalog/formats/pretend.py": MODULE,
    "tests/catalog/formats/expected/pretend.json": EXPECTED,
    "docs/formats/pretend.md": PAGE,
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the project with the three files of the pretend format."""
    copy = tmp_path / "tree"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*NOT_COPIED))
    for name, text in FILES.items():
        (copy / name).write_text(text, encoding="utf-8")
    return copy


def run(tree: Path, *arguments: str) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tree),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    return done.stdout


def hashes(tree: Path) -> Mapping[str, str]:
    files = (path for path in tree.rglob("*") if path.is_file())
    return {str(path.relative_to(tree)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def suite(tree: Path, *paths: str, chosen: str) -> Counter[str]:
    """Return how many of the chosen tests passed, by their files. None may fail."""
    options = ("-n0", "-v", "--color=no", "--nomigrations", "-p", "no:cacheprovider")
    shown = run(tree, "-m", "pytest", *options, *paths, "-k", chosen)
    return Counter(re.findall(r"^(\S+\.py)::.* PASSED", shown, re.MULTILINE))


def test_a_format_is_three_files_and_passes_the_suite_of_all_formats(tree: Path) -> None:
    before = hashes(tree)

    run(tree, "manage.py", "shell", "-v0", "-c", CHECK_AND_WRITE_DOCUMENTS)
    after = hashes(tree)

    assert {name for name in after if after[name] != before.get(name)} == GENERATED
    formats, document = "tests/catalog/formats/test_contract.py", "tests/catalog/api/test_openapi.py"
    tables = "test_every_answer_of_the_document_is_tried or test_the_documented_parameters_are_the_declared_ones"
    passed = suite(tree, formats, document, chosen=f"(test_contract and pretend) or {tables}")
    assert passed[formats] == TESTS_OF_A_FORMAT + TESTS_OF_A_ROUTE + len(UNCERTAIN)
    assert passed[document] > 1
