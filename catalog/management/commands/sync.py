from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog import gateway_settings, registry
from catalog.models import SyncRun
from catalog.models.failures import FAILURES, line_of
from catalog.publication.clock import ClockMoved
from catalog.sync import run, schedule
from catalog.sync.task import Report

_COLUMNS = ("seen", "new", "changed", "unchanged", "withdrawn", "rejected")
_SHOWN_REJECTIONS = 20


class Command(BaseCommand):
    help = "Read gateways now and publish their listings."

    def add_arguments(self, parser: CommandParser) -> None:
        known = list(registry.GATEWAYS)
        parser.add_argument(
            "gateways", nargs="*", metavar="gateway", help=f"of {', '.join(known)}; default: all that are enabled"
        )
        parser.add_argument("--source", choices=["auto", "api", "bundled"], help="instead of the gateway's setting")
        parser.add_argument(
            "--only-unpublished",
            action="store_true",
            help="publish the bundled catalogue of gateways without published offers, and skip the others",
        )
        parser.add_argument("--dry-run", action="store_true", help="report what would change, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        slugs = list(dict.fromkeys(options["gateways"])) or self._enabled()
        if unknown := [slug for slug in slugs if slug not in registry.GATEWAYS]:
            raise CommandError(f"unknown gateway {', '.join(unknown)}; must be one of {', '.join(registry.GATEWAYS)}")
        reports: list[Report] = []
        failed: list[str] = []
        for slug in slugs:
            try:
                reports += self._run(slug, options)
            except (run.AlreadyRunning, schedule.Disabled, ClockMoved) as error:
                self.stderr.write(str(error))
                failed.append(slug)
            except FAILURES as error:
                self.stderr.write(f"{slug}: {line_of(error)}")
                failed.append(slug)
        failed += [report.run.gateway.slug for report in reports if report.has_failed]
        self._table(reports)
        if options["dry_run"]:
            self.stdout.write("Dry run: nothing was changed.")
        if failed:
            raise CommandError(f"not synced: {', '.join(failed)}")

    def _enabled(self) -> list[str]:
        applying = gateway_settings.all_settings()
        for slug in (slug for slug, each in applying.items() if not each.is_enabled):
            self.stdout.write(f"{slug}: disabled, so it is not read")
        return [slug for slug, each in applying.items() if each.is_enabled]

    def _run(self, slug: str, options: dict[str, Any]) -> list[Report]:
        trigger = SyncRun.Trigger.COMMAND
        if options["only_unpublished"]:
            report = run.publish_bundled_if_nothing_is(slug, trigger=trigger, say=self.stdout.write)
            return [report] if report else []
        schedule.check_enabled(slug)
        source, dry_run = options["source"], options["dry_run"]
        return [run.run_gateway(slug, trigger=trigger, source=source, dry_run=dry_run, say=self.stdout.write)]

    def _table(self, reports: list[Report]) -> None:
        if not reports:
            return
        header = f"{'gateway':<12} {'outcome':<10}" + "".join(f"{name:>11}" for name in _COLUMNS)
        self.stdout.write(f"\n{header}{'revision':>14}{'seconds':>9}")
        for report in reports:
            self.stdout.write(_line(report))
        for report in reports:
            self._remarks(report.run.gateway.slug, report)

    def _remarks(self, slug: str, report: Report) -> None:
        if report.has_failed:
            self.stderr.write(f"{slug}: {report.run.error}")
        if report.run.held_prices:
            self.stdout.write(f"{slug}: {report.run.held_prices} prices are held; `manage.py holds` shows them")
        for rejection in report.rejections[:_SHOWN_REJECTIONS]:
            self.stdout.write(
                f"{slug}: row {rejection.position} {rejection.model_id or ''} rejected: {rejection.reason}"
            )
        if (more := len(report.rejections) - _SHOWN_REJECTIONS) > 0:
            self.stdout.write(f"{slug}: and {more} more rejected rows; the admin lists all of them")


def _line(report: Report) -> str:
    done = report.run
    counts = "".join(f"{getattr(done, name):>11}" for name in _COLUMNS)
    revisions = "-" if done.revision_before is None else f"{done.revision_before} -> {done.revision_after}"
    return f"{done.gateway.slug:<12} {done.outcome:<10}{counts}{revisions:>14}{report.seconds:>9.2f}"
