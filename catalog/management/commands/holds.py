from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from catalog.curation import holds
from catalog.models import PriceHold, SyncRun
from catalog.publication.clock import ClockMoved
from catalog.sync import decisions, run

_RUN, _PRICE = "run:", "price:"


class Command(BaseCommand):
    help = "List, release or discard held runs and prices."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["list", "release", "discard"], nargs="?", default="list")
        parser.add_argument("what", nargs="*", help="the holds to decide, as `list` names them: run:12 price:34")
        parser.add_argument(
            "--questions", action="store_true", help="list served prices that something contradicts, instead"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["questions"]:
            self._list_questions(options["action"])
        elif options["action"] == "list":
            self._list()
        elif not options["what"]:
            raise CommandError("name the holds to decide, as `manage.py holds` lists them: run:12 price:34")
        for name in options["what"]:
            try:
                self._decide(options["action"], name)
            except (decisions.NothingToDecide, holds.AlreadyDecided, ClockMoved, run.AlreadyRunning) as error:
                raise CommandError(f"{name}: {error}") from error

    def _list(self) -> None:
        runs = SyncRun.objects.filter(outcome=SyncRun.Outcome.HELD).select_related("gateway").order_by("pk")
        for held in runs:
            self.stdout.write(f"{_RUN}{held.pk} {held.gateway.slug} {held.started_at:%Y-%m-%d %H:%M} UTC: {held.error}")
        waiting = PriceHold.objects.waiting().select_related("offer__gateway").order_by("pk")
        for hold in waiting:
            self.stdout.write(f"{_PRICE}{hold.pk} {hold.offer.gateway.slug} {hold.offer.model_id}: {hold.reason}")
        if not runs and not waiting:
            self.stdout.write("Nothing is held.")

    def _list_questions(self, action: str) -> None:
        if action != "list":
            raise CommandError("--questions only lists; it cannot be combined with release or discard")
        questions = holds.open_questions()
        for question in questions:
            offer = question.offer
            self.stdout.write(
                f"{question.kind} {offer.gateway.slug} {offer.model_id} {question.meter}: {question.reason}"
            )
        if not questions:
            self.stdout.write("There are no questions.")

    def _decide(self, action: str, name: str) -> None:
        kind, _, number = name.partition(":")
        if f"{kind}:" not in {_RUN, _PRICE} or not number.isdecimal():
            raise CommandError(f"{name} is not a hold; a hold is named like run:12 or price:34")
        if f"{kind}:" == _RUN:
            self._decide_run(action, int(number))
        else:
            self._decide_price(action, int(number))
        self.stdout.write(f"{name}: {'released' if action == 'release' else 'discarded'}")

    def _decide_run(self, action: str, number: int) -> None:
        held = SyncRun.objects.select_related("gateway").filter(pk=number).first()
        if held is None:
            raise decisions.NothingToDecide("this run does not exist")
        if action == "discard":
            decisions.discard(held)
            return
        report = decisions.release(held, author=None, say=self.stdout.write)
        if report.has_failed:
            raise decisions.NothingToDecide(report.run.error)

    def _decide_price(self, action: str, number: int) -> None:
        hold = PriceHold.objects.select_related("offer__gateway").filter(pk=number).first()
        if hold is None:
            raise decisions.NothingToDecide("this held price does not exist")
        state = PriceHold.State.RELEASED if action == "release" else PriceHold.State.DISCARDED
        holds.decide_price_hold(hold, state=state, author=None, now=timezone.now())
