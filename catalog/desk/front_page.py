"""The front page of the desk: what waits for a person, the gateways with their runs, and what was done last."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from catalog.desk import done, feeds, syncing, waiting
from catalog.desk.pages import DeskPage, Values
from catalog.web import figures


class FrontPage(DeskPage):
    address = ""
    name = "front"

    def get(self, request: HttpRequest) -> HttpResponse:
        gateways = feeds.feeds()
        kinds = waiting.everything(gateways, feeds.snapshot())
        total = sum(each.count for each in kinds)
        title = (
            f"{figures.counted(total, 'thing')} {'waits' if total == 1 else 'wait'} for you"
            if total
            else "Nothing waits for you"
        )
        return self.show(
            "desk/front.html",
            {
                "title": title,
                "waiting": [self._kind(each) for each in kinds],
                "gateways": [syncing.feed_view(each) for each in gateways],
                "done": done.last_actions(self.user),
            },
        )

    def _kind(self, kind: waiting.Waiting) -> Values:
        return {
            "name": figures.first_upper(kind.name if kind.count == 1 else kind.many),
            "count": f"{kind.count:,}",
            "is_zero": not kind.count,
            "since": figures.moment_view(kind.since) if kind.since else None,
            "words": kind.words,
            "href": self.way(kind.way, query=kind.query),
        }
