"""The state of one offer. Numbers refer to the acceptance list of the research."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.records import Availability
from monitoring import machine
from monitoring.machine import Evidence, OfferState, Origin, Verdict, is_settled, step

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ONLINE = OfferState(state=Availability.ONLINE, since=NOW - timedelta(days=1), checked_at=NOW, valid_until=NOW)
MINUTE = timedelta(minutes=1)


def played(verdicts: Iterable[Verdict], *, state: OfferState = ONLINE, every: timedelta = MINUTE) -> list[OfferState]:
    """Return the states after each verdict, the first one `every` after NOW."""
    found, now = [], NOW
    for verdict in verdicts:
        now += every
        state = step(state, Evidence(verdict=verdict, at=now, origin=Origin.PROBE, reason=verdict), now)
        found.append(state)
    return found


def test_01_the_machine_knows_nothing_of_django() -> None:
    code = "import sys, monitoring.machine, monitoring.circuit, monitoring.verdicts; print('django' in sys.modules)"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "False"


EVIDENCE = st.builds(
    lambda seconds, late, **facts: (timedelta(seconds=seconds), timedelta(seconds=late), facts),
    st.integers(0, 4_000),
    st.integers(-90, 1_200),
    verdict=st.sampled_from(Verdict),
    origin=st.sampled_from(Origin),
)


@given(st.lists(st.one_of(EVIDENCE, st.integers(1, 90_000)), max_size=40))
def test_01_states_change_by_evidence_or_time_only_and_never_go_back(events: list[Any]) -> None:
    state, now = OfferState(since=NOW), NOW
    for event in events:
        if isinstance(event, int):
            now += timedelta(seconds=event)
            after = step(state, None, now)
            assert after.state in {state.state, Availability.UNKNOWN}
            has_expired = state.valid_until is not None and now > state.valid_until
            assert after.state is state.state or has_expired
        else:
            wait, late, facts = event
            now += wait
            after = step(state, Evidence(at=now - late, **facts), now)
            if after.state is Availability.OFFLINE is not state.state:
                assert after.halves >= machine.HALVES_TO_FALL
        assert after.state in Availability
        assert after.since >= state.since
        assert (after.since == state.since) == (after.state is state.state) or after.since == now
        assert step(after, None, now) == after, "time that did not pass changes nothing"
        state = after


def test_02_fifty_rate_limits_leave_an_offer_online() -> None:
    after = played([Verdict.LIMITED] * 50)

    assert {each.state for each in after} == {Availability.ONLINE}
    assert after[-1].since == ONLINE.since
    assert after[-1].marks(now=NOW + 50 * MINUTE) == ("limited",)
    assert after[-1].marks(now=NOW + 60 * MINUTE) == ()


def test_03_errors_of_our_own_key_change_nothing() -> None:
    assert {each.state for each in played([Verdict.NOTHING] * 10)} <= {Availability.ONLINE, Availability.UNKNOWN}
    assert played([Verdict.NOTHING], state=OfferState(since=NOW)) == [OfferState(since=NOW)]


def test_05_alternating_answers_are_unstable_and_never_offline() -> None:
    after = played([Verdict.UP, Verdict.DOWN] * 60)

    assert {each.state for each in after} == {Availability.ONLINE}
    assert after[-1].marks(now=NOW + 120 * MINUTE) == ("unstable",)


def test_06_one_error_is_no_outage() -> None:
    assert {each.state for each in played([Verdict.UP, Verdict.DOWN, Verdict.UP, Verdict.DOWN, Verdict.DOWN])} == {
        Availability.ONLINE
    }


def test_06_three_strikes_over_five_minutes_are_one_and_two_successes_end_it() -> None:
    states = [each.state for each in played([Verdict.DOWN] * 7)]
    assert states == [Availability.ONLINE] * 5 + [Availability.OFFLINE] * 2, "the third strike came too early"
    fallen = played([Verdict.DOWN] * 3, every=3 * MINUTE)[-1]
    assert (fallen.state, fallen.reason) == (Availability.OFFLINE, "down")
    assert [each.state for each in played([Verdict.UP] * 2, state=fallen, every=10 * MINUTE)] == [
        Availability.OFFLINE,
        Availability.ONLINE,
    ]
    quick = played([Verdict.UP] * 4, state=fallen, every=timedelta(seconds=25))
    assert [each.state for each in quick] == [Availability.OFFLINE] * 3 + [Availability.ONLINE]


@pytest.mark.parametrize(("verdict", "needed"), [(Verdict.MISSING, 2), (Verdict.DOWN, 3), (Verdict.SLOW, 6)])
def test_verdicts_weigh_differently(verdict: Verdict, needed: int) -> None:
    states = [each.state for each in played([verdict] * needed, every=6 * MINUTE)]

    assert states == [Availability.ONLINE] * (needed - 1) + [Availability.OFFLINE]


def test_07_old_evidence_ends_in_unknown_and_never_in_offline() -> None:
    struck = played([Verdict.DOWN] * 2, every=3 * MINUTE)[-1]

    after = step(struck, None, NOW + timedelta(hours=7))

    assert (after.state, after.reason) == (Availability.UNKNOWN, "no news")
    fresh = Evidence(verdict=Verdict.UP, at=NOW + timedelta(hours=8))
    assert step(after, fresh, NOW + timedelta(hours=8)).state is Availability.ONLINE


def test_cold_is_believed_at_the_second_time_and_hot_at_once() -> None:
    after = played([Verdict.COLD, Verdict.UP, Verdict.COLD, Verdict.COLD, Verdict.UP])

    assert [each.state for each in after] == [
        *[Availability.ONLINE] * 3,
        Availability.COLD,
        Availability.ONLINE,
    ]


def test_a_statement_does_not_overrule_what_clients_saw_just_now() -> None:
    seen = step(ONLINE, Evidence(verdict=Verdict.UP, at=NOW, origin=Origin.TRAFFIC), NOW)
    for minutes in (3, 6, 9):
        now = NOW + minutes * MINUTE
        seen = step(seen, Evidence(verdict=Verdict.DOWN, at=now), now)
        assert seen.halves == 0
    for minutes in (10, 13, 16):
        now = NOW + minutes * MINUTE
        seen = step(seen, Evidence(verdict=Verdict.DOWN, at=now), now)
    assert seen.state is Availability.OFFLINE


def test_14_clocks_that_jump_neither_date_states_back_nor_stop_evidence() -> None:
    ahead = NOW + timedelta(hours=2)
    state = step(ONLINE, Evidence(verdict=Verdict.COLD, at=ahead), ahead)
    state = step(state, Evidence(verdict=Verdict.COLD, at=ahead), ahead)
    assert state.state is Availability.COLD

    back = step(state, Evidence(verdict=Verdict.UP, at=NOW), NOW)

    assert (back.state, back.since) == (Availability.ONLINE, state.since)
    assert not is_settled(back, published=Availability.COLD, now=NOW)
    assert step(ONLINE, Evidence(verdict=Verdict.DOWN, at=ahead), NOW) == ONLINE, "evidence from the future"


@pytest.mark.parametrize(
    ("state", "published", "minutes"),
    [
        (Availability.ONLINE, None, 0),
        (Availability.COLD, Availability.UNKNOWN, 0),
        (Availability.OFFLINE, Availability.ONLINE, 10),
        (Availability.ONLINE, Availability.OFFLINE, 10),
        (Availability.COLD, Availability.ONLINE, 30),
        (Availability.UNKNOWN, Availability.ONLINE, 30),
    ],
)
def test_a_state_settles_after_its_dwell(state: Availability, published: Availability | None, minutes: int) -> None:
    held = OfferState(state=state, since=NOW)

    assert is_settled(held, published=published, now=NOW + minutes * MINUTE)
    assert not is_settled(held, published=published, now=NOW + minutes * MINUTE - timedelta(seconds=1)) or not minutes
    assert not is_settled(held, published=state, now=NOW + timedelta(days=1))


def test_an_unstable_offer_settles_later() -> None:
    flips = tuple(NOW - each * MINUTE for each in range(4))
    held = OfferState(state=Availability.OFFLINE, since=NOW, flips=flips)

    assert not is_settled(held, published=Availability.ONLINE, now=NOW + 29 * MINUTE)
    assert is_settled(held, published=Availability.ONLINE, now=NOW + 30 * MINUTE)
