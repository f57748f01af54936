"""Breakers and rests of offers and gateways."""

from __future__ import annotations

import pytest

from routing.choose import breaker, health
from routing.choose.breaker import Breaker
from routing.choose.health import Observed
from routing.wire.errors import Failure

OFFER = ("chutes", "maker/model")


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def observed(clock: Clock) -> Observed:
    return Observed(clock=clock)


def fail(observed: Observed, failure: Failure, *, times: int = 1, offer: tuple[str, str] = OFFER) -> None:
    for _ in range(times):
        assert observed.admit(*offer)
        observed.failed(*offer, failure)


def test_14_it_opens_after_failures_in_a_row_and_a_success_between_them_keeps_it_closed(observed: Observed) -> None:
    fail(observed, Failure.BROKEN, times=health.OFFER_FAILURES - 1)
    assert observed.admit(*OFFER)
    observed.succeeded(*OFFER, first_content=0.1, tokens_per_second=None)
    fail(observed, Failure.BROKEN, times=health.OFFER_FAILURES)

    assert not observed.admit(*OFFER)
    assert observed.rests_until(*OFFER) == 1_000.0 + breaker.FIRST_REST_SECONDS


def test_14_half_open_it_lets_exactly_one_of_many_through(observed: Observed, clock: Clock) -> None:
    fail(observed, Failure.BROKEN, times=health.OFFER_FAILURES)
    clock.now += breaker.FIRST_REST_SECONDS

    assert observed.rests_until(*OFFER) is None
    assert sum(observed.admit(*OFFER) for _ in range(200)) == 1

    observed.succeeded(*OFFER, first_content=0.1, tokens_per_second=None)
    assert all(observed.admit(*OFFER) for _ in range(200))


def test_14_a_probe_that_fails_doubles_the_rest(observed: Observed, clock: Clock) -> None:
    fail(observed, Failure.BROKEN, times=health.OFFER_FAILURES)
    for factor in (2, 4, 8):
        until = observed.rests_until(*OFFER)
        assert until is not None
        clock.now = until
        fail(observed, Failure.BROKEN)
        assert observed.rests_until(*OFFER) == clock.now + factor * breaker.FIRST_REST_SECONDS


@pytest.mark.parametrize("failure", [Failure.CLIENT, Failure.CANCELLED])
def test_14_the_faults_of_clients_and_cancellations_say_nothing(
    observed: Observed, clock: Clock, failure: Failure
) -> None:
    fail(observed, failure, times=100)
    assert not observed.failed_lately(*OFFER)

    fail(observed, Failure.BROKEN, times=health.OFFER_FAILURES)
    clock.now += breaker.FIRST_REST_SECONDS
    fail(observed, failure)

    assert observed.admit(*OFFER)  # the next probe: the last one has shown nothing
    assert not observed.admit(*OFFER)


def test_a_probe_whose_end_was_never_reported_is_forgotten() -> None:
    found = Breaker(1)
    assert found.admit(0.0)
    found.failed(0.0)
    assert found.admit(breaker.FIRST_REST_SECONDS)
    assert not found.admit(breaker.FIRST_REST_SECONDS + breaker.PROBE_SECONDS - 1)
    assert found.admit(breaker.FIRST_REST_SECONDS + breaker.PROBE_SECONDS)


def test_12_retry_after_is_obeyed_and_works_for_all_once_it_is_over(observed: Observed, clock: Clock) -> None:
    assert observed.admit(*OFFER)
    observed.failed(*OFFER, Failure.LIMITED, retry_after=30.0)

    assert observed.rests_until(*OFFER) == clock.now + 30
    assert observed.rests_until("chutes", "another") is None
    clock.now += 30
    assert [observed.admit(*OFFER) for _ in range(3)] == [True] * 3


def test_a_gateway_that_fails_with_many_offers_rests_as_a_whole(observed: Observed) -> None:
    for number in range(health.GATEWAY_FAILURES):
        fail(observed, Failure.UNREACHABLE, offer=("chutes", str(number)))

    assert observed.rests_until("chutes", "never asked") is not None
    assert observed.rests_until("openrouter", "never asked") is None


def test_offers_that_failed_are_known_for_thirty_seconds(observed: Observed, clock: Clock) -> None:
    fail(observed, Failure.SILENT)
    assert observed.failed_lately(*OFFER)
    clock.now += health.LATELY_SECONDS
    assert not observed.failed_lately(*OFFER)


def test_the_usual_latency_needs_five_requests(observed: Observed) -> None:
    for number in range(health.LEAST_REQUESTS):
        assert observed.latency(*OFFER) is None, number
        observed.succeeded(*OFFER, first_content=0.5, tokens_per_second=40.0)
    assert observed.latency(*OFFER) == pytest.approx(0.5)
    assert observed.throughput(*OFFER) == pytest.approx(40.0)
