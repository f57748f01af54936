"""Django's `migrate`, which also migrates the database of the counts, unless `--database` names one."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.core.management.commands import migrate

from usage.router import APPS, alias


class Command(migrate.Command):
    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database=None)

    def execute(self, *args: Any, **options: Any) -> str | None:
        named = options["database"]
        output = super().execute(*args, **options | {"database": named or "default"})
        if named is None and alias() != "default" and options["app_label"] in {None, *APPS}:
            super().execute(*args, **options | {"database": alias()})
        return output
