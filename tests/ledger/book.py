"""The file of the ledger: the different sets of headers, then one line for each request and its answer.

    headers 5d41402a content-type: application/json | x-request-id: <request id>
    200 5d41402a 7c4a8d09ca3762af GET /catalog/models
    400 8843d7f9 2fd4e1c67a2d28fc/de9f2c7fd25e1b3a GET /catalog/models?limit=x

A hash is the first 16 digits of a SHA-256. If there is a second one, it is the hash of the body without its sentences.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

DIGITS = 16
_HEADER_DIGITS = 8
_REMARK = "# Written by `make ledger-record`; tests/ledger/book.py explains it."


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:DIGITS]


@dataclass(frozen=True, slots=True)
class Entry:
    status: str
    headers: str
    """The sorted headers as `name: value`, separated by ` | `."""
    body: str
    """The hash of the body."""
    structure: str = ""
    """The hash of the body without its sentences; empty if nothing in it counts as a sentence."""

    @property
    def hashes(self) -> str:
        return f"{self.body}/{self.structure}" if self.structure else self.body


Book = Mapping[str, Entry]
"""The entries by request, in the form of the request's line."""


def read(path: Path) -> Book:
    """Read the file. Raises ValueError if a line is neither a set of headers nor an entry."""
    headers: dict[str, str] = {}
    entries: dict[str, Entry] = {}
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("headers "):
            _, name, text = line.split(" ", 2)
            headers[name] = text
        elif line and not line.startswith("#"):
            status, name, hashes, request = line.split(" ", 3)
            body, _, structure = hashes.partition("/")
            entries[request] = Entry(status, headers[name], body, structure)
    return entries


def write(path: Path, entries: Book) -> None:
    sets = {_name(text): text for text in sorted({entry.headers for entry in entries.values()})}
    lines = [_REMARK, *(f"headers {name} {text}" for name, text in sets.items())]
    lines += [f"{entry.status} {_name(entry.headers)} {entry.hashes} {request}" for request, entry in entries.items()]
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")


def _name(headers: str) -> str:
    return digest(headers.encode())[:_HEADER_DIGITS]


class Bodies:
    """A folder of normalised bodies by their hashes, to show what differs. It may be incomplete."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, body: bytes) -> str:
        """Store the body under its hash, and return the hash."""
        name = digest(body)
        path = self._folder / name
        if not path.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_name(f"{name}-{os.getpid()}")  # the other database's process may write the same file
            unfinished.write_bytes(zlib.compress(body, 1))
            unfinished.replace(path)
        return name

    def find(self, name: str) -> bytes | None:
        path = self._folder / name
        return zlib.decompress(path.read_bytes()) if path.exists() else None

    def drop_all_but(self, names: Iterable[str]) -> None:
        kept = set(names)
        for path in self._folder.glob("*"):
            if path.name not in kept:
                path.unlink()
