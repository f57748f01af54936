"""Settings from the environment, each checked for its form.

A bad value never raises here. The default replaces it, the problem is remembered, and a system check
(`catalog/checks.py`) refuses to start. It names *all* problems at once instead of a traceback for the first.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ

from catalog.parameters.suggestions import did_you_mean, typed_wrong

_NAME = re.compile(r"^(?:export )?([A-Za-z_][A-Za-z0-9_]*)=", re.MULTILINE)


class Environment:
    """Reads variables of the process environment, which override those of an optional `.env` file."""

    def __init__(self, *, env_file: Path) -> None:
        self.problems: list[str] = []
        self._env = environ.Env()
        self._names_in_file: list[str] = []
        self._read: set[str] = set()
        self.given: set[str] = set()
        """The names of the settings that were read and have a value, even if it equals the default."""
        if env_file.is_file():
            self._env.read_env(str(env_file))
            self._names_in_file = _NAME.findall(env_file.read_text(encoding="utf-8", errors="replace"))

    def text(self, name: str, *, default: str = "") -> str:
        self._read.add(name)
        value = str(self._env.str(name, default="")).strip()
        if value:
            self.given.add(name)
        return value or default

    def words(self, name: str, *, default: str = "") -> list[str]:
        return [word for word in re.split(r"[,\s]+", self.text(name, default=default)) if word]

    def path(self, name: str, *, default: Path) -> Path:
        return Path(self.text(name, default=str(default))).expanduser().resolve()

    def folder(self, name: str, *, default: Path) -> Path:
        """Return the folder, which is created if it is missing."""
        path = self.path(name, default=default)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self._refuse(name, str(path), f"the folder cannot be created: {error.strerror}")
        return path

    def flag(self, name: str, *, default: bool) -> bool:
        spellings = {
            "1": True,
            "true": True,
            "yes": True,
            "on": True,
            "0": False,
            "false": False,
            "no": False,
            "off": False,
        }
        value = self.text(name, default=str(default)).lower()
        if value not in spellings:
            self._refuse(name, value, "must be true or false")
        return spellings.get(value, default)

    def whole_number(self, name: str, *, default: int, least: int, most: int) -> int:
        value = self.text(name, default=str(default))
        if not re.fullmatch(r"[0-9]{1,9}", value) or not least <= int(value) <= most:
            self._refuse(name, value, f"must be a whole number from {least} to {most}")
            return default
        return int(value)

    def optional_whole_number(self, name: str, *, least: int, most: int) -> int | None:
        """Return the number; None if there is no value."""
        return self.whole_number(name, default=least, least=least, most=most) if self.text(name) else None

    def amount(self, name: str, *, default: str) -> Decimal:
        value = self.text(name, default=default)
        if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,12})?", value, re.ASCII):
            self._refuse(name, value, "must be a decimal number such as 0.25")
            return Decimal(default)
        return Decimal(value)

    def optional_amount(self, name: str) -> Decimal | None:
        """Return the amount; None if there is no value."""
        return self.amount(name, default="0") if self.text(name) else None

    def choice(self, name: str, *, default: str, choices: Collection[str]) -> str:
        value = self.text(name, default=default).lower()
        if value not in choices:
            self._refuse(name, value, f"must be one of {', '.join(choices)}")
            return default
        return value

    def web_address(self, name: str, *, default: str) -> str:
        value = self.text(name, default=default).rstrip("/")
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            self._refuse(name, value, "must be an address such as https://catalogue.example.org")
            return default
        return value

    def optional_web_address(self, name: str, *, default: str = "") -> str:
        """Return an address, or `default`, which may be empty."""
        return self.web_address(name, default=default) if default or self.text(name) else ""

    def database(self, name: str, *, default: str) -> dict[str, Any]:
        """Return Django's DATABASES entry for a sqlite:/// or postgres:// address."""
        value = self.text(name, default=default)
        try:
            if urlsplit(value).scheme not in {"sqlite", "postgres", "postgresql"}:
                raise ValueError
            return dict(self._env.db_url_config(value))
        except ValueError:
            # The value may contain a password, so the problem does not repeat it.
            self.problems.append(f"{name} must be sqlite:///path or postgres://user:password@host:port/name")
            return dict(self._env.db_url_config(default))

    def refuse_unknown(self, *, prefixes: Iterable[str], read_elsewhere: Collection[str]) -> None:
        """Report names that are no settings, after all settings have been read.

        In the `.env` file these are all that begin with one of the prefixes. There and in the process they are the ones
        that differ from a setting by a typing error: a shell has other variables, for other programs.
        """
        known, beginnings = self._read.union(read_elsewhere), tuple(prefixes)
        for name in sorted({*self._names_in_file, *os.environ} - known):
            if name in self._names_in_file and name.startswith(beginnings):
                self.problems.append(f"{name} is not a setting{did_you_mean(name, known)}")
            elif (meant := typed_wrong(name, known)) is not None:
                self.problems.append(f'{name} is not a setting; did you mean "{meant}"?')

    def _refuse(self, name: str, value: str, reason: str) -> None:
        self.problems.append(f"{name}={value!r}: {reason}")
