"""The overview of the queues: what waits in each, and since when."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from catalog.desk import feeds, waiting
from catalog.desk.pages import DeskPage, Values
from catalog.desk.waiting import Waiting
from catalog.web import figures

_HOW = {
    "held_runs": "Look at the difference, then release or discard the run, with a reason.",
    "held_prices": "By keyboard: j and k move, r releases, d discards. One submit is one revision.",
    "questions": "Set another price in the offer, or leave it. What is held can be decided here too.",
    "ambiguous": "Compare the offers of both models: they are one, or they are two.",
    "rejected": "Nothing is decided here; a corrected adapter reads the rows again.",
}
"""How each queue is worked through, by its page."""


class Queues(DeskPage):
    address = "queues/"
    name = "queues"
    title = "Queues"

    def get(self, request: HttpRequest) -> HttpResponse:
        kinds = [each for each in waiting.everything(feeds.feeds()) if each.way.page in _HOW]
        total = sum(each.count for each in kinds)
        heading = f"{total:,} in {figures.counted(len(kinds), 'queue')}" if total else "All queues are empty"
        return self.show("desk/queues.html", {"heading": heading, "queues": [self._view(each) for each in kinds]})

    def _view(self, kind: Waiting) -> Values:
        return {
            "name": figures.first_upper(kind.name if kind.count == 1 else kind.many),
            "count": f"{kind.count:,}",
            "is_zero": not kind.count,
            "since": figures.moment_view(kind.since) if kind.since else None,
            "words": kind.words,
            "how": _HOW[kind.way.page],
            "href": self.way(kind.way, query=kind.query),
        }
