from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.models import append_only
from catalog.publication import audit


class Command(BaseCommand):
    help = (
        "Verify the audit trail. Each action has a digest of itself, of its items and of the action before, so the "
        "first row that was changed, deleted or inserted later is found."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["verify"])
        parser.add_argument(
            "--head", default="", help="a digest that this command printed earlier; it must still occur"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        found = audit.verify()
        if found.broken:
            raise CommandError(f"{found.broken}; the {found.actions:,} actions before it are as they were written")
        if options["head"] and not audit.has_digest(options["head"]):
            raise CommandError(f"no action has the digest {options['head']}: actions at the end are missing")
        if missing := append_only.missing():
            raise CommandError(f"the database lacks {', '.join(missing)}; run `python manage.py migrate`")
        self.stdout.write(
            f"{found.actions:,} actions are as they were written; the last digest is {found.head or 'none'}"
        )
