from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from routing.money.audit import Audit, audit

MOST_SHOWN = 20


class Command(BaseCommand):
    help = "Bill each row of the ledger again, from its tokens and the dated prices, and report differences."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--days", type=int, help="only rows of so many days; default: all rows, and the sums by day"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        since = None if options["days"] is None else timezone.now() - timedelta(days=options["days"])
        result, differences = Audit(), 0
        for each in audit(result, since=since):
            differences += 1
            if differences <= MOST_SHOWN:
                self.stderr.write(f"{each.about}: stored {each.stored}, expected {each.expected}")
        self.stdout.write(
            f"{result.rows:,} rows, {differences:,} differences, {result.unchecked:,} rows of a time that is not kept"
        )
        if differences:
            raise CommandError("the ledger differs from the prices")
