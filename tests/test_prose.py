"""Docstrings, comments and docs are plain English: words that cost a reader a second look are rare."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOST_PER_THOUSAND = 1.0
AVOIDED = re.compile(
    r"\b(told|tells?|stands?|whoever|whatever|nobody|anew|beside|be it|goes by|of which|for ever|said|says)\b",
    re.IGNORECASE,
)
WORD = re.compile(r"[A-Za-z']+")
AREAS = {
    "the program": ("catalog", "front", "access", "gatewayz"),
    "its tests": ("tests", "benchmarks"),
    "its docs": ("docs", "README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"),
}


@pytest.mark.parametrize("area", AREAS)
def test_words_that_the_field_does_not_use_are_rare(area: str) -> None:
    texts = {path: prose_of(path) for path in files_of(AREAS[area])}

    found = {path: AVOIDED.findall(text) for path, text in texts.items()}

    words = sum(len(WORD.findall(text)) for text in texts.values())
    count = sum(map(len, found.values()))
    worst = sorted(found, key=lambda path: -len(found[path]))[:5]
    shown = "; ".join(f"{path.relative_to(ROOT)}: {', '.join(found[path])}" for path in worst)
    assert count * 1_000 <= MOST_PER_THOUSAND * words, f"{count} in {words} words: {shown}"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ('"""A."""\nx = "B"  # C\n', "A.\n# C"),
        ('def f():\n    """D."""\n    return "E"\n', "D."),
        ('N = 1\n"""F."""\n', "F."),
    ],
)
def test_prose_is_docstrings_and_comments(code: str, text: str) -> None:
    assert "\n".join(prose_in_code(code)) == text


def files_of(places: Sequence[str]) -> Iterator[Path]:
    for place in places:
        path = ROOT / place
        found = [path] if path.is_file() else sorted(path.rglob("*"))
        yield from (each for each in found if each.suffix in {".py", ".md"} and "migrations" not in each.parts)


def prose_of(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return re.sub(r"```.*?```|`[^`\n]*`", " ", text, flags=re.DOTALL)
    return "\n".join(prose_in_code(text))


def prose_in_code(code: str) -> Iterator[str]:
    """Strings that are statements: docstrings, and those below a constant or a field; then the comments."""
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield text
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
