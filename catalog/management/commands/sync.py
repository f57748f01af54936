from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog import registry
from catalog.models import SyncRun
from catalog.sync import run

_COLUMNS = ("seen", "new", "changed", "unchanged", "withdrawn", "rejected")
_SHOWN_REJECTIONS = 20


class Command(BaseCommand):
    help = "Read gateways now and publish what they list."

    def add_arguments(self, parser: CommandParser) -> None:
        known = list(registry.GATEWAYS)
        parser.add_argument(
            "gateways", nargs="*", metavar="gateway", help=f"of {', '.join(known)}; default: all of them"
        )
        parser.add_argument("--source", choices=["auto", "api", "bundled"], help="instead of the gateway's setting")
        parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        slugs = list(dict.fromkeys(options["gateways"])) or list(registry.GATEWAYS)
        if unknown := [slug for slug in slugs if slug not in registry.GATEWAYS]:
            raise CommandError(f"unknown gateway {', '.join(unknown)}; known are {', '.join(registry.GATEWAYS)}")
        results = {slug: self._run(slug, source=options["source"], dry_run=options["dry_run"]) for slug in slugs}
        self._table(results)
        if options["dry_run"]:
            self.stdout.write("Dry run: nothing was changed.")
        if failed := [slug for slug, report in results.items() if report is None or report.has_failed]:
            raise CommandError(f"not synced: {', '.join(failed)}")

    def _run(self, slug: str, *, source: str | None, dry_run: bool) -> run.Report | None:
        try:
            return run.run_gateway(
                slug, trigger=SyncRun.Trigger.COMMAND, source=source, dry_run=dry_run, say=self.stdout.write
            )
        except run.AlreadyRunning as error:
            self.stderr.write(str(error))
            return None

    def _table(self, results: dict[str, run.Report | None]) -> None:
        header = f"{'gateway':<12} {'outcome':<10}" + "".join(f"{name:>11}" for name in _COLUMNS)
        self.stdout.write(f"\n{header}{'revision':>14}{'seconds':>9}")
        for slug, report in results.items():
            self.stdout.write(f"{slug:<12} busy" if report is None else _line(slug, report))
        for slug, report in results.items():
            if report is not None:
                self._remarks(slug, report)

    def _remarks(self, slug: str, report: run.Report) -> None:
        if report.has_failed:
            self.stderr.write(f"{slug}: {report.run.error}")
        for rejection in report.rejections[:_SHOWN_REJECTIONS]:
            self.stdout.write(
                f"{slug}: row {rejection.position} {rejection.model_id or ''} rejected: {rejection.reason}"
            )
        if (more := len(report.rejections) - _SHOWN_REJECTIONS) > 0:
            self.stdout.write(f"{slug}: and {more} more rejected rows, all of them in the admin")


def _line(slug: str, report: run.Report) -> str:
    counts = "".join(f"{getattr(report.run, name):>11}" for name in _COLUMNS)
    before, after = report.run.revision_before, report.run.revision_after
    revisions = "-" if before is None else f"{before} -> {after}"
    return f"{slug:<12} {report.run.outcome:<10}{counts}{revisions:>14}{report.seconds:>9.2f}"
