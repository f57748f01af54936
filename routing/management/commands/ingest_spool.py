from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from routing.ledger.files import backlog
from routing.ledger.ingesting import ingest


class Command(BaseCommand):
    help = "Store the spool of requests in the database. Serving processes do this each second."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--folder", type=Path, help="another spool than INFERENCE_SPOOL, such as one of a backup")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = options["folder"] or settings.INFERENCE_SPOOL
        report = ingest(folder)
        self.stdout.write(
            f"{report.rows:,} rows stored, {report.lost:,} taken for lost, {report.files:,} files deleted, "
            f"{report.damaged:,} damaged, {backlog(folder):,} bytes left"
        )
