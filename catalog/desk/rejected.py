"""The rows that the last run of each gateway could not use, by reason."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from catalog.desk import feeds, waiting
from catalog.desk.pages import DeskPage, Values
from catalog.models import RejectedRow
from catalog.web import figures
from catalog.web.offers import gateway_name


class Rejected(DeskPage):
    address = "rejected/"
    name = "rejected"
    title = "Rejected rows"

    def get(self, request: HttpRequest) -> HttpResponse:
        found = waiting.rejections(feeds.feeds())
        examples = RejectedRow.objects.in_bulk([each.example for each in found])
        total = sum(each.count for each in found)
        values = {
            "heading": f"{figures.counted(total, 'rejected row')}",
            "reasons": [self._reason(each, examples[each.example]) for each in found],
        }
        return self.show("desk/rejected.html", values)

    def _reason(self, each: waiting.Rejections, example: RejectedRow) -> Values:
        table = reverse("admin:catalog_rejectedrow_changelist")
        return {
            "gateway": gateway_name(each.gateway),
            "count": f"{each.count:,}",
            "reason": each.reason,
            "since": figures.moment_view(each.since),
            "id": example.model_id,
            "position": f"{example.position:,}",
            "raw": example.raw,
            "href": f"{table}?run__exact={each.run}" if self.user.has_perm("catalog.view_rejectedrow") else "",
        }
