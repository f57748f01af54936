"""Docstrings, comments, docs and texts are plain English: words that cost a reader a second look are rare."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOST_PER_THOUSAND = 1.0
AVOIDED = re.compile(
    r"\b(told|tells?|stands?|whoever|whatever|nobody|anew|beside|be it|goes by|of which|for ever|said|says)\b",
    re.IGNORECASE,
)
WORD = re.compile(r"[A-Za-z']+")
TWO_WORDS = re.compile(r"([A-Za-z]{2,}|\{\}|%[sd])[,;:.]? ([A-Za-z]{2,}|\{\})")
"""A placeholder counts as a word: `f"{name} is required"` is a text."""
PRODUCT = ("catalog", "front", "access", "gatewayz")
DOCS = ("docs", "README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")


@pytest.mark.parametrize("area", ["the program", "its texts", "its tests", "its docs"])
def test_words_that_the_field_does_not_use_are_rare(area: str) -> None:
    places, suffix, prose_in = AREAS[area]
    texts = {path: "\n".join(prose_in(path.read_text(encoding="utf-8"))) for path in files_of(places, suffix)}

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


@pytest.mark.parametrize(
    ("code", "texts"),
    [
        ('raise ValueError("must be a number")', ["must be a number"]),
        ('reason = f"must be between {least} and {most}"', ["must be between {} and {}"]),
        ('label = f\'{name} is {"not known" if wrong else "known"}\'', ["{} is {}", "not known"]),
        ('text("One sentence, " "in two literals.")', ["One sentence, in two literals."]),
        ('KINDS = {"bad": "Bad request"}', ["Bad request"]),
        ('"""A docstring."""\nx = ["one", "application/json", "name: x"]  # and a comment', []),
    ],
)
def test_the_texts_of_a_program_are_its_literals_of_several_words(code: str, texts: list[str]) -> None:
    assert list(texts_in_code(code)) == texts


def files_of(places: Sequence[str], suffix: str) -> Iterator[Path]:
    for place in places:
        path = ROOT / place
        found = [path] if path.is_file() else sorted(path.rglob("*"))
        yield from (each for each in found if each.suffix == suffix and "migrations" not in each.parts)


def prose_in_page(text: str) -> Iterator[str]:
    """Yield a Markdown page without its code."""
    yield re.sub(r"```.*?```|`[^`\n]*`", " ", text, flags=re.DOTALL)


def prose_in_code(code: str) -> Iterator[str]:
    """Yield strings that are statements (docstrings, and those below a constant or a field), then the comments."""
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield text
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def texts_in_code(code: str) -> Iterator[str]:
    """Yield the string literals that people read: errors, OpenAPI texts, labels, log lines and messages.

    These are all literals with two words in a row, except docstrings. No list of functions and arguments has to be
    kept, and no text is missed because it is first stored in a variable. An f-string is one text, with `{}` for values.
    """
    yield from filter(TWO_WORDS.search, _literals(ast.parse(code)))


def _literals(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Expr(value=ast.Constant()):
            return
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)
            for part in parts:
                if isinstance(part, ast.FormattedValue):
                    yield from _literals(part.value)
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _literals(child)


AREAS: Mapping[str, tuple[Sequence[str], str, Callable[[str], Iterator[str]]]] = {
    "the program": (PRODUCT, ".py", prose_in_code),
    "its texts": (PRODUCT, ".py", texts_in_code),
    "its tests": (("tests", "benchmarks"), ".py", prose_in_code),
    "its docs": (DOCS, ".md", prose_in_page),
}
