"""Collects the counts of a serving process, until `flushing.py` stores them.

The front adds to the counts of each answer (`front/asked.py`). Once a minute a thread takes what was added since, and
adds it up by what the answers are about. Memory is bounded: answers by the response cache, subjects by MOST_ROWS,
clients by MOST_PAIRS. What is beyond a bound is counted under `other`, or as one client.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import NamedTuple

from catalog.memory import following
from catalog.routes import CatalogQuestion
from front import asked as front_asked
from front.asked import Asked
from front.large_bodies import LargeBody
from front.routes import Question
from usage.models import OTHER
from usage.subjects import Subject, subject_of

logger = logging.getLogger(__name__)

MOST_AN_HOUR = 30
"""How often one client counts for one model in an hour. All its requests are in `reads`."""
MOST_ROWS = 5_000
"""The most different rows of a batch; further models are counted as `other`."""
MOST_PAIRS = 50_000
"""The most pairs of client and model that are remembered for an hour. Further clients count as one."""
MOST_CLIENTS = 50_000
"""The most different addresses of a day that are distinguished."""
MOST_ENDED = 10_000
"""The most answers that may wait for the thread after their eviction."""
HOUR_SECONDS = 3_600
DAY_HOURS = 24


class RowKey(NamedTuple):
    """The columns of `Hour` that are not counted."""

    hour: int
    endpoint: str
    gateway: str
    offer: str
    model: str
    outcome: str


class KeyDayKey(NamedTuple):
    """The columns of `KeyDay` that are not counted."""

    day: int
    key: int
    endpoint: str
    model: str


@dataclass(slots=True)
class Number:
    asks: int = 0
    reads: int = 0


@dataclass(slots=True)
class Pending:
    """Counts that are not stored yet."""

    rows: dict[RowKey, Number] = field(default_factory=dict)
    keys: dict[KeyDayKey, int] = field(default_factory=dict)
    clients: dict[int, int] = field(default_factory=dict)
    """The number of different addresses so far, by day."""

    def __bool__(self) -> bool:
        return bool(self.rows or self.keys)

    @property
    def reads(self) -> int:
        return sum(counts.reads for counts in self.rows.values())

    def add(self, key: RowKey, *, asks: int, reads: int) -> None:
        if key not in self.rows and len(self.rows) >= MOST_ROWS:
            key = RowKey(key.hour, key.endpoint, "", "", OTHER if key.model else "", key.outcome)
        counts = self.rows.setdefault(key, Number())
        counts.asks += asks
        counts.reads += reads

    def add_key(self, key: KeyDayKey, reads: int) -> None:
        if key not in self.keys and len(self.keys) >= MOST_ROWS:
            key = key._replace(model=OTHER)
        self.keys[key] = self.keys.get(key, 0) + reads


@dataclass(frozen=True, slots=True)
class Frozen:
    """A batch that is being stored. It stays as it is until that has certainly happened."""

    id: uuid.UUID
    hour: int
    pending: Pending
    frozen_at: float
    """By the monotonic clock."""


class Tally:
    """Implements `front.routes.Usage`. Safe with threads."""

    def __init__(self, *, now: Callable[[], datetime] | None = None, monotonic: Callable[[], float] = time.monotonic):
        self.process = uuid.uuid4()
        """A name of this process, which means nothing else."""
        self._now = now or (lambda: datetime.now(UTC))
        self._monotonic = monotonic
        self._live: dict[Asked, None] = {}
        self._ended: deque[Asked] = deque()
        self._retired: list[Asked] = []
        """Counts that were replaced. The front may still be adding one, so they are taken once more, a flush later."""
        self._retired_in = -1
        """The hour in which all counts were last replaced, by the monotonic clock."""
        self._pending = Pending()
        self._frozen: Frozen | None = None
        self._pairs: dict[tuple[str, int | str], int] = {}
        self._pairs_of = -1
        """The hour of `_pairs`, by the monotonic clock: a clock that is set back must not count clients again."""
        self._clients: set[int] = set()
        self._clients_of = -1
        """The day of `_clients`."""
        self._lock = Lock()

    # --- for the front -----------------------------------------------------------------------------------------------
    def begin(self, question: Question, body: bytes | LargeBody) -> Asked | None:
        """Return the counts of an answer that was just made; None if it is not counted."""
        if not isinstance(question, CatalogQuestion):
            return None
        try:
            subject = subject_of(question.endpoint, question.query, following.FOLLOWER.current(), body)
        except Exception:  # a defect here must not cost anybody an answer
            logger.exception("What an answer is about could not be found; it is not counted")
            return None
        return None if subject is None else self.begin_about(subject)

    def begin_about(self, subject: Subject) -> Asked:
        asked = Asked(subject)
        self._live[asked] = None
        return asked

    def ended(self, asked: Asked) -> None:
        """Take the last counts of an answer that is cached no longer, at the next flush."""
        self._live.pop(asked, None)
        self._ended.append(asked)
        if len(self._ended) > MOST_ENDED:
            with self._lock:
                self._take_ended()

    # --- for the flush -----------------------------------------------------------------------------------------------
    def take(self) -> None:
        """Add what was counted since the last call to what is pending."""
        with self._lock:
            retired, self._retired = self._retired, []
            self._ended.extend(retired)
            self._take_ended()
            window = int(self._monotonic() // HOUR_SECONDS)
            for asked in list(self._live):
                self._take(asked)
                if asked.by_client and (window != self._retired_in or len(asked.by_client) >= front_asked.MOST_CLIENTS):
                    self._retired.append(asked.renewed())
            self._retired_in = window

    def freeze(self) -> Frozen | None:
        """Return the batch to store: the one that could not be stored certainly, or a new one of all that is pending.

        None: nothing is pending.
        """
        with self._lock:
            if self._frozen is None and self._pending:
                pending, self._pending = self._pending, Pending()
                self._frozen = Frozen(uuid.uuid4(), self._hour(), pending, self._monotonic())
            return self._frozen

    def stored(self, batch: Frozen) -> None:
        """Forget a batch, because it is stored."""
        with self._lock:
            if self._frozen is batch:
                self._frozen = None

    @property
    def unflushed(self) -> int:
        """The number of requests that are taken and not stored yet."""
        with self._lock:
            return self._pending.reads + (self._frozen.pending.reads if self._frozen is not None else 0)

    # --- adding up ---------------------------------------------------------------------------------------------------
    def _take_ended(self) -> None:
        while self._ended:
            self._take(self._ended.popleft())

    def _take(self, asked: Asked) -> None:
        """Add what was added to these counts since the last call."""
        by_client, by_key = dict(asked.by_client), dict(asked.by_key)
        clients = _added(by_client, asked.taken_by_client)
        keys = _added(by_key, asked.taken_by_key)
        asked.taken_by_client, asked.taken_by_key = by_client, by_key
        if not (clients or keys) or not isinstance(asked.about, Subject):
            return
        hour = self._hour()
        self._see(hour // DAY_HOURS, clients)
        subject: Subject = asked.about
        everybody: dict[int | str, int] = dict(clients.items())
        everybody |= {f"key {key}": number for key, number in keys.items()}
        reads = sum(everybody.values())
        for target in subject.targets:
            name = target.model or subject.endpoint
            asks = sum(self._counted(name, client, number) for client, number in everybody.items())
            row = RowKey(hour, subject.endpoint, target.gateway, target.offer, target.model, subject.outcome.value)
            self._pending.add(row, asks=asks, reads=reads)
            for key, number in keys.items():
                self._pending.add_key(KeyDayKey(hour // DAY_HOURS, key, subject.endpoint, target.model), number)

    def _counted(self, name: str, client: int | str, number: int) -> int:
        """Return how many of a client's requests for a model count, and remember them for this hour."""
        window = int(self._monotonic() // HOUR_SECONDS)
        if window != self._pairs_of:
            self._pairs.clear()
            self._pairs_of = window
        pair = (name, client)
        if pair not in self._pairs and len(self._pairs) >= MOST_PAIRS:
            pair = ("", 0)
        before = self._pairs.get(pair, 0)
        self._pairs[pair] = min(MOST_AN_HOUR, before + number)
        return self._pairs[pair] - before

    def _see(self, day: int, clients: Mapping[int, int]) -> None:
        """Count the different addresses of the day."""
        if day != self._clients_of:
            self._clients.clear()
            self._clients_of = day
        if len(self._clients) < MOST_CLIENTS:
            self._clients.update(clients)
        self._pending.clients[day] = max(len(self._clients), self._pending.clients.get(day, 0))

    def _hour(self) -> int:
        return int(self._now().timestamp()) // HOUR_SECONDS


def _added(now: Mapping[int, int], before: Mapping[int, int]) -> dict[int, int]:
    if not before:
        return dict(now)
    return {each: number - before.get(each, 0) for each, number in now.items() if number != before.get(each, 0)}
