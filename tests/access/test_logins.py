"""The limits of logins: what is refused, for how long, and what is stored. The clock is an argument."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from django.contrib.auth.models import User
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from access import logins
from access.logins import Attempt, Limit, Refused, account_of, attempt, locked, prune, turn, unlock
from access.models import FailedLogin, HashTurn, KnownAddress

pytestmark = pytest.mark.django_db

START = datetime(2100, 11, 22, 8, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PATIENCE_SECONDS = 60.0


def fail(name: str = "ada", address: str = "192.0.2.1", *, now: datetime = START) -> Refused | None:
    """Try a wrong password, and return why it was refused, or None."""
    try:
        with attempt(name, address, now=now):
            return None
    except Refused as refused:
        return refused


def succeed(name: str = "ada", address: str = "192.0.2.1", *, now: datetime = START) -> Refused | None:
    user, _ = User.objects.get_or_create(username=name)
    try:
        with attempt(name, address, now=now) as login:
            login.succeeded(user)
            return None
    except Refused as refused:
        return refused


def refusal(name: str, address: str, *, now: datetime) -> Refused | None:
    """Return why a login would be refused, without one."""
    try:
        Attempt(name, address, now=now).check_limits()
    except Refused as refused:
        return refused
    return None


def reason(refused: Refused | None) -> tuple[Limit, int] | None:
    return (refused.limit, refused.wait_seconds) if refused else None


def store_failures(rows: Iterable[tuple[str, str, datetime]]) -> None:
    FailedLogin.objects.bulk_create(
        FailedLogin(account=account_of(name), address=address, failed_at=at) for name, address, at in rows
    )


def from_a_hundred_addresses(name: str = "ada", *, now: datetime = START) -> Iterator[tuple[str, str, datetime]]:
    return ((name, f"198.51.100.{number}", now) for number in range(100))


# --- each limit ------------------------------------------------------------------------------------------------------


def test_after_ten_failures_within_a_minute_an_address_waits_until_the_first_is_a_minute_old() -> None:
    failures = [fail(f"user {number}", now=START + number * SECOND) for number in range(10)]

    assert failures == [None] * 10
    assert reason(fail("ada", now=START + 20 * SECOND)) == (Limit.ADDRESS, 40)
    assert reason(succeed("ada", now=START + 59 * SECOND)) == (Limit.ADDRESS, 1)
    assert succeed("ada", now=START + 60 * SECOND) is None


def test_another_address_does_not_wait() -> None:
    for number in range(10):
        fail(f"user {number}")

    assert fail("ada", "192.0.2.2") is None


def test_after_five_failures_an_account_waits_five_minutes_at_this_address() -> None:
    failures = [fail(now=START + number * MINUTE) for number in range(5)]

    assert failures == [None] * 5
    assert reason(fail(now=START + 4 * MINUTE)) == (Limit.PAIR, 300)
    assert reason(succeed(now=START + 9 * MINUTE - SECOND)) == (Limit.PAIR, 1)
    assert fail("grace", now=START + 4 * MINUTE) is None
    assert fail("ada", "192.0.2.2", now=START + 4 * MINUTE) is None


def test_what_is_refused_does_not_prolong_the_lock_and_five_more_follow_it() -> None:
    for second in range(299):
        fail(now=START + second * SECOND)
    unlocked = START + 304 * SECOND

    assert [fail(now=unlocked) for _ in range(5)] == [None] * 5
    assert reason(fail(now=unlocked)) == (Limit.PAIR, 300)


def test_a_success_forgets_the_failures_of_its_account_and_address_alone() -> None:
    for _ in range(4):
        fail()
        fail("grace", "192.0.2.2")
        fail("ada", "192.0.2.2")
    succeed()

    assert [fail() for _ in range(5)] == [None] * 5
    assert reason(fail("ada", "192.0.2.2")) is None
    assert reason(fail("ada", "192.0.2.2")) == (Limit.PAIR, 300)
    assert fail("grace", "192.0.2.2") is None


def test_an_own_account_does_not_buy_guesses_at_another_one() -> None:
    for _ in range(4):
        fail("ada")
        succeed("mallory")

    assert fail("ada") is None
    assert reason(fail("ada")) == (Limit.PAIR, 300)


def test_after_a_hundred_failures_within_an_hour_strangers_cannot_log_in_to_an_account() -> None:
    User.objects.create(username="ada")
    store_failures(from_a_hundred_addresses())

    assert reason(fail("ada", "192.0.2.1", now=START + MINUTE)) == (Limit.ACCOUNT, 3_540)
    assert fail("grace", "192.0.2.1", now=START + MINUTE) is None
    assert fail("ada", "192.0.2.1", now=START + HOUR) is None


def test_an_address_that_logged_in_before_is_not_locked_out_with_the_others() -> None:
    succeed("ada", "192.0.2.1", now=START - 90 * DAY + SECOND)
    succeed("ada", "192.0.2.2", now=START - 90 * DAY)
    succeed("grace", "192.0.2.3", now=START - DAY)
    store_failures(from_a_hundred_addresses())

    assert succeed("ada", "192.0.2.1") is None
    assert reason(fail("ada", "192.0.2.2")) == (Limit.ACCOUNT, 3_600)
    assert reason(fail("ada", "192.0.2.3")) == (Limit.ACCOUNT, 3_600)


def test_an_address_that_logged_in_before_has_the_other_limits_and_their_waits() -> None:
    succeed("ada", "192.0.2.1", now=START - DAY)
    store_failures(from_a_hundred_addresses())
    for _ in range(5):
        fail("ada", "192.0.2.1")

    assert reason(fail("ada", "192.0.2.1")) == (Limit.PAIR, 300)


def test_an_unknown_account_has_the_limits_of_a_known_one() -> None:
    User.objects.create(username="ada")
    store_failures([*from_a_hundred_addresses("ada"), *from_a_hundred_addresses("made up")])

    assert reason(fail("made up", "192.0.2.1")) == reason(fail("ada", "192.0.2.1")) == (Limit.ACCOUNT, 3_600)


# --- properties ------------------------------------------------------------------------------------------------------
NAMES, ADDRESSES = ("ada", "grace"), ("192.0.2.1", "192.0.2.2", "2001:db8::/64")
PAIRS = st.tuples(st.sampled_from(NAMES), st.sampled_from(ADDRESSES))
BURSTS = st.lists(st.tuples(PAIRS, st.integers(1, 40), st.integers(0, 90), st.integers(0, 4_000)), max_size=6)
"""Pair, number of failures, seconds between them, seconds since the last one."""


@given(bursts=BURSTS, known=st.sets(PAIRS), login=PAIRS)
def test_a_login_is_refused_by_its_failures_alone_and_for_exactly_the_wait_that_is_named(
    bursts: list[tuple[tuple[str, str], int, int, int]], known: set[tuple[str, str]], login: tuple[str, str]
) -> None:
    forget_everything()
    ages = [(*pair, end + number * gap) for pair, count, gap, end in bursts for number in range(count)]
    store_failures((name, address, START - age * SECOND) for name, address, age in ages)
    for name, address in known:
        user, _ = User.objects.get_or_create(username=name)
        KnownAddress.objects.create(user=user, address=address, logged_in_at=START - DAY)

    refused = refusal(*login, now=START)

    assert (refused is not None) == must_be_refused(ages, *login, is_known=login in known)
    if refused is not None:
        assert refusal(*login, now=START + refused.wait_seconds * SECOND) is None
        assert refusal(*login, now=START + (refused.wait_seconds - 1) * SECOND) is not None


def must_be_refused(ages: list[tuple[str, str, int]], name: str, address: str, *, is_known: bool) -> bool:
    """Decide it from the seconds since each failure, in the most direct way."""
    in_minute = [age for _, at, age in ages if at == address and age < 60]
    in_hour = [age for who, _, age in ages if who == name and age < 3_600]
    run, last = 0, 10_000
    for age in sorted((age for who, at, age in ages if (who, at) == (name, address)), reverse=True):
        run, last = (run + 1 if last - age < 300 else 1), age
    return len(in_minute) >= 10 or (run >= 5 and last < 300) or (len(in_hour) >= 100 and not is_known)


STEPS = st.lists(
    st.tuples(st.sampled_from([0, 1, 30, 59, 60, 150, 299, 300]), PAIRS, st.sampled_from([False, False, False, True])),
    min_size=10,
    max_size=40,
)


@given(steps=STEPS)
def test_no_sequence_of_logins_gets_more_hashes_than_the_limits_allow(
    steps: list[tuple[int, tuple[str, str], bool]],
) -> None:
    forget_everything()
    now, hashed = START, defaultdict[tuple[str, str], list[datetime]](list)
    """The failures of each pair since its last success."""
    for seconds, pair, is_right in steps:
        now += seconds * SECOND
        if (succeed if is_right else fail)(*pair, now=now) is None:
            hashed[pair] = [] if is_right else [*hashed[pair], now]

        of_address = [at for (_, address), times in hashed.items() if address == pair[1] for at in times]
        assert sum(now - at < MINUTE for at in of_address) <= 10
        assert sum(now - at < 5 * MINUTE for at in hashed[pair]) <= 5
    assert FailedLogin.objects.count() <= sum(map(len, hashed.values()))


def forget_everything() -> None:
    unlock()
    KnownAddress.objects.all().delete()


# --- what is stored --------------------------------------------------------------------------------------------------


def test_no_typed_name_is_stored() -> None:
    fail("my password, in the wrong field")

    stored = str(FailedLogin.objects.values().get())
    assert "password" not in stored
    assert "192.0.2.1" in stored


def test_the_hash_of_a_name_depends_on_the_secret_key(settings: Settings) -> None:
    before = account_of("ada")
    settings.SECRET_KEY = "another"  # noqa: S105  a name, hashed in this test alone

    assert account_of("ada") != before


def test_spellings_that_mean_one_account_for_django_are_one_account() -> None:
    assert account_of("\uff41\uff44\uff41") == account_of("ada")
    assert account_of("Ada") != account_of("ada")


def test_a_name_that_is_longer_than_any_account_has_a_hash_at_once() -> None:
    # Combining characters of many classes, in the wrong order: to normalise them takes time by the square.
    assert len(account_of("a" + "\u0315\u0300\u05ae\u0327" * 500_000)) == 64


def test_a_name_that_is_not_utf_8_has_a_hash_too() -> None:
    assert len(account_of("\udcff")) == 64


def test_made_up_names_and_addresses_fill_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "MOST_STORED", 20)

    for number in range(60):
        fail(f"user {number}", f"198.51.100.{number}")

    assert FailedLogin.objects.count() == 20


def test_each_login_deletes_what_is_older_than_the_longest_limit() -> None:
    store_failures(from_a_hundred_addresses())

    fail("grace", now=START + HOUR)

    assert FailedLogin.objects.get().account == account_of("grace")


def test_pruning_leaves_what_limits_depend_on() -> None:
    succeed("ada", "192.0.2.1", now=START - 90 * DAY)
    succeed("ada", "192.0.2.2", now=START - 90 * DAY + SECOND)
    store_failures([("ada", "192.0.2.1", START - HOUR), ("ada", "192.0.2.2", START - HOUR + SECOND)])

    assert prune(now=START) == 2
    assert KnownAddress.objects.get().address == "192.0.2.2"
    assert FailedLogin.objects.get().address == "192.0.2.2"


def test_a_known_address_leaves_with_its_account() -> None:
    succeed("ada")

    User.objects.all().delete()

    assert not KnownAddress.objects.exists()


def test_failures_of_a_clock_that_was_wrong_are_ignored() -> None:
    store_failures(from_a_hundred_addresses(now=START + DAY))
    store_failures([("ada", "192.0.2.1", START + DAY)] * 10)

    assert fail("ada", "192.0.2.1") is None
    assert FailedLogin.objects.count() == 1


def test_failures_of_a_clock_that_is_slightly_ahead_count() -> None:
    store_failures([("ada", "192.0.2.1", START + 30 * SECOND)] * 5)

    assert reason(fail("ada", "192.0.2.1")) == (Limit.PAIR, 330)


# --- unlocking -------------------------------------------------------------------------------------------------------


def test_who_is_refused_is_listed_with_the_longest_wait_first() -> None:
    store_failures(from_a_hundred_addresses(now=START - MINUTE))
    for number in range(5):
        fail("grace", now=START - number * SECOND)
        fail(f"user {number}", now=START - number * SECOND)

    first, second, third = locked(now=START)

    assert (first.limit, first.account, first.address) == (Limit.ACCOUNT, account_of("ada"), None)
    assert (first.failures, first.wait_seconds) == (100, 3_540)
    assert (second.limit, second.account, second.address) == (Limit.PAIR, account_of("grace"), "192.0.2.1")
    assert (third.limit, third.account, third.address, third.wait_seconds) == (Limit.ADDRESS, None, "192.0.2.1", 56)


@pytest.mark.parametrize(
    ("unlocked", "left"),
    [
        ({"account": account_of("ada")}, 8),
        ({"address": "192.0.2.1"}, 8),
        ({"account": account_of("ada"), "address": "192.0.2.1"}, 12),
        ({}, 0),
    ],
)
def test_an_account_an_address_or_both_are_unlocked(unlocked: dict[str, str], left: int) -> None:
    for name, address in [(name, address) for name in ("ada", "grace") for address in ("192.0.2.1", "192.0.2.2")]:
        store_failures([(name, address, START)] * 4)

    assert unlock(**unlocked) == 16 - left
    assert FailedLogin.objects.count() == left


# --- one hash at a time ----------------------------------------------------------------------------------------------


def test_a_second_password_is_refused_at_once_and_costs_no_failure() -> None:
    with turn(now=START):
        assert reason(fail()) == (Limit.BUSY, 2)

    assert not FailedLogin.objects.exists()
    assert fail() is None


def test_while_another_host_hashes_a_password_a_login_is_refused() -> None:
    holder = HashTurn.objects.take(now=START, duration=logins.LONGEST_TURN)
    assert holder
    refused = fail()
    HashTurn.objects.release(holder)

    assert reason(refused) == (Limit.BUSY, 2)
    assert fail() is None


def test_the_turn_of_a_process_that_was_killed_ends() -> None:
    HashTurn.objects.take(now=START, duration=logins.LONGEST_TURN)

    assert reason(fail(now=START + logins.LONGEST_TURN - SECOND)) == (Limit.BUSY, 2)
    assert fail(now=START + logins.LONGEST_TURN) is None


def test_a_turn_that_a_wrong_clock_took_is_ignored() -> None:
    HashTurn.objects.take(now=START + DAY, duration=logins.LONGEST_TURN)

    assert fail(now=START) is None


def test_a_turn_that_was_over_does_not_release_the_next_one() -> None:
    late = HashTurn.objects.take(now=START, duration=logins.LONGEST_TURN)
    HashTurn.objects.take(now=START + HOUR, duration=logins.LONGEST_TURN)
    assert late
    HashTurn.objects.release(late)

    assert reason(fail(now=START + HOUR)) == (Limit.BUSY, 2)


def test_an_error_while_a_password_is_checked_counts_as_a_failure_and_ends_the_turn() -> None:
    with suppress(RuntimeError), attempt("ada", "192.0.2.1", now=START):
        raise RuntimeError

    assert FailedLogin.objects.count() == 1
    assert fail() is None


def test_what_is_over_its_limit_does_not_take_the_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        fail()
    monkeypatch.setattr(logins, "turn", None)

    assert reason(fail()) == (Limit.PAIR, 300)


@pytest.mark.django_db(transaction=True)
def test_of_many_that_begin_at_once_one_gets_the_turn() -> None:
    start = Barrier(6, timeout=PATIENCE_SECONDS)

    def take(_: int) -> str | None:
        start.wait()
        try:
            return HashTurn.objects.take(now=START, duration=logins.LONGEST_TURN)
        finally:
            connection.close()

    for _ in range(5):
        with ThreadPoolExecutor(6) as threads:
            [holder] = filter(None, threads.map(take, range(6)))
        HashTurn.objects.release(holder)
