"""The overrides that wait for a look: whose gateway changed the value since, and that end within a week."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from catalog import records
from catalog.desk import editor_words
from catalog.desk.pages import DeskPage, Problem, Values
from catalog.desk.waiting import SOON
from catalog.models import Override
from catalog.publication.fields import FIELDS
from catalog.web import figures
from catalog.web.offers import gateway_name

SHOWN = 200


class _Overrides(DeskPage):
    current = "offers"
    one: ClassVar[str] = ""
    """What one of them is called."""
    about: ClassVar[str] = ""
    nothing: ClassVar[str] = ""

    def get(self, request: HttpRequest) -> HttpResponse:
        found = self._found(now=timezone.now()).select_related("offer__gateway", "author")
        count = found.count()
        values = {
            "heading": figures.counted(count, self.one, self.title.lower()),
            "title": self.title,
            "about": self.about,
            "nothing": self.nothing,
            "rows": [_row(each) for each in found[:SHOWN]],
            "more": f"Only the first {SHOWN} are shown." if count > SHOWN else "",
        }
        return self.show("desk/stale.html", values)

    def _found(self, *, now: datetime) -> QuerySet[Override]:
        raise Problem("This list has no rows.")


class Stale(_Overrides):
    address = "overrides/stale/"
    name = "stale"
    title = "Stale overrides"
    one = "stale override"
    about = "The gateway has changed the value since the override was set. Keep ours, or take the value of the gateway."
    nothing = "No gateway has changed a value that an override replaces."

    def _found(self, *, now: datetime) -> QuerySet[Override]:
        return Override.objects.stale().order_by("made_at", "pk")


class Ending(_Overrides):
    address = "overrides/ending/"
    name = "ending"
    title = "Overrides that end soon"
    one = "override that ends soon"
    about = "Within seven days. Then the value of the gateway is served again."
    nothing = "No override ends within seven days."

    def _found(self, *, now: datetime) -> QuerySet[Override]:
        return Override.objects.ended(now=now + SOON).order_by("expires_at", "pk")


def _row(override: Override) -> Values:
    name, offer = override.field, override.offer
    field = FIELDS.get(name)
    upstream = records.load(offer.upstream)
    was = override.reported["value"] if override.reported else None
    now = field.basis(upstream, override.value) if field else None
    return {
        "gateway": gateway_name(offer.gateway.slug),
        "id": offer.model_id,
        "field": editor_words.label(name) if field else name,
        "was": editor_words.value(name, was),
        "now": editor_words.value(name, now),
        "ours": editor_words.override(name, override.value),
        "reason": override.reason,
        "who": str(override.author) if override.author else "the command line",
        "ends": figures.moment_view(override.expires_at) if override.expires_at else None,
        "href": f"{reverse('desk:offer', args=[offer.pk])}#{name}",
    }
