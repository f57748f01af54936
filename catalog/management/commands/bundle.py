from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog import registry
from catalog.adapter.errors import GatewayError
from catalog.sync import bundle


class Command(BaseCommand):
    help = "Write a gateway's bundled catalogue from captured answers, or update its context lengths."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("gateway", choices=list(registry.GATEWAYS))
        parser.add_argument(
            "--answers",
            type=Path,
            metavar="DIR",
            help="the folder of captured answers, named like their paths: openai-DATE.json",
        )
        parser.add_argument("--on", type=date.fromisoformat, metavar="DATE", help="the day of the answers")

    def handle(self, *args: Any, **options: Any) -> None:
        adapter, folder, on = registry.GATEWAYS[options["gateway"]], options["answers"], options["on"]
        fixtures = Path(settings.FIXTURES_DIR)
        if (folder is None) != (on is None):
            raise CommandError("--answers and --on must be given together")
        try:
            is_first = folder is not None and not bundle.path_of(adapter, fixtures=fixtures).exists()
            rows = [] if is_first else bundle.bundled_rows(adapter, fixtures=fixtures)
            if folder is not None:
                rows = bundle.answered_rows(adapter, folder=folder, on=on, before=rows)
            text = bundle.text_of(bundle.with_contexts(adapter, rows, fixtures=fixtures))
        except GatewayError as error:
            raise CommandError(str(error)) from error
        bundle.path_of(adapter, fixtures=fixtures).write_text(text, encoding="utf-8")
        self.stdout.write(f"wrote {len(rows)} rows to {bundle.path_of(adapter, fixtures=fixtures).name}")
        if on is not None and on != adapter.bundled_on:
            self.stdout.write(f"Set bundled_on of {type(adapter).__name__} to {on}.")
