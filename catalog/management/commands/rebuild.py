from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog import registry
from catalog.models.failures import FAILURES, line_of
from catalog.sync import decisions, run
from catalog.sync.task import Report


class Command(BaseCommand):
    help = "Rebuild the catalogue from the accepted captures, the holds and the overrides."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("gateways", nargs="*", metavar="gateway", help="default: all gateways with an accepted run")
        parser.add_argument(
            "--capture",
            metavar="SHA",
            help="publish the listing of an earlier run: the hash of a capture, or its beginning",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if unknown := [slug for slug in options["gateways"] if slug not in registry.GATEWAYS]:
            raise CommandError(f"unknown gateway {', '.join(unknown)}; must be one of {', '.join(registry.GATEWAYS)}")
        try:
            if options["capture"] is not None:
                self._report(decisions.publish_capture(options["capture"], say=self.stdout.write))
                return
            slugs = options["gateways"] or decisions.rebuildable()
            for slug in slugs:
                self._report(decisions.rebuild(slug, say=self.stdout.write))
        except (decisions.NothingToDecide, run.AlreadyRunning) as error:
            raise CommandError(str(error)) from error
        except FAILURES as error:
            raise CommandError(line_of(error)) from error

    def _report(self, report: Report) -> None:
        done = report.run
        if report.has_failed:
            raise CommandError(f"{done.gateway.slug}: {done.error}")
        self.stdout.write(
            f"{done.gateway.slug}: {done.new} new, {done.changed} changed, {done.unchanged} unchanged, "
            f"{done.withdrawn} withdrawn, revision {done.revision_before} -> {done.revision_after}"
        )
