"""The time of a publication: the database's clock, but never earlier than a stored time.

Processes on several machines publish, and each machine has its own clock. The database has one clock for all of them.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Subquery
from django.utils import timezone

from catalog.models import Price, Revision

MOST_AHEAD = timedelta(minutes=1)
"""A stored time further ahead than this means that the clock was wrong when it was stored, or is wrong now."""


class ClockMoved(Exception):
    """The newest stored time is in the future; the message names both times."""


def publication_time() -> datetime:
    """Return the time of the publication that this transaction writes. Raises ClockMoved."""
    now, newest = database_time(), _newest_stored_time()
    if newest - now > MOST_AHEAD:
        raise ClockMoved(
            f"the clock moved: it is {now:%Y-%m-%d %H:%M:%S} UTC, and the newest publication is dated "
            f"{newest:%Y-%m-%d %H:%M:%S} UTC; nothing can be published before that time"
        )
    return max(now, newest)


def database_time() -> datetime:
    if connection.vendor == "sqlite":
        return timezone.now()  # SQLite runs in this process and has no clock of its own
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")  # now() is when the transaction began, before it waited for locks
        moment: datetime = cursor.fetchone()[0]
    return moment


def _newest_stored_time() -> datetime:
    # A price that changed only its origin begins without a new revision.
    priced_at = Price.objects.open().order_by("-valid_from").values("valid_from")[:1]
    newest: tuple[datetime, datetime | None]
    newest = Revision.objects.order_by("-number").values_list("published_at", Subquery(priced_at))[:1].get()
    return max(moment for moment in newest if moment is not None)
