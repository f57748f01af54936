"""docs/api and docs/formats: every example is executed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from django.conf import settings
from django.test import Client

from catalog.memory.snapshot import Snapshot

Json = Any

DOCS = Path(settings.BASE_DIR) / "docs"
PAGES = sorted([*DOCS.glob("api/*.md"), *DOCS.glob("formats/*.md")])
_EXAMPLE = re.compile(
    r"```console\n\$ (?P<command>curl .*?)\n```\s*```(?P<kind>json|text)\n(?P<answer>.*?)\n```", re.DOTALL
)
_CONSOLE = re.compile(r"```console\n")


@dataclass(frozen=True, kw_only=True)
class Example:
    command: str
    kind: str
    answer: str


def examples() -> Iterator[Any]:
    for page in PAGES:
        for number, found in enumerate(_EXAMPLE.finditer(page.read_text()), start=1):
            yield pytest.param(Example(**found.groupdict()), id=f"{page.stem}-{number}")


def shows(answer: Json, excerpt: Json) -> bool:
    """Return whether the answer has every key of the excerpt with an equal value; `…` matches anything."""
    if excerpt == "…":
        return True
    if isinstance(excerpt, dict):
        listed = {key: value for key, value in excerpt.items() if key != "…"}
        return isinstance(answer, dict) and all(key in answer and shows(answer[key], listed[key]) for key in listed)
    if isinstance(excerpt, list):
        wanted = [item for item in excerpt if item not in ("…", {"…": "…"})]
        return isinstance(answer, list) and all(map(shows, answer, wanted)) and len(answer) >= len(wanted)
    return bool(answer == excerpt)


def asked(client: Client, command: str) -> Any:
    words = shlex.split(command.replace("\\\n", " "))
    method, headers, body, address = "GET", {}, "", ""
    remaining = iter(words[1:])
    for word in remaining:
        if word == "-X":
            method = next(remaining)
        elif word == "-H":
            name, _, value = next(remaining).partition(":")
            headers[name.strip()] = value.strip()
        elif word in {"-d", "--data"}:
            body, method = next(remaining), "POST"
        elif word in {"-I", "-sI"}:
            method = "HEAD"
        elif not word.startswith("-"):
            address = word
    parts = urlsplit(address)
    assert (parts.scheme, parts.netloc) == ("http", "localhost:8000"), command
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    content_type = headers.pop("Content-Type", "application/octet-stream")
    return client.generic(method, target, body, content_type=content_type, headers=headers)


def test_the_excerpts_of_examples_are_compared_with_care() -> None:
    assert shows({"a": 1, "b": [1, 2]}, {"a": 1, "b": [1, "…"], "…": "…"})
    assert not shows({"a": 1}, {"a": 2})
    assert not shows({"a": 1}, {"b": "…"})
    assert not shows([1], [1, 2])
    assert not shows({"a": None}, {"a": 0})


@pytest.mark.parametrize("example", list(examples()))
def test_every_example_of_the_api_pages_answers_as_it_is_printed(
    example: Example, bundled: Snapshot, client: Client
) -> None:
    response = asked(client, example.command)
    text = b"".join(response) if response.streaming else response.content
    if example.kind == "json":
        assert shows(orjson.loads(text), orjson.loads(example.answer)), text[:2000]
    else:
        status = f"HTTP/1.1 {response.status_code} {response.reason_phrase}\n"
        shown = status + "".join(f"{name}: {value}\n" for name, value in response.items()) + "\n" + text.decode()
        place = 0
        for line in filter(lambda line: line not in ("", "…"), example.answer.splitlines()):
            assert line in shown[place:], f"{line!r} is not in {shown[:2000]}"
            place = shown.index(line, place) + len(line)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_example_is_left_out_for_its_form(page: Path) -> None:
    text = page.read_text()
    assert len(_CONSOLE.findall(text)) == len(_EXAMPLE.findall(text))
