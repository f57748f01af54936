"""The published revision, in the memory of a serving process.

Every answer uses one `Snapshot`, so one revision: its count, its page and its figures agree by construction, and reads
continue while the database is down. A background thread follows the published revision and swaps the snapshot by one
assignment; readers keep the one that they began with. An update reads only the versions that were opened since: a
complete rebuild, during requests, would slow down all of them.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection

from access import keys
from catalog.memory import derived, loading, unhurried
from catalog.memory.snapshot import Snapshot
from catalog.models import Revision

logger = logging.getLogger(__name__)

START_SECONDS = 5.0
"""How long a process waits for its first snapshot before it accepts requests, which others can answer until then. After
that it refuses them with 503, but reports that it is alive."""
LONGEST_SILENCE_SECONDS = 5.0
"""A database that has not answered for this long counts as down."""


class NotReady(Exception):
    """No revision has been read yet."""


_held: Snapshot | None = None


def current() -> Snapshot:
    """Return the snapshot that this process serves. Raise NotReady if the first one has not been read yet."""
    if _held is None:
        raise NotReady("no published revision has been read yet")
    return _held


def is_failing() -> bool:
    """Whether the last attempt to read the newest revision failed."""
    return _is_failing


def published_revision() -> int | None:
    """Return the newest revision that the database reported at the last poll; None while it does not answer."""
    is_silent = _waiting_since is not None and time.monotonic() - _waiting_since > LONGEST_SILENCE_SECONDS
    return None if is_silent else _published


_published: int | None = None
_waiting_since: float | None = None


def refresh() -> None:
    """Serve the newest published revision. Raise DatabaseError, and keep the old one, if it cannot be read."""
    global _held, _published
    before = _held
    with _asking():
        newest = Revision.objects.newest()
        _published = newest.number
    if before is None:
        _held = loading.load()
    # The time is compared too: after a restore, a number that was served before may be another revision.
    elif (newest.number, newest.published_at) != (before.revision, before.published_at):
        after = loading.caught_up(before) or loading.load()
        derived.carry_on(before, after)  # before requests see it: one would recompute it, and others would wait
        _held = after


@contextmanager
def _asking() -> Iterator[None]:
    """Mark the time of a short query to the database."""
    global _published, _waiting_since
    _waiting_since = time.monotonic()
    try:
        yield
    except Exception:
        _published = None
        raise
    finally:
        _waiting_since = None


def start_following() -> None:
    """Follow the newest revision in a thread. Return when it is served, or after START_SECONDS."""
    has_tried = threading.Event()
    threading.Thread(target=_begin, args=(has_tried,), name="snapshot", daemon=True).start()
    has_tried.wait(START_SECONDS)


def _begin(has_tried: threading.Event) -> None:
    with unhurried.alone():
        _refresh_or_say_why()
    # Freeze what is loaded by now: otherwise the collector would scan the whole catalogue during some request.
    gc.collect()
    gc.freeze()
    has_tried.set()
    _follow()


def _follow() -> None:
    while True:
        time.sleep(settings.SNAPSHOT_POLL_SECONDS)
        _refresh_or_say_why()


_is_failing = False


def _refresh_or_say_why() -> None:
    """Refresh the snapshot. Never raises: if the thread died, the process would keep serving one revision."""
    global _is_failing
    try:
        with _asking():
            keys.refresh()  # first: an unreadable revision must keep no revoked key valid
        refresh()
    except Exception:
        if not _is_failing:
            logger.exception("The newest revision cannot be read; the last one that could stays served")
        _is_failing = True
        connection.close()  # a broken connection would keep failing
    else:
        if _is_failing:
            logger.warning("The newest revision can be read again")
        _is_failing = False
