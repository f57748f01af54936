"""Follows the published revision, so that a serving process always has the newest one in memory.

Every answer uses one `Snapshot`, so one revision: its count, its page and its figures agree by construction, and reads
continue while the database is down. A background thread follows the published revision and swaps the snapshot by one
assignment; readers keep the one that they began with. An update reads only the versions that were opened since: a
complete rebuild, during requests, would slow down all of them.
"""

from __future__ import annotations

import gc
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection

from access.keys import Keys
from catalog.memory import derived, loading, unhurried
from catalog.memory.popularity import Scores
from catalog.memory.snapshot import Snapshot
from catalog.memory.watching import Watches
from catalog.models import Revision
from front.deadlines import limit_this_thread, watched

logger = logging.getLogger(__name__)

START_SECONDS = 15.0
"""How long a process tries to read its first snapshot before it accepts requests, which others can answer until then.
After that it refuses them with 503, and reports why. While it is reading one, it waits longer."""
LOAD_SECONDS = 120.0
STATEMENT_SECONDS = 30.0
"""How long one query may take. At 100,000 offers the longest takes a few seconds."""
REFRESH_SECONDS = LOAD_SECONDS
"""How long a whole refresh may take, even if the database is frozen."""
SELLERS_SECONDS = 15.0
"""How old the facts about the freshness of the gateways may be."""
LONGEST_SILENCE_SECONDS = 5.0
"""A database that has not answered for this long counts as down."""
YOUNGER_COLLECTIONS = 300
"""How many collections of younger objects come before a complete one; Python's default is 10.

A complete collection stops all threads for up to 0.1 s at 20,000 offers. It would come with nearly every revision, but
frees next to nothing: snapshots and connections have no cycles, and most other cycles end young."""


class NotReady(Exception):
    """No revision has been read yet."""


class Follower:
    """Has the snapshot that a process serves, and replaces it when another revision is published."""

    def __init__(self, *, keys: Keys, snapshot: Snapshot | None = None) -> None:
        self.keys = keys
        """Read in the same thread, so that a revoked key ends within seconds, and keys work without the database."""
        self.snapshot = snapshot
        """The snapshot that is served; None before the first one has been read."""
        self.is_failing = False
        """Whether the last attempt to read the newest revision failed."""
        self.waiting_since: float | None = None
        """Since when a short query waits for the database, by `time.monotonic`; None if no query is running."""
        self.is_replacing = False
        """Whether the database has another catalogue than the one that is served, such as after a restore."""
        self.read_scores: Callable[[], Scores] = dict
        """Returns the scores of models by which lists are ordered, the same object until they change. It is called in
        the thread that follows, every few seconds, and must not raise. By default no model has a score."""
        self.read_watches: Callable[[], Watches] = dict
        """Returns what is observed of offers, under the same rules. By default nothing is."""
        self._published = snapshot.revision if snapshot else None
        self._listeners: list[Callable[[int], None]] = []
        self._is_stopped = threading.Event()
        self._is_started = False
        self._sellers_due_at = 0.0

    def current(self) -> Snapshot:
        """Return the snapshot that is served. Raise NotReady if the first one has not been read yet."""
        if self.snapshot is None:
            raise NotReady("no published revision has been read yet")
        return self.snapshot

    @property
    def published_revision(self) -> int | None:
        """The newest revision that the database reported at the last poll; None while it does not answer."""
        since = self.waiting_since
        is_silent = since is not None and time.monotonic() - since > LONGEST_SILENCE_SECONDS
        return None if is_silent else self._published

    def refresh(self) -> None:
        """Serve the newest published revision. Raise DatabaseError, and keep the old one, if it cannot be read."""
        before = self.snapshot
        with self._waiting():
            newest = Revision.objects.newest()
            self._published = newest.number
        if before is None:
            self.snapshot = self._ranked(loading.load())
        # The time is compared too: after a restore, a number that was served before may be another revision.
        elif (newest.number, newest.published_at) != (before.revision, before.published_at):
            self.is_replacing = newest.number <= before.revision
            after = loading.caught_up(before)
            if after is None:
                self.is_replacing = True
                after = loading.load()
            derived.carry_on(before, after)  # before requests see it: one would recompute it, and others would wait
            self.snapshot = self._ranked(after)
            self.is_replacing = False
        elif time.monotonic() >= self._sellers_due_at:
            self._refresh_sellers(before)
            return  # nothing was published
        if self.snapshot is not before:
            self._sellers_due_at = time.monotonic() + SELLERS_SECONDS
            self._announce()

    def _refresh_sellers(self, served: Snapshot) -> None:
        """Serve the same revision with what changed about the gateways: a run that ended, or data that grew old."""
        with self._waiting():
            sellers = loading.read_sellers()
        self._sellers_due_at = time.monotonic() + SELLERS_SECONDS
        current = served if sellers == served.sellers else served.with_sellers(sellers)
        self.snapshot = self._ranked(current)

    def _ranked(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot with the present scores of models and what is observed; the same if neither changed."""
        scores, known = self.read_scores(), snapshot.popularity.scores
        if scores is not known and (scores or known):
            snapshot = snapshot.with_popularity(scores)
        watches, seen = self.read_watches(), snapshot.watches
        return snapshot if watches is seen or not (watches or seen) else snapshot.with_watches(watches)

    def _announce(self) -> None:
        for listener in self._listeners:
            try:
                listener(self.current().revision)
            except Exception:
                logger.exception("A listener failed")

    def try_refresh(self) -> None:
        """Read the keys and the newest revision; log a failure once, and its end.

        Never raises: if the thread died, the process would keep serving one revision.
        """
        try:
            close_replaced_file()
            with watched(REFRESH_SECONDS):
                with self._waiting():
                    self.keys.refresh()  # first: an unreadable revision must keep no revoked key valid
                self.refresh()
        except Exception:
            if not self.is_failing:
                logger.exception("The newest revision cannot be read; the last one that could stays served")
            self.is_failing = True
            connection.close()  # a broken connection would keep failing
        else:
            if self.is_failing:
                logger.warning("The newest revision can be read again")
            self.is_failing = False

    def subscribe(self, listener: Callable[[int], None]) -> None:
        """Call this with each revision that is served from now on, in the thread that follows."""
        self._listeners.append(listener)

    def start(self, *, wait_seconds: float = LOAD_SECONDS) -> None:
        """Follow in a thread. Return when the newest revision is served, or cannot be read for START_SECONDS."""
        has_tried = threading.Event()
        self._is_started = True
        threading.Thread(target=self._run, args=(has_tried,), name="snapshot", daemon=True).start()
        has_tried.wait(wait_seconds)

    def wait_for(self, revision: int, *, seconds: float) -> bool:
        """Wait until this revision or a newer one is served, and return whether it is.

        Returns at once in a process that does not follow.
        """
        give_up_at = time.monotonic() + seconds
        while (served := self.snapshot) is None or served.revision < revision:
            if not self._is_started or time.monotonic() > give_up_at or self._is_stopped.wait(0.02):
                return False
        return True

    def follow(self) -> None:
        """Refresh after every SNAPSHOT_POLL_SECONDS, until `stop` is called."""
        while not self._is_stopped.wait(settings.SNAPSHOT_POLL_SECONDS):
            self.try_refresh()

    def stop(self) -> None:
        """Let the thread end, at the latest after the refresh that it is working on."""
        self._is_stopped.set()

    def _run(self, has_tried: threading.Event) -> None:
        limit_this_thread(STATEMENT_SECONDS)
        give_up_at = time.monotonic() + START_SECONDS
        with unhurried.alone():
            self.try_refresh()
            while self.snapshot is None and time.monotonic() < give_up_at and not self._is_stopped.wait(1.0):
                self.try_refresh()
        spare_collector()
        has_tried.set()
        self.follow()
        connection.close()

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        """Mark the time of a short query to the database."""
        self.waiting_since = time.monotonic()
        try:
            yield
        except Exception:
            self._published = None
            raise
        finally:
            self.waiting_since = None


def close_replaced_file() -> None:
    """Close the connection to a SQLite file that was replaced, such as by a restore: it would go on reading the old."""
    if connection.vendor != "sqlite" or connection.connection is None:
        return
    try:
        found = os.stat(connection.settings_dict["NAME"])
    except OSError:
        return  # in memory, or for a moment without a file
    identity = found.st_dev, found.st_ino
    if getattr(connection, "file_identity", identity) != identity:
        logger.warning("The database file was replaced; it is opened again")
        connection.close()
    connection.file_identity = identity  # type: ignore[attr-defined]  # of this thread's connection


def spare_collector() -> None:
    """Make complete garbage collections rare, and exempt everything that is loaded by now: otherwise the collector
    would scan the whole catalogue during some requests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*gc.get_threshold()[:2], YOUNGER_COLLECTIONS)


FOLLOWER = Follower(keys=Keys())
"""The follower of this process. `gatewayz/wsgi.py` starts it; in other processes it has no snapshot."""
