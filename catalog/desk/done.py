"""What people did last, for the front page."""

from __future__ import annotations

from catalog.desk.pages import Values
from catalog.models import Revision
from catalog.web import figures

SHOWN = 10


def last_actions() -> list[Values]:
    """Return the last publications by people, newest first, by one query over the newest revisions."""
    curated = Revision.objects.filter(is_curated=True).select_related("author").order_by("-number")[:SHOWN]
    return [
        {
            "when": figures.moment_view(each.published_at),
            "who": str(each.author) if each.author else "the program",
            "what": f"published revision {each.number:,}: {figures.counted(each.changed, 'offer')} changed",
        }
        for each in curated
    ]
