"""What keys may spend, and all of them together: leased in blocks from the database, reserved in memory.

A request is reserved from what this process has leased. If that is not enough, it waits for the thread, which leases
what the request needs. The thread leases ahead of need as long as requests come, and gives back what is idle, so the
last cents of a budget are refused exactly. What is spent reaches the database through the ledger alone.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from queue import Empty, SimpleQueue
from threading import Lock, Thread

from django.db import DatabaseError, InterfaceError, connections

from routing.models import ALL_KEYS
from routing.money import leases
from routing.money.accounts import Account, Exceeded, Limit, NotLeased, PriceUnknown, Reservation, Unavailable
from routing.money.leases import Holder
from routing.money.limits import Limits, read_limits
from routing.nano import dollars_of, nano_of
from routing.periods import PERIODS, day_of, start_of
from usage.router import alias

__all__ = ["Budgets", "Exceeded", "PriceUnknown", "Reservation", "Unavailable"]

logger = logging.getLogger(__name__)

ROUND_SECONDS = 1.0
LEASE_SECONDS = 120.0
"""How long leases serve on while the database does not answer."""
WAIT_SECONDS = 5.0
"""How long a request waits for a lease: as long as SQLite lets one writer wait for another."""
MOST_TRIES = 20
"""How often the thread leases for one request: others on the event loop may reserve what it has just leased."""
STOP_SECONDS = 5.0
MOST_DAYS = 32
"""Leases older than any period are of no use."""


@dataclass(slots=True)
class _Ask:
    """A request that waits for a lease."""

    key_id: int
    amount: Decimal | None
    reserved: Future[Reservation] = field(default_factory=Future)


class Budgets:
    """The budgets of this process. `reserve` and `settle` never wait for anything but a short lock."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now, self._monotonic = now, monotonic
        self._holder = Holder("", "")
        self._limits: Limits | None = None
        """None: not read yet."""
        self._accounts: dict[tuple[int, str, int], Account] = {}
        self._good_until = 0.0
        """Until when the leases are surely valid, by the monotonic clock."""
        self._reserved = 0
        self._lock = Lock()
        self._asks: SimpleQueue[_Ask | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._is_stopped = False
        self._is_failing = False

    # --- for the relay -----------------------------------------------------------------------------------------------
    def reserve(self, key_id: int, amount: Decimal | None) -> Reservation:
        """Reserve before anything is sent. Raise Exceeded, PriceUnknown or Unavailable (NotLeased: `reserved` may
        succeed)."""
        nano = None if amount is None else nano_of(amount)
        day = day_of(self._now())
        with self._lock:
            held = self._applying(key_id, day, nano)
            for account, part in held.items():
                account.reserved += part
                account.demand += part
            self._reserved += nano or 0
        return Reservation(key_id, amount, day, held, nano or 0)

    async def reserved(self, key_id: int, amount: Decimal | None) -> Reservation:
        """Reserve as `reserve` does, and wait up to WAIT_SECONDS for a lease if that is needed."""
        try:
            return self.reserve(key_id, amount)
        except NotLeased:
            ask = _Ask(key_id, amount)
        self._asks.put(ask)
        waiting = asyncio.wrap_future(ask.reserved)
        try:
            done, _ = await asyncio.wait({waiting}, timeout=WAIT_SECONDS)
        except asyncio.CancelledError:
            self._forget(ask, waiting)
            raise
        if not done:
            self._forget(ask, waiting)
            raise Unavailable("The budget of this key cannot be read at this moment.")
        return waiting.result()

    def settle(self, reservation: Reservation, spent: Decimal | None) -> None:
        """Give back what is not spent. `spent` is the sum over all attempts; None: what was reserved counts as spent.

        A second call for a reservation does nothing.
        """
        nano = reservation.nano if spent is None else nano_of(spent)
        with self._lock:
            if reservation.is_settled:
                return
            reservation.is_settled = True
            self._reserved -= reservation.nano
            for account, held in reservation.held.items():
                account.reserved -= held
            # The ledger counts it against every lease of that day, also one that was opened after the reservation.
            for _, about in _accounts_of(reservation.key_id, reservation.day):
                if (found := self._accounts.get(about)) is not None:
                    found.used += nano
                    found.demand += nano

    @property
    def reserved_dollars(self) -> Decimal:
        """What is reserved for the requests in flight, of those whose cost is known."""
        return dollars_of(self._reserved)

    def _forget(self, ask: _Ask, waiting: asyncio.Future[Reservation]) -> None:
        """Have given back what is reserved for a request that waits no longer."""
        waiting.add_done_callback(_retrieved)
        ask.reserved.add_done_callback(self._give_back)

    def _give_back(self, reserved: Future[Reservation]) -> None:
        if reserved.exception() is None:
            self.settle(reserved.result(), Decimal(0))

    def _applying(self, key_id: int, day: int, nano: int | None) -> dict[Account, int]:
        """Return the accounts to reserve from, which all have enough, with the amount of each. Raise as `reserve`."""
        limits = self._limits
        if limits is None:
            raise NotLeased("The budgets are not read yet.")
        held: dict[Account, int] = {}
        if not limits:
            return held
        now = self._monotonic()
        for of, about in _accounts_of(key_id, day):
            limit = limits.get(of)
            if limit is None:
                continue
            need = _need(nano, limit)
            if not need and nano is not None:
                continue  # it is free
            account = self._accounts.get(about)
            if account is None:
                raise NotLeased("Nothing is leased yet.")
            is_enough = account.available >= need
            if not is_enough and need >= account.refused and now < account.refused_until:
                raise account.exceeded(need, limit)
            if not is_enough or now >= self._good_until:
                raise NotLeased("What is leased is not enough.")
            held[account] = nano or 0 if limit.is_hard else 0
        return held

    # --- the thread --------------------------------------------------------------------------------------------------
    def start(self, *, process: str, spool: str) -> None:
        """Lease for this process from now on: call it after the fork. `spool` is the id of its spool folder."""
        self._holder = Holder(process, spool)
        self._is_stopped = False
        self._thread = Thread(target=self._run, name="budgets", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Give back what is not spent. Call it after the last answer; a second call does nothing."""
        self._is_stopped = True
        self._asks.put(None)
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)
            self._thread = None

    def _run(self) -> None:
        due = 0.0
        while not self._is_stopped:
            if self._monotonic() >= due:
                self.try_round()
                due = self._monotonic() + ROUND_SECONDS
            with suppress(Empty):
                ask = self._asks.get(timeout=max(0.0, due - self._monotonic()))
                if ask is not None:
                    self._answer(ask)
        with suppress(Exception):
            self._end()
        connections[alias()].close()

    def try_round(self) -> bool:
        """Read the budgets, renew the leases, lease ahead and give back. Never raises."""
        try:
            self._round()
        except (DatabaseError, InterfaceError) as error:
            if not self._is_failing:
                logger.warning("The budgets cannot be read; leases serve on: %s", type(error).__name__)
            self._is_failing = True
            connections[alias()].close()
            return False
        if self._is_failing:
            logger.warning("The budgets can be read again")
        self._is_failing = False
        return True

    def _answer(self, ask: _Ask) -> None:
        try:
            reservation = self.lease_and_reserve(ask.key_id, ask.amount)
        except (Exceeded, PriceUnknown, Unavailable) as error:
            ask.reserved.set_exception(error)
        except (DatabaseError, InterfaceError) as error:
            connections[alias()].close()
            ask.reserved.set_exception(Unavailable(f"The budgets cannot be read: {type(error).__name__}."))
        else:
            ask.reserved.set_result(reservation)

    def lease_and_reserve(self, key_id: int, amount: Decimal | None) -> Reservation:
        """Lease what the request needs, and reserve it. For the thread. Raise as `reserve`, or DatabaseError."""
        for _ in range(MOST_TRIES):
            with suppress(NotLeased):
                return self.reserve(key_id, amount)
            if self._limits is None or self._monotonic() >= self._good_until:
                self._round()
            nano = None if amount is None else nano_of(amount)
            for key, period, limit in _limits_of(self._limits or {}, key_id):
                if need := _need(nano, limit):
                    self._lease(self._account(key, period), need, limit)
        return self.reserve(key_id, amount)

    def _account(self, key: int, period: str) -> Account:
        about = (key, period, start_of(period, day_of(self._now())))
        found = self._accounts.get(about)
        if found is None:
            found = Account(*about)
            leases.open_lease(self._holder, found, expires_at=self._expiry())
            with self._lock:
                self._accounts[about] = found
        return found

    def _lease(self, account: Account, need: int, limit: Limit) -> None:
        missing = need - account.available
        if missing <= 0:
            return
        more = max(need, account.wanted, account.demand)  # so a burst takes few leases, each twice the one before
        taken = leases.take(self._holder, account, need=missing, more=more, limit=limit.nano, expires_at=self._expiry())
        with self._lock:
            account.granted += taken.granted
            if not taken.granted:
                account.refused, account.left = need, taken.left + max(0, account.available)
                account.refused_until = self._monotonic() + ROUND_SECONDS
                raise account.exceeded(need, limit)

    def _expiry(self) -> datetime:
        return self._now() + timedelta(seconds=LEASE_SECONDS)

    # --- a round -----------------------------------------------------------------------------------------------------
    def _round(self) -> None:
        limits, before = read_limits(), self._limits or {}
        good_until = self._monotonic() + LEASE_SECONDS
        today = day_of(self._now())
        stored = leases.renew(self._holder, expires_at=self._expiry(), oldest=today - MOST_DAYS)
        with self._lock:
            self._limits, self._good_until = limits, good_until
            for about, account in self._accounts.items():
                if before.get(about[:2]) != limits.get(about[:2]):
                    account.refused_until = 0.0
                if about in stored:
                    account.granted = stored[about]  # what a COMMIT without an answer has stored
                else:  # the database was restored: what is in flight is all that is known
                    account.granted, account.used = 0, 0
        for account in list(self._accounts.values()):
            of = (account.key, account.period)
            limit = limits.get(of)
            is_past = account.start != start_of(account.period, today)
            is_lowered = limit is not None and of in before and limit.nano < before[of].nano
            self._balance(account, limit, is_idle=is_past or is_lowered or limit is None)
            self._retire(account, is_past=is_past)

    def _balance(self, account: Account, limit: Limit | None, *, is_idle: bool) -> None:
        """Give back what is idle, state what was spent above the lease, or lease ahead."""
        with self._lock:
            account.want(is_idle=is_idle)
            if limit is not None:  # what is kept idle, no other process can use
                account.wanted = min(account.wanted, limit.nano // leases.SMALL_PART)
            available, surplus = account.available, account.available - account.wanted
            if surplus > 0:
                account.granted -= surplus  # before it is given back: nothing may be reserved from it any more
        if surplus > 0:
            leases.change(self._holder, account, -surplus, expires_at=self._expiry())
        elif available < 0:
            leases.change(self._holder, account, -available, expires_at=self._expiry())
            self._granted(account, -available)
        elif surplus < 0 and limit is not None:
            taken = leases.take(
                self._holder, account, need=0, more=-surplus, limit=limit.nano, expires_at=self._expiry()
            )
            self._granted(account, taken.granted)

    def _granted(self, account: Account, nano: int) -> None:
        with self._lock:
            account.granted += nano

    def _retire(self, account: Account, *, is_past: bool) -> None:
        """Forget an account whose period is over, once nothing of it is in flight."""
        with self._lock:
            if is_past and not account.reserved and not account.available:
                del self._accounts[account.key, account.period, account.start]

    def _end(self) -> None:
        """Give back all that is not reserved, and let the leases end as soon as the ledger has what they spent."""
        for account in list(self._accounts.values()):
            self._balance(account, None, is_idle=True)
        leases.renew(self._holder, expires_at=self._now(), oldest=0)


def _retrieved(waiting: asyncio.Future[Reservation]) -> None:
    """Take the exception of a request that waits no longer, which asyncio would otherwise log."""
    if not waiting.cancelled():
        waiting.exception()


@lru_cache(maxsize=4_096)
def _accounts_of(key_id: int, day: int) -> tuple[tuple[tuple[int, str], tuple[int, str, int]], ...]:
    """Return the names of all budgets that can apply to a key on a day, each with that of its account."""
    return tuple(
        ((key, period), (key, period, start_of(period, day))) for key in (key_id, ALL_KEYS) for period in PERIODS
    )


def _limits_of(limits: Limits, key_id: int) -> Iterator[tuple[int, str, Limit]]:
    for key in (key_id, ALL_KEYS):
        for period in PERIODS:
            if (limit := limits.get((key, period))) is not None:
                yield key, period, limit


def _need(nano: int | None, limit: Limit) -> int:
    """Return what must be available. Raise PriceUnknown.

    A soft budget holds nothing for a request, so it only must not be spent.
    """
    if limit.is_hard and nano is None:
        raise PriceUnknown(
            "What this request may cost is not known, and a hard budget applies. A model with a known price, and "
            "max_tokens, would be accepted."
        )
    return nano or 0 if limit.is_hard else int(nano != 0)
