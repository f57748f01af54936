"""Budgets hold whatever happens. Numbers refer to the acceptance list of the research."""

from __future__ import annotations

import asyncio
import os
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from threading import Event
from typing import Any

import pytest
from django.db import DatabaseError, connections
from django.db.models import Sum

from routing.models import Attempt, Budget, Lease, Period, Spending
from routing.money import budgets, leases
from routing.money.budgets import Budgets, Exceeded, PriceUnknown, Reservation, Unavailable
from routing.nano import dollars_of
from tests.routing.money.processes import KEY, Clock, Process, committed, set_budget
from usage.router import alias

pytestmark = pytest.mark.django_db(databases="__all__")
CENT = 10_000_000


def accepted(process: Process, dollars: str, *, most: int = 1_000) -> int:
    """How many requests are accepted that cost so much, all in flight at once."""
    for number in range(most):
        try:
            process.reserve(dollars)
        except Exceeded:
            return number
    return most


# --- 24: a hard budget is never exceeded -----------------------------------------------------------------------------
@pytest.mark.django_db(databases="__all__", transaction=True)
@pytest.mark.parametrize("number", [1, 2, 4, 8] if os.environ.get("PROVE") else [1, 2, 4])
def test_24_requests_in_several_processes_never_hold_more_than_a_hard_budget(number: int) -> None:
    set_budget("0.3")
    set_budget("5", key=0, period=Period.MONTH)
    is_over = Event()
    most = 0

    def sample() -> None:
        nonlocal most
        while not is_over.is_set():
            most = max(most, sum(committed()))
        connections.close_all()

    def work(seed: int) -> tuple[int, list[str]]:
        chance, process = random.Random(seed), Process()  # noqa: S311
        held: list[Reservation] = []
        costs: list[str] = []
        refusals: list[int] = []
        for turn in range(60):
            if held and chance.random() < 0.5:
                cost = str(Decimal(chance.randrange(0, CENT)) / 10**9)
                process.settle(held.pop(chance.randrange(len(held))), cost)
                costs.append(cost)
            try:
                held.append(process.reserve("0.01"))
            except Exceeded:
                refusals.append(turn)
            if turn % 20 == 19:
                process.round()
        for each in held:
            process.settle(each, "0.001")
            costs.append("0.001")
        process.budgets._end()
        connections.close_all()
        return len(refusals), costs

    with ThreadPoolExecutor(number + 1) as pool:
        sampled = pool.submit(sample)
        done = [each.result(timeout=120) for each in [pool.submit(work, seed) for seed in range(number)]]
        is_over.set()
        sampled.result(timeout=120)

    spent, leased = committed()
    assert most <= 30 * CENT
    assert sum(refusals for refusals, _ in done) or number == 1
    assert spent == sum(int(Decimal(cost) * 10**9) for _, costs in done for cost in costs)
    assert spent == Attempt.objects.aggregate(Sum("cost_nano"))["cost_nano__sum"]
    assert leased == 0, "what was not spent is given back"
    assert committed(key=0, period=Period.MONTH) == (spent, 0)


def test_24_a_budget_for_three_of_twenty_requests_accepts_three() -> None:
    set_budget("0.03")
    assert accepted(Process(), "0.01", most=20) == 3


def test_a_burst_of_requests_takes_few_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    set_budget("1000")
    taken: list[int] = []

    def take(*arguments: Any, **named: Any) -> leases.Taken:
        found = leases_take(*arguments, **named)
        taken.append(found.granted)
        return found

    leases_take = leases.take
    monkeypatch.setattr(leases, "take", take)

    assert accepted(Process(), "0.01", most=500) == 500

    assert len(taken) <= 12
    assert sum(taken) <= 1_000 * CENT, "no more than twice what is needed"


def test_24_the_last_cents_that_another_process_holds_idle_come_back() -> None:
    set_budget("1")
    idle, busy = Process(), Process()
    idle.settle(idle.reserve("0.1"), "0.1")
    idle.calm_down()

    assert accepted(busy, "0.1") == 9


def test_24_a_hard_budget_is_exceeded_at_most_by_what_was_billed_above_the_reservations_in_flight() -> None:
    set_budget("0.05")
    one, other = Process(), Process()
    held = [(process, process.reserve("0.01")) for process in (one, other, one, other, one)]
    for process, reservation in held:
        process.settle(reservation, "0.013")  # the gateway bills 0.003 more than was possible
    one.calm_down()
    other.calm_down()

    with pytest.raises(Exceeded):
        one.reserve("0.000001")
    assert committed()[0] == 50_000_000 + 5 * 3_000_000
    assert sum(committed()) == committed()[0], "what was spent above the leases is stated"


def test_24_a_soft_budget_is_exceeded_by_the_answers_in_flight_and_then_refuses() -> None:
    set_budget("0.02", is_hard=False)
    process = Process()
    held = [process.reserve(None), process.reserve("5"), process.reserve("5")]
    process.settle(held[0], "0.01")
    held.append(process.reserve("5"))
    for each in held[1:]:
        process.settle(each, "0.01")
    process.round()

    for _ in range(2):
        with pytest.raises(Exceeded, match=r"0\.02 USD a day: 0 USD are left\."):
            process.reserve("5")
    assert committed()[0] == 4 * CENT


def test_24_a_settled_reservation_is_not_settled_again() -> None:
    set_budget("0.02")
    process = Process()
    held = process.reserve("0.01")
    assert process.budgets.reserved_dollars == Decimal("0.01")
    for _ in range(3):
        process.budgets.settle(held, Decimal(0))

    assert process.budgets.reserved_dollars == 0
    assert accepted(process, "0.01") == 2


def test_24_what_an_answer_without_a_known_cost_reserved_counts_as_spent() -> None:
    set_budget("0.02")
    process = Process()
    process.settle(process.reserve("0.015"), None)
    process.calm_down()

    assert committed() == (15_000_000, 0)
    assert accepted(process, "0.005") == 1


def test_24_a_request_whose_lease_another_one_takes_at_once_gets_another(monkeypatch: pytest.MonkeyPatch) -> None:
    set_budget("1")
    process = Process()
    lease = process.budgets._lease
    stolen: list[Reservation] = []

    def lease_and_lose(account: Any, need: int, limit: Any) -> None:
        lease(account, need, limit)
        if len(stolen) < 3:
            stolen.append(process.budgets.reserve(KEY, dollars_of(account.available)))

    process.round()
    monkeypatch.setattr(process.budgets, "_lease", lease_and_lose)

    assert process.reserve("0.01").amount == Decimal("0.01")
    assert len(stolen) == 3


# --- 20: unknown prices ----------------------------------------------------------------------------------------------
def test_20_a_hard_budget_refuses_what_may_cost_anything_and_others_do_not() -> None:
    process = Process()
    assert process.reserve(None).amount is None, "no budget"
    set_budget("1", is_hard=False)
    process.round()
    process.reserve(None)
    set_budget("100", key=0, period=Period.MONTH)
    process.round()

    with pytest.raises(PriceUnknown, match="is not known, and a hard budget applies"):
        process.reserve(None)
    with pytest.raises(PriceUnknown):
        process.reserve(None, key=8)


def test_a_free_request_needs_no_budget() -> None:
    set_budget("0")
    process = Process()
    process.reserve("0")
    with pytest.raises(Exceeded) as caught:
        process.reserve("0.000000001")

    assert str(caught.value) == (
        "The budget of this key is 0 USD a day: 0 USD are left, and this request may cost 0.000000001 USD. "
        "The next day begins at 2026-11-30T00:00:00Z."
    )
    assert (caught.value.limit_source, caught.value.resets_at) == ("key_day", datetime(2026, 11, 30, tzinfo=UTC))


def test_the_settings_limit_all_keys_together_and_the_desk_can_lower_that(settings: Any) -> None:
    settings.INFERENCE_BUDGET_USD_PER_MONTH = Decimal("0.05")
    assert accepted(Process(), "0.01", most=20) == 5
    Spending.objects.all().delete()
    Lease.objects.all().delete()
    set_budget("0.02", key=0, period=Period.MONTH)
    assert accepted(Process(), "0.01") == 2
    with pytest.raises(Exceeded, match=r"of all keys together is 0\.02 USD a month") as caught:
        Process().reserve("0.01")

    assert caught.value.limit_source == "all_month"


# --- 25: periods and changes -----------------------------------------------------------------------------------------
def test_25_a_period_ends_without_losing_or_doubling_a_request_in_flight() -> None:
    set_budget("0.02")
    set_budget("0.05", period=Period.MONTH)
    process = Process(Clock(now=datetime(2026, 11, 30, 23, 59, 58, tzinfo=UTC)))
    held = [process.reserve("0.01") for _ in range(2)]
    process.clock.pass_(seconds=4)
    new = [process.reserve("0.01") for _ in range(2)]
    with pytest.raises(Exceeded, match="2026-12-02T00:00:00Z"):
        process.reserve("0.01")
    for each in [*held, *new]:
        process.settle(each, "0.009")
    for _ in range(3):
        process.clock.pass_(days=1)
        process.calm_down()

    found = Spending.objects.filter(key=KEY).order_by("period", "start")
    assert [*found.values_list("period", "spent_nano", "leased_nano")] == [
        ("day", 18_000_000, 0), ("day", 18_000_000, 0), ("month", 18_000_000, 0), ("month", 18_000_000, 0),
    ]  # fmt: skip
    assert {account.period for account in process.budgets._accounts.values()} == {"month"}


def test_25_a_raised_or_lowered_budget_acts_in_the_next_round() -> None:
    set_budget("0.02")
    process, other = Process(), Process()
    assert accepted(process, "0.01") == 2
    set_budget("0.04")
    process.round()
    assert accepted(process, "0.01") == 2
    set_budget("1")
    process.round()
    process.settle(process.reserve("0.1"), "0")
    process.round()
    assert process.budgets._accounts[KEY, "day", committed_start()].available > 0, "leased ahead of need"

    set_budget("0.05")
    process.round()
    other.round()

    assert sum(committed()) <= 5 * CENT
    assert accepted(other, "0.01") == 1, "what was idle came back"
    with pytest.raises(Exceeded):
        process.reserve("0.01")


def committed_start() -> int:
    return Spending.objects.filter(key=KEY, period="day").values_list("start", flat=True).get()


def test_25_a_budget_that_is_made_later_counts_what_was_spent_before() -> None:
    process = Process()
    process.settle(process.reserve("0.7"), "0.7")
    set_budget("1")
    process.round()

    assert accepted(process, "0.1") == 3


def test_25_a_budget_that_was_removed_and_made_again_counts_all() -> None:
    set_budget("1")
    process = Process()
    process.settle(process.reserve("0.2"), "0.2")
    Budget.objects.all().delete()
    process.round()
    process.settle(process.reserve("0.3"), "0.3")
    process.round()
    set_budget("1")
    process.calm_down()

    assert sum(committed()) == 500_000_000
    assert accepted(process, "0.1") == 5


# --- 26: without the database ----------------------------------------------------------------------------------------
def test_26_without_the_database_leases_serve_on_and_then_requests_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    set_budget("10")
    process = Process()
    process.settle(process.reserve("0.5"), "0.5")
    process.round()

    def away(*args: Any, **named: Any) -> Any:
        raise DatabaseError("away")

    monkeypatch.setattr(connections[alias()], "close", lambda: None)
    monkeypatch.setattr(budgets, "read_limits", away)
    for name in ("take", "renew", "change", "open_lease"):
        monkeypatch.setattr(leases, name, away)
    assert not process.budgets.try_round()

    process.budgets.reserve(KEY, Decimal("0.001"))
    process.clock.pass_(seconds=budgets.LEASE_SECONDS + 1)
    with pytest.raises(Unavailable):
        process.budgets.reserve(KEY, Decimal("0.001"))
    monkeypatch.undo()
    process.reserve("0.001")


def test_26_before_the_budgets_are_read_nothing_is_accepted() -> None:
    with pytest.raises(Unavailable):
        Budgets().reserve(KEY, Decimal("0.1"))


# --- the thread ------------------------------------------------------------------------------------------------------
@pytest.mark.django_db(databases="__all__", transaction=True)
def test_requests_wait_for_the_thread_only_when_more_must_be_leased() -> None:
    set_budget("0.05")
    set_budget("1", key=9)
    own = Budgets()
    own.start(process="host-1-1", spool="spool")

    async def requests() -> list[Reservation | BaseException]:
        left = asyncio.create_task(own.reserved(9, Decimal("0.01")))
        await asyncio.sleep(0)
        left.cancel()
        await asyncio.gather(left, return_exceptions=True)
        return await asyncio.gather(*(own.reserved(KEY, Decimal("0.01")) for _ in range(8)), return_exceptions=True)

    found = asyncio.run(requests())
    held = [each for each in found if isinstance(each, Reservation)]
    assert len(held) == 5
    assert {type(each) for each in found} == {Reservation, Exceeded}
    for each in held:
        own.settle(each, Decimal("0.002"))
    own.stop()
    own.stop()

    assert own.reserved_dollars == 0
    assert committed() == (0, 10_000_000), "until the ledger has it, what was spent is leased"
    assert dollars_of(committed()[1]) == Decimal("0.01")
