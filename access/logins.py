"""The limits of logins, checked before a password is hashed, and the turn to hash one.

Both are in the database, so all processes of all hosts share them, and a restart changes nothing. A login needs the
database anyway: while it is down, no password is hashed.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from itertools import pairwise
from threading import Lock

from django.contrib.auth.models import User
from django.utils.crypto import salted_hmac

from access.models import FailedLogin, HashTurn, KnownAddress

MOST_PER_ADDRESS, ADDRESS_WINDOW = 10, timedelta(minutes=1)
"""Failed logins from one address, for any accounts."""
MOST_PER_PAIR, PAIR_LOCK = 5, timedelta(minutes=5)
"""Failed logins for one account from one address, with less than the lock's duration from each to the next."""
MOST_PER_ACCOUNT, ACCOUNT_WINDOW = 100, timedelta(hours=1)
"""Failed logins for one account. This limit does not apply to addresses from which the account logged in before."""
ADDRESS_IS_KNOWN_FOR = timedelta(days=90)
KEPT_FOR = ACCOUNT_WINDOW
MOST_STORED = 50_000
"""More failed logins than one hash at a time permits within `KEPT_FOR`."""
LONGEST_TURN = timedelta(seconds=30)
"""A login waits for other writers of SQLite for 20 seconds at most; a hash takes a second on a slow host."""
BUSY_WAIT = timedelta(seconds=2)

_NO_WAIT = timedelta(0)
_turn_of_this_process = Lock()
"""Taken before the database's turn, so that at most one thread of a process waits for the database."""


class Limit(StrEnum):
    ADDRESS = "address"
    PAIR = "pair"
    """One account from one address."""
    ACCOUNT = "account"
    BUSY = "busy"
    """Another password is being hashed."""


class Refused(Exception):
    """A login that was refused before its password was hashed."""

    def __init__(self, limit: Limit, *, wait: timedelta, account: str | None = None) -> None:
        self.limit = limit
        self.account = account
        """The hash by `account_of`; None with `BUSY`."""
        self.wait_seconds = _whole_seconds(wait)
        super().__init__(f"refused by the limit {limit} for {self.wait_seconds} s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """Logins that are refused at present."""

    limit: Limit
    account: str | None
    """The hash by `account_of`, or None for all accounts."""
    address: str | None
    """None: all addresses from which the account did not log in before."""
    failures: int
    """Failed logins within `KEPT_FOR`."""
    wait_seconds: int


def account_of(name: str) -> str:
    """Return the keyed hash that is stored of a name. Unicode spellings that Django takes for one name have one hash.

    People type passwords into the field of the name, so no name is stored as it was typed.
    """
    written = _normalized(name).encode("utf-8", "surrogateescape")
    return salted_hmac("access.logins", written, algorithm="sha256").hexdigest()


def short(account: str) -> str:
    """Return the beginning of an account's hash, as log lines and `manage.py logins` show it."""
    return account[:12]


# --- one login -------------------------------------------------------------------------------------------------------
@contextmanager
def attempt(name: str, address: str, *, now: datetime) -> Iterator[Attempt]:
    """Let one password be checked. Raise Refused before it is hashed if a limit is reached or another one is hashed.

    The attempt has failed unless `succeeded` is called: the failure is stored before the password is hashed, so that a
    process that is killed, or a request that is given up, gets no hash for free.
    """
    login = Attempt(name, address, now=now)
    login.check_limits()  # before the turn, so that what is refused never keeps others from their turn
    with turn(now=now):
        login.check_limits()
        login.store_failure()
        yield login


@contextmanager
def turn(*, now: datetime) -> Iterator[None]:
    """Let one password be hashed at a time, in all processes of all hosts. Raise Refused at once, without waiting."""
    if not _turn_of_this_process.acquire(blocking=False):
        raise Refused(Limit.BUSY, wait=BUSY_WAIT)
    try:
        holder = HashTurn.objects.take(now=now, duration=LONGEST_TURN)
        if holder is None:
            raise Refused(Limit.BUSY, wait=BUSY_WAIT)
        try:
            yield
        finally:
            HashTurn.objects.release(holder)
    finally:
        _turn_of_this_process.release()


class Attempt:
    """A login whose password is about to be checked."""

    def __init__(self, name: str, address: str, *, now: datetime) -> None:
        self.account = account_of(name)
        self.address = address
        self._name = _normalized(name)
        self._now = now

    def check_limits(self) -> None:
        """Raise Refused if a limit is reached. Unknown accounts have the same limits as known ones."""
        waits = {rule.limit: wait for rule in _RULES if (wait := self._wait(rule)) > _NO_WAIT}
        if Limit.ACCOUNT in waits and self._is_address_known():
            del waits[Limit.ACCOUNT]
        if waits:
            limit = max(waits, key=lambda each: waits[each])
            raise Refused(limit, wait=waits[limit], account=self.account)

    def store_failure(self) -> None:
        stored = FailedLogin.objects.create(account=self.account, address=self.address, failed_at=self._now)
        FailedLogin.objects.filter(pk__lte=stored.pk - MOST_STORED).delete()
        FailedLogin.objects.prune(before=self._now - KEPT_FOR, now=self._now)

    def succeeded(self, user: User) -> None:
        """Forget the failures of this account from this address, and remember the address."""
        unlock(account=self.account, address=self.address)
        KnownAddress.objects.update_or_create(user=user, address=self.address, defaults={"logged_in_at": self._now})

    def _wait(self, rule: _Rule) -> timedelta:
        failed = FailedLogin.objects.since(self._now - KEPT_FOR, now=self._now)
        same = failed.filter(**{field: getattr(self, field) for field in rule.fields})
        times = same.order_by("-failed_at").values_list("failed_at", flat=True)
        return rule.wait(list(times[: rule.most]), self._now)

    def _is_address_known(self) -> bool:
        known = KnownAddress.objects.filter(user__username=self._name, address=self.address)
        return known.filter(logged_in_at__gt=self._now - ADDRESS_IS_KNOWN_FOR).exists()


# --- for operators ---------------------------------------------------------------------------------------------------
def locked(*, now: datetime) -> list[Locked]:
    """Return which logins are refused at present, those that wait longest first."""
    found = [lock for rule in _RULES for lock in _locked_by(rule, now=now)]
    return sorted(found, key=lambda lock: -lock.wait_seconds)


def unlock(*, account: str | None = None, address: str | None = None) -> int:
    """Forget the failed logins of an account (by `account_of`), of an address, or of an account from an address.

    Return their number. With neither, forget all of them.
    """
    failed = FailedLogin.objects.all()
    if account is not None:
        failed = failed.filter(account=account)
    if address is not None:
        failed = failed.filter(address=address)
    return failed.delete()[0]


def prune(*, now: datetime) -> int:
    """Delete what no limit depends on any more, and return the number of rows."""
    forgotten, _ = KnownAddress.objects.filter(logged_in_at__lte=now - ADDRESS_IS_KNOWN_FOR).delete()
    return forgotten + FailedLogin.objects.prune(before=now - KEPT_FOR, now=now)


def _locked_by(rule: _Rule, *, now: datetime) -> Iterator[Locked]:
    times: defaultdict[tuple[str, ...], list[datetime]] = defaultdict(list)
    failed = FailedLogin.objects.since(now - KEPT_FOR, now=now).order_by("-failed_at")
    for failed_at, *key in failed.values_list("failed_at", *rule.fields):
        times[tuple(key)].append(failed_at)
    for key, of_key in times.items():
        if (wait := rule.wait(of_key, now)) > _NO_WAIT:
            who = dict(zip(rule.fields, key, strict=True))
            yield Locked(
                limit=rule.limit,
                account=who.get("account"),
                address=who.get("address"),
                failures=len(of_key),
                wait_seconds=_whole_seconds(wait),
            )


# --- the rules -------------------------------------------------------------------------------------------------------
def wait_by_window(newest_first: Sequence[datetime], now: datetime, *, most: int, window: timedelta) -> timedelta:
    """Return how long until fewer than `most` failures are within the window; zero or less: no wait."""
    return newest_first[most - 1] + window - now if len(newest_first) >= most else _NO_WAIT


def wait_by_lock(newest_first: Sequence[datetime], now: datetime, *, most: int, lock: timedelta) -> timedelta:
    """Return how long the lock lasts that `most` failures bring; zero or less: no wait.

    A pause as long as the lock starts the count again, so the failures before an earlier lock do not count.
    """
    last = [now, *newest_first[:most]]
    is_locked = len(last) > most and all(later - earlier < lock for later, earlier in pairwise(last))
    return newest_first[0] + lock - now if is_locked else _NO_WAIT


@dataclass(frozen=True, slots=True)
class _Rule:
    limit: Limit
    fields: tuple[str, ...]
    """Failures are counted together if they have these fields of FailedLogin in common."""
    most: int
    wait: Callable[[Sequence[datetime], datetime], timedelta]


_RULES = (
    _Rule(
        Limit.ADDRESS,
        ("address",),
        MOST_PER_ADDRESS,
        partial(wait_by_window, most=MOST_PER_ADDRESS, window=ADDRESS_WINDOW),
    ),
    _Rule(Limit.PAIR, ("account", "address"), MOST_PER_PAIR, partial(wait_by_lock, most=MOST_PER_PAIR, lock=PAIR_LOCK)),
    _Rule(
        Limit.ACCOUNT,
        ("account",),
        MOST_PER_ACCOUNT,
        partial(wait_by_window, most=MOST_PER_ACCOUNT, window=ACCOUNT_WINDOW),
    ),
)


def _normalized(name: str) -> str:
    """Return the name as Django's login form cleans it. One that is too long for an account is left: it may be huge."""
    longest = User._meta.get_field("username").max_length
    return name if longest is not None and len(name) > longest else User.normalize_username(name)


def _whole_seconds(wait: timedelta) -> int:
    return max(1, math.ceil(wait.total_seconds()))
