from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from catalog import queries, registry
from catalog.records import Source
from catalog.sync import schedule


class Command(BaseCommand):
    help = "Show the state of each gateway."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check",
            action="store_true",
            help="exit with 1 unless each gateway is fresh, set to be bundled, or disabled",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        states = queries.gateway_states(registry.GATEWAYS, now=timezone.now())
        self.stdout.write(
            f"{'gateway':<12} {'state':<8}{'models':>8}{'held':>6}  "
            f"{'source':<8} {'recorded':<11}{'last success':<17} {'next run':<17} last run"
        )
        for state in states.values():
            self.stdout.write(_line(state))
        self.stdout.write(f"revision {queries.newest_revision().number}")
        if options["check"] and (bad := [state.slug for state in states.values() if not _is_as_wanted(state)]):
            raise CommandError(f"not fresh: {', '.join(bad)}")


def _is_as_wanted(state: queries.GatewayState) -> bool:
    if state.state == "disabled":
        return True
    if state.state == "bundled":
        return schedule.source_of(registry.GATEWAYS[state.slug]) is Source.BUNDLED
    return state.state == "fresh"


def _line(state: queries.GatewayState) -> str:
    success = f"{state.last_success_at:%Y-%m-%d %H:%M}" if state.last_success_at else "never"
    due = f"{state.next_run_at:%Y-%m-%d %H:%M}" if state.next_run_at else "-" if state.state == "disabled" else "now"
    run = f"{state.last_run.outcome} {state.last_run.error}".strip() if state.last_run else "-"
    recorded = str(state.recorded_on or "-")
    return (
        f"{state.slug:<12} {state.state:<8}{state.models:>8}{state.held_prices:>6}  "
        f"{state.source or '-':<8} {recorded:<11}{success:<17} {due:<17} {run}"
    )
