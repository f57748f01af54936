"""What is believed of a whole gateway. Numbers refer to the acceptance list of the research."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from catalog.records import Availability
from monitoring.circuit import GatewayState, advance, is_blind
from monitoring.machine import Evidence, OfferState, Verdict

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FIRST = {
    number: OfferState(state=Availability.ONLINE, since=NOW, valid_until=NOW + timedelta(hours=9))
    for number in range(20)
}


def told(offers: Iterable[int], verdict: Verdict, at: datetime) -> dict[int, list[Evidence]]:
    return {offer: [Evidence(verdict=verdict, at=at, reason="503")] for offer in offers}


def offline(states: dict[int, OfferState]) -> int:
    return sum(each.state is Availability.OFFLINE for each in states.values())


def test_a_few_offers_of_a_gateway_may_go_down() -> None:
    states, gateway = dict(FIRST), GatewayState()
    for minutes in (3, 6, 9):
        at = NOW + minutes * MINUTE
        found = advance(states, told(range(5), Verdict.DOWN, at), gateway=gateway, now=at)
        states, gateway = dict(found.states), found.gateway

    assert offline(states) == 5, "6 would be 30 percent"
    assert not gateway.is_suspected(now=at)
    assert not gateway.is_out


def test_a_gateway_that_goes_dark_at_once_is_suspected_and_believed_half_an_hour_later() -> None:
    states, gateway, suspicions = dict(FIRST), GatewayState(), []
    for minutes in range(3, 60, 3):
        at = NOW + minutes * MINUTE
        found = advance(states, told(range(20), Verdict.DOWN, at), gateway=gateway, now=at)
        states, gateway = dict(found.states), found.gateway
        if found.is_newly_suspected:
            suspicions.append(minutes)
        assert offline(states) == (20 if minutes >= 39 else 0)
        assert gateway.is_out == (minutes >= 39)

    assert suspicions == [9]
    for minutes in (60, 63):
        at = NOW + minutes * MINUTE
        found = advance(states, told(range(20), Verdict.UP, at), gateway=gateway, now=at)
        states, gateway = dict(found.states), found.gateway
    assert (offline(states), gateway.is_out) == (0, False)


def test_an_outage_that_ends_within_the_suspicion_was_none() -> None:
    states, gateway = dict(FIRST), GatewayState()
    for minutes, verdict in [*[(each, Verdict.DOWN) for each in range(3, 24, 3)], (24, Verdict.UP), (45, Verdict.UP)]:
        at = NOW + minutes * MINUTE
        found = advance(states, told(range(20), verdict, at), gateway=gateway, now=at)
        states, gateway = dict(found.states), found.gateway

    assert {each.state for each in states.values()} == {Availability.ONLINE}
    assert {each.since for each in states.values()} == {NOW}


def test_offers_that_go_down_one_after_the_other_within_ten_minutes_count_together() -> None:
    states, gateway = dict(FIRST), GatewayState()
    for minutes in range(1, 14):
        at = NOW + minutes * MINUTE
        reached = [offer for offer in range(10) if minutes >= offer]
        found = advance(states, told(reached, Verdict.DOWN, at), gateway=gateway, now=at)
        states, gateway = dict(found.states), found.gateway

    assert gateway.is_suspected(now=at)
    assert offline(states) == 5


def test_04_a_gateway_that_cannot_be_reached_keeps_its_states_for_the_suspicion() -> None:
    lasting = {1: OfferState(state=Availability.ONLINE, since=NOW, valid_until=NOW + 15 * MINUTE)}
    gateway = GatewayState().not_reached(now=NOW)

    held = advance(lasting, {}, gateway=gateway, now=NOW + 29 * MINUTE)
    later = advance(held.states, {}, gateway=held.gateway.not_reached(now=NOW + 30 * MINUTE), now=NOW + 30 * MINUTE)

    assert held.states == lasting
    assert later.states[1].state is Availability.UNKNOWN, "an outage that nobody saw is no outage"


def test_04_we_are_blind_if_no_gateway_can_be_reached() -> None:
    one, other = GatewayState().not_reached(now=NOW), GatewayState().not_reached(now=NOW)

    assert is_blind([one, other], now=NOW)
    assert is_blind([one, other, GatewayState()], now=NOW)
    assert not is_blind([one], now=NOW), "one gateway alone may be out"
    assert not is_blind([one, other.reached(now=NOW)], now=NOW)
    assert not is_blind([one, other], now=NOW + timedelta(hours=1)), "nobody was asked lately"
