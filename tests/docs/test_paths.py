"""What documents name exists: files and folders, constants of modules, and the targets of links with their anchors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings

from catalog.web import markdown

ROOT: Path = settings.BASE_DIR
PRODUCT = ("routing", "usage", "monitoring", "catalog", "front", "access", "gatewayz")
FOLDERS = (*PRODUCT, "tests", "benchmarks", "docs", "fixtures")
# The changelog names what a version had.
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")] + sorted(
    ROOT.glob("docs/**/*.md")
)

QUOTED = re.compile(r"`([^`\n]+)`")
CODE_BLOCK = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
# `/catalog/models` is an address, `<slug>.py` and `*.md` are patterns.
PATH = re.compile(r"\.?\w[\w.-]*(/[\w.-]+)*(/|\.(py|md|json|toml|yml|txt|csv|lua|example))")
CONSTANT = re.compile(r"(\w+)\.([A-Z][A-Z_]+)")
LINK = re.compile(r"\]\(([^)\s]+)\)")

ELSEWHERE = {
    "var/": "`make run` makes it",
    "gatewayz-42.csv": "the name of a download",
    "opencode.json": "opencode reads it",
}
EXAMPLES = {"docs/adding-a-gateway.md", "docs/extending.md"}
"""Documents whose examples add files with `acme` or a date in their names."""
INVENTED = re.compile(r"acme|newest|\d{4}-\d{2}-\d{2}")


def quoted_in(document: Path) -> Iterator[str]:
    yield from QUOTED.findall(CODE_BLOCK.sub("", document.read_text(encoding="utf-8")))


def paths_in(document: Path) -> set[str]:
    found = {word for word in quoted_in(document) if PATH.fullmatch(word)} - ELSEWHERE.keys()
    has_examples = str(document.relative_to(ROOT)) in EXAMPLES
    return {path for path in found if not (has_examples and INVENTED.search(path))}


def exists(path: str) -> bool:
    """A path begins at the project's folder or in the catalogue; a file's name alone may be that of any file."""
    candidates = (ROOT / path, ROOT / "catalog" / path)
    wanted = Path.is_dir if path.endswith("/") else Path.is_file
    return any(map(wanted, candidates)) or ("/" not in path and path in file_names())


@cache
def file_names() -> frozenset[str]:
    return frozenset(file.name for folder in FOLDERS for file in (ROOT / folder).rglob("*.*"))


def has_constant(module: str, name: str) -> bool:
    files = (file for folder in PRODUCT for file in (ROOT / folder).rglob(f"{module}.py"))
    return any(re.search(rf"^{name}\b", file.read_text(encoding="utf-8"), re.MULTILINE) for file in files)


@cache
def anchors_of(document: Path) -> frozenset[str]:
    html = markdown.rendered(document.read_text(encoding="utf-8"), link=str).html
    return frozenset(re.findall(r' id="([^"]+)"', html))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_every_path_that_a_document_names_exists(document: Path) -> None:
    missing = {path for path in paths_in(document) if not exists(path)}

    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_every_constant_that_a_document_names_exists(document: Path) -> None:
    named = {match.groups() for word in quoted_in(document) if (match := CONSTANT.fullmatch(word))}

    assert not {(module, name) for module, name in named if not has_constant(module, name)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_every_link_of_a_document_leads_to_a_file_and_a_heading(document: Path) -> None:
    wrong = []
    for address in LINK.findall(CODE_BLOCK.sub("", document.read_text(encoding="utf-8"))):
        if address.startswith(("http://", "https://", "/")):
            continue
        name, _, fragment = address.partition("#")
        target = (document.parent / name).resolve() if name else document
        if not target.exists() or (fragment and fragment not in anchors_of(target)):
            wrong.append(address)

    assert not wrong


@pytest.mark.parametrize(
    ("word", "is_path"),
    [
        ("memory/index.py", True),
        ("catalog/gateways/", True),
        (".env.example", True),
        ("tests/ledger/allowed.txt", True),
        ("/catalog/models/", False),
        ("<slug>_catalog.json", False),
        ("docs/api/*.md", False),
        ("billing.precedence", False),
    ],
)
def test_only_paths_count_as_paths(word: str, is_path: bool) -> None:
    assert bool(PATH.fullmatch(word)) == is_path


def test_a_path_that_does_not_exist_is_found() -> None:
    assert exists("pricing/billing.py")
    assert exists("search_words.py")
    assert not exists("serving/index.py")
    assert not exists("pricing/search_words.py")
    assert has_constant("links", "RULES")
    assert not has_constant("links", "RULE")
